"""When was an offset written? End offsets of partitions at past times, few of them where it is long ago, and lines between."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

Key = tuple[str, int]
# About 8 bytes a partition and snapshot: 5 MB for 10,000 partitions.
KEPT = 64
_UNKNOWN = -1


class Ring:
    """Snapshots of end offsets. Not safe between threads: it belongs to one collector, and that runs once at a time."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._index: dict[Key, int] = {}
        self._snapshots: list[tuple[float, array[int]]] = []

    @property
    def oldest(self) -> float | None:
        """Time of the first snapshot, None before it."""
        return self._snapshots[0][0] if self._snapshots else None

    def add(self, now: float, ends: Mapping[Key, int]) -> None:
        """The end offsets at this time, in seconds on the clock that `written_at` answers in."""
        for key in ends:
            self._index.setdefault(key, len(self._index))
        last = self._snapshots[-1][1] if self._snapshots else array("q")
        # A partition that did not answer this time stays where it was.
        values = last + array("q", [_UNKNOWN]) * (len(self._index) - len(last))
        for key, end in ends.items():
            place = self._index[key]
            values[place] = end
            if place < len(last) and last[place] > end:
                self._forget(place)
        self._snapshots.append((now, values))
        if len(self._snapshots) > self._kept:
            self._thin(now)

    def written_at(self, key: Key, offset: int) -> float | None:
        """When the message at this offset was written; None when that was before the first snapshot, or the offset is not yet written."""
        place = self._index.get(key)
        if place is None:
            return None
        # The end offsets of a partition only rise: the first snapshot whose end is above the offset has the message.
        low, high = 0, len(self._snapshots)
        while low < high:
            middle = (low + high) // 2
            if self._end(middle, place) > offset:
                high = middle
            else:
                low = middle + 1
        if low == len(self._snapshots) or low == 0 or self._end(low - 1, place) == _UNKNOWN:
            return None
        (before, first), (after, second) = self._snapshots[low - 1], self._snapshots[low]
        share = (offset - first[place]) / (second[place] - first[place])
        return before + share * (after - before)

    def _end(self, snapshot: int, place: int) -> int:
        values = self._snapshots[snapshot][1]
        return values[place] if place < len(values) else _UNKNOWN

    def _forget(self, place: int) -> None:
        """The topic was made anew under its old name: what its offsets were says nothing any more."""
        for _, values in self._snapshots:
            if place < len(values):
                values[place] = _UNKNOWN

    def _thin(self, now: float) -> None:
        """Drop the snapshot whose absence widens a gap least, as measured by how long ago it is."""
        times = [time for time, _ in self._snapshots]
        costs = [
            (times[place + 1] - times[place - 1]) / max(now - times[place], 1e-9) for place in range(1, len(times) - 1)
        ]
        del self._snapshots[costs.index(min(costs)) + 1]
