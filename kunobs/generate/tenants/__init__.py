"""`kunobs generate tenants`: a folder of `<namespace>.yaml` → what each namespace gets; one's mistake is not another's trouble.

read        the files → tenants; a file that is wrong is told with its lines, and the others go on
targets     what a tenant may have probed: nothing of the platform's, nothing of another tenant's
rules       own rules and objectives, bound to the namespace and linted
boards      dashboards that show this namespace
objects     all of it as objects for the operators of Prometheus and Grafana
build       the files of all tenants; whoever has not changed is not made again
"""
