"""Alerts that always fire -> heartbeats of the Prometheus replicas that they come from. They open no incident.

A Watchdog that is resolved says that its Prometheus has stopped sending. One whose end is before the start of a Watchdog that fires has
been overtaken: Alertmanagers may deliver in another order than they mean (prometheus/alertmanager#2447).
"""

from __future__ import annotations

from dataclasses import replace

from kunobs.config.noc.heartbeats import ClusterConfig
from kunobs.log import get_logger, repeated
from kunobs.noc.accept.alert import Alert, Post
from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats.plan import ALERTMANAGER, replica
from kunobs.noc.heartbeats.states import beat, down, find, known
from kunobs.noc.store.port import Tx

# A label that differs after each restart would add a replica each time.
MOST_REPLICAS = 64
_log = get_logger("noc")


def watchdog(tx: Tx, policy: Policy, integration: str, post: Post, now_ms: int) -> Post:
    """The post without its Watchdog alerts, which have been noted."""
    clusters = policy.config.clusters
    if not clusters:
        return post
    mine = [(name, cluster) for name, cluster in clusters.items() if cluster.integration == integration]
    if not mine:
        return post
    rest = []
    for alert in post.alerts:
        name = alert.labels.get("alertname")
        found = next(((each, cluster) for each, cluster in mine if cluster.alertname == name), None)
        if found is None:
            rest.append(alert)
        else:
            _heard(tx, policy, *found, alert, now_ms)
    return replace(post, alerts=tuple(rest)) if len(rest) < len(post.alerts) else post


def _heard(tx: Tx, policy: Policy, name: str, cluster: ClusterConfig, alert: Alert, now_ms: int) -> None:
    plan = replica(name, cluster, alert.labels.get(cluster.replica_label, ""))
    heartbeat = find(tx, plan.name)
    if alert.status == "resolved":
        ends_ms = now_ms if alert.ends_ms is None else alert.ends_ms
        if heartbeat is not None and ends_ms >= heartbeat.detail.began_ms:
            down(tx, policy, plan, heartbeat, now_ms)
        return
    if heartbeat is None:
        if _crowded(tx, name):
            repeated(
                _log, f"replicas {name}", "too many Prometheus replicas", cluster=name, label=cluster.replica_label
            )
            return
        heartbeat = known(tx, plan, now_ms)
    heartbeat.detail.began_ms = max(heartbeat.detail.began_ms, min(alert.starts_ms, now_ms))
    beat(tx, policy, plan, heartbeat, now_ms)


def _crowded(tx: Tx, cluster: str) -> bool:
    names = [name.partition("/") for (name,) in tx.rows("SELECT name FROM heartbeat")]
    mine = [rest for first, slash, rest in names if slash and first == cluster and not rest.startswith(ALERTMANAGER)]
    return len(mine) >= MOST_REPLICAS
