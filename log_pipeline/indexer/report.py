"""What the indexer shows of itself; touched once a bulk or once a second, never per event."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from prometheus_client import Counter

from kunobs.clock import Clock
from log_pipeline.indexer.assemble import Bulk
from log_pipeline.indexer.delivery import Tally
from log_pipeline.indexer.feed import Feed
from log_pipeline.indexer.generations import Registry
from log_pipeline.metrics import IndexerMetrics
from log_pipeline.source import Partition


class Report:
    """Turns results of the loop into metrics; for the consuming thread only."""

    def __init__(self, metrics: IndexerMetrics, clock: Clock) -> None:
        self.metrics = metrics
        self._clock = clock
        self._counted: dict[str, int] = {}
        self._lags: set[Partition] = set()

    def taken(self, bulk: Bulk) -> None:
        """These events came in."""
        self.metrics.consumed_events.inc(bulk.taken)
        self.metrics.consumed_bytes.inc(bulk.taken_bytes)

    def finished(self, bulk: Bulk, tally: Tally | None) -> None:
        """Every event of the bulk has its outcome; no tally where it held nothing for Elasticsearch."""
        metrics = self.metrics
        for (outcome, reason), count in bulk.passed_over.items():
            metrics.events.labels(outcome).inc(count)
            by_reason = metrics.quarantined if outcome == "quarantined" else metrics.unrouted
            by_reason.labels(reason).inc(count)
        for outcome, size in bulk.passed_over_bytes.items():
            metrics.bytes.labels(outcome).inc(size)
        if tally is not None:
            for outcome, count in tally.events.items():
                metrics.events.labels(outcome).inc(count)
                metrics.bytes.labels(outcome).inc(tally.bytes[outcome])
            for reason, count in tally.dead_reasons.items():
                metrics.dead_letters.labels(reason).inc(count)
        metrics.batch_seconds.observe(self._clock.monotonic() - bulk.begun)

    def committed(self) -> None:
        """Offsets were committed."""
        self.metrics.last_commit.set(self._clock.now())

    def update(
        self, feeds: Sequence[Feed], registry: Registry, under_way: Collection[Bulk], window: int, *, stalled: bool
    ) -> None:
        """Once a second."""
        metrics = self.metrics
        busy = {}
        for stream in registry.streams():
            if stream.events:
                busy[stream.namespace] = stream.events, stream.volume
                stream.events = stream.volume = 0
        metrics.namespaces.add(busy)
        metrics.window.set(window)
        metrics.paused.set(int(stalled))
        metrics.in_flight_events.set(sum(bulk.taken for bulk in under_way))
        metrics.in_flight_bytes.set(sum(bulk.taken_bytes for bulk in under_way))
        metrics.assigned_partitions.set(sum(len(feed.source.positions) for feed in feeds))
        for number, feed in enumerate(feeds):
            counts = feed.source.rebalances
            for kind in ("assigned", "revoked", "lost"):
                self._grew(metrics.rebalances.labels(kind), f"{number}/{kind}", getattr(counts, kind))
            self._grew(metrics.gap_events, f"{number}/gap", counts.gap_events)
        self._lag(feeds)

    def _lag(self, feeds: Sequence[Feed]) -> None:
        now = self._clock.now()
        shown: set[Partition] = set()
        for feed in feeds:
            ends = feed.source.end_offsets()
            for partition, position in feed.source.positions.items():
                done = feed.watermark.committable().get(partition, feed.committed.get(partition, position))
                lag = max(0, ends.get(partition, position) - done)
                oldest = feed.oldest_ms(partition)
                age = max(0.0, now - oldest / 1000) if lag and oldest > 0 else 0.0
                self.metrics.lag_messages.labels(partition[0], str(partition[1])).set(lag)
                self.metrics.lag_seconds.labels(partition[0], str(partition[1])).set(age)
                shown.add(partition)
        for topic, number in self._lags - shown:
            self.metrics.lag_messages.remove(topic, str(number))
            self.metrics.lag_seconds.remove(topic, str(number))
        self._lags = shown

    def _grew(self, counter: Counter, name: str, total: int) -> None:
        """Bring a counter to a total that is kept elsewhere."""
        before = self._counted.get(name, 0)
        if total > before:
            self._counted[name] = total
            counter.inc(total - before)
