"""People who take turns, as arithmetic on wall-clock minutes, where every day has 1440 of them and every week 10080."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from kunobs.config.noc.schedules import (
    DAY,
    WEEK,
    LayerConfig,
    parse_date,
    parse_handover,
    parse_time,
    parse_window,
)

NEVER, FOREVER = -(10**9), 10**9
"""Minutes before and after every other."""
_MONDAY = 4 * DAY


@dataclass(frozen=True)
class Layer:
    """A rotation: hand-overs `cuts` minutes after the beginning of each `cycle` since `origin`, every `every`-th of them counts.

    `edges` are minutes of the week between which it covers nothing, something, nothing and so on; none where it covers everything.
    """

    people: tuple[str, ...]
    origin: int
    cycle: int
    cuts: tuple[int, ...]
    every: int
    edges: tuple[int, ...]

    @classmethod
    def from_config(cls, config: LayerConfig) -> Layer:
        """From a configuration without mistakes."""
        midnight = (parse_date(config.start) - date(1970, 1, 1)).days * DAY
        if config.rotation == "custom":
            weekly = [parse_handover(text) for text in config.handovers]
            origin = midnight + min((minute + _MONDAY - midnight) % WEEK for minute in weekly)
            cuts = sorted((minute + _MONDAY - origin) % WEEK for minute in weekly)
        else:
            origin, cuts = midnight + parse_time(config.handover), [0]
        edges = _edges(window for text in config.only for window in parse_window(text))
        cycle = DAY if config.rotation == "daily" else WEEK
        return cls(config.people, origin, cycle, tuple(cuts), config.every, edges)

    def at(self, minute: int) -> tuple[str | None, int, int]:
        """Whose turn a minute is, None where it is not covered, and a (start, end) around it in which that is so."""
        if minute < self.origin:
            return None, NEVER, self.origin
        start, end = self.origin, FOREVER
        if self.edges:
            monday = minute - (minute - _MONDAY) % WEEK
            number = bisect_right(self.edges, minute - monday)
            start, end = monday + self.edges[number - 1], monday + self.edges[number]
            if number % 2:
                return None, start, end
        person, since, until = self._turn(minute)
        return person, max(start, since), min(end, until)

    def _turn(self, minute: int) -> tuple[str, int, int]:
        if len(set(self.people)) == 1:
            return self.people[0], self.origin, FOREVER
        cycles, rest = divmod(minute - self.origin, self.cycle)
        turn = (cycles * len(self.cuts) + bisect_right(self.cuts, rest) - 1) // self.every
        return self.people[turn % len(self.people)], self._handover(turn), self._handover(turn + 1)

    def _handover(self, turn: int) -> int:
        cycles, cut = divmod(turn * self.every, len(self.cuts))
        return self.origin + cycles * self.cycle + self.cuts[cut]


def _edges(windows: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """0, the starts and ends of what any of the windows covers, WEEK; nothing where they cover the whole week or are none."""
    covered: list[tuple[int, int]] = []
    within = [
        part
        for start, end in windows
        for part in ((start, min(end, WEEK)), (0, end - WEEK))
        if part[0] < part[1]
    ]  # fmt: skip
    for start, end in sorted(within):
        if covered and start <= covered[-1][1]:
            covered[-1] = covered[-1][0], max(covered[-1][1], end)
        else:
            covered.append((start, end))
    if covered in ([], [(0, WEEK)]):
        return ()
    return (0, *(edge for part in covered for edge in part), WEEK)
