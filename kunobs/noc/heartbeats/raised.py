"""The relay's own alerts about silence: which are wanted follows from the states alone.

A job that is down                KunobsHeartbeatLate, as severe as the job says
one replica of several            KunobsReplicaSilent, warning;       all of them: KunobsClusterBlind, critical
one Alertmanager of several       KunobsAlertmanagerSilent, warning;  all of them: KunobsClusterMute, critical

While a cluster is blind no new warning about one of its replicas begins, as the critical alert says it; a warning that is open stays, as
it is still true. When the first replica is back, the critical one ends and each that is still silent has its warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from kunobs.noc.accept.alert import Alert, identity
from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats.plan import Plan, plan_of
from kunobs.noc.store.port import Tx

_ONE = {"replica": "KunobsReplicaSilent", "alertmanager": "KunobsAlertmanagerSilent"}
_ALL = {"replica": "KunobsClusterBlind", "alertmanager": "KunobsClusterMute"}
_LATE = "KunobsHeartbeatLate"
NAMES = (_LATE, *_ONE.values(), *_ALL.values())
_TEXTS = {
    _LATE: ("任务 {name} 没有按时报到，最后一次：{seen}", "job {name} is late, last heard: {seen}"),
    "failed": ("任务 {name} 报告失败", "job {name} says that it failed"),
    _ONE["replica"]: (
        "集群 {cluster} 的 Prometheus {member} 失联，最后一次：{seen}",
        "Prometheus {member} of cluster {cluster} is silent, last heard: {seen}",
    ),
    _ALL["replica"]: (
        "集群 {cluster} 失去监控：没有一个 Prometheus 有心跳，最后一次：{seen}",
        "cluster {cluster} is blind: none of its Prometheus is heard, the last one: {seen}",
    ),
    _ONE["alertmanager"]: (
        "集群 {cluster} 的 Alertmanager {member} 无应答，最后一次：{seen}",
        "Alertmanager {member} of cluster {cluster} does not answer, last time: {seen}",
    ),
    _ALL["alertmanager"]: (
        "集群 {cluster} 的告警发不出来：没有一个 Alertmanager 应答，最后一次：{seen}",
        "cluster {cluster} cannot alert: none of its Alertmanagers answers, the last one: {seen}",
    ),
}
_NEVER = ("从未", "never")


@dataclass(frozen=True)
class _Member:
    plan: Plan
    down: bool
    failed: bool
    seen_ms: int | None

    @property
    def group(self) -> str:
        return _group(self.plan)


@dataclass(frozen=True)
class _Raised:
    """An alert that there may be: `true` where it may stay, `begins` where it is raised."""

    tenant: str
    labels: Mapping[str, str]
    summary: str
    true: bool
    begins: bool


def tell(tx: Tx, policy: Policy, plan: Plan, now_ms: int) -> None:
    """Begin and end alerts after this plan's heartbeat went down or came back."""
    only = plan.name if plan.kind == "job" else ""
    _tell(tx, policy, [member for member in _members(tx, policy, only) if member.group == _group(plan)], now_ms)


def tidy(tx: Tx, policy: Policy, now_ms: int) -> None:
    """End what no state wants any more, as after a reload, and begin what is missing."""
    from kunobs.noc.decide.intake import OURSELVES

    groups: dict[str, list[_Member]] = {}
    for member in _members(tx, policy):
        groups.setdefault(member.group, []).append(member)
    true = [(each.tenant, each.labels) for members in groups.values() for each in _alerts(policy, members) if each.true]
    for tenant, text in tx.rows(
        "SELECT a.tenant, a.labels FROM incident i JOIN alert a ON a.incident_id = i.id"
        " WHERE i.state <> 'resolved' AND a.status = 'firing' AND a.sender = ?",
        OURSELVES,
    ):
        labels = msgspec.json.decode(text)
        if labels.get("alertname") in NAMES and (tenant, labels) not in true:
            _set(tx, policy, tenant, labels, "", now_ms, firing=False)
    for members in groups.values():
        _tell(tx, policy, members, now_ms)


def _tell(tx: Tx, policy: Policy, members: Sequence[_Member], now_ms: int) -> None:
    for each in _alerts(policy, members):
        if each.begins or not each.true:
            _set(tx, policy, each.tenant, each.labels, each.summary, now_ms, firing=each.begins)


def _group(plan: Plan) -> str:
    return plan.name if plan.kind == "job" else f"{plan.cluster}/{plan.kind}"


def _members(tx: Tx, policy: Policy, only: str = "") -> Iterator[_Member]:
    sql = "SELECT name, state, seen_ms, detail FROM heartbeat"
    rows = tx.rows(f"{sql} WHERE name = ?", only) if only else tx.rows(f"{sql} ORDER BY name")
    for name, state, seen_ms, detail in rows:
        plan = plan_of(policy.config, name)
        if plan is not None:
            yield _Member(plan, state == "down", msgspec.json.decode(detail).get("failed", False), seen_ms)


def _alerts(policy: Policy, members: Sequence[_Member]) -> Iterator[_Raised]:
    """All that a group may raise, the one about all of it first."""
    plan, blind = members[0].plan, all(each.down for each in members)
    if plan.kind == "job":
        summary = _summary(policy, "failed" if members[0].failed else _LATE, plan, members[0].seen_ms)
        labels = {"alertname": _LATE, "severity": plan.severity, "heartbeat": plan.name}
        yield _Raised(plan.tenant, labels, summary, true=blind, begins=blind)
        return
    last = max((each.seen_ms for each in members if each.seen_ms is not None), default=None)
    labels = {"alertname": _ALL[plan.kind], "severity": "critical", "cluster": plan.cluster}
    yield _Raised(plan.tenant, labels, _summary(policy, _ALL[plan.kind], plan, last), true=blind, begins=blind)
    for each in members:
        labels = {"alertname": _ONE[plan.kind], "severity": "warning", "cluster": plan.cluster}
        labels[plan.kind] = each.plan.member
        summary = _summary(policy, _ONE[plan.kind], each.plan, each.seen_ms)
        yield _Raised(plan.tenant, labels, summary, true=each.down, begins=each.down and not blind)


def _summary(policy: Policy, text: str, plan: Plan, seen_ms: int | None) -> str:
    at = 0 if policy.config.language == "zh" else 1
    seen = _NEVER[at]
    if seen_ms is not None:
        seen = datetime.fromtimestamp(seen_ms / 1000, policy.zone).strftime("%Y-%m-%d %H:%M:%S")
    return _TEXTS[text][at].format(name=plan.name, cluster=plan.cluster, member=plan.member, seen=seen)


def _set(
    tx: Tx, policy: Policy, tenant: str, labels: Mapping[str, str], summary: str, now_ms: int, *, firing: bool
) -> None:
    # Intake calls us for every post.
    from kunobs.noc.decide.intake import own_alert

    key = identity(tenant, Alert("firing", labels))
    last = tx.row(
        "SELECT id, status, starts_ms, ends_ms FROM alert WHERE tenant = ? AND fingerprint = ? ORDER BY id DESC LIMIT 1",
        tenant,
        key,
    )
    if firing == (last is not None and last[1] == "firing"):
        return
    if last is not None and max(last[2], last[3] or 0) >= now_ms:
        # Our clock was set back since: an alert of tomorrow would take this one for overtaken.
        ends_ms = None if last[3] is None else min(last[3], now_ms - 1)
        tx.run("UPDATE alert SET starts_ms = ?, ends_ms = ? WHERE id = ?", min(last[2], now_ms), ends_ms, last[0])
    own_alert(tx, policy, labels, summary, now_ms, firing=firing, tenant=tenant)
