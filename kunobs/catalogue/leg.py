"""The metrics that both pipeline legs have, under one naming scheme: kunobs_<leg>_…"""

from __future__ import annotations

from kunobs.catalogue.types import Label, MetricSpec

DEAD_LETTER_REASONS = (
    "too_large",
    "denied",
    "missing_topic",
    "rejected",
    "mapping",
    "no_timestamp",
    "invalid_document",
    "other",
)
UNROUTED_REASONS = (
    "null_value",
    "not_json",
    "not_object",
    "too_deep",
    "no_namespace",
    "invalid_namespace",
    "topic_budget",
    "unknown_namespace",
    # A dead letter that its dead letter topic refuses too.
    "too_large",
    "denied",
    "missing_topic",
    "rejected",
)
QUARANTINE_REASONS = ("path_mismatch",)
REBALANCES = ("assigned", "revoked", "lost")
BATCH_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_PARTITION = (Label("topic"), Label("partition"))
_NAMESPACE = (Label("namespace"),)


def leg_metrics(leg: str, *, outcomes: tuple[str, ...], retry_reasons: tuple[str, ...]) -> tuple[MetricSpec, ...]:
    """Every metric a leg shares with the other; `outcomes` and `retry_reasons` are the leg's own words."""
    return (
        *_events(leg, Label("outcome", outcomes)),
        *_reasons(leg, retry_reasons),
        *_namespaces(leg),
        *_progress(leg),
        *_load(leg),
    )


def _events(leg: str, outcome: Label) -> tuple[MetricSpec, ...]:
    return (
        MetricSpec(
            f"kunobs_{leg}_consumed_events_total",
            "counter",
            "Events taken from the source, before anything is decided about them.",
        ),
        MetricSpec(
            f"kunobs_{leg}_consumed_bytes_total",
            "counter",
            "Bytes of the values taken from the source, uncompressed.",
            unit="bytes",
        ),
        MetricSpec(
            f"kunobs_{leg}_events_total",
            "counter",
            "Events by how they ended; an event counts once, when its outcome is final.",
            labels=(outcome,),
        ),
        MetricSpec(
            f"kunobs_{leg}_bytes_total",
            "counter",
            "Bytes of the events' values by how the events ended.",
            unit="bytes",
            labels=(outcome,),
        ),
    )


def _reasons(leg: str, retry_reasons: tuple[str, ...]) -> tuple[MetricSpec, ...]:
    return (
        MetricSpec(
            f"kunobs_{leg}_dead_letters_total",
            "counter",
            "Events written to a namespace's dead letter topic, by the word in their kunobs-reason header.",
            labels=(Label("reason", DEAD_LETTER_REASONS),),
        ),
        MetricSpec(
            f"kunobs_{leg}_unrouted_total",
            "counter",
            "Events that name no usable namespace, by reason.",
            labels=(Label("reason", UNROUTED_REASONS),),
        ),
        MetricSpec(
            f"kunobs_{leg}_quarantined_total",
            "counter",
            "Events whose namespace cannot be trusted, by reason.",
            labels=(Label("reason", QUARANTINE_REASONS),),
        ),
        MetricSpec(
            f"kunobs_{leg}_retries_total",
            "counter",
            "Attempts that failed and are made again, by what failed; a retried event has no outcome yet.",
            labels=(Label("reason", retry_reasons),),
        ),
        MetricSpec(
            f"kunobs_{leg}_gap_events_total",
            "counter",
            "Offsets that retention deleted from the source before they were read.",
        ),
    )


def _namespaces(leg: str) -> tuple[MetricSpec, ...]:
    return (
        MetricSpec(
            f"kunobs_{leg}_namespace_events_total",
            "counter",
            "Events of the busiest namespaces, the rest summed under _other; a namespace that leaves the top "
            "loses its series.",
            labels=_NAMESPACE,
        ),
        MetricSpec(
            f"kunobs_{leg}_namespace_bytes_total",
            "counter",
            "Bytes of the busiest namespaces, the rest summed under _other; a namespace that leaves the top "
            "loses its series.",
            unit="bytes",
            labels=_NAMESPACE,
        ),
    )


def _progress(leg: str) -> tuple[MetricSpec, ...]:
    return (
        MetricSpec(
            f"kunobs_{leg}_lag_messages",
            "gauge",
            "Messages of a source partition owned by this process that have no final outcome yet.",
            labels=_PARTITION,
        ),
        MetricSpec(
            f"kunobs_{leg}_lag_seconds",
            "gauge",
            "Age of the oldest message without a final outcome of a source partition owned by this process, "
            "0 when there is none.",
            unit="seconds",
            labels=_PARTITION,
        ),
        MetricSpec(
            f"kunobs_{leg}_assigned_partitions",
            "gauge",
            "Source partitions this process owns now.",
        ),
        MetricSpec(
            f"kunobs_{leg}_rebalances_total",
            "counter",
            "Changes of the partitions this process owns; lost: another process may own them already.",
            labels=(Label("kind", REBALANCES),),
        ),
        MetricSpec(
            f"kunobs_{leg}_last_commit_timestamp_seconds",
            "gauge",
            "When progress was last made durable, as a Unix timestamp; 0 before the first commit.",
            unit="seconds",
        ),
    )


def _load(leg: str) -> tuple[MetricSpec, ...]:
    return (
        MetricSpec(
            f"kunobs_{leg}_batch_duration_seconds",
            "histogram",
            "Time from taking a batch from the source to the final outcome of its last event.",
            unit="seconds",
            buckets=BATCH_SECONDS,
        ),
        MetricSpec(
            f"kunobs_{leg}_in_flight_events",
            "gauge",
            "Events taken from the source that have no outcome yet.",
        ),
        MetricSpec(
            f"kunobs_{leg}_in_flight_bytes",
            "gauge",
            "Bytes of the events taken from the source that have no outcome yet.",
            unit="bytes",
        ),
        MetricSpec(
            f"kunobs_{leg}_paused",
            "gauge",
            "1 while the leg takes nothing from the source because its sink is slow or away, else 0.",
        ),
    )
