"""Metrics that every exporter has, one series for each of its collectors."""

from __future__ import annotations

from kunobs.catalogue.types import Label, MetricSpec

_LABELS = (Label("exporter"), Label("collector"))

SUCCESS = MetricSpec(
    "kunobs_exporter_collector_success",
    "gauge",
    "1 when the collector brought all it should; 0 when it failed, ran out of time or is stuck, and its families are not whole.",
    labels=_LABELS,
)
DURATION = MetricSpec(
    "kunobs_exporter_collector_duration_seconds",
    "gauge",
    "How long the collection took that this answer shows.",
    unit="seconds",
    labels=_LABELS,
)
AGE = MetricSpec(
    "kunobs_exporter_collection_age_seconds",
    "gauge",
    "How long ago the collection began that this answer shows; above 0 when a scrape shares that of another.",
    unit="seconds",
    labels=_LABELS,
)
STUCK = MetricSpec(
    "kunobs_exporter_collector_stuck_seconds",
    "gauge",
    "How long a collection has outlived its deadline; none is started meanwhile. 0 when none does.",
    unit="seconds",
    labels=_LABELS,
)
DROPPED = MetricSpec(
    "kunobs_exporter_series_dropped",
    "gauge",
    "Series left out of this answer because the collector was over its budget: first those of its finest detail.",
    labels=_LABELS,
)

METRICS: tuple[MetricSpec, ...] = (SUCCESS, DURATION, AGE, STUCK, DROPPED)
