"""Access logs of nginx and Apache in the common and the combined format, whatever a site has appended to them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from kunobs.client.event import parse_time
from kunobs.client.parsers.result import LONGEST, Parsed

# Every repeat is possessive: a line that does not match is given up after one pass.
_LINE = re.compile(
    r"""
    (?P<remote>[^ ]++)\ (?P<ident>[^ ]++)\ (?P<user>[^\[\n]++)\[(?P<time>[^\]\n]*+)\]\ # 10.0.0.7 - alice […]
    "(?P<request>(?:[^"\\]|\\.)*+)"\ (?P<status>[0-9]{3})\ (?P<bytes>[0-9]{1,18}|-)    # "GET / HTTP/1.1" 200 2326
    (?:\ "(?P<referer>(?:[^"\\]|\\.)*+)"\ "(?P<agent>(?:[^"\\]|\\.)*+)")?              # "-" "curl/8.5"
    (?:$|\s(?P<rest>.*+))
    """,
    re.VERBOSE | re.DOTALL,
)
_REQUEST = re.compile(r"([A-Za-z]{1,32}) (\S++)(?: (HTTP/[0-9.]{1,5}))?")
_TIME = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}
_ESCAPES = re.compile(r"(?:\\x[0-9A-Fa-f]{2})+|\\(.)", re.DOTALL)


def _time(text: str) -> datetime | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return parse_time(text)
    day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
    try:
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        zone = timezone(offset)
        written = datetime(
            int(year), _MONTHS[month], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=zone
        )
        return written.astimezone(UTC)
    except (ValueError, KeyError, OverflowError):
        return None


def _unescape(found: re.Match[str]) -> str:
    if found[1] is not None:
        return found[1]
    return bytes.fromhex(found[0].replace("\\x", "")).decode(errors="replace")


def _text(escaped: str | None) -> str:
    return "" if escaped in (None, "-") else _ESCAPES.sub(_unescape, escaped or "")


def parse_access(text: str) -> Parsed:
    r"""Reads a line of the common or combined format; what follows it, as ingress-nginx appends, is the rest.

    Fields: remote, user, time (aware, None when it is no time), request, method, path, protocol, status (int),
    bytes (int), referer, agent. `-` becomes an empty text, `\xHH` the byte it stands for. A request that is no HTTP
    leaves method, path and protocol empty. Problems: `no_match`, `too_long`.
    """
    if len(text) > LONGEST:
        return Parsed("access", problem="too_long")
    found = _LINE.fullmatch(text)
    if found is None:
        return Parsed("access", problem="no_match")
    request = _text(found["request"])
    parts = _REQUEST.fullmatch(request)
    fields: dict[str, Any] = {
        "remote": found["remote"],
        "user": _text(found["user"].strip()),
        "time": _time(found["time"]),
        "request": request,
        "method": parts[1] if parts else "",
        "path": parts[2] if parts else "",
        "protocol": (parts[3] or "") if parts else "",
        "status": int(found["status"]),
        "bytes": 0 if found["bytes"] == "-" else int(found["bytes"]),
        "referer": _text(found["referer"]),
        "agent": _text(found["agent"]),
    }
    return Parsed("access", fields, rest=found["rest"] or "")
