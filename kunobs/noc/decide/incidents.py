"""Alerts that came in -> incidents: each alert opens, joins, repeats or resolves one, in the order of the alerts' own times."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from kunobs.noc.accept.alert import Alert, Post, identity
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Row, Tx
from kunobs.noc.store.timers import set_timer

LONGEST_TITLE = 500
# An Alertmanager repeats what it could not deliver for a group_interval, 5 minutes by default, and tells the end then.
DOUBT_MS = 6 * 60_000
Outcome = Literal["opened", "joined", "repeated", "copy", "resolved", "stale", "late", "unknown"]
"""What one alert did.

opened, joined     begins to fire: a new incident, or one of its group that is open
repeated, copy     fires (or is resolved) already: its sender says so again, or another sender does
resolved           the alert ended; the incident with it, where nothing of it fires any more
stale              fires, but began before the end that is on record: overtaken by its own resolve, or else opened in six minutes
late               resolved, but ended before the firing on record began: it belongs to an earlier one
unknown            resolved, but never fired here
"""


@dataclass(frozen=True)
class Rules:
    """How alerts become incidents: by all their labels but those in `drop`, or only by those in `group_by`."""

    drop: Collection[str] = ()
    group_by: Collection[str] = ()
    severity: Callable[[Mapping[str, str]], str] = lambda labels: labels.get("severity", "")

    def key(self, tenant: str, alert: Alert) -> str:
        """What open incidents are told apart by."""
        if self.group_by:
            alert = replace(alert, labels={name: alert.labels.get(name, "") for name in self.group_by}, dedup_key="")
        return identity(tenant, alert, self.drop)


@dataclass(frozen=True)
class Decision:
    """What became of one alert of a post."""

    outcome: Outcome
    incident: int | None
    alert: Alert
    closed: bool = False
    """Whether its incident ended with it."""


def accept(tx: Tx, tenant: str, inbox: int, post: Post, rules: Rules, now_ms: int) -> list[Decision]:
    """Decide about every alert of a post."""
    decisions = [_one(tx, tenant, post, alert, rules, now_ms) for alert in post.alerts]
    for number, decision in enumerate(decisions):
        note(
            tx, now_ms, decision.outcome, decision.incident, inbox,
            alert=number, sender=post.sender, starts_ms=decision.alert.starts_ms, ends_ms=decision.alert.ends_ms,
        )  # fmt: skip
    return decisions


def _one(tx: Tx, tenant: str, post: Post, alert: Alert, rules: Rules, now_ms: int) -> Decision:
    fingerprint, sender = identity(tenant, alert), post.sender
    last = tx.row(
        "SELECT id, incident_id, status, starts_ms, ends_ms, sender, stale_ms FROM alert"
        " WHERE tenant = ? AND fingerprint = ? ORDER BY id DESC LIMIT 1",
        tenant, fingerprint,
    )  # fmt: skip
    if alert.status == "resolved":
        return _resolved(tx, sender, alert, last, now_ms)
    if last is None or (last[2] == "resolved" and alert.starts_ms > last[4]):
        return _fires(tx, tenant, sender, alert, fingerprint, rules, now_ms)
    if last[2] == "resolved" and post.ordered and sender == last[5]:
        # It said itself that this ended, so it has not been overtaken: Prometheus was cut off from it, and is back.
        return _fires(tx, tenant, sender, alert, fingerprint, rules, now_ms)
    if last[2] == "resolved":
        if last[6] is None:
            tx.run("UPDATE alert SET stale_ms = ?, stale_by = ? WHERE id = ?", alert.starts_ms, sender, last[0])
            set_timer(tx, "stale", last[0], now_ms + DOUBT_MS)
        return Decision("stale", last[1], alert)
    return _again(tx, sender, alert, last, now_ms)


def _fires(tx: Tx, tenant: str, sender: str, alert: Alert, fingerprint: str, rules: Rules, now_ms: int) -> Decision:
    group = rules.key(tenant, alert)
    found = tx.row("SELECT id FROM incident WHERE tenant = ? AND group_key = ? AND state <> 'resolved'", tenant, group)
    incident = found or tx.row(
        "INSERT INTO incident (tenant, group_key, state, severity, title, labels, opened_ms) VALUES (?, ?, 'firing', ?, ?, ?, ?)"
        " RETURNING id",
        tenant, group, rules.severity(alert.labels), title(alert), _json(dict(alert.labels)), now_ms,
    )  # fmt: skip
    assert incident is not None  # noqa: S101  RETURNING returns it
    tx.run(
        "INSERT INTO alert (tenant, fingerprint, incident_id, status, sender, labels, annotations, links, starts_ms, seen_ms, copies)"
        " VALUES (?, ?, ?, 'firing', ?, ?, ?, ?, ?, ?, 0)",
        tenant, fingerprint, incident[0], sender, _json(dict(alert.labels)), _json(dict(alert.annotations)), _json(alert.links),
        alert.starts_ms, now_ms,
    )  # fmt: skip
    return Decision("joined" if found else "opened", incident[0], alert)


def _again(tx: Tx, sender: str, alert: Alert, last: Row, now_ms: int) -> Decision:
    copy = int(sender != last[5])
    tx.run(
        "UPDATE alert SET seen_ms = ?, copies = copies + ?, annotations = ? WHERE id = ?",
        now_ms, copy, _json(dict(alert.annotations)), last[0],
    )  # fmt: skip
    return Decision("copy" if copy else "repeated", last[1], alert)


def _resolved(tx: Tx, sender: str, alert: Alert, last: Row | None, now_ms: int) -> Decision:
    if last is None:
        return Decision("unknown", None, alert)
    number, incident, status, starts_ms = last[:4]
    ends_ms = alert.ends_ms if alert.ends_ms is not None else now_ms
    if status == "resolved":
        copy = int(sender != last[5])
        tx.run("UPDATE alert SET copies = copies + ? WHERE id = ?", copy, number)
        # Only who said that it goes on knows that it ended after that.
        tx.run("UPDATE alert SET stale_ms = NULL WHERE id = ? AND stale_by = ?", number, sender)
        return Decision("copy" if copy else "repeated", incident, alert)
    if ends_ms < starts_ms:
        return Decision("late", incident, alert)
    tx.run(
        "UPDATE alert SET status = 'resolved', ends_ms = ?, seen_ms = ?, sender = ? WHERE id = ?",
        ends_ms,
        now_ms,
        sender,
        number,
    )
    closed = tx.row("SELECT 1 FROM alert WHERE incident_id = ? AND status = 'firing' LIMIT 1", incident) is None
    if closed:
        tx.run("UPDATE incident SET state = 'resolved', resolved_ms = ?, loud_ms = NULL WHERE id = ?", now_ms, incident)
    return Decision("resolved", incident, alert, closed)


def still_fires(tx: Tx, number: int, now_ms: int) -> int | None:
    """A firing that was taken for overtaken, and whose end nobody has told since: a new incident, None where it ended after all.

    Alertmanager says that an alert ended when Prometheus is cut off from it for some minutes, and that it fires, with the start it
    always had, when Prometheus is back.
    """
    row = tx.row(
        "SELECT tenant, fingerprint, incident_id, sender, labels, annotations, links, stale_ms, status FROM alert WHERE id = ?",
        number,
    )
    if row is None or row[7] is None or row[8] != "resolved":
        return None
    tenant, fingerprint, before, sender, labels, annotations, links, starts_ms, _ = row
    tx.run("UPDATE alert SET stale_ms = NULL WHERE id = ?", number)
    if (
        tx.row("SELECT 1 FROM alert WHERE tenant = ? AND fingerprint = ? AND id > ?", tenant, fingerprint, number)
        is not None
    ):
        return None
    group = tx.row("SELECT group_key, severity, title, labels FROM incident WHERE id = ?", before)
    if group is None:
        return None
    found = tx.row(
        "SELECT id FROM incident WHERE tenant = ? AND group_key = ? AND state <> 'resolved'", tenant, group[0]
    )
    incident = found or tx.row(
        "INSERT INTO incident (tenant, group_key, state, severity, title, labels, opened_ms) VALUES (?, ?, 'firing', ?, ?, ?, ?)"
        " RETURNING id",
        tenant, *group, now_ms,
    )  # fmt: skip
    assert incident is not None  # noqa: S101  RETURNING returns it
    tx.run(
        "INSERT INTO alert (tenant, fingerprint, incident_id, status, sender, labels, annotations, links, starts_ms, seen_ms, copies)"
        " VALUES (?, ?, ?, 'firing', ?, ?, ?, ?, ?, ?, 0)",
        tenant, fingerprint, incident[0], sender, labels, annotations, links, starts_ms, now_ms,
    )  # fmt: skip
    note(tx, now_ms, "still fires", incident[0], before=before)
    return None if found else int(incident[0])


def title(alert: Alert) -> str:
    """One line for people; PostgreSQL takes no NUL, and a line no control characters."""
    text = alert.annotations.get("summary") or alert.labels.get("alertname") or "alert"
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:LONGEST_TITLE] or "alert"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
