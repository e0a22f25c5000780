"""What a tenant opens first: its alerts, logs, consumers, quota, probes, CI jobs and Redis."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, UP_DOWN, Board, Query, Row, Step, Variable, bars, series, stat, states, table
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import kafka, tenancy

_N = 'namespace=~"$namespace"'
_K = f'kafka_cluster="tenant", namespace!="", {_N}'
_LIMIT = {signal.alert: signal.threshold for signal in kafka.SIGNALS}
_QUOTA = {signal.alert: signal.threshold for signal in tenancy.SIGNALS}
_REDIS = (
    ("0", Text("中断", "down"), "red"),
    ("1", Text("正常", "up"), "green"),
    ("2", Text("脑裂", "split"), "orange"),
)

BOARD = Board(
    "kun-tenant",
    Text("我的命名空间", "My namespace"),
    Text(
        "租户的首页：日志到了没有、有多少、消费者是否跟得上、CI、Redis 和正在响的告警。",
        "A tenant's first page: do logs arrive, how many, do consumers keep up, CI, Redis and what fires.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("Kafka 上最新的日志", "Latest log in Kafka"),
                    Text(
                        "距命名空间的主题上次被写入多久；选了几个时，是最安静的那个。",
                        "Time since the namespace's topic was last written; of several, the one that is quiet for longest.",
                    ),
                    f"time() - min(max by (namespace) (kunobs_logs_last_message_timestamp_seconds{{{_N}}}))",
                    unit="seconds",
                ),
                stat(
                    Text("搜索里最新的日志", "Latest log in the search"),
                    Text(
                        "距 Elasticsearch 里最新一条日志的时间戳多久；小于 0 说明写日志的时钟快了。",
                        "Age of the latest timestamp in Elasticsearch; below 0 the clock of what wrote it is ahead.",
                    ),
                    f"time() - min(max by (namespace) (kunobs_logs_last_event_timestamp_seconds{{{_N}}}))",
                    unit="seconds",
                ),
                stat(
                    Text("最近的死信", "Latest dead letter"),
                    Text(
                        "距上一条被拒绝的日志多久；没有数据就是没有死信。用 kunobs tail NAMESPACE --dead-letters 看原因。",
                        "Time since a log was last refused; no data means none was. kunobs tail NAMESPACE --dead-letters says why.",
                    ),
                    f"time() - max(kunobs_logs_last_dead_letter_timestamp_seconds{{{_N}}})",
                    unit="seconds",
                    steps=(Step(None, "orange"), Step(3600, "green")),
                ),
                stat(
                    Text("消费者落后", "Consumers are behind by"),
                    Text(
                        "最慢的消费组最旧的未读消息的年龄；0 就是都读完了。",
                        "Age of the oldest message that the slowest group has not read; at 0 all is read.",
                    ),
                    f"max(kunobs_kafka_group_lag_seconds{{{_K}}})",
                    unit="seconds",
                    steps=(Step(None, "green"), Step(_LIMIT["KunKafkaGroupLagSeconds"], "orange")),
                ),
                stat(
                    Text("离删除未读消息", "Unread messages are deleted in"),
                    Text(
                        "最早到期的未读消息还能留多久；低于 0 随时会被删除。没有数据就是没有未读。",
                        "How long the oldest unread message is still kept; below 0 it may go at any time. No data: none is unread.",
                    ),
                    f"min(kunobs_kafka_group_retention_headroom_seconds{{{_K}}})",
                    unit="seconds",
                    steps=(Step(None, "orange"), Step(_LIMIT["KunKafkaRetentionHeadroom"], "green")),
                ),
                stat(
                    Text("消费者错过的消息", "Messages consumers have missed"),
                    Text(
                        "提交之前就被保留策略删除的消息；消费者提交到后面即归零。",
                        "Deleted by retention before they were committed; back to 0 once the group commits beyond.",
                    ),
                    f"sum(max by (namespace, group, topic) (kunobs_kafka_group_lost_offsets{{{_K}}}))",
                    steps=BAD_ABOVE_0,
                ),
                table(
                    Text("正在响的告警", "Alerts that fire"),
                    Text(
                        "带有所选命名空间的告警；owner 是 tenant 的由你处理，是 platform 的平台已知道。空表就是没有。",
                        "Alerts with the chosen namespace; those with owner tenant are yours, the platform knows the others. Empty: none fires.",
                    ),
                    Query(f'ALERTS{{alertstate="firing", namespace!="", {_N}}}'),
                    width=24,
                ),
            ),
        ),
        Row(
            Text("我的日志", "My logs"),
            (
                series(
                    Text("写入的日志", "Logs written"),
                    Text(
                        "每个主题每秒的消息；kun.logs 是日志，kun.dlq 是死信，平时应当没有。",
                        "Messages per second of each topic; kun.logs are logs, kun.dlq are dead letters, of which there should be none.",
                    ),
                    Query(
                        # Two exporters may see the same.
                        f"topk(15, max by (topic) (rate(kunobs_kafka_topic_written_total{{{_K}}}[$__rate_interval])))",
                        "{{topic}}",
                    ),
                    unit="events/s",
                    width=12,
                    stacked=True,
                ),
                series(
                    Text("搜索比 Kafka 慢", "The search is behind Kafka by"),
                    Text(
                        "主题里最新的消息比 Elasticsearch 里最新的日志新多少，前 15 名；一直涨就是没有进索引。",
                        "How much newer the topic's latest message is than the latest log in Elasticsearch, the top 15; rising, logs are not indexed.",
                    ),
                    Query(
                        f"topk(15, max by (namespace) (kunobs_logs_last_message_timestamp_seconds{{{_N}}})"
                        f" - max by (namespace) (kunobs_logs_last_event_timestamp_seconds{{{_N}}}))",
                        "{{namespace}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("占用的磁盘", "Disk in use"),
                    Text(
                        "日志在 Elasticsearch 和 Kafka 里占多少，含副本，各前 10 名。",
                        "What the logs occupy in Elasticsearch and in Kafka, replicas included, the top 10 of each.",
                    ),
                    Query(
                        f"topk(10, max by (namespace) (kunobs_logs_store_bytes{{{_N}}}))",
                        "Elasticsearch {{namespace}}",
                    ),
                    Query(
                        f"topk(10, max by (namespace) (kunobs_kafka_namespace_disk_bytes{{{_K}}}))",
                        "Kafka {{namespace}}",
                    ),
                    unit="bytes",
                    width=12,
                ),
                table(
                    Text("主题里有多少", "What lies in the topics"),
                    Text(
                        "每个主题现在留着的消息，位点数，比消息略多；kun.dlq 的就是还留着的死信。",
                        "Messages that each topic keeps now, in offsets, a few more than messages; those of kun.dlq are dead letters.",
                    ),
                    Query(f"topk(20, max by (namespace, topic) (kunobs_kafka_topic_stored_offsets{{{_K}}}))"),
                ),
            ),
        ),
        Row(
            Text("我的消费者", "My consumers"),
            (
                series(
                    Text("各消费组落后", "Lag of the groups"),
                    Text(
                        "每个消费组最旧的未读消息的年龄，前 15 名；锯齿是正常的，一直涨是跟不上。",
                        "Age of the oldest message that each group has not read, the top 15; teeth are normal, what keeps rising is too slow.",
                    ),
                    Query(f"topk(15, max by (group) (kunobs_kafka_group_lag_seconds{{{_K}}}))", "{{group}}"),
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("各消费组离丢消息", "Time until a group loses messages"),
                    Text(
                        "最旧的未读消息离保留期满还有多久，最少的 15 个；朝 0 下降的会丢消息。",
                        "Until retention deletes the oldest unread message, the lowest 15; a line that falls towards 0 will lose messages.",
                    ),
                    Query(
                        f"bottomk(15, min by (group, topic) (kunobs_kafka_group_retention_headroom_seconds{{{_K}}}))",
                        "{{group}} {{topic}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("我的配额和拨测", "My quota and probes"),
            (
                bars(
                    Text("已用的配额", "Quota in use"),
                    Text(
                        "每种资源已用的份额；到 100% 新的 Pod 或卷就被拒绝。没有数据就是没有配额。",
                        "Share of each resource that is used; at 100 % new pods or volumes are refused. No data: there is no quota.",
                    ),
                    f'topk(15, max by (namespace, resource) (kube_resourcequota{{type="used", {_N}}}'
                    f' / ignoring (type) (kube_resourcequota{{type="hard", {_N}}} > 0)))',
                    "{{namespace}} {{resource}}",
                    unit="ratio",
                    steps=(Step(None, "green"), Step(_QUOTA["KunQuotaAlmostFull"], "orange")),
                ),
                series(
                    Text("我的指标的序列", "Series of my metrics"),
                    Text(
                        "一次采集所有目标得到的样本，前 15 名；线是预算。",
                        "Samples that a scrape of all targets brings, the top 15; the line is the budget.",
                    ),
                    Query(
                        f"topk(15, sum by (namespace) (scrape_samples_post_metric_relabeling{{{_N}}}))",
                        "{{namespace}}",
                    ),
                    steps=(Step(None, "green"), Step(_QUOTA["KunTenantSeriesBudget"], "orange")),
                ),
                states(
                    Text("我的拨测", "My probes"),
                    Text(
                        "每个服务的 IPv4 和 IPv6 各一行；只断一行就是那一族的路由或 DNS。",
                        "A line each for IPv4 and IPv6 of a service; where one alone is down look at its routes and its DNS record.",
                    ),
                    f"max by (namespace, service, ip_family) (probe_success{{{_N}}})",
                    "{{namespace}}/{{service}} {{ip_family}}",
                    UP_DOWN,
                    width=8,
                    height=8,
                ),
            ),
        ),
        Row(
            Text("我的 CI 和 Redis", "My CI and Redis"),
            (
                series(
                    Text("结束的 CI 作业", "CI jobs ended"),
                    Text("每秒结束的作业，按结果。", "Jobs per second by how they ended."),
                    Query(f"sum by (status) (rate(kunobs_ci_jobs_total{{{_N}}}[$__rate_interval]))", "{{status}}"),
                    unit="events/s",
                    stacked=True,
                ),
                series(
                    Text("在等和在跑的作业", "CI jobs waiting and running"),
                    Text(
                        "各前 15 个命名空间；只等不跑就是没有 runner 接。",
                        "The top 15 namespaces of each; where jobs wait and none runs, no runner takes them.",
                    ),
                    Query(
                        f"topk(15, sum by (namespace) (kunobs_ci_jobs_pending{{{_N}}}))",
                        Text("在等 {{namespace}}", "waiting {{namespace}}"),
                    ),
                    Query(
                        f"topk(15, sum by (namespace) (kunobs_ci_jobs_running{{{_N}}}))",
                        Text("在跑 {{namespace}}", "running {{namespace}}"),
                    ),
                ),
                states(
                    Text("Redis 的状态", "State of Redis"),
                    Text(
                        "中断：节点和哨兵都不回答；脑裂：两个节点接受同样的写入，会丢数据。",
                        "down: neither nodes nor sentinels answer; split: two nodes take the same writes, and data will be lost.",
                    ),
                    f"max by (namespace, name) (kunobs_redis_up{{{_N}}}) == 0"
                    f" or max by (namespace, name) (kunobs_redis_up{{{_N}}})"
                    f" + max by (namespace, name) (kunobs_redis_split_brain{{{_N}}})",
                    "{{namespace}}/{{name}}",
                    _REDIS,
                    width=8,
                    height=8,
                ),
            ),
        ),
    ),
    variables=(Variable("namespace", "kunobs_logs_last_message_timestamp_seconds", Text("命名空间", "Namespace")),),
    tags=("tenants",),
)
