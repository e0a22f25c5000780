"""Alerts on fanout and indexer, as the processes see themselves; what they leave unread is with the alerts on Kafka."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

# A replay is written in transactions, whose ends are offsets that nobody reads: its topic never looks read to the end.
_SOURCE = 'topic!~".*kun[.]replay[.].*"'
_DEAD = 'outcome="dead_letter"'


def _both(query: str) -> str:
    """The same of either leg; the label job tells them apart."""
    return f"{query.replace('LEG', 'fanout')} or {query.replace('LEG', 'indexer')}"


def _sum(query: str) -> str:
    """Of all processes of a leg."""
    return f"sum by (job) ({_both(query)})"


SIGNALS = (
    Signal(
        alert="KunPipelineNotReady",
        severity="critical",
        # Pods that cannot be scheduled have no `up` at all; within the day they had.
        expr=(
            '(max by (job) (kunobs_process_ready{job=~"kunobs-(fanout|indexer)"})'
            ' or 0 * max by (job) (max_over_time(up{job=~"kunobs-(fanout|indexer)"}[1d])))'
        ),
        comparison="==",
        threshold=0,
        wait="10m",
        keep="5m",
        title=Text("{job} 全部停工", "No process of {job} works"),
        description=Text(
            "{value} 个进程就绪：它们没有运行，或在等依赖。",
            "{value} processes are ready: they do not run, or wait for what they depend on.",
        ),
        impact=Text(
            "所有租户都没有新日志；公共 Kafka 替他们存着，直到保留期满。",
            "No tenant gets new logs; the public Kafka keeps them until its retention is over.",
        ),
        action=Text(
            "问进程在等什么：curl -s http://HOST:9501/-/ready（fanout）或 :9502（indexer）；没有运行就看它最后的日志。",
            "Ask what it waits for: curl -s http://HOST:9501/-/ready (fanout) or :9502 (indexer); where none runs, read its last log.",
        ),
    ),
    Signal(
        alert="KunPipelineNoPartitions",
        severity="warning",
        expr=(
            f"(count by (job) ({_both(f'kunobs_LEG_lag_messages{{{_SOURCE}}}')})"
            f" or {_sum('kunobs_LEG_assigned_partitions')} * 0)"
        ),
        comparison="==",
        threshold=0,
        guard=(
            "and on (job) max by (job) (kunobs_process_ready) == 1"
            f" unless on (job) {_sum('rate(kunobs_LEG_consumed_events_total[10m])')} > 0"
        ),
        wait="10m",
        title=Text("{job} 没有分到源主题的分区", "{job} has no partition of its source"),
        description=Text(
            "进程都就绪，却只有 {value} 个源分区，什么也没读。",
            "Its processes are ready, yet own {value} partitions of the source and read nothing.",
        ),
        impact=Text("租户没有新日志，而且没有别的指标会动。", "Tenants get no new logs, and no other number moves."),
        action=Text(
            "看源主题是否存在、消费组里是谁：kafka-consumer-groups.sh --bootstrap-server BROKER --describe --group GROUP --members。",
            "See whether the topic exists and who is in the group: kafka-consumer-groups.sh --bootstrap-server BROKER --describe"
            " --group GROUP --members.",
        ),
    ),
    Signal(
        alert="KunPipelineGap",
        severity="critical",
        # A process counts what it finds missing at its start before it is first scraped: of a young one, all counts.
        expr=_sum(
            "(last_over_time(kunobs_LEG_gap_events_total[5m]) and on (job, instance) time() - process_start_time_seconds < 900"
            " or increase(kunobs_LEG_gap_events_total[15m]))"
        ),
        comparison=">",
        # The end of a replay's last transaction counts once its topic has been emptied; a real gap is whole segments.
        threshold=10,
        keep="30m",
        title=Text("{job} 丢了日志", "{job} has lost logs"),
        description=Text(
            "15 分钟内有 {value} 条消息没读就被公共 Kafka 的保留策略删除。",
            "In 15 minutes the public Kafka's retention deleted {value} messages before they were read.",
        ),
        impact=Text(
            "这些日志不再到得了租户；落后的分区还会继续丢。",
            "These logs reach no tenant any more; partitions that are behind go on losing.",
        ),
        action=Text(
            "立刻延长源主题的 retention.ms，再加进程追上。",
            "Lengthen retention.ms of the source topic now, then add processes to catch up.",
        ),
    ),
    Signal(
        alert="KunPipelineLagSeconds",
        severity="warning",
        expr=(
            f"max by (job, topic) (min_over_time(kunobs_fanout_lag_seconds{{{_SOURCE}}}[5m])"
            " or min_over_time(kunobs_indexer_lag_seconds[5m]))"
        ),
        comparison=">",
        threshold=300,
        unit="seconds",
        wait="10m",
        title=Text("{job} 落后 {value}", "{job} is {value} behind"),
        description=Text(
            "{topic} 有分区最近五分钟一直有 {value} 以上没处理完的日志。",
            "A partition of {topic} has had logs without an outcome that are older than {value}, for five minutes.",
        ),
        impact=Text("租户看到的日志晚这么多。", "Tenants see their logs that late."),
        action=Text(
            "看 KunPipelinePaused 是否也在：是则目的地慢，否则加进程（不超过分区数）。",
            "See whether KunPipelinePaused is there too: then what it writes to is slow; else add processes, up to one a partition.",
        ),
    ),
    Signal(
        alert="KunPipelineLagGrowing",
        severity="warning",
        expr=(
            f"delta({_sum('kunobs_LEG_lag_messages')}[30m:1m]) / {_sum('increase(kunobs_LEG_consumed_events_total[30m])')}"
        ),
        comparison=">",
        threshold=0.05,
        unit="ratio",
        guard=f"and on (job) {_sum('kunobs_LEG_lag_messages')} > 10000",
        wait="15m",
        title=Text("{job} 跟不上", "{job} does not keep up"),
        description=Text(
            "半小时里积压增加了，增量是处理量的 {value}。",
            "In half an hour the lag grew by {value} of what was handled.",
        ),
        impact=Text(
            "日志越来越晚；到了保留期就会丢。", "Logs come later and later; at the source's retention they are lost."
        ),
        action=Text(
            "加进程；已到分区数就找流量最大的命名空间：topk(5, rate(kunobs_fanout_namespace_events_total[5m]))。",
            "Add processes; where there is one for each partition, find the loudest namespace:"
            " topk(5, rate(kunobs_fanout_namespace_events_total[5m])).",
        ),
    ),
    Signal(
        alert="KunPipelineCommitsStand",
        severity="warning",
        expr=(
            f"time() - max by (job, instance) (({_both('kunobs_LEG_last_commit_timestamp_seconds')}) > 0"
            " or on (job, instance) process_start_time_seconds)"
        ),
        comparison=">",
        threshold=300,
        unit="seconds",
        guard=f"and on (job, instance) sum by (job, instance) ({_both(f'kunobs_LEG_lag_messages{{{_SOURCE}}}')}) > 0",
        wait="5m",
        title=Text("{instance} 的 {job} 没有提交", "{job} on {instance} commits nothing"),
        description=Text(
            "有未处理的日志，而上次提交（没有过则是启动）已过去 {value}。",
            "There are logs to handle, and its last commit, or its start where there was none, was {value} ago.",
        ),
        impact=Text(
            "它的分区停住；重启会重读这段时间的日志。",
            "Its partitions stand still; a restart reads all since then again.",
        ),
        action=Text(
            "看它的日志在等什么；没有线索就重启它，进度不会丢。",
            "Read in its log what it waits for; without a hint restart it, no progress is lost.",
        ),
    ),
    Signal(
        alert="KunPipelinePaused",
        severity="info",
        expr=f"avg by (job) ({_both('avg_over_time(kunobs_LEG_paused[15m])')})",
        comparison=">",
        threshold=0.8,
        unit="ratio",
        guard="and on (job) max by (job) (max_over_time(kunobs_process_ready[15m])) > 0",
        wait="30m",
        title=Text("{job} 被目的地拖住", "{job} is held up by what it writes to"),
        description=Text(
            "{value} 的时间不读源主题，只在等。", "It has waited instead of reading for {value} of the time."
        ),
        impact=Text(
            "追赶积压时这是正常的上限；平时则说明目的地太慢。",
            "While it catches up this is the most there is; at other times what it writes to is too slow.",
        ),
        action=Text(
            "fanout 看租户 Kafka 的磁盘和网络，indexer 看 Elasticsearch 的写队列。",
            "For fanout look at the tenant Kafka's disks and network, for the indexer at Elasticsearch's write queues.",
        ),
    ),
    Signal(
        alert="KunPipelineDeadLetters",
        severity="warning",
        expr=(
            f"{_sum(f'rate(kunobs_LEG_events_total{{{_DEAD}}}[15m])')} / {_sum('rate(kunobs_LEG_events_total[15m])')}"
        ),
        comparison=">",
        threshold=0.01,
        unit="ratio",
        guard=f"and on (job) {_sum('rate(kunobs_LEG_events_total[15m])')} > 1",
        wait="10m",
        title=Text("{job} 有很多死信", "{job} has many dead letters"),
        description=Text(
            "{value} 的日志被拒收，进了死信主题。", "{value} of the logs were refused and became dead letters."
        ),
        impact=Text(
            "租户少了这些日志；修好后可以重放。", "Tenants miss these logs; they can be replayed once it is mended."
        ),
        action=Text(
            "看原因：sum by (reason) (rate(kunobs_indexer_dead_letters_total[15m]))，再 kunobs deadletters list NAMESPACE。",
            "See why: sum by (reason) (rate(kunobs_indexer_dead_letters_total[15m])), then kunobs deadletters list NAMESPACE.",
        ),
    ),
    Signal(
        alert="KunPipelineQuarantined",
        severity="warning",
        expr="sum by (reason) (increase(kunobs_fanout_quarantined_total[1h]))",
        comparison=">",
        threshold=10,
        keep="30m",
        title=Text("有日志冒用命名空间", "Logs claim a namespace that is not theirs"),
        description=Text(
            "一小时内隔离了 {value} 条（{reason}）：元数据和文件路径的命名空间不同。",
            "{value} were quarantined in an hour ({reason}): metadata and file path name different namespaces.",
        ),
        impact=Text(
            "它们不会给任何租户；可能是伪造，也可能是采集配置错。",
            "No tenant gets them; somebody forges, or an agent is set up wrong.",
        ),
        action=Text(
            "读几条看来自哪个节点：kcat -C -b BROKER -t kun.quarantine -o -5 -e。",
            "Read some and see which node they are from: kcat -C -b BROKER -t kun.quarantine -o -5 -e.",
        ),
    ),
    Signal(
        alert="KunPipelineUnrouted",
        severity="warning",
        expr=(
            'sum by (job, reason) (rate(kunobs_fanout_unrouted_total{reason!="topic_budget"}[15m]))'
            " / on (job) group_left () sum by (job) (rate(kunobs_fanout_events_total[15m]))"
        ),
        comparison=">",
        threshold=0.01,
        unit="ratio",
        guard="and on (job) sum by (job) (rate(kunobs_fanout_events_total[15m])) > 1",
        wait="10m",
        title=Text("有日志没有去处（{reason}）", "Logs have nowhere to go ({reason})"),
        description=Text(
            "{value} 的日志因 {reason} 进了 kun.unrouted。", "{value} of the logs went to kun.unrouted: {reason}."
        ),
        impact=Text("租户看不到它们。", "No tenant sees them."),
        action=Text(
            "读几条：kcat -C -b BROKER -t kun.unrouted -o -5 -e；多半是采集端的处理器被改了。",
            "Read some: kcat -C -b BROKER -t kun.unrouted -o -5 -e; mostly an agent's processors were changed.",
        ),
    ),
    Signal(
        alert="KunFanoutTopicsRefused",
        severity="warning",
        expr='sum by (result) (increase(kunobs_fanout_topics_created_total{result=~"failed|over_budget"}[15m]))',
        comparison=">",
        threshold=3,
        keep="15m",
        title=Text("新命名空间没有主题（{result}）", "New namespaces get no topic ({result})"),
        description=Text("15 分钟内 {value} 次没能建主题。", "{value} times in 15 minutes a topic was not made."),
        impact=Text("这些命名空间的日志进了 kun.unrouted。", "The logs of these namespaces go to kun.unrouted."),
        action=Text(
            "over_budget：若不是伪造的名字就调大 topics.new_per_hour；failed：看 fanout 日志里 broker 的回答。",
            "over_budget: raise topics.new_per_hour unless the names are forged; failed: read the broker's answer in fanout's log.",
        ),
    ),
    Signal(
        alert="KunFanoutBeginsAgain",
        severity="warning",
        expr="max by (reason) (increase(kunobs_fanout_retries_total[30m]))",
        comparison=">",
        threshold=5,
        keep="15m",
        title=Text("fanout 反复从检查点重来（{reason}）", "Fanout begins again and again ({reason})"),
        description=Text(
            "一个进程半小时内重来了 {value} 次。", "One process began again {value} times in half an hour."
        ),
        impact=Text("每次都要等租户 Kafka，日志变晚。", "Each time waits for the tenant Kafka, and logs come later."),
        action=Text(
            "timeout、unreachable：看租户 Kafka；fenced：看进程或消费组是否长时间停顿。",
            "timeout, unreachable: look at the tenant Kafka; fenced: look for long stalls of the process or of the group.",
        ),
    ),
    Signal(
        alert="KunFanoutAborts",
        severity="warning",
        expr=(
            'sum by (job) (rate(kunobs_fanout_transactions_total{result="aborted"}[15m]))'
            " / sum by (job) (rate(kunobs_fanout_transactions_total[15m]))"
        ),
        comparison=">",
        threshold=0.05,
        unit="ratio",
        guard="and on (job) sum by (job) (rate(kunobs_fanout_transactions_total[15m])) > 0.1",
        wait="10m",
        title=Text("fanout 的事务常被中止", "Many transactions of fanout are aborted"),
        description=Text("{value} 的事务被中止后重写。", "{value} of its transactions were aborted and written again."),
        impact=Text(
            "没有丢失或重复，但日志变晚，租户 Kafka 写两遍。",
            "Nothing is lost or doubled, but logs come later and are written twice.",
        ),
        action=Text(
            "在 fanout 日志里找 records refused：哪个主题拒收、为什么。",
            "Look for 'records refused' in fanout's log: which topic refuses, and why.",
        ),
    ),
    Signal(
        alert="KunIndexerBulkFailing",
        severity="warning",
        expr=(
            'sum by (job) (rate(kunobs_indexer_bulk_requests_total{result=~"retry|failed"}[15m]))'
            " / sum by (job) (rate(kunobs_indexer_bulk_requests_total[15m]))"
        ),
        comparison=">",
        threshold=0.2,
        unit="ratio",
        guard="and on (job) sum by (job) (rate(kunobs_indexer_bulk_requests_total[15m])) > 0.1",
        wait="10m",
        title=Text("Elasticsearch 常拒绝写入", "Elasticsearch refuses many bulk requests"),
        description=Text(
            "{value} 的 bulk 请求要重发或放弃。", "{value} of the bulk requests were sent again or given up."
        ),
        impact=Text("搜索里的日志变晚。", "Logs come later into search."),
        action=Text(
            "看原因：sum by (reason) (rate(kunobs_indexer_retries_total[15m]))；disk_full 就先腾磁盘。",
            "See why: sum by (reason) (rate(kunobs_indexer_retries_total[15m])); for disk_full free disk first.",
        ),
    ),
    Signal(
        alert="KunIndexerWindowCollapsed",
        severity="warning",
        expr="max by (job) (max_over_time(kunobs_indexer_window[10m]))",
        comparison="<",
        threshold=2,
        guard="and on (job) sum by (job) (kunobs_indexer_lag_messages) > 10000",
        wait="15m",
        title=Text(
            "Elasticsearch 过载，{job} 退到最慢", "Elasticsearch is overloaded, {job} has slowed down as far as it can"
        ),
        description=Text(
            "十分钟来每个进程同时最多 {value} 个 bulk 请求，而且有积压。",
            "For ten minutes no process had more than {value} bulk request under way, and there is lag.",
        ),
        impact=Text("搜索里的日志越来越晚。", "Logs come later and later into search."),
        action=Text(
            "看 Elasticsearch 写线程池的拒绝数和热节点：curl -s URL/_cat/thread_pool/write?v。",
            "Look at rejections of Elasticsearch's write pools and at hot nodes: curl -s URL/_cat/thread_pool/write?v.",
        ),
    ),
    Signal(
        alert="KunIndexerRolloversFail",
        severity="warning",
        expr='sum by (job) (increase(kunobs_indexer_rollovers_total{result="failed"}[1h]))',
        comparison=">",
        threshold=5,
        keep="30m",
        title=Text("数据流无法滚动", "Data streams cannot be rolled over"),
        description=Text("一小时内 {value} 次滚动失败。", "{value} rollovers failed in an hour."),
        impact=Text(
            "索引越长越大，旧日志也不会按时删除。",
            "Indices grow beyond their size, and old logs are not deleted in time.",
        ),
        action=Text(
            "在 indexer 日志里找 stream was not rolled over；多半是分片数到了 cluster.max_shards_per_node。",
            "Look for 'stream was not rolled over' in the indexer's log; mostly cluster.max_shards_per_node is reached.",
        ),
    ),
)
