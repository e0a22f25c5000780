"""How soon a relay is ready, on a new folder and on one it has had before, and how much memory it then holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.noc.servers import Kunobs
from kunobs.clock import SYSTEM_CLOCK

# Nobody is called here: the port of discard, where nothing listens.
_NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Found:
    """Seconds from the process' start to 200 of /-/ready, and bytes at that moment."""

    first_seconds: float
    seconds: float
    rss: int


def run(folder: Path) -> Found:
    """Two lives on one folder; the first makes the database."""
    lives = []
    for _ in range(2):
        relay = Kunobs()
        began = SYSTEM_CLOCK.monotonic()
        try:
            relay.start(folder, _NOBODY)
            lives.append((SYSTEM_CLOCK.monotonic() - began, relay.rss()))
        finally:
            relay.end()
    return Found(lives[0][0], *lives[1])
