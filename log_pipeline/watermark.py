"""Which offsets may be committed: everything before the oldest unfinished batch of a partition; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

Partition = tuple[str, int]


@dataclass(slots=True, eq=False)
class Token:
    """One batch of one partition, from `opened` to `done`."""

    partition: Partition
    first: int
    last: int
    finished: bool = False


class Watermark:
    """Follows batches, not offsets: compaction and transaction markers leave holes, so offsets need not be contiguous.

    Not thread safe. A partition's batches are opened in the order of their offsets and may finish in any order.
    """

    def __init__(self) -> None:
        self._open: dict[Partition, deque[Token]] = {}
        self._next: dict[Partition, int] = {}

    def opened(self, partition: Partition, first: int, last: int) -> Token:
        """A batch that holds these offsets, and none between them that is not in it, begins to be handled."""
        token = Token(partition, first, last)
        queue = self._open.get(partition)
        if queue is None:
            queue = self._open[partition] = deque()
        queue.append(token)
        return token

    def done(self, token: Token) -> None:
        """Every event of the batch has its outcome; says nothing about a partition that was forgotten since."""
        token.finished = True
        queue = self._open.get(token.partition)
        while queue and queue[0].finished:
            self._next[token.partition] = queue.popleft().last + 1

    def committable(self) -> dict[Partition, int]:
        """Next offset to read of each partition that finished something since it was last forgotten."""
        return dict(self._next)

    def oldest(self, partition: Partition) -> Token | None:
        """The first batch that is not finished."""
        queue = self._open.get(partition)
        return queue[0] if queue else None

    def unfinished(self, partitions: Iterable[Partition] | None = None) -> int:
        """How many batches are open, of these partitions or of all."""
        chosen = self._open if partitions is None else partitions
        return sum(len(self._open.get(partition, ())) for partition in chosen)

    def forget(self, partitions: Iterable[Partition]) -> None:
        """These partitions belong to somebody else now: late `done`s of their batches change nothing."""
        for partition in partitions:
            for token in self._open.pop(partition, ()):
                token.partition = ("", -1)
            self._next.pop(partition, None)
