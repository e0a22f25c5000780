"""A time as somebody else says it -> milliseconds that the rest of the relay can rely on."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from kunobs.noc.accept.alert import milliseconds

_YEAR_2000 = 946_684_800_000
_DAY = 86_400_000
# Seconds up to the year 5138 are smaller than milliseconds since 1973.
_LEAST_MILLISECONDS = 10**11


def sane(at_ms: int | None, now_ms: int) -> int:
    """`at_ms`, at most `now_ms`. Raises ValueError that says why it can be no time of an alert.

    Whoever is a little ahead of us would begin an alert after we end it, so nothing begins or ends in the future.
    """
    if at_ms is None or at_ms < _YEAR_2000:
        raise ValueError("is before the year 2000")
    if at_ms > now_ms + _DAY:
        raise ValueError("is more than a day ahead of this relay's clock")
    return min(at_ms, now_ms)


def read_moment(text: str, form: str, zone: str, now_ms: int) -> int:
    """Milliseconds of `text` by `form` (unix, iso8601 or a strptime pattern). Raises ValueError that says what is wrong."""
    if form == "unix":
        if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text):
            raise ValueError("is no number of seconds or milliseconds")
        number = float(text)
        return sane(int(number if number >= _LEAST_MILLISECONDS else number * 1000), now_ms)
    if len(text) > 64:
        raise ValueError("is too long for a time")
    try:
        moment = datetime.fromisoformat(text) if form == "iso8601" else datetime.strptime(text, form)
    except (ValueError, OverflowError):
        raise ValueError(f"is no time as {form} has it") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone or "UTC"))
    try:
        return sane(milliseconds(aware), now_ms)
    except OverflowError:
        raise ValueError("is no time of an alert") from None
