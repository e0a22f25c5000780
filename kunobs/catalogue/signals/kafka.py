"""Alerts on both Kafkas and their consumer groups, as kunobs' own exporter sees them."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

SIGNALS = (
    Signal(
        alert="KunKafkaOfflinePartitions",
        severity="critical",
        expr="max by (kafka_cluster) (kunobs_kafka_offline_partitions)",
        comparison=">",
        threshold=0,
        wait="1m",
        keep="2m",
        title=Text("{kafka_cluster} Kafka 有分区没有 leader", "Partitions of the {kafka_cluster} Kafka have no leader"),
        description=Text("{value} 个分区无法读写。", "{value} partitions can be neither read nor written."),
        impact=Text(
            "经过这些分区的日志停住：Filebeat 或 fanout 在等，租户看不到新日志。",
            "Logs on their way through these partitions stand still: Filebeat or fanout waits, tenants see nothing new.",
        ),
        action=Text("找出不在线的 broker 并恢复它。", "Find the broker that is gone and bring it back."),
    ),
    Signal(
        alert="KunKafkaUnderReplicated",
        severity="warning",
        expr="max by (kafka_cluster) (kunobs_kafka_under_replicated_partitions)",
        comparison=">",
        threshold=0,
        wait="10m",
        keep="5m",
        title=Text("{kafka_cluster} Kafka 副本不足", "The {kafka_cluster} Kafka has too few replicas in sync"),
        description=Text(
            "{value} 个分区的同步副本少于副本数。", "{value} partitions have fewer replicas in sync than replicas."
        ),
        impact=Text(
            "再坏一个 broker 就可能停写或丢数据。", "One more broker gone may stop writes, or lose what was written."
        ),
        action=Text(
            "看 broker 是否重启、磁盘或网络是否慢。", "Look for a broker that restarted, a slow disk or a slow network."
        ),
    ),
    Signal(
        alert="KunKafkaBrokerMissing",
        severity="warning",
        expr="max by (kafka_cluster) (max_over_time(kunobs_kafka_brokers[1d])) - max by (kafka_cluster) (kunobs_kafka_brokers)",
        comparison=">",
        threshold=0,
        wait="5m",
        title=Text("{kafka_cluster} Kafka 少了 broker", "A broker of the {kafka_cluster} Kafka is missing"),
        description=Text(
            "比过去一天最多时少 {value} 个 broker。", "{value} brokers fewer than at most in the last day."
        ),
        impact=Text(
            "容量和冗余减少；若有意缩容，一天后自行恢复。",
            "Less room and less redundancy; after a wanted reduction it ends by itself within a day.",
        ),
        action=Text("到该机器上看 Kafka 进程和日志。", "Look at the Kafka process and its log on that machine."),
    ),
    Signal(
        alert="KunKafkaLogDirOffline",
        severity="critical",
        expr="max by (kafka_cluster) (kunobs_kafka_offline_log_dirs)",
        comparison=">",
        threshold=0,
        wait="1m",
        keep="10m",
        title=Text(
            "{kafka_cluster} Kafka 的日志目录不可用", "A log directory of the {kafka_cluster} Kafka is unusable"
        ),
        description=Text(
            "{value} 个日志目录被 broker 判为不可用。", "{value} log directories cannot be used by their broker."
        ),
        impact=Text(
            "该盘上的副本没有了；没有其他副本的分区不能读写。",
            "The replicas on that disk are gone; partitions without another one can be neither read nor written.",
        ),
        action=Text(
            "在该 broker 上看 dmesg 和磁盘，再按手册换盘。",
            "Look at dmesg and the disk on that broker, then change the disk by the runbook.",
        ),
    ),
    Signal(
        alert="KunKafkaDiskFilling",
        severity="warning",
        expr="min by (kafka_cluster, broker, log_dir) (kunobs_kafka_log_dir_free_bytes / kunobs_kafka_log_dir_size_bytes)",
        comparison="<",
        threshold=0.15,
        unit="ratio",
        wait="15m",
        title=Text(
            "{kafka_cluster} Kafka broker {broker} 磁盘将满",
            "The disk of broker {broker} of the {kafka_cluster} Kafka fills up",
        ),
        description=Text("{log_dir} 所在的卷只剩 {value}。", "The volume of {log_dir} has {value} left."),
        impact=Text("磁盘写满时 broker 会停机。", "A broker whose disk is full shuts down."),
        action=Text(
            "看哪个命名空间占得最多，缩短保留时间或扩容。",
            "See which namespace takes most, then shorten its retention or add disk.",
        ),
    ),
    Signal(
        alert="KunKafkaDiskFull",
        severity="critical",
        expr="min by (kafka_cluster, broker, log_dir) (kunobs_kafka_log_dir_free_bytes / kunobs_kafka_log_dir_size_bytes)",
        comparison="<",
        threshold=0.05,
        unit="ratio",
        wait="5m",
        title=Text(
            "{kafka_cluster} Kafka broker {broker} 磁盘快满了",
            "The disk of broker {broker} of the {kafka_cluster} Kafka is nearly full",
        ),
        description=Text("{log_dir} 所在的卷只剩 {value}。", "The volume of {log_dir} has {value} left."),
        impact=Text(
            "写满时 broker 停机，其上的分区失去一个副本。",
            "When it is full the broker shuts down, and its partitions lose a replica.",
        ),
        action=Text("立刻缩短最大主题的 retention.ms。", "Shorten retention.ms of the largest topic now."),
    ),
    Signal(
        alert="KunKafkaGroupLagSeconds",
        severity="warning",
        expr="max by (kafka_cluster, namespace, group) (kunobs_kafka_group_lag_seconds)",
        comparison=">",
        threshold=900,
        unit="seconds",
        wait="10m",
        title=Text("消费组 {group} 落后", "Consumer group {group} is behind"),
        description=Text(
            "{kafka_cluster} Kafka 上最旧的未消费消息已有 {value}。",
            "Its oldest unread message on the {kafka_cluster} Kafka is {value} old.",
        ),
        impact=Text("这个消费者看到的日志是旧的。", "What reads through this group sees old logs."),
        action=Text(
            "看消费者进程是否在跑、是否够快；命名空间的负责人处理。",
            "See whether its consumers run and keep up; it is the namespace's owner's.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunKafkaRetentionHeadroom",
        severity="warning",
        expr="min by (kafka_cluster, namespace, group, topic) (kunobs_kafka_group_retention_headroom_seconds)",
        comparison="<",
        threshold=14400,
        unit="seconds",
        wait="5m",
        title=Text("{group} 的未读消息将被删除", "Unread messages of {group} are about to be deleted"),
        description=Text(
            "{topic} 上最旧的未读消息离保留期满还有 {value}。",
            "The oldest unread message of {topic} has {value} until retention deletes it.",
        ),
        impact=Text("不加快消费就会丢日志。", "Without faster reading, logs are lost for this group."),
        action=Text(
            "加消费者，或临时延长该主题的 retention.ms。",
            "Add consumers, or lengthen the topic's retention.ms for a while.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunKafkaGroupLost",
        severity="warning",
        expr="sum by (kafka_cluster, namespace, group) (kunobs_kafka_group_lost_offsets)",
        comparison=">",
        threshold=0,
        keep="30m",
        title=Text("{group} 丢了消息", "{group} has lost messages"),
        description=Text(
            "{value} 条消息在提交之前被保留策略删除。",
            "Retention deleted {value} offsets before the group had committed them.",
        ),
        impact=Text("这些日志这个消费者再也读不到。", "This consumer will never read these logs."),
        action=Text(
            "需要时从 Elasticsearch 补，并查为何落后。",
            "Fetch them from Elasticsearch where they matter, and see why it fell behind.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunKafkaStaleGroups",
        severity="info",
        expr="max by (kafka_cluster) (kunobs_kafka_stale_groups)",
        comparison=">",
        threshold=0,
        wait="1h",
        title=Text("{kafka_cluster} Kafka 有停滞的消费组", "The {kafka_cluster} Kafka has stale consumer groups"),
        description=Text(
            "{value} 个消费组有积压而长时间没有提交。", "{value} groups have lag and have not committed for long."
        ),
        impact=Text("多半是没人用了；它们让积压图难看。", "Mostly nobody's any more; they spoil every picture of lag."),
        action=Text("确认无人使用后删除。", "Delete them once nobody misses them."),
    ),
    Signal(
        alert="KunFanoutCheckpointLag",
        severity="critical",
        expr="max by (group) (kunobs_kafka_fanout_lag_seconds)",
        comparison=">",
        threshold=600,
        unit="seconds",
        wait="5m",
        title=Text("fanout 落后 {value}", "Fanout is {value} behind"),
        description=Text(
            "按检查点，{group} 最旧的未分发日志已有 {value}。",
            "By its checkpoints the oldest log that {group} has not passed on is {value} old.",
        ),
        impact=Text(
            "所有租户的主题都晚这么多；超过公共 Kafka 的保留期就会丢。",
            "Every tenant's topic is that late; beyond the public Kafka's retention logs are lost.",
        ),
        action=Text(
            "看 fanout 进程是否就绪、租户 Kafka 是否可写。",
            "See whether fanout is ready and the tenant Kafka takes writes.",
        ),
    ),
)
