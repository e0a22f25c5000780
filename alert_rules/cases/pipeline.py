"""Cases of kunobs.catalogue.signals.pipeline."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Series

_FANOUT = 'job="kunobs-fanout",instance="10.0.0.1:9501"'
_SECOND = 'job="kunobs-fanout",instance="10.0.0.2:9501"'
_THIRD = 'job="kunobs-fanout",instance="10.0.0.3:9501"'
_INDEXER = 'job="kunobs-indexer",instance="10.0.0.1:9502"'
# One that hardly does anything: what is much there is few.
_QUIET = 'job="kunobs-fanout-test",instance="10.0.0.9:9501"'
_QUIET_INDEXER = 'job="kunobs-indexer-test",instance="10.0.0.9:9502"'
_PARTITION = 'topic="filebeat",partition="0"'
_REPLAY = 'topic="eu1.kun.replay.fanout",partition="0"'
_OF_FANOUT = {"job": "kunobs-fanout"}
_OF_INDEXER = {"job": "kunobs-indexer"}


CASES = {
    "KunPipelineNotReady": Case(
        (
            # Both pods are evicted, and there is no place for new ones.
            Series(f"kunobs_process_ready{{{_FANOUT}}}", 1, None),
            Series(f"kunobs_process_ready{{{_SECOND}}}", 0, None),
            Series(f"up{{{_FANOUT}}}", 1, None),
            Series(f"up{{{_SECOND}}}", 1, None),
            Series(f"kunobs_process_ready{{{_INDEXER}}}", 1),
            Series('kunobs_process_ready{job="kunobs-noc",instance="noc:9510"}', 0),
            Series('up{job="node",instance="10.0.0.1:9100"}', 1),
            # For the runbook.
            Series('kunobs_kafka_fanout_lag_seconds{group="kunobs-fanout",topic="filebeat"}', 1, 700),
        ),
        value=0,
        labels=_OF_FANOUT,
        window=2,
    ),
    "KunPipelineNoPartitions": Case(
        (
            Series(f"kunobs_process_ready{{{_FANOUT}}}", 1),
            Series(f"kunobs_fanout_assigned_partitions{{{_FANOUT}}}", 2, 1),
            Series(f"kunobs_fanout_lag_messages{{{_FANOUT},{_PARTITION}}}", 0, None),
            Series(f"kunobs_fanout_lag_messages{{{_FANOUT},{_REPLAY}}}", 1),
            Series(f'kunobs_indexer_lag_messages{{{_FANOUT},topic="kun.replay.indexer",partition="0"}}', 0),
            Series(f"kunobs_fanout_consumed_events_total{{{_FANOUT}}}", 10, 0),
            # Not ready: that is another alert.
            Series(f"kunobs_process_ready{{{_INDEXER}}}", 0),
            Series(f"kunobs_indexer_assigned_partitions{{{_INDEXER}}}", 0),
            Series(f"kunobs_indexer_consumed_events_total{{{_INDEXER}}}", 0),
        ),
        value=0,
        labels=_OF_FANOUT,
    ),
    "KunPipelineGap": Case(
        (
            Series(f"kunobs_fanout_gap_events_total{{{_FANOUT}}}", 0.0108),
            Series(f"process_start_time_seconds{{{_FANOUT}}}", Ago(100_000)),
            # Of a process that has just begun all counts, not only what its counter rose in these 15 minutes.
            Series(f"kunobs_fanout_gap_events_total{{{_SECOND}}}", 0, 0.0005),
            Series(f"process_start_time_seconds{{{_SECOND}}}", Ago(100_000), Ago(100)),
            Series(f"kunobs_indexer_gap_events_total{{{_INDEXER}}}", 0),
            # For the runbook.
            Series(f"kunobs_fanout_lag_seconds{{{_SECOND},{_PARTITION}}}", 5, 9000),
        ),
        value=0.0108 * 900 + 0.0005 * 1500,
        labels=_OF_FANOUT,
    ),
    "KunPipelineLagSeconds": Case(
        (
            Series(f"kunobs_fanout_lag_seconds{{{_FANOUT},{_PARTITION}}}", 290, 310),
            Series(f'kunobs_fanout_lag_seconds{{{_SECOND},topic="filebeat",partition="1"}}', 2),
            Series(f"kunobs_fanout_lag_seconds{{{_SECOND},{_REPLAY}}}", 90_000),
            Series(f"kunobs_indexer_lag_seconds{{{_INDEXER},{_PARTITION}}}", 3),
        ),
        value=310,
        labels=_OF_FANOUT | {"topic": "filebeat"},
    ),
    "KunPipelineLagGrowing": Case(
        (
            # Each grows by one a second.
            Series(f"kunobs_indexer_lag_messages{{{_INDEXER},{_PARTITION}}}", Ago(-20_000)),
            Series(f"kunobs_indexer_consumed_events_total{{{_INDEXER}}}", 21, 12),
            Series(f"kunobs_fanout_lag_messages{{{_FANOUT},{_PARTITION}}}", Ago(-10)),
            Series(f"kunobs_fanout_consumed_events_total{{{_FANOUT}}}", 5),
        ),
        value=1 / 12,
        labels=_OF_INDEXER,
    ),
    "KunPipelineCommitsStand": Case(
        (
            Series(f"kunobs_fanout_last_commit_timestamp_seconds{{{_FANOUT}}}", Ago(290), Ago(310)),
            Series(f"process_start_time_seconds{{{_FANOUT}}}", Ago(200)),
            Series(f"kunobs_fanout_lag_messages{{{_FANOUT},{_PARTITION}}}", 50),
            # Never, but it has just begun.
            Series(f"kunobs_fanout_last_commit_timestamp_seconds{{{_SECOND}}}", 0),
            Series(f"process_start_time_seconds{{{_SECOND}}}", Ago(100)),
            Series(f"kunobs_fanout_lag_messages{{{_SECOND},{_PARTITION}}}", 50),
            # The last commit is long ago, as the tests' clock begins at 0, but all is done except what never goes away.
            Series(f"kunobs_fanout_last_commit_timestamp_seconds{{{_THIRD}}}", 1),
            Series(f"kunobs_fanout_lag_messages{{{_THIRD},{_PARTITION}}}", 0),
            Series(f"kunobs_fanout_lag_messages{{{_THIRD},{_REPLAY}}}", 1),
            Series(f"kunobs_indexer_last_commit_timestamp_seconds{{{_INDEXER}}}", 1),
            Series(f"kunobs_indexer_lag_messages{{{_INDEXER},{_PARTITION}}}", 0),
            Series(f'kunobs_indexer_lag_messages{{{_INDEXER},topic="kun.replay.indexer",partition="0"}}', 1),
        ),
        value=310,
        labels={"job": "kunobs-fanout", "instance": "10.0.0.1:9501"},
    ),
    "KunPipelinePaused": Case(
        (
            Series(f"kunobs_indexer_paused{{{_INDEXER}}}", 0.79, 0.82),
            Series(f"kunobs_process_ready{{{_INDEXER}}}", 1),
            # Never ready: that is another alert.
            Series(f"kunobs_fanout_paused{{{_FANOUT}}}", 1),
            Series(f"kunobs_process_ready{{{_FANOUT}}}", 0),
        ),
        value=0.82,
        labels=_OF_INDEXER,
    ),
    "KunPipelineDeadLetters": Case(
        (
            Series(f'kunobs_indexer_events_total{{{_INDEXER},outcome="dead_letter"}}', 0.98, 1.03),
            Series(f'kunobs_indexer_events_total{{{_INDEXER},outcome="indexed"}}', 99.02, 98.97),
            Series(f'kunobs_fanout_events_total{{{_FANOUT},outcome="dead_letter"}}', 0),
            Series(f'kunobs_fanout_events_total{{{_FANOUT},outcome="delivered"}}', 100),
            Series(f'kunobs_fanout_events_total{{{_QUIET},outcome="dead_letter"}}', 0.1),
            Series(f'kunobs_fanout_events_total{{{_QUIET},outcome="delivered"}}', 0.1),
        ),
        value=0.0103,
        labels=_OF_INDEXER,
    ),
    "KunPipelineQuarantined": Case(
        (Series(f'kunobs_fanout_quarantined_total{{{_FANOUT},reason="path_mismatch"}}', 0.00275, 0.0029),),
        value=10.44,
        labels={"reason": "path_mismatch"},
    ),
    "KunPipelineUnrouted": Case(
        (
            Series(f'kunobs_fanout_unrouted_total{{{_FANOUT},reason="no_namespace"}}', 0.97, 1.03),
            Series(f'kunobs_fanout_unrouted_total{{{_FANOUT},reason="not_json"}}', 0.1),
            Series(f'kunobs_fanout_unrouted_total{{{_FANOUT},reason="topic_budget"}}', 5),
            Series(f'kunobs_fanout_events_total{{{_FANOUT},outcome="delivered"}}', 100),
            Series(f'kunobs_fanout_unrouted_total{{{_QUIET},reason="no_namespace"}}', 0.1),
            Series(f'kunobs_fanout_events_total{{{_QUIET},outcome="delivered"}}', 0.1),
        ),
        value=0.0103,
        labels=_OF_FANOUT | {"reason": "no_namespace"},
    ),
    "KunFanoutTopicsRefused": Case(
        (
            Series(f'kunobs_fanout_topics_created_total{{{_FANOUT},result="over_budget"}}', 0.0033, 0.0035),
            Series(f'kunobs_fanout_topics_created_total{{{_FANOUT},result="failed"}}', 0),
            Series(f'kunobs_fanout_topics_created_total{{{_FANOUT},result="created"}}', 0.1),
        ),
        value=3.15,
        labels={"result": "over_budget"},
    ),
    "KunFanoutBeginsAgain": Case(
        (
            Series(f'kunobs_fanout_retries_total{{{_FANOUT},reason="unreachable"}}', 0.0027, 0.0029),
            Series(f'kunobs_fanout_retries_total{{{_SECOND},reason="unreachable"}}', 0.0015),
            Series(f'kunobs_fanout_retries_total{{{_FANOUT},reason="fenced"}}', 0.0005),
        ),
        value=5.22,
        labels={"reason": "unreachable"},
    ),
    "KunFanoutAborts": Case(
        (
            Series(f'kunobs_fanout_transactions_total{{{_FANOUT},result="aborted"}}', 0.49, 0.51),
            Series(f'kunobs_fanout_transactions_total{{{_FANOUT},result="committed"}}', 9.51, 9.49),
            Series(f'kunobs_fanout_transactions_total{{{_QUIET},result="aborted"}}', 0.02),
            Series(f'kunobs_fanout_transactions_total{{{_QUIET},result="committed"}}', 0.02),
        ),
        value=0.051,
        labels=_OF_FANOUT,
    ),
    "KunIndexerBulkFailing": Case(
        (
            Series(f'kunobs_indexer_bulk_requests_total{{{_INDEXER},result="retry"}}', 0.195, 0.204),
            Series(f'kunobs_indexer_bulk_requests_total{{{_INDEXER},result="failed"}}', 0.001),
            Series(f'kunobs_indexer_bulk_requests_total{{{_INDEXER},result="partial"}}', 0.4),
            Series(f'kunobs_indexer_bulk_requests_total{{{_INDEXER},result="ok"}}', 0.404, 0.395),
            Series(f'kunobs_indexer_bulk_requests_total{{{_QUIET_INDEXER},result="retry"}}', 0.02),
            Series(f'kunobs_indexer_bulk_requests_total{{{_QUIET_INDEXER},result="ok"}}', 0.02),
        ),
        value=0.205,
        labels=_OF_INDEXER,
    ),
    "KunIndexerWindowCollapsed": Case(
        (
            Series(f"kunobs_indexer_window{{{_INDEXER}}}", 2, 1),
            Series(f"kunobs_indexer_lag_messages{{{_INDEXER},{_PARTITION}}}", 20_000),
            Series(f"kunobs_indexer_window{{{_QUIET_INDEXER}}}", 1),
            Series(f"kunobs_indexer_lag_messages{{{_QUIET_INDEXER},{_PARTITION}}}", 10),
        ),
        value=1,
        labels=_OF_INDEXER,
    ),
    "KunIndexerRolloversFail": Case(
        (
            Series(f'kunobs_indexer_rollovers_total{{{_INDEXER},result="failed"}}', 0.00135, 0.0014),
            Series(f'kunobs_indexer_rollovers_total{{{_INDEXER},result="done"}}', 0.1),
        ),
        value=5.04,
        labels=_OF_INDEXER,
    ),
}
