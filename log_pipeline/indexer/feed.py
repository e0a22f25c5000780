"""One source on its way into bulks: what was taken, what is being built, what may be committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kunobs import crash
from kunobs.clock import Clock
from log_pipeline.indexer.assemble import Assembler, Bulk
from log_pipeline.indexer.sender import Sender
from log_pipeline.message import Message
from log_pipeline.source import Partition, Source
from log_pipeline.watermark import Watermark


class Drain(Protocol):
    """What a feed asks of the loop while partitions are taken from it."""

    def collect(self) -> None:
        """Account for bulks that are finished."""

    def drain_seconds(self) -> float:
        """How long may be waited now."""


@dataclass
class Feed:
    """What a Source calls back. All of it runs in the consuming thread.

    `taken(bulk)` is called with every bulk that is handed over, `passed(bulk)` with one that holds nothing for Elasticsearch.
    """

    assembler: Assembler
    sender: Sender
    loop: Drain
    clock: Clock
    limit: int
    interval: float
    taken: Callable[[Bulk], None]
    passed: Callable[[Bulk], None]
    watermark: Watermark = field(default_factory=Watermark)
    source: Source = field(init=False)
    bulk: Bulk | None = None
    batch: list[Message] = field(default_factory=list)
    at: int = 0
    committed: dict[Partition, int] = field(default_factory=dict)

    def fill(self, wait: float) -> bool:
        """Take and assemble once, hand over what is full or due; False where the sender has no room."""
        if self.bulk is not None and self.bulk.size >= self.limit and not self.hand_over():
            return False
        if self.at >= len(self.batch):
            self.batch, self.at = self.source.take(self._patience(wait)), 0
        while self.at < len(self.batch):
            if self.bulk is None:
                self.bulk = self.assembler.begin(self.clock.monotonic())
            if self.bulk.size < self.limit:
                self.at = self.assembler.add(self.bulk, self.batch, self.at)
            if self.bulk.size >= self.limit and not self.hand_over():
                return False
        if self.bulk is not None and self.clock.monotonic() - self.bulk.begun >= self.interval:
            return self.hand_over()
        return True

    def _patience(self, wait: float) -> float:
        if self.bulk is None:
            return wait
        return max(0.0, min(wait, self.bulk.begun + self.interval - self.clock.monotonic()))

    def hand_over(self) -> bool:
        """Give the bulk to the sender; False where that has no room."""
        bulk = self.bulk
        if bulk is None:
            return True
        if len(bulk) and not self.sender.has_room:
            return False
        bulk.watermark = self.watermark
        bulk.tokens = [
            self.watermark.opened(partition, span.first, span.last) for partition, span in bulk.spans.items()
        ]
        self.source.advance({partition: span.last + 1 for partition, span in bulk.spans.items()})
        self.bulk = None
        self.taken(bulk)
        if len(bulk):
            self.sender.submit(bulk)
        else:
            self.passed(bulk)
        return True

    def commit(self, *, wait: bool) -> bool:
        """Commit what every event of has its outcome; whether there was anything new."""
        marks = {p: o for p, o in self.watermark.committable().items() if self.committed.get(p) != o}
        if not marks:
            return False
        crash.reach("indexer.after_bulk_before_commit")
        if self.source.commit(marks, wait=wait):
            self.committed |= marks
        return True

    def oldest_ms(self, partition: Partition) -> int:
        """Time of the partition's first record that has no outcome, in milliseconds since the epoch, 0 where there is none."""
        bulks = [bulk for bulk in self.sender.under_way if bulk.watermark is self.watermark and partition in bulk.spans]
        if self.bulk is not None and partition in self.bulk.spans:
            bulks.append(self.bulk)
        return min(((b.spans[partition].first, b.spans[partition].since_ms) for b in bulks), default=(0, 0))[1]

    # What the source calls back.

    def positions(self, partitions: set[Partition]) -> dict[Partition, int]:
        """The group's committed offsets are the truth."""
        return {}

    def assigned(self, positions: dict[Partition, int]) -> None:
        """They stand where the group left them."""
        self.committed |= positions

    def revoked(self, partitions: set[Partition], *, lost: bool) -> None:
        """Finish what is under way, commit, forget. What cannot be finished in time is read again by the next owner."""
        self.batch, self.at = [m for m in self.batch[self.at :] if (m.topic(), m.partition()) not in partitions], 0
        if not lost:
            self._finish(partitions)
            self.commit(wait=True)
        if self.bulk is not None:
            for partition in partitions:
                self.bulk.spans.pop(partition, None)
        self.watermark.forget(partitions)
        for partition in partitions:
            self.committed.pop(partition, None)

    def _finish(self, partitions: set[Partition]) -> None:
        deadline = self.clock.monotonic() + self.loop.drain_seconds()
        while True:
            mine = self.bulk is not None and not partitions.isdisjoint(self.bulk.spans)
            if (not mine or self.hand_over()) and not self.watermark.unfinished(partitions):
                return
            left = deadline - self.clock.monotonic()
            if left <= 0:
                return
            self.sender.wait(min(left, 0.2))
            self.loop.collect()
