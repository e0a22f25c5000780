"""Instants <-> wall-clock minutes, by a clock that never goes back: what makes hand-overs well defined on days of a time change.

A wall time happens once: at the first instant at which the zone's clocks show it or a later time. Where clocks are set forward, what
they pass over happens at that moment. Where they are set back, the repeated time has happened already and the clock here stands still.
Since 1970 no zone changed its clocks twice within six days (tz database 2025b), so that only one change is ever near.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

BEGIN_MS, END_MS = 0, 7_258_118_400_000
"""1970-01-01 and 2200-01-01: no time outside is asked for, and what has no beginning or end has these."""
_MARGIN = 2 * 24 * 60
_LAST_MINUTE = END_MS // 60_000 + _MARGIN
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Instant = int | datetime
"""Milliseconds since the epoch, or a datetime with a time zone."""


def milliseconds(at: Instant) -> int:
    """An instant as milliseconds since the epoch. ValueError for one outside 1970 to 2199 or without a zone."""
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError("a time without a zone is no instant")
        at = (at - _EPOCH) // _MILLISECOND
    if not BEGIN_MS <= at <= END_MS:
        raise ValueError("a time outside 1970 to 2199")
    return at


class WallClock:
    """A zone's clock; minutes count from its own 1970-01-01 00:00."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._epoch = datetime(1970, 1, 1, tzinfo=zone)
        self._first = lru_cache(maxsize=1024)(self._find)

    def minute(self, ms: int) -> int:
        """The latest minute that the zone's clocks have shown by this instant."""
        second = ms // 1000
        moment = datetime.fromtimestamp(second, self.zone)
        offset = _offset(moment)
        if moment.fold:
            before = _offset(moment.replace(fold=0))
            return (self._change(second - (before - offset), second) + before - 1) // 60
        return (second + offset) // 60

    def first(self, minute: int) -> int:
        """The first instant, in milliseconds, by which the zone's clocks have shown this minute; within BEGIN_MS and END_MS."""
        return self._first(min(max(minute, -_MARGIN), _LAST_MINUTE))

    def _find(self, minute: int) -> int:
        moment = self._epoch + timedelta(minutes=minute)
        early, late = _offset(moment), _offset(moment.replace(fold=1))
        second = minute * 60 - early
        if early < late:
            second = self._change(minute * 60 - late, second)
        return min(max(second * 1000, BEGIN_MS), END_MS)

    def _change(self, after: int, until: int) -> int:
        """The first second, later than one and up to the other, at which the zone's offset is another one."""
        before = self._offset_at(after)
        seconds = range(after + 1, until)
        return after + 1 + bisect_left(seconds, True, key=lambda second: self._offset_at(second) != before)

    def _offset_at(self, second: int) -> int:
        return _offset(datetime.fromtimestamp(second, self.zone))


def _offset(moment: datetime) -> int:
    offset = moment.utcoffset()
    assert offset is not None  # noqa: S101  every moment here has a zone
    return offset.days * 86400 + offset.seconds
