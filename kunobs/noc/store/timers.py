"""What has to be done later: one timer for each kind and thing, in the store, so that a crash forgets none."""

from __future__ import annotations

from kunobs.noc.store.port import Row, Tx


def set_timer(tx: Tx, kind: str, ref: int | str, due_ms: int) -> None:
    """Set it, or move it."""
    tx.run(
        "INSERT INTO timer (kind, ref, due_ms) VALUES (?, ?, ?) ON CONFLICT (kind, ref) DO UPDATE SET due_ms = excluded.due_ms",
        kind, str(ref), due_ms,
    )  # fmt: skip


def cancel_timer(tx: Tx, kind: str, ref: int | str) -> None:
    """Take it away; there may be none."""
    tx.run("DELETE FROM timer WHERE kind = ? AND ref = ?", kind, str(ref))


def due_timers(tx: Tx, now_ms: int, limit: int) -> list[Row]:
    """(kind, ref, due_ms) of those whose time has come, oldest first."""
    return tx.rows(
        "SELECT kind, ref, due_ms FROM timer WHERE due_ms <= ? ORDER BY due_ms, kind, ref LIMIT ?", now_ms, limit
    )


def next_timer(tx: Tx) -> int | None:
    """When the next one is due, None where there is none."""
    found = tx.row("SELECT min(due_ms) FROM timer")
    return found[0] if found else None
