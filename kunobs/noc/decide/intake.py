"""A post -> kept, decided about, and the messages it causes, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kunobs.noc.accept.alert import Alert, Post, identity
from kunobs.noc.decide import paging
from kunobs.noc.decide.incident import load
from kunobs.noc.decide.incidents import Decision, Rules, accept
from kunobs.noc.decide.policy import SEVERITIES, Policy
from kunobs.noc.heartbeats.watchdog import watchdog
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx
from kunobs.noc.store.timers import set_timer

# The relay's own alerts come from here.
OURSELVES = "kunobs"


def take(
    tx: Tx, policy: Policy, tenant: str, integration: str, post: Post, body: bytes, rules: Rules, now_ms: int
) -> list[Decision]:
    """Everything that a post means; one of nothing but Watchdogs is not kept."""
    post = watchdog(tx, policy, integration, post, now_ms)
    if not post.alerts:
        return []
    row = tx.row(
        "INSERT INTO inbox (at_ms, tenant, integration, sender, body) VALUES (?, ?, ?, ?, ?) RETURNING id",
        now_ms, tenant, integration, post.sender, body,
    )  # fmt: skip
    assert row is not None  # noqa: S101  RETURNING returns it
    decisions = accept(tx, tenant, row[0], post, rules, now_ms)
    for decision in decisions:
        if decision.incident is None:
            continue
        if post.truncated:
            tx.run("UPDATE incident SET truncated = ? WHERE id = ?", post.truncated, decision.incident)
        if decision.outcome == "opened":
            paging.opened(tx, policy, decision.incident, now_ms)
        elif decision.closed:
            paging.resolved(tx, policy, decision.incident, now_ms)
        elif decision.outcome == "joined":
            worse(tx, policy, decision.incident, rules.severity(decision.alert.labels), now_ms)
    return decisions


def worse(tx: Tx, policy: Policy, number: int, severity: str, now_ms: int) -> None:
    """An alert that joins makes its incident as severe as itself; what somebody took for less is open again."""
    incident = load(tx, number)
    if incident.severity not in SEVERITIES or SEVERITIES.index(severity) >= SEVERITIES.index(incident.severity):
        return
    tx.run(
        "UPDATE incident SET severity = ?, state = 'firing', acked_ms = NULL, acked_by = NULL, step = 0, round = 0 WHERE id = ?",
        severity, number,
    )  # fmt: skip
    note(tx, now_ms, "worse", number, severity=severity, before=incident.severity)
    set_timer(tx, "climb", number, now_ms)


def own_alert(
    tx: Tx, policy: Policy, labels: Mapping[str, str], summary: str, now_ms: int, *, firing: bool, tenant: str = ""
) -> None:
    """The relay's own trouble is an alert like any other, of its own tenant, and goes by other ways than the failing one."""
    tenant = tenant or policy.config.tenant
    alert = Alert("firing", labels, {"summary": summary}, starts_ms=now_ms)
    last = tx.row(
        "SELECT starts_ms, ends_ms FROM alert WHERE tenant = ? AND fingerprint = ? ORDER BY id DESC LIMIT 1",
        tenant, identity(tenant, alert),
    )  # fmt: skip
    # Twice within a millisecond, or after the clock was set back, it would be taken for an old one.
    after = max((when for when in last or () if when is not None), default=0)
    if firing:
        alert = replace(alert, starts_ms=max(now_ms, after + 1))
    else:
        alert = replace(alert, status="resolved", ends_ms=max(now_ms, after))
    rules = Rules(severity=policy.severity)
    take(tx, policy, tenant, OURSELVES, Post(OURSELVES, (alert,)), b"", rules, now_ms)
