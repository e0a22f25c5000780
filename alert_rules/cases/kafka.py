"""Cases of kunobs.catalogue.signals.kafka."""

from __future__ import annotations

from alert_rules.case import Case, Series

_GROUP = 'kafka_cluster="tenant",namespace="shop",group="shop.reader",topic="kun.logs.shop"'
_READER = {"kafka_cluster": "tenant", "namespace": "shop", "group": "shop.reader"}
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


CASES = {
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
        (Series(f"kunobs_kafka_group_lag_seconds{{{_GROUP}}}", 890, 960),), value=960, labels=_READER
    ),
    "KunKafkaRetentionHeadroom": Case(
        (Series(f"kunobs_kafka_group_retention_headroom_seconds{{{_GROUP}}}", 14460, 14000),),
        value=14000,
        labels=_READER | {"topic": "kun.logs.shop"},
    ),
    "KunKafkaGroupLost": Case(
        (Series(f"kunobs_kafka_group_lost_offsets{{{_GROUP}}}", 0, 250),), value=250, labels=_READER
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
}
