"""Metrics of `kunobs indexer`: public Kafka to Elasticsearch data streams."""

from __future__ import annotations

from kunobs.catalogue.leg import leg_metrics
from kunobs.catalogue.types import Label, MetricSpec

OUTCOMES = ("indexed", "repaired", "duplicate", "dead_letter", "quarantined", "unrouted")
RETRY_REASONS = ("rejected_429", "unavailable_503", "connection", "timeout", "disk_full", "other")
BULK_RESULTS = ("ok", "partial", "retry", "failed")
BULK_FORMS = ("raw", "compressed")
LOOKUP_RESULTS = ("clean", "found")
ROLLOVER_RESULTS = ("done", "failed")
BULK_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

METRICS: tuple[MetricSpec, ...] = (
    *leg_metrics("indexer", outcomes=OUTCOMES, retry_reasons=RETRY_REASONS),
    MetricSpec(
        "kunobs_indexer_bulk_requests_total",
        "counter",
        "Bulk requests by answer: ok, partial (some items failed), retry (sent again), failed (given up).",
        labels=(Label("result", BULK_RESULTS),),
    ),
    MetricSpec(
        "kunobs_indexer_bulk_duration_seconds",
        "histogram",
        "Time from sending a bulk request to its answer.",
        unit="seconds",
        buckets=BULK_SECONDS,
    ),
    MetricSpec(
        "kunobs_indexer_bulk_bytes_total",
        "counter",
        "Bytes of the bulk requests' bodies, raw and as they went over the network (compressed).",
        unit="bytes",
        labels=(Label("form", BULK_FORMS),),
    ),
    MetricSpec(
        "kunobs_indexer_window",
        "gauge",
        "Bulk requests allowed in flight now: grows by one after success, halves after a rejection.",
    ),
    MetricSpec(
        "kunobs_indexer_lookups_total",
        "counter",
        "Searches for re-read events in a stream's older indices, by whether one of them was there already.",
        labels=(Label("result", LOOKUP_RESULTS),),
    ),
    MetricSpec(
        "kunobs_indexer_rollovers_total",
        "counter",
        "Rollovers of data streams that this process asked for.",
        labels=(Label("result", ROLLOVER_RESULTS),),
    ),
)
