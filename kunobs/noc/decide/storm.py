"""Storm mode: when a tenant's incidents begin faster than anybody reads, one incident speaks for all that follow.

The storm has a ladder, is taken and reminded of as any other; those it speaks for keep their own state, are listed on the board, and
are counted in its summary: the sum of the groups is the number of incidents gathered. It ends when all of them have ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kunobs.noc.decide.incident import Incident
from kunobs.noc.decide.policy import SEVERITIES, Policy
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx
from kunobs.noc.store.timers import set_timer

# No identity is this: those are hexadecimal.
KEY = "storm"
_GROUPS = 10


@dataclass(frozen=True)
class Gathered:
    """The storm that speaks for an incident; `begun` when this incident began it."""

    storm: int
    begun: bool


def gather(tx: Tx, policy: Policy, incident: Incident, now_ms: int) -> Gathered | None:
    """Put the incident into its tenant's storm if there is one now, or if it is the one too many."""
    config = policy.config.storm
    since = now_ms - int(config.within * 1000)
    row = tx.row(
        "SELECT count(*) FROM (SELECT 1 FROM incident WHERE tenant = ? AND opened_ms > ? AND group_key <> ? LIMIT ?) AS recent",
        incident.tenant, since, KEY, config.incidents + 1,
    )  # fmt: skip
    if row is None or row[0] <= config.incidents:
        return None
    found = tx.row(
        "SELECT id, severity FROM incident WHERE tenant = ? AND group_key = ? AND state <> 'resolved'",
        incident.tenant,
        KEY,
    )
    if found is None:
        number = _begin(tx, incident, now_ms)
    else:
        number = int(found[0])
        if SEVERITIES.index(incident.severity) < SEVERITIES.index(found[1]):
            # Worse than what it was taken for: whoever took it must hear, so it begins anew.
            tx.run(
                "UPDATE incident SET severity = ?, state = 'firing', acked_ms = NULL, acked_by = NULL, step = 0, round = 0 WHERE id = ?",
                incident.severity, number,
            )  # fmt: skip
            set_timer(tx, "climb", number, now_ms)
    tx.run("UPDATE incident SET storm_id = ? WHERE id = ?", number, incident.id)
    note(tx, now_ms, "gathered", incident.id, storm=number)
    return Gathered(number, found is None)


def _begin(tx: Tx, incident: Incident, now_ms: int) -> int:
    row = tx.row(
        "INSERT INTO incident (tenant, group_key, state, severity, title, labels, opened_ms)"
        " VALUES (?, ?, 'firing', ?, ?, ?, ?) RETURNING id",
        incident.tenant, KEY, incident.severity, f"alert storm of {incident.tenant}", '{"alertname":"KunobsStorm"}', now_ms,
    )  # fmt: skip
    assert row is not None  # noqa: S101  RETURNING returns it
    note(tx, now_ms, "storm begun", row[0])
    return int(row[0])


def summary(tx: Tx, number: int) -> dict[str, Any]:
    """What the storm speaks for: `total` = the sum of `groups` + `rest`."""
    rows = tx.rows(
        "SELECT title, count(*), sum(CASE WHEN state <> 'resolved' THEN 1 ELSE 0 END) FROM incident WHERE storm_id = ?"
        " GROUP BY title ORDER BY count(*) DESC, title",
        number,
    )  # fmt: skip
    groups = [{"name": title, "total": count} for title, count, _ in rows[:_GROUPS]]
    total = sum(count for _, count, _ in rows)
    return {
        "total": total,
        "firing": sum(int(firing) for _, _, firing in rows),
        "groups": groups,
        "rest": total - sum(group["total"] for group in groups),
    }


def calm(tx: Tx, number: int, now_ms: int, ended: Callable[[], None]) -> None:
    """One of its incidents has ended: end the storm with the last one."""
    if tx.row("SELECT 1 FROM incident WHERE storm_id = ? AND state <> 'resolved' LIMIT 1", number) is None and tx.run(
        "UPDATE incident SET state = 'resolved', resolved_ms = ? WHERE id = ? AND state <> 'resolved'", now_ms, number
    ):
        note(tx, now_ms, "storm ended", number)
        ended()
