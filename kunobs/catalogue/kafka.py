"""Metrics of `kunobs exporter kafka`: clusters, topics and consumer groups."""

from __future__ import annotations

from kunobs.catalogue.types import Label, MetricSpec

CLUSTERS = ("public", "tenant")
STATES = (
    "unknown",
    "preparing_rebalancing",
    "completing_rebalancing",
    "stable",
    "dead",
    "empty",
    "assigning",
    "reconciling",
    "not_ready",
)
KINDS = ("classic", "consumer", "unknown")
_KAFKA = Label("kafka_cluster", CLUSTERS)
_TOPIC = (_KAFKA, Label("namespace"), Label("topic"))
_PARTITION = (*_TOPIC, Label("partition"))
_GROUP = (_KAFKA, Label("namespace"), Label("group"), Label("topic"))
_GROUP_PARTITION = (*_GROUP, Label("partition"))

BROKERS = MetricSpec(
    "kunobs_kafka_brokers",
    "gauge",
    "Brokers that the cluster's metadata lists.",
    labels=(_KAFKA,),
)
UNDER_REPLICATED = MetricSpec(
    "kunobs_kafka_under_replicated_partitions",
    "gauge",
    "Partitions with fewer in-sync replicas than replicas, ignored topics included.",
    labels=(_KAFKA,),
)
OFFLINE = MetricSpec(
    "kunobs_kafka_offline_partitions",
    "gauge",
    "Partitions without a leader, ignored topics included: nobody can read or write them.",
    labels=(_KAFKA,),
)
TOPIC_PARTITIONS = MetricSpec(
    "kunobs_kafka_topic_partition_number",
    "gauge",
    "Partitions of the topic.",
    labels=_TOPIC,
)
TOPIC_UNDER_REPLICATED = MetricSpec(
    "kunobs_kafka_topic_under_replicated",
    "gauge",
    "Partitions of the topic with fewer in-sync replicas than replicas.",
    labels=_TOPIC,
)
IN_SYNC = MetricSpec(
    "kunobs_kafka_partition_in_sync_replicas",
    "gauge",
    "In-sync replicas of the partition (Metadata, isr_nodes).",
    labels=_PARTITION,
)
LEADER = MetricSpec(
    "kunobs_kafka_partition_leader_broker",
    "gauge",
    "Id of the broker that leads the partition, -1 without one (Metadata, leader_id).",
    labels=_PARTITION,
)
WRITTEN = MetricSpec(
    "kunobs_kafka_topic_written_total",
    "counter",
    "Offsets written: the sum of the partitions' last stable offsets (ListOffsets). Commit markers of transactions count too.",
    labels=_TOPIC,
)
STORED = MetricSpec(
    "kunobs_kafka_topic_stored_offsets",
    "gauge",
    "Offsets between the partitions' beginnings and ends. More than the messages there where the topic is compacted or transactional.",
    labels=_TOPIC,
)
BEGIN = MetricSpec(
    "kunobs_kafka_partition_begin_offset",
    "gauge",
    "First offset that retention has left (ListOffsets, earliest).",
    labels=_PARTITION,
)
END = MetricSpec(
    "kunobs_kafka_partition_end_offset",
    "gauge",
    "Last stable offset: where a read_committed consumer ends (ListOffsets, latest).",
    labels=_PARTITION,
)
LAG = MetricSpec(
    "kunobs_kafka_group_lag",
    "gauge",
    "Offsets that the group has not committed yet, over the topic's partitions. Commit markers of transactions count, so a group that has read all may show a few: alert on lag that grows or on seconds, never on lag above 0.",
    labels=_GROUP,
)
MAX_LAG = MetricSpec(
    "kunobs_kafka_group_max_lag",
    "gauge",
    "The largest lag of one partition of the topic, in offsets.",
    labels=_GROUP,
)
LAG_SECONDS = MetricSpec(
    "kunobs_kafka_group_lag_seconds",
    "gauge",
    "Age of the oldest offset that the group has not committed, the worst partition's, interpolated from end offsets seen at earlier scrapes; older than those: found by asking the broker for offsets by time, to 1/64 of the retention. 0 without lag.",
    unit="seconds",
    labels=_GROUP,
)
HEADROOM = MetricSpec(
    "kunobs_kafka_group_retention_headroom_seconds",
    "gauge",
    "Time until retention.ms deletes the oldest offset that the group has not committed, the worst partition's, as an estimate; below 0: it may go at any time. Deletion by size comes earlier, see kunobs_kafka_group_lost_offsets. Only with lag and retention.ms.",
    unit="seconds",
    labels=_GROUP,
)
LOST = MetricSpec(
    "kunobs_kafka_group_lost_offsets",
    "gauge",
    "Offsets that retention deleted before the group committed them: the beginning is ahead of its commit. Back to 0 when it commits beyond.",
    labels=_GROUP,
)
PARTITION_LAG = MetricSpec(
    "kunobs_kafka_group_partition_lag",
    "gauge",
    "Offsets of the partition that the group has not committed yet.",
    labels=_GROUP_PARTITION,
)
PARTITION_COMMIT = MetricSpec(
    "kunobs_kafka_group_partition_commit",
    "gauge",
    "The offset that the group has committed (OffsetFetch).",
    labels=_GROUP_PARTITION,
)
IDLE = MetricSpec(
    "kunobs_kafka_group_idle_seconds",
    "gauge",
    "Time since a commit of the group was seen to move, at most since the exporter has started.",
    unit="seconds",
    labels=(_KAFKA, Label("group")),
)
STALE = MetricSpec(
    "kunobs_kafka_stale_groups",
    "gauge",
    "Groups with lag and without a commit for exporters.kafka.stale_after.",
    labels=(_KAFKA,),
)
GROUPS = MetricSpec(
    "kunobs_kafka_groups",
    "gauge",
    "Consumer groups by protocol and state (ListGroups); share groups are `unknown`.",
    labels=(_KAFKA, Label("kind", KINDS), Label("state", STATES)),
)
GROUP_INFO = MetricSpec(
    "kunobs_kafka_group_info",
    "info",
    "Protocol and state of the group (ListGroups).",
    labels=(_KAFKA, Label("group"), Label("kind", KINDS), Label("state", STATES)),
)
MEMBERS = MetricSpec(
    "kunobs_kafka_group_members",
    "gauge",
    "Members of the group (DescribeGroups).",
    labels=(_KAFKA, Label("group")),
)
TOPIC_BYTES = MetricSpec(
    "kunobs_kafka_topic_size_bytes",
    "gauge",
    "Bytes of the topic once: of each partition the largest replica (DescribeLogDirs).",
    unit="bytes",
    labels=_TOPIC,
)
NAMESPACE_BYTES = MetricSpec(
    "kunobs_kafka_namespace_disk_bytes",
    "gauge",
    "Bytes of the namespace's topics on disk, all replicas (DescribeLogDirs).",
    unit="bytes",
    labels=(_KAFKA, Label("namespace")),
)
DISK_TOTAL = MetricSpec(
    "kunobs_kafka_log_dir_size_bytes",
    "gauge",
    "Size of the volume with the broker's log directory (DescribeLogDirs, total_bytes).",
    unit="bytes",
    labels=(_KAFKA, Label("broker"), Label("log_dir")),
)
DISK_FREE = MetricSpec(
    "kunobs_kafka_log_dir_free_bytes",
    "gauge",
    "Bytes that the volume with the broker's log directory has left (DescribeLogDirs, usable_bytes).",
    unit="bytes",
    labels=(_KAFKA, Label("broker"), Label("log_dir")),
)
OFFLINE_DIRS = MetricSpec(
    "kunobs_kafka_offline_log_dirs",
    "gauge",
    "Log directories that their broker cannot use (DescribeLogDirs, error_code).",
    labels=(_KAFKA,),
)
FANOUT_LAG = MetricSpec(
    "kunobs_kafka_fanout_lag",
    "gauge",
    "Offsets of the source topic that fanout has not committed, by its checkpoints and not by its consumer group.",
    labels=(Label("group"), Label("topic")),
)
FANOUT_LAG_SECONDS = MetricSpec(
    "kunobs_kafka_fanout_lag_seconds",
    "gauge",
    "Age of the oldest offset that fanout has not committed, the worst partition's; see kunobs_kafka_group_lag_seconds.",
    unit="seconds",
    labels=(Label("group"), Label("topic")),
)

CLUSTER: tuple[MetricSpec, ...] = (
    BROKERS,
    UNDER_REPLICATED,
    OFFLINE,
    TOPIC_PARTITIONS,
    TOPIC_UNDER_REPLICATED,
    IN_SYNC,
    LEADER,
)
OFFSETS: tuple[MetricSpec, ...] = (
    WRITTEN,
    STORED,
    BEGIN,
    END,
    LAG,
    MAX_LAG,
    LAG_SECONDS,
    HEADROOM,
    LOST,
    PARTITION_LAG,
    PARTITION_COMMIT,
    IDLE,
    STALE,
)
MEMBERSHIP: tuple[MetricSpec, ...] = (GROUPS, GROUP_INFO, MEMBERS)
SIZES: tuple[MetricSpec, ...] = (TOPIC_BYTES, NAMESPACE_BYTES, DISK_TOTAL, DISK_FREE, OFFLINE_DIRS)
FANOUT: tuple[MetricSpec, ...] = (FANOUT_LAG, FANOUT_LAG_SECONDS)
METRICS: tuple[MetricSpec, ...] = (*CLUSTER, *OFFSETS, *MEMBERSHIP, *SIZES, *FANOUT)
