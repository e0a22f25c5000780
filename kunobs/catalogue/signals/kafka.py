"""Alerts on both Kafkas and their consumer groups, as kunobs' own exporter sees them."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

_READ = "kafka_cluster, namespace, group, topic"
# The legs have alerts of their own; these are their groups unless configured.
_TENANTS = 'group!~"kunobs-fanout|kunobs-indexer"'
# The end of a transaction is an offset that nobody reads: a group that has read all may lack one of a partition for ever.
_UNREAD = f"and on ({_READ}) max by ({_READ}) (kunobs_kafka_group_max_lag) > 1"

SIGNALS = (
    Signal(
        alert="KunKafkaDown",
        severity="critical",
        # Metadata, from any broker; where none answers there is no other metric of this Kafka.
        expr=(
            "max by (kafka_cluster) (label_replace("
            'kunobs_exporter_collector_success{exporter="kafka",collector=~"public_cluster|tenant_cluster"}'
            ', "kafka_cluster", "$1", "collector", "(.+)_cluster"))'
        ),
        comparison="==",
        threshold=0,
        wait="3m",
        keep="5m",
        title=Text("{kafka_cluster} Kafka 不应答", "The {kafka_cluster} Kafka does not answer"),
        description=Text(
            "没有一个 exporter 问得到它的元数据。", "No exporter gets its metadata from any of its brokers."
        ),
        impact=Text(
            "public：Filebeat 在节点上等，轮转掉的日志会丢；tenant：所有租户的主题停住，公共 Kafka 替他们存着。",
            "public: Filebeat waits on the nodes and loses what rotates away; tenant: all tenants' topics stand still,"
            " the public Kafka keeps their logs.",
        ),
        action=Text(
            "先从别的机器问：kcat -b BROKER -L；应答就查 exporter 到它的网络和密码。",
            "Ask from another machine first: kcat -b BROKER -L; if it answers look at the exporter's way to it and its password.",
        ),
    ),
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
        # Partitions without another replica are told by KunKafkaOfflinePartitions, which wakes somebody.
        severity="warning",
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
            "kafka-log-dirs.sh --bootstrap-server BROKER --describe 里 error 不是 null 的就是；到那台机器上看 dmesg，换盘，重启 broker。",
            "kafka-log-dirs.sh --bootstrap-server BROKER --describe shows it, its error is not null; read dmesg there, replace the disk,"
            " restart the broker.",
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
            "看哪个命名空间占得最多，扩容，或缩短它的保留时间：更早的随即被删。",
            "See which namespace takes most, then add disk or shorten its retention: what is older is deleted at once.",
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
        # When the broker has shut down nothing tells of its disks.
        keep="10m",
        title=Text(
            "{kafka_cluster} Kafka broker {broker} 磁盘快满了",
            "The disk of broker {broker} of the {kafka_cluster} Kafka is nearly full",
        ),
        description=Text("{log_dir} 所在的卷只剩 {value}。", "The volume of {log_dir} has {value} left."),
        impact=Text(
            "写满时 broker 停机，其上的分区失去一个副本。",
            "When it is full the broker shuts down, and its partitions lose a replica.",
        ),
        action=Text(
            "缩短最大主题的 retention.ms；更早的随即被删，没读的也删：先看谁还没读。",
            "Shorten retention.ms of the largest topic; what is older is deleted at once, read or not: see first who has not read it.",
        ),
    ),
    Signal(
        alert="KunKafkaGroupLagSeconds",
        severity="warning",
        expr=f"max by ({_READ}) (kunobs_kafka_group_lag_seconds{{{_TENANTS}}})",
        comparison=">",
        threshold=900,
        unit="seconds",
        guard=_UNREAD,
        wait="10m",
        title=Text("消费组 {group} 落后", "Consumer group {group} is behind"),
        description=Text(
            "{kafka_cluster} Kafka 的 {topic} 上最旧的未消费消息已有 {value}。",
            "Its oldest unread message of {topic} on the {kafka_cluster} Kafka is {value} old.",
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
        expr=f"min by ({_READ}) (kunobs_kafka_group_retention_headroom_seconds{{{_TENANTS}}})",
        comparison="<",
        threshold=14400,
        unit="seconds",
        # A topic that is kept for less than that has never more left; who keeps up loses nothing there.
        guard=f"{_UNREAD} and on ({_READ}) max by ({_READ}) (kunobs_kafka_group_lag_seconds) > 600",
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
        expr=f"max by ({_READ}) (kunobs_kafka_group_lost_offsets{{{_TENANTS}}})",
        comparison=">",
        threshold=0,
        # The ends of transactions are deleted too, one of each partition, and were no messages.
        guard=(
            f"unless on ({_READ}) max by ({_READ}) (kunobs_kafka_group_lost_offsets)"
            " <= on (kafka_cluster, namespace, topic) group_left ()"
            " max by (kafka_cluster, namespace, topic) (kunobs_kafka_topic_partition_number)"
        ),
        keep="30m",
        title=Text("{group} 丢了消息", "{group} has lost messages"),
        description=Text(
            "{topic} 上有 {value} 个位点在提交之前被保留策略删除。",
            "Retention deleted {value} offsets of {topic} before the group had committed them.",
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
    Signal(
        alert="KunPipelineRetentionNear",
        severity="critical",
        # The legs' groups by their default names, on the topics that the agents write.
        expr=(
            "min by (group, topic) (kunobs_kafka_group_retention_headroom_seconds"
            '{kafka_cluster="public",group=~"kunobs-fanout|kunobs-indexer"})'
        ),
        comparison="<",
        threshold=14400,
        unit="seconds",
        # A topic that is kept for less than that has never more left; who keeps up loses nothing there.
        guard='and on (group, topic) max by (group, topic) (kunobs_kafka_group_lag_seconds{kafka_cluster="public"}) > 600',
        wait="5m",
        keep="5m",
        title=Text("{group} 没读的日志快被删除", "Logs that {group} has not read are about to be deleted"),
        description=Text(
            "公共 Kafka 的 {topic} 上，它最旧的未读日志离保留期满还有 {value}。",
            "Its oldest unread log of {topic} on the public Kafka has {value} until retention deletes it.",
        ),
        impact=Text(
            "到时没读的，所有租户都丢：fanout 丢在主题里，indexer 丢在搜索里。",
            "What is unread then is lost for all tenants: in their topics by fanout, in search by the indexer.",
        ),
        action=Text(
            "先延长 {topic} 的 retention.ms，再查它为何落后。",
            "Lengthen retention.ms of {topic} first, then see why it is behind.",
        ),
    ),
)
