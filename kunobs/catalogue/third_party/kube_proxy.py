"""kube-proxy, one on each node. The label ip_family is there since Kubernetes 1.33."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_made = declared("github.com/kubernetes/kubernetes@v1.34.4:pkg/proxy/metrics/metrics.go")

METRICS = (
    _made(
        "kubeproxy_sync_proxy_rules_duration_seconds",
        "histogram",
        "How long a sync of the rules took.",
        "ip_family",
        unit="seconds",
    ),
    _made(
        "kubeproxy_sync_proxy_rules_last_timestamp_seconds",
        "gauge",
        "When the rules were last synced.",
        "ip_family",
        unit="seconds",
    ),
    _made(
        "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
        "gauge",
        "When a sync was last asked for.",
        "ip_family",
        unit="seconds",
    ),
    _made(
        "kubeproxy_network_programming_duration_seconds",
        "histogram",
        "From the change of a backend until its rules are in force.",
        "ip_family",
        unit="seconds",
    ),
    _made(
        "kubeproxy_sync_proxy_rules_iptables_restore_failures_total",
        "counter",
        "Calls of iptables-restore that failed.",
        "ip_family",
    ),
    _made(
        "kubeproxy_sync_proxy_rules_nftables_sync_failures_total",
        "counter",
        "Syncs to nftables that failed.",
        "ip_family",
    ),
    _made(
        "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
        "gauge",
        "Services with traffic policy Local that have no backend on the node.",
        *("traffic_policy", "ip_family"),
    ),
)
