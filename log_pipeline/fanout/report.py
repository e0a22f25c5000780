"""What fanout shows of itself; touched once a batch or once a second, never per event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import Counter

from kunobs.catalogue.metrics import Metrics
from kunobs.clock import SYSTEM_CLOCK
from kunobs.errors import FencedError
from log_pipeline.fanout.delivery import Delivery
from log_pipeline.message import Message
from log_pipeline.metrics import FanoutMetrics
from log_pipeline.source import Partition, Source

if TYPE_CHECKING:
    from log_pipeline.topics import Topics


class Report:
    """Turns results of the loop into metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = FanoutMetrics(metrics)
        self._last_seen: dict[Partition, float] = {}
        self._counted: dict[tuple[str, ...], int] = {}

    def consumed(self, messages: list[Message], last: Mapping[Partition, Message]) -> None:
        """A batch came in."""
        self.metrics.consumed_events.inc(len(messages))
        self.metrics.consumed_bytes.inc(sum(len(message) for message in messages))
        for partition, message in last.items():
            self._last_seen[partition] = message.timestamp()[1] / 1000

    def batch_seconds(self, seconds: float) -> None:
        """A commit took that long."""
        self.metrics.batch_seconds.observe(seconds)

    def retry(self, cause: Exception) -> None:
        """Something made the leg begin again."""
        reason = (
            "fenced"
            if isinstance(cause, FencedError)
            else "timeout"
            if "timed out" in str(cause).lower()
            else "unreachable"
        )
        self.metrics.retries.labels(reason).inc()
        self.metrics.paused.set(1)

    def stalled(self) -> None:
        """The leg waits for the tenant Kafka."""
        self.metrics.paused.set(1)

    def gone(self, partition: Partition) -> None:
        """The partition belongs to somebody else now."""
        self._last_seen.pop(partition, None)
        for gauge in (self.metrics.lag_messages, self.metrics.lag_seconds):
            gauge.remove(partition[0], str(partition[1]))

    def update(self, delivery: Delivery, sources: list[Source], topics: Topics) -> None:
        """Once a second."""
        metrics, results = self.metrics, delivery.results
        by_namespace: dict[str, tuple[int, int]] = {}
        for target, count in results.done.events.items():
            size = results.done.bytes[target]
            metrics.events.labels(target.outcome).inc(count)
            metrics.bytes.labels(target.outcome).inc(size)
            reasons = {
                "dead_letter": metrics.dead_letters,
                "unrouted": metrics.unrouted,
                "quarantined": metrics.quarantined,
            }
            if target.outcome in reasons:
                reasons[target.outcome].labels(target.reason).inc(count)
            if target.outcome in ("delivered", "dead_letter"):
                events, bytes_ = by_namespace.get(target.namespace, (0, 0))
                by_namespace[target.namespace] = events + count, bytes_ + size
        results.done.clear()
        metrics.namespaces.add(by_namespace)
        metrics.last_commit.set(results.last_commit)
        self._grew(metrics.transactions, ("committed",), results.committed)
        self._grew(metrics.transactions, ("aborted",), results.aborted)
        for result, total in (
            ("created", topics.created),
            ("failed", topics.failed),
            ("over_budget", topics.over_budget),
        ):
            self._grew(metrics.topics_created, (result,), total)
        metrics.in_flight_bytes.set(delivery.in_flight_bytes)
        metrics.in_flight_events.set(delivery.in_flight_events)
        metrics.assigned_partitions.set(sum(len(source.positions) for source in sources))
        metrics.paused.set(int(any(source.paused for source in sources)))
        self._rebalances(sources)
        self._lag(sources)

    def _rebalances(self, sources: list[Source]) -> None:
        for source in sources:
            counts, name = source.rebalances, source.group + ",".join(source.topics)
            for kind in ("assigned", "revoked", "lost"):
                self._grew(self.metrics.rebalances, (kind,), getattr(counts, kind), name)
            self._grew(self.metrics.gap_events, (), counts.gap_events, name)

    def _lag(self, sources: list[Source]) -> None:
        now = SYSTEM_CLOCK.now()
        for source in sources:
            ends = source.end_offsets()
            for partition, position in source.positions.items():
                lag = max(0, ends.get(partition, position) - position)
                # Of a partition that nothing was read from yet: at least as old as our waiting for it.
                seconds = max(0.0, now - self._last_seen.setdefault(partition, now)) if lag else 0.0
                labels = partition[0], str(partition[1])
                self.metrics.lag_messages.labels(*labels).set(lag)
                self.metrics.lag_seconds.labels(*labels).set(seconds)

    def _grew(self, counter: Counter, labels: tuple[str, ...], total: int, of: str = "") -> None:
        """Bring a counter to a total that is kept elsewhere."""
        key = (str(id(counter)), of, *labels)
        grown = total - self._counted.get(key, 0)
        if grown > 0:
            self._counted[key] = total
            child = counter.labels(*labels) if labels else counter
            child.inc(grown)
