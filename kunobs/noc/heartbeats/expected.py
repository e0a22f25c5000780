"""When a cron expression comes next, as an instant; on days of a time change as Debian's cron does it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim


def next_ms(expression: str, zone: str, after_ms: int) -> int:
    """Milliseconds of the first occurrence later than `after_ms`. ValueError for an expression that never comes."""
    for moment in CronSim(expression, datetime.fromtimestamp(after_ms // 1000, ZoneInfo(zone))):
        found = int(moment.timestamp()) * 1000
        # In a repeated hour the first occurrence of a wall time may be over.
        if found > after_ms:
            return found
    raise ValueError("it never comes")
