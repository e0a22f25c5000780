"""Metrics of `kunobs fanout`: public Kafka to a topic per namespace."""

from __future__ import annotations

from kunobs.catalogue.leg import leg_metrics
from kunobs.catalogue.types import Label, MetricSpec

OUTCOMES = ("delivered", "dead_letter", "quarantined", "unrouted")
RETRY_REASONS = ("timeout", "unreachable", "fenced", "aborted", "disk_full", "other")
TRANSACTION_RESULTS = ("committed", "aborted")
TOPIC_RESULTS = ("created", "failed", "over_budget")

METRICS: tuple[MetricSpec, ...] = (
    *leg_metrics("fanout", outcomes=OUTCOMES, retry_reasons=RETRY_REASONS),
    MetricSpec(
        "kunobs_fanout_transactions_total",
        "counter",
        "Transactions on the tenant Kafka by how they ended; none in at_least_once.",
        labels=(Label("result", TRANSACTION_RESULTS),),
    ),
    MetricSpec(
        "kunobs_fanout_topics_created_total",
        "counter",
        "Topics that a new namespace needed; over_budget means more than topics.new_per_hour.",
        labels=(Label("result", TOPIC_RESULTS),),
    ),
)
