"""Counts error lines by pod and prints a line a minute: python errors_per_minute.py team-pay

A long-running program: it ends on SIGTERM after the event in hand, as Kubernetes asks for.
"""

from __future__ import annotations

import signal
import sys
from collections import Counter
from datetime import datetime

from kunobs.client import Event, LogConsumer
from kunobs.client.parsers import first_of, parse_json, parse_logfmt, regex_parser

spring = regex_parser(r"^\S+ \S+ +(?P<level>[A-Z]{4,5}) ")
level_of = first_of(parse_json, spring, parse_logfmt)


def is_error(event: Event) -> bool:
    """True for a line whose own level says so, whatever its format."""
    return str(level_of(event.message).fields.get("level", "")).lower() in ("error", "fatal")


def run(events: LogConsumer) -> None:
    """Print what was counted whenever the minute of the lines changes."""
    counts: Counter[str] = Counter()
    minute: datetime | None = None
    for event in events:
        now = event.timestamp.replace(second=0, microsecond=0)
        if minute is not None and now > minute:
            print(minute.isoformat(), dict(counts.most_common(5)), flush=True)
            counts.clear()
        minute = now if minute is None else max(minute, now)
        if is_error(event):
            counts[event.pod] += 1
    if minute is not None:
        print(minute.isoformat(), dict(counts.most_common(5)), flush=True)


if __name__ == "__main__":
    with LogConsumer(sys.argv[1], "errors-per-minute", start="latest") as consumer:
        signal.signal(signal.SIGTERM, lambda *_: consumer.stop())
        signal.signal(signal.SIGINT, lambda *_: consumer.stop())
        run(consumer)
