"""The headers of records on the tenant Kafka: where an event came from, and why it is where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

SOURCE = "kunobs-source"
LEG = "kunobs-leg"
REASON = "kunobs-reason"
ERROR = "kunobs-error"
ATTEMPTS = "kunobs-attempts"

# librdkafka's type for a header; on what was consumed the value is never text.
Header = tuple[str, str | bytes | None]
Headers = Sequence[Header]


class Coordinates(NamedTuple):
    """A record of the public Kafka; `timestamp` in milliseconds since the epoch, -1 where it has none."""

    topic: str
    partition: int
    offset: int
    timestamp: int

    def encode(self) -> bytes:
        """`topic/partition/offset/timestamp`; a topic's name holds no slash."""
        return b"%b/%d/%d/%d" % (self.topic.encode(), self.partition, self.offset, self.timestamp)


def coordinates(headers: Headers | None) -> Coordinates | None:
    """What `kunobs-source` says, None where it is absent or not ours."""
    for name, value in headers or ():
        if name == SOURCE and isinstance(value, bytes):
            topic, *numbers = value.split(b"/")
            try:
                return Coordinates(topic.decode(), *map(int, numbers))
            except (TypeError, ValueError):
                return None
    return None


def header(headers: Headers | None, name: str) -> str:
    """The text of the last header of that name, "" where it is absent."""
    found = ""
    for key, value in headers or ():
        if key == name and isinstance(value, bytes):
            found = value.decode("utf-8", "replace")
    return found


def verdict(leg: str, reason: str, error: str = "", attempts: int = 1) -> list[Header]:
    """The headers that say why a leg did not deliver an event; `error` is the server's own text, cut to 500 bytes."""
    fields: list[Header] = [(LEG, leg.encode()), (REASON, reason.encode()), (ATTEMPTS, b"%d" % attempts)]
    if error:
        fields.append((ERROR, error.encode("utf-8", "replace")[:500].decode("utf-8", "ignore").encode()))
    return fields
