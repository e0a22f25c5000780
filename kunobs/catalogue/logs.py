"""Metrics of `kunobs exporter logs`: how fresh each namespace's logs are, and what became of the canary's lines."""

from __future__ import annotations

from kunobs.catalogue.types import Label, MetricSpec

HOPS = ("public", "tenant", "elasticsearch")
REFUSALS = ("version_conflict", "other")
# From a line that is shipped at once to one that waits for a Filebeat or a leg that was started anew.
DELAYS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0)

_NAMESPACE = (Label("namespace"),)
_HOP = (Label("hop", HOPS),)

LAST_EVENT = MetricSpec(
    "kunobs_logs_last_event_timestamp_seconds",
    "gauge",
    "Latest @timestamp in the namespace's data stream (maximum_timestamp of _data_stream/_stats): what the event says, "
    "so a tenant's wrong clock can put it into the future; no series while the stream is empty.",
    unit="seconds",
    labels=_NAMESPACE,
)
DOCUMENTS = MetricSpec(
    "kunobs_logs_documents",
    "gauge",
    "Documents in the namespace's data stream (primaries.docs.count of _stats, over its backing indices).",
    labels=_NAMESPACE,
)
STORE = MetricSpec(
    "kunobs_logs_store_bytes",
    "gauge",
    "Disk that the namespace's data stream occupies, replicas included (total.store.size_in_bytes of _stats).",
    unit="bytes",
    labels=_NAMESPACE,
)
INDICES = MetricSpec(
    "kunobs_logs_backing_indices",
    "gauge",
    "Backing indices of the namespace's data stream that _stats names.",
    labels=_NAMESPACE,
)
REFUSED = MetricSpec(
    "kunobs_logs_refused_documents",
    "gauge",
    "Documents that the present shards refused since they started: version_conflict, a line that was there already "
    "(primaries.indexing.index_failed_due_to_version_conflict of _stats), and other (the rest of index_failed). A line "
    "that does not fit the mapping is in neither but in the dead letters; no series where the server does not tell both.",
    labels=(*_NAMESPACE, Label("reason", REFUSALS)),
)
LIFECYCLE_ERRORS = MetricSpec(
    "kunobs_logs_lifecycle_errors",
    "gauge",
    "Backing indices of the namespace that ILM cannot go on with (_ilm/explain?only_errors); no series when there are none.",
    labels=_NAMESPACE,
)
LAST_MESSAGE = MetricSpec(
    "kunobs_logs_last_message_timestamp_seconds",
    "gauge",
    "When the namespace's topic was last written: the largest timestamp in its partitions (ListOffsets MAX_TIMESTAMP). "
    "The end of a transaction counts, one that was aborted too; no series while the topic is empty.",
    unit="seconds",
    labels=_NAMESPACE,
)
LAST_DEAD_LETTER = MetricSpec(
    "kunobs_logs_last_dead_letter_timestamp_seconds",
    "gauge",
    "When the namespace's topic of dead letters was last written (ListOffsets MAX_TIMESTAMP): what its own topic or "
    "Elasticsearch refused; no series while there are none.",
    unit="seconds",
    labels=_NAMESPACE,
)
SENT = MetricSpec("kunobs_logs_canary_sent_total", "counter", "Lines that this process wrote into the canary's file.")
WRITE_ERRORS = MetricSpec(
    "kunobs_logs_canary_write_errors_total",
    "counter",
    "Lines that could not be written into the canary's file; nobody waits for them.",
)
LAST_SENT = MetricSpec(
    "kunobs_logs_canary_last_sent_timestamp_seconds",
    "gauge",
    "When the last line was written; no series before the first.",
    unit="seconds",
)
READER_UP = MetricSpec(
    "kunobs_logs_canary_reader_up",
    "gauge",
    "1 while the hop can be read; 0 when it cannot, and then what is missing there says nothing about the pipeline.",
    labels=_HOP,
)
DELAY = MetricSpec(
    "kunobs_logs_canary_delay_seconds",
    "histogram",
    "From writing a line to reading it at the hop, for lines that came in time; in Elasticsearch a search must show it.",
    unit="seconds",
    labels=_HOP,
    buckets=DELAYS,
)
RECEIVED = MetricSpec(
    "kunobs_logs_canary_received_total", "counter", "Lines that were seen at the hop in time.", labels=_HOP
)
MISSING = MetricSpec(
    "kunobs_logs_canary_missing_total",
    "counter",
    "Lines that were not seen at the hop within exporters.logs.canary.wait; stays when they come late.",
    labels=_HOP,
)
LATE = MetricSpec(
    "kunobs_logs_canary_late_total",
    "counter",
    "Lines that came after they had been counted as missing; missing less late is lost.",
    labels=_HOP,
)
DUPLICATE = MetricSpec(
    "kunobs_logs_canary_duplicate_total", "counter", "Sightings of a line that had been seen before.", labels=_HOP
)
OUT_OF_ORDER = MetricSpec(
    "kunobs_logs_canary_out_of_order_total",
    "counter",
    "Lines that came in time but after one with a greater number; in Elasticsearch, in a later search.",
    labels=_HOP,
)
OUTSTANDING = MetricSpec(
    "kunobs_logs_canary_outstanding_lines",
    "gauge",
    "Lines that were written and are neither seen at the hop nor missing yet.",
    labels=_HOP,
)
LAST_SEEN = MetricSpec(
    "kunobs_logs_canary_last_seen_timestamp_seconds",
    "gauge",
    "When a line was last seen at the hop; no series before the first.",
    unit="seconds",
    labels=_HOP,
)
READ_BYTES = MetricSpec(
    "kunobs_logs_canary_read_bytes_total",
    "counter",
    "Bytes of the records that were read from Kafka to find the canary's: what looking for them costs.",
    unit="bytes",
    labels=(Label("hop", HOPS[:2]),),
)

CANARY: tuple[MetricSpec, ...] = (
    SENT,
    WRITE_ERRORS,
    LAST_SENT,
    READER_UP,
    DELAY,
    RECEIVED,
    MISSING,
    LATE,
    DUPLICATE,
    OUT_OF_ORDER,
    OUTSTANDING,
    LAST_SEEN,
    READ_BYTES,
)
METRICS: tuple[MetricSpec, ...] = (
    LAST_EVENT,
    DOCUMENTS,
    STORE,
    INDICES,
    REFUSED,
    LIFECYCLE_ERRORS,
    LAST_MESSAGE,
    LAST_DEAD_LETTER,
    *CANARY,
)
