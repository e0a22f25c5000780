"""Timers whose time has come, and what each kind means."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kunobs.noc.decide import paging, silences
from kunobs.noc.decide.actions import unack
from kunobs.noc.decide.incident import find, select
from kunobs.noc.decide.incidents import still_fires
from kunobs.noc.decide.intake import own_alert
from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats.states import heartbeat_due
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx
from kunobs.noc.store.timers import cancel_timer, due_timers, set_timer

_AT_ONCE = 100


def run_due(tx: Tx, policy: Policy, now_ms: int, limit: int = _AT_ONCE) -> int:
    """Do what is due, at most `limit` things; how many."""
    found = due_timers(tx, now_ms, limit)
    for kind, ref, _ in found:
        cancel_timer(tx, kind, ref)
        action = _KINDS.get(kind)
        if action is not None:
            action(tx, policy, ref, now_ms)
    return len(found)


def _climb(tx: Tx, policy: Policy, ref: str, now_ms: int) -> None:
    incident = find(tx, int(ref))
    if incident is None or not incident.pages:
        return
    if not incident.ladder:
        # It was held back, so its route was never asked.
        paging.begin(tx, policy, incident, now_ms)
    else:
        paging.climb(tx, policy, incident.id, now_ms)


def _unack(tx: Tx, policy: Policy, ref: str, now_ms: int) -> None:
    incident = find(tx, int(ref))
    if incident is not None:
        unack(tx, incident, "kunobs", "taken too long ago", now_ms)


def _storm(tx: Tx, policy: Policy, ref: str, now_ms: int) -> None:
    """The living summary: everyone who heard of the storm hears how it stands now, where that has changed."""
    incident = find(tx, int(ref))
    if incident is None or not incident.open:
        return
    set_timer(tx, "storm", ref, now_ms + int(policy.config.storm.update * 1000))
    newest = tx.row("SELECT max(opened_ms), max(resolved_ms) FROM incident WHERE storm_id = ?", incident.id) or (0, 0)
    told = tx.row("SELECT max(created_ms) FROM outbox WHERE incident_id = ? AND kind = 'storm'", incident.id) or (0,)
    if max(newest[0] or 0, newest[1] or 0) >= (told[0] or 0):
        called = paging.told(tx, policy, incident.id)
        paging.tell(tx, policy, incident, "storm", called, now_ms, step=max(1, incident.step), reminder=incident.told)


def _silence(tx: Tx, policy: Policy, ref: str, now_ms: int) -> None:
    """A silence begins, or is over: what it covers falls silent, what it covered and still fires is paged."""
    row = tx.row("SELECT tenant, starts_ms, ends_ms FROM silence WHERE id = ?", int(ref))
    if row is None:
        return
    tenant, starts_ms, ends_ms = row
    if starts_ms <= now_ms < ends_ms:
        set_timer(tx, "silence", ref, ends_ms)
        where = "WHERE state <> 'resolved' AND silence_id IS NULL AND (tenant = ? OR ? = '')"
        for incident in select(tx, where, tenant, tenant):
            if silences.covering(tx, incident.tenant, incident.labels, now_ms) == int(ref):
                tx.run("UPDATE incident SET silence_id = ?, loud_ms = NULL WHERE id = ?", int(ref), incident.id)
                note(tx, now_ms, "silenced", incident.id, silence=int(ref))
        return
    for incident in select(tx, "WHERE silence_id = ? AND state <> 'resolved'", int(ref)):
        other = silences.covering(tx, incident.tenant, incident.labels, now_ms)
        tx.run("UPDATE incident SET silence_id = ? WHERE id = ?", other, incident.id)
        after = find(tx, incident.id)
        if after is not None and after.pages:
            tx.run("UPDATE incident SET step = 0, round = 0 WHERE id = ?", incident.id)
            paging.begin(tx, policy, after, now_ms)


def _template(tx: Tx, policy: Policy, ref: str, now_ms: int) -> None:
    labels = {"alertname": "KunobsTemplateFailed", "severity": "warning", "channel": ref}
    summary = f"a template for channel {ref} fails; messages go out in the plain form"
    own_alert(tx, policy, labels, summary, now_ms, firing=True)


def _stale(tx: Tx, policy: Policy, ref: str, now_ms: int) -> None:
    incident = still_fires(tx, int(ref), now_ms)
    if incident is not None:
        paging.opened(tx, policy, incident, now_ms)


_KINDS: Mapping[str, Callable[[Tx, Policy, str, int], None]] = {
    "climb": _climb,
    "unack": _unack,
    "storm": _storm,
    "silence": _silence,
    "template": _template,
    "stale": _stale,
    "heartbeat": heartbeat_due,
}
