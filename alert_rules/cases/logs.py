"""Cases of kunobs.catalogue.signals.logs."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Flap, Series

_NODE = "10.0.0.1:9520"
_CANARY = f'instance="{_NODE}",hop="tenant"'
_OTHER = 'instance="10.0.0.2:9520",hop="tenant"'
_BLIND = 'instance="10.0.0.3:9520",hop="elasticsearch"'
_AT = {"instance": _NODE, "hop": "tenant"}
_SHOP = {"namespace": "shop"}


def _bucket(le: str, silent: float, fires: float) -> Series:
    """How many lines a second came within so many seconds."""
    return Series(f'kunobs_logs_canary_delay_seconds_bucket{{{_CANARY},le="{le}"}}', silent, fires)


CASES = {
    "KunLogsCanaryUnseen": Case(
        (
            Series(f"kunobs_logs_canary_missing_total{{{_CANARY}}}", 0.98, 1),
            Series(f"kunobs_logs_canary_received_total{{{_CANARY}}}", 0.02, 0),
            Series(f"kunobs_logs_canary_reader_up{{{_CANARY}}}", 1),
            # For the runbook.
            Series(f"kunobs_logs_canary_last_seen_timestamp_seconds{{{_CANARY}}}", Ago(1), Ago(600)),
            # The other node's lines come, but for a few.
            Series(f"kunobs_logs_canary_missing_total{{{_OTHER}}}", 0, 0.02),
            Series(f"kunobs_logs_canary_received_total{{{_OTHER}}}", 1, 0.98),
            Series(f"kunobs_logs_canary_reader_up{{{_OTHER}}}", 1),
            Series(f"kunobs_logs_canary_missing_total{{{_BLIND}}}", 1),
            Series(f"kunobs_logs_canary_received_total{{{_BLIND}}}", 0),
            Series(f"kunobs_logs_canary_reader_up{{{_BLIND}}}", 0),
            # Two that miss everything because they cannot read the hop, or could not all the time.
            *(
                series
                for node, up in (("4", 0), ("5", Flap(1, 0)))
                for series in (
                    Series(f'kunobs_logs_canary_missing_total{{instance="{node}",hop="tenant"}}', 1),
                    Series(f'kunobs_logs_canary_received_total{{instance="{node}",hop="tenant"}}', 0),
                    Series(f'kunobs_logs_canary_reader_up{{instance="{node}",hop="tenant"}}', up),
                )
            ),
        ),
        value=0.51,
        labels={"hop": "tenant"},
    ),
    "KunLogsCanaryMissing": Case(
        (
            Series(f"kunobs_logs_canary_missing_total{{{_CANARY}}}", 0.0282, 0.0287),
            Series(f"kunobs_logs_canary_late_total{{{_CANARY}}}", 0.02),
            Series(f"kunobs_logs_canary_reader_up{{{_CANARY}}}", 1),
            Series(f"kunobs_logs_canary_missing_total{{{_OTHER}}}", 0.5),
            Series(f"kunobs_logs_canary_late_total{{{_OTHER}}}", 0.5),
            Series(f"kunobs_logs_canary_reader_up{{{_OTHER}}}", 1),
            Series(f"kunobs_logs_canary_missing_total{{{_BLIND}}}", 1),
            Series(f"kunobs_logs_canary_late_total{{{_BLIND}}}", 0),
            Series(f"kunobs_logs_canary_reader_up{{{_BLIND}}}", 0),
        ),
        value=5.22,
        labels=_AT,
    ),
    "KunLogsCanarySlow": Case(
        (
            _bucket("10", 0.9, 0.9),
            _bucket("15", 0.992, 0.9895),
            _bucket("30", 1, 1),
            _bucket("+Inf", 1, 1),
        ),
        value=15 + 15 * (0.99 - 0.9895) / (1 - 0.9895),
        labels={"hop": "tenant"},
    ),
    "KunLogsCanaryDuplicate": Case(
        (
            Series(f'kunobs_logs_canary_duplicate_total{{instance="{_NODE}",hop="elasticsearch"}}', 0.00135, 0.00145),
            # At least once is what Kafka's hops promise.
            Series(f'kunobs_logs_canary_duplicate_total{{instance="{_NODE}",hop="public"}}', 0.01),
        ),
        value=5.22,
        labels={"hop": "elasticsearch"},
    ),
    "KunLogsCanaryOutOfOrder": Case(
        (
            Series(f"kunobs_logs_canary_out_of_order_total{{{_CANARY}}}", 0.0165, 0.0175),
            Series(f'kunobs_logs_canary_out_of_order_total{{instance="{_NODE}",hop="elasticsearch"}}', 0.1),
        ),
        value=31.5,
        labels={"hop": "tenant"},
    ),
    "KunLogsCanaryReaderDown": Case(
        (
            Series(f"kunobs_logs_canary_reader_up{{{_CANARY}}}", 1, 0),
            Series(f"kunobs_logs_canary_reader_up{{{_OTHER}}}", 1),
        ),
        value=0,
        labels=_AT,
    ),
    "KunLogsCanaryNotWritten": Case(
        (
            Series(f'kunobs_logs_canary_sent_total{{instance="{_NODE}"}}', 0.0038, 0.0018),
            Series('kunobs_logs_canary_sent_total{instance="10.0.0.2:9520"}', 1),
        ),
        value=1.08,
        labels={"instance": _NODE},
    ),
    "KunLogsNotIndexed": Case(
        (
            Series('kunobs_logs_last_message_timestamp_seconds{namespace="shop"}', Ago(5)),
            Series('kunobs_logs_last_event_timestamp_seconds{namespace="shop"}', Ago(895), Ago(930)),
            Series('kunobs_logs_last_dead_letter_timestamp_seconds{namespace="shop"}', Ago(70)),
            # Quiet for a day, on either side.
            Series('kunobs_logs_last_message_timestamp_seconds{namespace="quiet"}', Ago(90_000)),
            Series('kunobs_logs_last_event_timestamp_seconds{namespace="quiet"}', Ago(90_001)),
            # Its last line was refused.
            Series('kunobs_logs_last_message_timestamp_seconds{namespace="refused"}', Ago(5)),
            Series('kunobs_logs_last_event_timestamp_seconds{namespace="refused"}', Ago(9000)),
            Series('kunobs_logs_last_dead_letter_timestamp_seconds{namespace="refused"}', Ago(4)),
        ),
        value=925,
        labels=_SHOP,
    ),
    "KunLogsDeadLetters": Case(
        (
            Series('kunobs_logs_last_dead_letter_timestamp_seconds{namespace="shop"}', Ago(620), Ago(580)),
            Series('kunobs_logs_last_dead_letter_timestamp_seconds{namespace="bank"}', Ago(9000)),
        ),
        value=580,
        labels=_SHOP,
    ),
    "KunLogsLifecycleErrors": Case(
        (
            Series('kunobs_logs_lifecycle_errors{namespace="shop"}', None, 2),
            Series('kunobs_logs_lifecycle_errors{namespace="bank"}', 0),
        ),
        value=2,
        labels=_SHOP,
    ),
    "KunLogsRefused": Case(
        (
            Series('kunobs_logs_refused_documents{namespace="shop",reason="other"}', 0.054, 0.075),
            Series('kunobs_logs_refused_documents{namespace="shop",reason="version_conflict"}', 1),
            Series('kunobs_logs_refused_documents{namespace="bank",reason="version_conflict"}', 1),
        ),
        value=135,
        labels=_SHOP,
        counters=("kunobs_logs_refused_documents",),
    ),
}
