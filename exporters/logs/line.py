"""The canary's line: `kunobs-canary RUN NUMBER NANOSECONDS`, how it is written and how it is found again; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# Every record of a topic is searched for this before anything else is done with it.
MARK = b"kunobs-canary"
_DIGITS = 15


class Line:
    """The lines of one run of the process; `run` is 16 hexadecimal digits, so a restart's lines are another's."""

    def __init__(self, run: str) -> None:
        self.run = run
        # A whole JSON string, whatever key an agent puts it under; a line that quotes one has a backslash there.
        self._json = re.compile(rb'"%b %b ([0-9]{1,%d}) [0-9]{1,20}"' % (MARK, run.encode(), _DIGITS))

    def text(self, number: int, now: float) -> str:
        """The message; `now` in seconds since the epoch."""
        return f"{MARK.decode()} {self.run} {number} {int(now * 1e9)}"

    def cri(self, number: int, now: float) -> bytes:
        """As a container runtime writes it into a log file: time, stream, F for a whole line, message."""
        moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        return f"{moment}000Z stdout F {self.text(number, now)}\n".encode()

    def number(self, event: bytes | None) -> int | None:
        """The number that an event (JSON) of this run carries; None for any other bytes."""
        if event is None or MARK not in event:
            return None
        found = self._json.search(event)
        return int(found[1]) if found else None
