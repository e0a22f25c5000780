"""`kunobs generate`: the catalogue and `monitoring:` → files for Prometheus, Alertmanager and Grafana.

commands       the subcommands: rules, dashboards, prometheus, alertmanager, blackbox, tenants
prometheus     a configuration for each replica; discovery: whom it scrapes
alertmanager   routes to the relays, and what mutes what
blackbox       modules of the prober
manifests      all three as Kubernetes objects
tenants        what namespaces define for themselves
files          files into a folder: only what changed is written, what is no more is removed
"""
