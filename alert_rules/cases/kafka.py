"""Cases of kunobs.catalogue.signals.kafka."""

from __future__ import annotations

from alert_rules.case import Case, Series

_TOPIC = 'kafka_cluster="tenant",namespace="shop",topic="kun.logs.shop"'
_GROUP = f'{_TOPIC},group="shop.reader"'
# It has read all but the end of the last transaction, which is no message, and that was days ago.
_DONE = f'{_TOPIC},group="shop.quiet"'
_OURS = 'kafka_cluster="public",topic="filebeat",group="kunobs-indexer"'
_SHORT = 'kafka_cluster="tenant",namespace="bank",topic="kun.logs.bank",group="bank.reader"'
_ELSEWHERE = _OURS.replace("public", "tenant")
_REPLAYED = 'kafka_cluster="tenant",topic="kun.replay.indexer",group="kunobs-indexer"'
_STRANGER = 'kafka_cluster="public",topic="filebeat",group="team.reader"'
_HOURLY = 'kafka_cluster="public",topic="hourly",group="kunobs-indexer"'
_READER = {"kafka_cluster": "tenant", "namespace": "shop", "group": "shop.reader", "topic": "kun.logs.shop"}
_LONG = 600_000
_LAG = "kunobs_kafka_group_lag_seconds"
_LEFT = "kunobs_kafka_group_retention_headroom_seconds"
_LOST = "kunobs_kafka_group_lost_offsets"
_DISK = 'kafka_cluster="public",broker="2",log_dir="/data"'
_BROKER = {"kafka_cluster": "public", "broker": "2", "log_dir": "/data"}


def _whole(metric: str) -> Case:
    """A number of a whole cluster that should be 0."""
    return Case((Series(f'{metric}{{kafka_cluster="public"}}', 0, 3),), value=3, labels={"kafka_cluster": "public"})


def _disk(silent: float, fires: float) -> Case:
    """Space that a disk of 1,000 bytes has left."""
    return Case(
        (
            Series(f"kunobs_kafka_log_dir_size_bytes{{{_DISK}}}", 1000),
            Series(f"kunobs_kafka_log_dir_free_bytes{{{_DISK}}}", silent, fires),
        ),
        value=fires / 1000,
        labels=_BROKER,
    )


def _unread(group: str, *seconds: float, messages: int) -> tuple[Series, ...]:
    """What a group has not read of one partition, and since when."""
    return Series(f"{_LAG}{{{group}}}", *seconds), Series(f"kunobs_kafka_group_max_lag{{{group}}}", messages)


def _answers(collector: str, *levels: float, exporter: str = "kafka", instance: str = "a") -> Series:
    labels = f'instance="{instance}",exporter="{exporter}",collector="{collector}"'
    return Series(f"kunobs_exporter_collector_success{{{labels}}}", *levels)


CASES = {
    "KunKafkaDown": Case(
        (
            # One exporter of two that is cut off is no outage.
            _answers("public_cluster", 1, 0),
            _answers("public_cluster", 0, instance="b"),
            _answers("public_offsets", 0),
            _answers("tenant_cluster", 0, exporter="other"),
            # For the runbook.
            Series(f"kunobs_kafka_log_dir_free_bytes{{{_DISK}}}", 1, None),
            Series('up{job="kunobs-exporter",instance="a"}', 1),
        ),
        value=0,
        labels={"kafka_cluster": "public"},
    ),
    "KunKafkaOfflinePartitions": _whole("kunobs_kafka_offline_partitions"),
    "KunKafkaUnderReplicated": _whole("kunobs_kafka_under_replicated_partitions"),
    "KunKafkaBrokerMissing": Case(
        (Series('kunobs_kafka_brokers{kafka_cluster="public"}', 3, 2),),
        value=1,
        labels={"kafka_cluster": "public"},
        window=2,
    ),
    "KunKafkaLogDirOffline": _whole("kunobs_kafka_offline_log_dirs"),
    "KunKafkaDiskFilling": _disk(160, 140),
    "KunKafkaDiskFull": _disk(51, 49),
    "KunKafkaGroupLagSeconds": Case(
        (
            *_unread(_GROUP, 890, 960, messages=2),
            *_unread(_DONE, _LONG, messages=1),
            *_unread(_OURS, _LONG, messages=500),
        ),
        value=960,
        labels=_READER,
    ),
    "KunKafkaRetentionHeadroom": Case(
        (
            *(Series(f"{_LEFT}{{{_GROUP}}}", 14_460, 14_000), *_unread(_GROUP, 5000, messages=2)),
            *(Series(f"{_LEFT}{{{_DONE}}}", 4800), *_unread(_DONE, _LONG, messages=1)),
            *(Series(f"{_LEFT}{{{_OURS}}}", 60), *_unread(_OURS, _LONG, messages=500)),
            # Kept for an hour, and read soon.
            *(Series(f"{_LEFT}{{{_SHORT}}}", 3010), *_unread(_SHORT, 590, messages=500)),
        ),
        value=14000,
        labels=_READER,
    ),
    "KunKafkaGroupLost": Case(
        (
            Series(f"{_LOST}{{{_GROUP}}}", 6, 250),
            Series(f"{_LOST}{{{_DONE}}}", 6),
            Series(f"{_LOST}{{{_OURS}}}", 9000),
            # Nothing is lost where it is not known how many partitions there are.
            Series(f"{_LOST}{{{_SHORT}}}", 0),
            Series(f"kunobs_kafka_topic_partition_number{{{_TOPIC}}}", 6),
        ),
        value=250,
        labels=_READER,
    ),
    "KunKafkaStaleGroups": _whole("kunobs_kafka_stale_groups"),
    "KunFanoutCheckpointLag": Case(
        (
            Series('kunobs_kafka_fanout_lag_seconds{group="kunobs-fanout",topic="filebeat"}', 590, 660),
            Series('kunobs_kafka_fanout_lag_seconds{group="kunobs-fanout",topic="quiet"}', 0),
        ),
        value=660,
        labels={"group": "kunobs-fanout"},
    ),
    "KunPipelineRetentionNear": Case(
        (
            *(Series(f"{_LEFT}{{{_OURS}}}", 14_460, 14_000), Series(f"{_LAG}{{{_OURS}}}", 72_000)),
            # Another Kafka's topic of that name; the end of a replay, which nobody reads; and a tenant's group.
            *(Series(f"{_LEFT}{{{_ELSEWHERE}}}", 60), Series(f"{_LAG}{{{_ELSEWHERE}}}", _LONG)),
            *(Series(f"{_LEFT}{{{_REPLAYED}}}", 60), Series(f"{_LAG}{{{_REPLAYED}}}", _LONG)),
            *(Series(f"{_LEFT}{{{_STRANGER}}}", 60), Series(f"{_LAG}{{{_STRANGER}}}", _LONG)),
            # Kept for an hour, and read soon; its namesake on the other Kafka is not.
            *(Series(f"{_LEFT}{{{_HOURLY}}}", 3010), Series(f"{_LAG}{{{_HOURLY}}}", 590)),
            Series(f"{_LAG}{{{_HOURLY.replace('public', 'tenant')}}}", _LONG),
            # For the runbook.
            Series('kunobs_indexer_paused{job="kunobs-indexer",instance="a"}', 1),
            Series(f"kunobs_kafka_log_dir_free_bytes{{{_DISK}}}", 1e12),
        ),
        value=14_000,
        labels={"group": "kunobs-indexer", "topic": "filebeat"},
    ),
}
