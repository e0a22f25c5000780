"""An event's bytes -> the line of a bulk body; pure. Nearly always they are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

# Numbers below are seconds since the epoch, numbers above milliseconds: the year 5138, or 1973.
_SECONDS_BELOW = 1e11


def one_line(document: bytes) -> bytes:
    """The event without raw newlines.

    Between tokens JSON allows them, but a bulk body ends its lines with them: what follows one would be read as the next
    action. The event is known to be valid JSON here.
    """
    if b"\n" not in document:
        return document
    try:
        compact = msgspec.json.format(document, indent=-1)
    except msgspec.DecodeError:
        compact = b"\n"
    if b"\n" in compact:
        compact = json.dumps(json.loads(document, strict=False), separators=(",", ":")).encode()
    return compact


class _Stamped(msgspec.Struct, rename={"stamp": "@timestamp"}, gc=False):
    stamp: Any = msgspec.UNSET


_stamped = msgspec.json.Decoder(_Stamped)


def stamp_of(document: bytes) -> Any:
    """The event's top-level `@timestamp` as it will be indexed, None where it has none or is no JSON."""
    try:
        stamp = _stamped.decode(document).stamp
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if stamp is msgspec.UNSET else stamp


def with_timestamp(document: bytes, found: str | float | None, record_ms: int) -> bytes:
    """The event with a top-level `@timestamp`, for agents that write none or a number of seconds.

    `found` is what the profile's timestamp field says, `record_ms` the Kafka record's time.
    """
    try:
        present = _stamped.decode(document).stamp
    except (msgspec.DecodeError, UnicodeDecodeError):
        return document
    if present is not msgspec.UNSET and not _is_seconds(present):
        return document
    stamp = json.dumps(_iso(found if present is msgspec.UNSET else present, record_ms)).encode()
    if present is not msgspec.UNSET:
        event: Mapping[str, Any] = json.loads(document)
        return json.dumps({**event, "@timestamp": json.loads(stamp)}, separators=(",", ":"), ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
    opening = document.index(b"{") + 1
    rest = document[opening:]
    comma = b"" if rest.lstrip(b" \t\r\n").startswith(b"}") else b","
    return b"".join((document[:opening], b'"@timestamp":', stamp, comma, rest))


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _SECONDS_BELOW


def _iso(value: str | float | None, record_ms: int) -> str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int | float) and value > 0:
        seconds = value if value < _SECONDS_BELOW else value / 1000
    else:
        seconds = max(record_ms, 0) / 1000
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return (
            datetime.fromtimestamp(max(record_ms, 0) / 1000, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )
