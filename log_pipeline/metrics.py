"""The metrics of the two legs as attributes: a typo is a type error, and all exist from the start."""

from __future__ import annotations

from kunobs.catalogue.metrics import Metrics
from kunobs.catalogue.topn import TopN
from kunobs.clock import SYSTEM_CLOCK, Clock


class LegMetrics:
    """What fanout and indexer both count; docs/metrics.md says what each means."""

    def __init__(self, metrics: Metrics, leg: str, *, top: int = 50, clock: Clock = SYSTEM_CLOCK) -> None:
        prefix = f"kunobs_{leg}_"
        # What came in and how it ended.
        self.consumed_events = metrics.counter(prefix + "consumed_events_total")
        self.consumed_bytes = metrics.counter(prefix + "consumed_bytes_total")
        self.events = metrics.counter(prefix + "events_total")
        self.bytes = metrics.counter(prefix + "bytes_total")
        self.namespaces = TopN(
            metrics.counter(prefix + "namespace_events_total"),
            metrics.counter(prefix + "namespace_bytes_total"),
            n=top,
            clock=clock,
        )
        # Why, where it was not simply delivered.
        self.dead_letters = metrics.counter(prefix + "dead_letters_total")
        self.unrouted = metrics.counter(prefix + "unrouted_total")
        self.quarantined = metrics.counter(prefix + "quarantined_total")
        self.retries = metrics.counter(prefix + "retries_total")
        self.gap_events = metrics.counter(prefix + "gap_events_total")
        # How far.
        self.lag_messages = metrics.gauge(prefix + "lag_messages")
        self.lag_seconds = metrics.gauge(prefix + "lag_seconds")
        self.assigned_partitions = metrics.gauge(prefix + "assigned_partitions")
        self.rebalances = metrics.counter(prefix + "rebalances_total")
        self.last_commit = metrics.gauge(prefix + "last_commit_timestamp_seconds")
        # How busy.
        self.batch_seconds = metrics.histogram(prefix + "batch_duration_seconds")
        self.in_flight_events = metrics.gauge(prefix + "in_flight_events")
        self.in_flight_bytes = metrics.gauge(prefix + "in_flight_bytes")
        self.paused = metrics.gauge(prefix + "paused")


class FanoutMetrics(LegMetrics):
    """What `kunobs fanout` counts."""

    def __init__(self, metrics: Metrics, *, top: int = 50, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(metrics, "fanout", top=top, clock=clock)
        self.transactions = metrics.counter("kunobs_fanout_transactions_total")
        self.topics_created = metrics.counter("kunobs_fanout_topics_created_total")


class IndexerMetrics(LegMetrics):
    """What `kunobs indexer` counts."""

    def __init__(self, metrics: Metrics, *, top: int = 50, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(metrics, "indexer", top=top, clock=clock)
        self.bulk_requests = metrics.counter("kunobs_indexer_bulk_requests_total")
        self.bulk_seconds = metrics.histogram("kunobs_indexer_bulk_duration_seconds")
        self.bulk_bytes = metrics.counter("kunobs_indexer_bulk_bytes_total")
        self.window = metrics.gauge("kunobs_indexer_window")
        self.lookups = metrics.counter("kunobs_indexer_lookups_total")
        self.rollovers = metrics.counter("kunobs_indexer_rollovers_total")
