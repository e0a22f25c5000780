"""How much a collector may emit: the finest detail is left out first and whole, rows only where nothing coarser is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from kunobs.catalogue.types import MetricSpec
from kunobs.server.columns import ROWS, Columns, Row, blocks, series_of


@dataclass(frozen=True, slots=True)
class Emitted:
    """A family as it was emitted: what there is of it, its level of detail, and the series that did not fit."""

    columns: Columns
    level: int
    dropped: int

    @property
    def spec(self) -> MetricSpec:
        """The family's declaration."""
        return self.columns.spec

    @property
    def size(self) -> int:
        """Bytes of its lines."""
        return sum(map(len, self.columns.blocks))


class Budget:
    """Series and bytes that one collection of one collector may hold."""

    def __init__(self, series: int, size: int) -> None:
        self._series, self._size = series, size

    def take(self, spec: MetricSpec, rows: Iterable[Row], level: int, check: Callable[[], None]) -> Emitted:
        """Render rows as long as one family alone fits, count the others; `check` may raise between blocks."""
        each = series_of(spec)
        source = iter(rows)
        kept: list[bytes] = []
        series = size = 0
        for count, block in blocks(spec, islice(source, self._series // each)):
            check()
            if size + len(block) > self._size:
                return Emitted(Columns(spec, tuple(kept), series), level, each * (count + _count(source, check)))
            kept.append(block)
            series += count * each
            size += len(block)
        return Emitted(Columns(spec, tuple(kept), series), level, each * _count(source, check))

    def fit(self, emitted: Sequence[Emitted]) -> tuple[list[Columns], int]:
        """What is shown, and how many series are not: whole levels from the finest, then families that find no room."""
        kept, dropped = list(emitted), 0
        while (top := max((one.level for one in kept), default=0)) > 0 and not self._fits(kept):
            dropped += sum(one.columns.series + one.dropped for one in kept if one.level == top)
            kept = [one for one in kept if one.level < top]
        shown: list[Columns] = []
        series, size = self._series, self._size
        for one in kept:
            dropped += one.dropped
            if one.columns.series <= series and one.size <= size:
                shown.append(one.columns)
                series, size = series - one.columns.series, size - one.size
            else:
                dropped += one.columns.series
        return shown, dropped

    def _fits(self, emitted: Sequence[Emitted]) -> bool:
        series = sum(one.columns.series + one.dropped for one in emitted)
        return series <= self._series and sum(one.size for one in emitted) <= self._size


def _count(rows: Iterator[Row], check: Callable[[], None]) -> int:
    """How many rows are left; one that never ends, ends with the deadline."""
    total = 0
    while chunk := sum(1 for _ in islice(rows, ROWS)):
        check()
        total += chunk
    return total
