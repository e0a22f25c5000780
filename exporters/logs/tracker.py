"""What became of numbered lines at one hop: in time, missing, late, twice, out of order; pure, the caller says when."""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass, field

from kunobs.catalogue.logs import DELAYS
from kunobs.server.columns import Distribution

# Missing lines that are remembered, so that a late one is known for late; of older ones nothing is said.
REMEMBERED = 10_000


@dataclass
class Counts:
    """How often each thing happened; every sighting of a line is one of received, late and duplicate."""

    received: int = 0
    missing: int = 0
    late: int = 0
    duplicate: int = 0
    out_of_order: int = 0
    outstanding: int = 0
    delays: list[int] = field(default_factory=lambda: [0] * (len(DELAYS) + 1))
    delay_sum: float = 0.0
    last_seen: float | None = None

    @property
    def delay(self) -> Distribution:
        """The histogram's row."""
        return Distribution(tuple(self.delays), self.delay_sum)


class Tracker:
    """The books of one hop; safe between threads. Numbers are sent in rising order, times are monotonic seconds.

    As loki-canary: a line is missing when it is not seen `wait` seconds after it was sent, and one that comes after that
    takes nothing back (its unexpected_entries are `late` here). Otherwise than there, a line is out of order only when one
    with a greater number came before it: a lost line does not make all that follow it disorderly.
    """

    def __init__(self, wait: float) -> None:
        self._wait = wait
        self._lock = threading.Lock()
        # What was sent and is neither here nor there has been received: no memory of it is needed.
        self._outstanding: dict[int, float] = {}
        self._missing: dict[int, None] = {}
        self._forgotten = 0
        self._sent = 0
        self._highest = 0
        self._counts = Counts()

    def sent(self, number: int, at: float) -> None:
        """The line is about to be written."""
        with self._lock:
            self._expire(at)
            self._outstanding[number] = at
            self._sent = number

    def withdraw(self, number: int) -> None:
        """The line could not be written."""
        with self._lock:
            self._outstanding.pop(number, None)

    def seen(self, number: int, at: float) -> bool:
        """A sighting; False for a number that was never sent, or too long ago to say anything of it."""
        with self._lock:
            self._expire(at)
            if not self._forgotten < number <= self._sent:
                return False
            counts = self._counts
            if number in self._outstanding:
                delay = at - self._outstanding.pop(number)
                counts.received += 1
                counts.out_of_order += number < self._highest
                counts.delays[bisect_left(DELAYS, delay)] += 1
                counts.delay_sum += delay
            elif number in self._missing:
                del self._missing[number]
                counts.late += 1
            else:
                counts.duplicate += 1
            counts.last_seen = at
            self._highest = max(self._highest, number)
            return True

    def oldest(self, at: float) -> float:
        """For how many seconds the oldest line has been waited for; 0 when none is."""
        with self._lock:
            self._expire(at)
            return at - next(iter(self._outstanding.values()), at)

    def counts(self, at: float) -> Counts:
        """The books as of then, a copy."""
        with self._lock:
            self._expire(at)
            now = self._counts
            return Counts(**{**vars(now), "delays": list(now.delays), "outstanding": len(self._outstanding)})

    def _expire(self, at: float) -> None:
        while self._outstanding:
            number, since = next(iter(self._outstanding.items()))
            if at - since <= self._wait:
                return
            del self._outstanding[number]
            self._missing[number] = None
            self._counts.missing += 1
            if len(self._missing) > REMEMBERED:
                self._forgotten = next(iter(self._missing))
                del self._missing[self._forgotten]
