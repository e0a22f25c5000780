"""What providers take in a minute, an hour or a day, counted in the store, so that a restart does not forget the minute.

A window is kept as slots (1/60 of it) and a slot counts whole as long as any of it lies in the window, so that no sliding window of the
provider ever holds more than its limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from kunobs.noc.notify.contract import Limit
from kunobs.noc.store.port import Tx

_SLOTS = 60


def take(tx: Tx, limits: Sequence[Limit], critical: bool, now_ms: int) -> int | None:
    """Spend one from each bucket, or nothing: None, or when it is worth asking again (ms)."""
    later = [when for limit in limits if (when := _free_at(tx, limit, critical, now_ms)) is not None]
    if later:
        return max(later)
    for limit in limits:
        slot = _slot_ms(limit)
        start = now_ms - now_ms % slot
        tx.run(
            "INSERT INTO budget (bucket, slot_ms, used, until_ms) VALUES (?, ?, 1, ?)"
            " ON CONFLICT (bucket, slot_ms) DO UPDATE SET used = budget.used + 1",
            limit.bucket, start, start + slot + limit.seconds * 1000,
        )  # fmt: skip
    return None


def left(tx: Tx, limit: Limit, now_ms: int) -> int:
    """How many requests the bucket still takes now."""
    return max(0, limit.count - _used(tx, limit, now_ms))


def forget(tx: Tx, now_ms: int) -> None:
    """Delete what no window reaches any more."""
    tx.run("DELETE FROM budget WHERE until_ms <= ?", now_ms)


def _slot_ms(limit: Limit) -> int:
    return max(1, limit.seconds * 1000 // _SLOTS)


def _used(tx: Tx, limit: Limit, now_ms: int) -> int:
    row = tx.row("SELECT sum(used) FROM budget WHERE bucket = ? AND until_ms > ?", limit.bucket, now_ms)
    return int(row[0] or 0) if row else 0


def _free_at(tx: Tx, limit: Limit, critical: bool, now_ms: int) -> int | None:
    """None when it is free now; a clock that was set back finds slots of the future, which count as well."""
    allowed = limit.count if critical else limit.count - limit.reserve
    over = _used(tx, limit, now_ms) - allowed + 1
    if over <= 0:
        return None
    for used, until_ms in tx.rows(
        "SELECT used, until_ms FROM budget WHERE bucket = ? AND until_ms > ? ORDER BY slot_ms", limit.bucket, now_ms
    ):
        over -= used
        if over <= 0:
            return int(until_ms)
    return now_ms + limit.seconds * 1000
