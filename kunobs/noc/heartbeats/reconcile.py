"""Alerts that ended while nobody could tell us: what no Alertmanager of a cluster has any more is resolved, "unseen".

An Alertmanager that was restarted has forgotten its alerts and sends no resolve, and neither does one that could not reach us for too
long. Nothing is closed unless all of this holds:

- every configured Alertmanager of the cluster answers, with its alerts and then its status, so that a restart in between is seen;
- each runs for longer than two resend intervals, so that Prometheus has told it again what fires;
- every known replica of the cluster's Prometheus has just been heard, or nothing that fires would be there;
- the alert came by the cluster's integration only, and before we asked; it has not come again since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from kunobs.config.noc.heartbeats import ClusterConfig
from kunobs.log import get_logger, repeated
from kunobs.noc.accept.alert import Alert, identity
from kunobs.noc.decide import paging
from kunobs.noc.decide.policy import Integration, Policy
from kunobs.noc.heartbeats import api_v2
from kunobs.noc.heartbeats.ask import Asker
from kunobs.noc.heartbeats.plan import plan_of
from kunobs.noc.heartbeats.states import every
from kunobs.noc.relay import Relay
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx

_AT_ONCE = 100
_log = get_logger("noc")


@dataclass(frozen=True)
class _Open:
    """An alert that fires here; `key` is its identity without the labels that tell replicas apart."""

    id: int
    incident: int
    seen_ms: int
    key: str


class Reconciliation:
    """`run` asks over the network, and may take as long as that takes."""

    def __init__(self, relay: Relay, asker: Asker) -> None:
        self._relay = relay
        self._asker = asker

    def run(self, name: str) -> bool:
        """Reconcile a cluster; False where it could not be judged now. Raises StoreUnavailable."""
        policy = self._relay.policy
        cluster = policy.config.clusters.get(name)
        integration = _judged(policy, cluster) if cluster else None
        if cluster is None or integration is None:
            return True
        asked_ms = self._relay.now_ms()
        fires = self._relay.store.read(lambda tx: _open(tx, integration, asked_ms))
        if not fires:
            return True
        active: set[str] = set()
        for url in cluster.alertmanagers:
            found = self._active(url, cluster, integration)
            if isinstance(found, str):
                repeated(_log, f"reconcile {url}", "not reconciled", cluster=name, alertmanager=url, reason=found)
                return False
            active |= found
        gone = [alert for alert in fires if alert.key not in active]
        for at in range(0, len(gone), _AT_ONCE):
            if not self._relay.urgent(partial(_close, name, cluster, gone[at : at + _AT_ONCE])).result():
                return False
        return True

    def _active(self, url: str, cluster: ClusterConfig, integration: Integration) -> set[str] | str:
        found = api_v2.alerts(self._asker, url)
        if isinstance(found, str):
            return found
        status = api_v2.status(self._asker, url)
        if isinstance(status, str):
            return status
        if status.age_s is None or status.age_s <= 2 * cluster.resend_interval:
            return "no_date" if status.age_s is None else "too_young"
        return {_key(integration, labels) for labels in found}


def _judged(policy: Policy, cluster: ClusterConfig) -> Integration | None:
    """The cluster's integration; None where it has none, or shares it, for then an alert may be another cluster's."""
    sharing = sum(each.integration == cluster.integration for each in policy.config.clusters.values())
    return policy.integrations.get(cluster.integration) if sharing == 1 and cluster.alertmanagers else None


def _open(tx: Tx, integration: Integration, asked_ms: int) -> list[_Open]:
    found = []
    only: dict[int, bool] = {}
    for number, incident, labels, seen_ms in tx.rows(
        "SELECT a.id, a.incident_id, a.labels, a.seen_ms FROM incident i JOIN alert a ON a.incident_id = i.id"
        " WHERE i.state <> 'resolved' AND i.tenant = ? AND a.status = 'firing' AND a.seen_ms < ? ORDER BY a.id",
        integration.tenant, asked_ms,
    ):  # fmt: skip
        if incident not in only:
            by = tx.rows(
                "SELECT DISTINCT x.integration FROM journal j JOIN inbox x ON x.id = j.inbox_id WHERE j.incident_id = ?",
                incident,
            )
            only[incident] = by == [(integration.name,)]
        if only[incident]:
            found.append(_Open(number, incident, seen_ms, _key(integration, msgspec.json.decode(labels))))
    return found


def _key(integration: Integration, labels: Mapping[str, str]) -> str:
    return identity(integration.tenant, Alert("firing", labels), integration.rules.drop)


def _close(name: str, cluster: ClusterConfig, gone: Sequence[_Open], tx: Tx, policy: Policy, now_ms: int) -> bool:
    """Whether it could be judged. Everything that may have changed while we asked is looked at again."""
    if policy.config.clusters.get(name) != cluster or not _heard(tx, policy, name, now_ms):
        return False
    for alert in gone:
        # Its end is not known. Its beginning may be said again, when only a rule could not be evaluated for a while.
        if not tx.run(
            "UPDATE alert SET status = 'resolved', ends_ms = starts_ms - 1, sender = 'unseen'"
            " WHERE id = ? AND status = 'firing' AND seen_ms = ?",
            alert.id, alert.seen_ms,
        ):  # fmt: skip
            continue
        note(tx, now_ms, "resolved unseen", alert.incident, alert=alert.id, cluster=name)
        if tx.row("SELECT 1 FROM alert WHERE incident_id = ? AND status = 'firing' LIMIT 1", alert.incident) is None:
            tx.run(
                "UPDATE incident SET state = 'resolved', resolved_ms = ?, loud_ms = NULL WHERE id = ?",
                now_ms,
                alert.incident,
            )
            paging.resolved(tx, policy, alert.incident, now_ms)
    return True


def _heard(tx: Tx, policy: Policy, name: str, now_ms: int) -> bool:
    """Whether every known replica of Prometheus has been heard within its period."""
    found = []
    for heartbeat in every(tx):
        plan = plan_of(policy.config, heartbeat.name)
        if plan is not None and (plan.cluster, plan.kind) == (name, "replica"):
            fresh = heartbeat.seen_ms is not None and 0 <= now_ms - heartbeat.seen_ms <= plan.period_ms
            found.append(heartbeat.state == "up" and fresh)
    return bool(found) and all(found)
