"""Both Kafkas: brokers, topics, consumer groups, disks."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, Board, Query, Row, Step, Variable, bars, series, stat, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import SIGNALS

# Two exporters may see the same, and groups and topics of one name may be in both Kafkas.
_K = 'kafka_cluster=~"$kafka_cluster"'
_N = f'{_K}, namespace=~"$namespace"'

BOARD = Board(
    "kun-kafka",
    Text("Kafka", "Kafka"),
    Text(
        "公共和租户 Kafka：broker、主题、消费组、磁盘。",
        "Public and tenant Kafka: brokers, topics, consumer groups, disks.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("broker", "Brokers"),
                    Text("元数据里的 broker 数。", "Brokers that the metadata lists."),
                    f"max by (kafka_cluster) (kunobs_kafka_brokers{{{_K}}})",
                    legend="{{kafka_cluster}}",
                ),
                stat(
                    Text("无主分区", "Partitions without a leader"),
                    Text("不能读写的分区数。", "Partitions that can be neither read nor written."),
                    f"max by (kafka_cluster) (kunobs_kafka_offline_partitions{{{_K}}})",
                    legend="{{kafka_cluster}}",
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("副本不足", "Under-replicated"),
                    Text("同步副本少于副本数的分区。", "Partitions with fewer replicas in sync than replicas."),
                    f"max by (kafka_cluster) (kunobs_kafka_under_replicated_partitions{{{_K}}})",
                    legend="{{kafka_cluster}}",
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                stat(
                    Text("fanout 落后", "Fanout is behind by"),
                    Text(
                        "按检查点，最旧的未分发日志的年龄。",
                        "By its checkpoints, the age of the oldest log not passed on.",
                    ),
                    "max by (group) (kunobs_kafka_fanout_lag_seconds)",
                    unit="seconds",
                    steps=(Step(None, "green"), Step(60, "yellow"), Step(600, "red")),
                ),
                stat(
                    Text("消费组", "Consumer groups"),
                    Text("按状态的消费组数。", "Consumer groups by state."),
                    f"sum by (state) (max by (kafka_cluster, kind, state) (kunobs_kafka_groups{{{_K}}}))",
                    legend="{{state}}",
                    width=8,
                ),
            ),
        ),
        Row(
            Text("主题", "Topics"),
            (
                series(
                    Text("每秒写入的消息", "Messages written per second"),
                    Text(
                        "各主题末尾位点的增长，前 15 名；事务标记也算。",
                        "How fast the topics' ends grow, the top 15; markers of transactions count.",
                    ),
                    Query(
                        "topk(15, max by (kafka_cluster, topic)"
                        f" (rate(kunobs_kafka_topic_written_total{{{_N}}}[$__rate_interval])))",
                        "{{kafka_cluster}} {{topic}}",
                    ),
                    unit="events/s",
                    width=12,
                    stacked=True,
                ),
                bars(
                    Text("占磁盘最多的命名空间", "Namespaces with the most on disk"),
                    Text(
                        "含所有副本；不属于命名空间的主题不算。",
                        "All replicas counted; topics of no namespace left out.",
                    ),
                    "topk(15, sum by (namespace)"
                    f' (max by (kafka_cluster, namespace) (kunobs_kafka_namespace_disk_bytes{{{_N}, namespace!=""}})))',
                    "{{namespace}}",
                    unit="bytes",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("消费组", "Consumer groups"),
            (
                series(
                    Text("落后时间", "Lag in seconds"),
                    Text(
                        "每个消费组最旧未提交消息的年龄。",
                        "Age of the oldest message that each group has not committed.",
                    ),
                    Query(
                        f"topk(15, max by (kafka_cluster, group) (kunobs_kafka_group_lag_seconds{{{_N}}}))",
                        "{{kafka_cluster}} {{group}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("离被删除还有多久", "Time until unread messages are deleted"),
                    Text(
                        "低于 0 时最旧的未读消息随时会被删除。", "Below 0 the oldest unread message may go at any time."
                    ),
                    Query(
                        "bottomk(15, min by (kafka_cluster, group)"
                        f" (kunobs_kafka_group_retention_headroom_seconds{{{_N}}}))",
                        "{{kafka_cluster}} {{group}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
                table(
                    Text("积压最多的消费组", "Groups with the most lag"),
                    Text("单位是位点；事务标记也算。", "In offsets; markers of transactions count."),
                    Query(
                        f"topk(20, max by (kafka_cluster, namespace, group, topic) (kunobs_kafka_group_lag{{{_N}}}))"
                    ),
                    width=24,
                ),
            ),
        ),
        Row(
            Text("磁盘", "Disks"),
            (
                series(
                    Text("剩余空间", "Space left"),
                    Text("每个 broker 的日志目录所在卷。", "Of the volume with each broker's log directory."),
                    Query(
                        "min by (kafka_cluster, broker, log_dir)"
                        f" (kunobs_kafka_log_dir_free_bytes{{{_K}}} / kunobs_kafka_log_dir_size_bytes{{{_K}}})",
                        "{{kafka_cluster}} {{broker}} {{log_dir}}",
                    ),
                    unit="ratio",
                    width=12,
                ),
                series(
                    Text("副本不足的主题", "Topics with too few replicas in sync"),
                    Text("每个主题副本不足的分区数。", "Under-replicated partitions of each topic."),
                    Query(
                        f"topk(15, max by (kafka_cluster, topic) (kunobs_kafka_topic_under_replicated{{{_N}}}))",
                        "{{kafka_cluster}} {{topic}}",
                    ),
                    width=12,
                ),
            ),
        ),
        alert_row(SIGNALS["kafka"]),
    ),
    variables=(
        Variable("kafka_cluster", "kunobs_kafka_brokers", Text("Kafka", "Kafka")),
        Variable("namespace", "kunobs_kafka_topic_written_total", Text("命名空间", "Namespace")),
    ),
    tags=("logs",),
)
