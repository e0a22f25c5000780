"""Alertmanager: its configuration, its cluster and what it sends."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_own = declared("alertmanager-0.34.2.prom")

METRICS = (
    _own("alertmanager_config_last_reload_successful", "gauge", "1 when the newest configuration was loaded."),
    _own("alertmanager_config_hash", "gauge", "A hash of the configuration in use."),
    _own("alertmanager_cluster_members", "gauge", "Members of the cluster, itself included."),
    _own("alertmanager_cluster_failed_peers", "gauge", "Peers that were lost and are tried again."),
    _own("alertmanager_notifications_total", "counter", "Notifications that were tried.", "integration"),
    _own(
        "alertmanager_notifications_failed_total",
        "counter",
        "Notifications that could not be delivered.",
        "integration",
        "reason",
    ),
)
