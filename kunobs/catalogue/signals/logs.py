"""Alerts on the logs of each namespace and on the canary's lines: what a tenant would notice."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text


def _looked_for(what: str) -> str:
    """Lines of the canaries whose reader worked all the time: what a blind one misses says nothing of the pipeline."""
    return (
        f"sum by (hop) (increase(kunobs_logs_canary_{what}_total[10m])"
        " and on (instance, hop) min_over_time(kunobs_logs_canary_reader_up[10m]) == 1)"
    )


SIGNALS = (
    Signal(
        alert="KunLogsCanaryUnseen",
        severity="critical",
        expr=f"{_looked_for('missing')} / ({_looked_for('missing')} + {_looked_for('received')})",
        comparison=">",
        threshold=0.5,
        unit="ratio",
        wait="5m",
        keep="5m",
        title=Text("日志到不了 {hop}", "Logs do not reach {hop}"),
        description=Text(
            "十分钟内，一直读得到 {hop} 的金丝雀的行有 {value} 没有按时出现。",
            "In ten minutes {value} of the lines of canaries that could read {hop} did not appear there in time.",
        ),
        impact=Text(
            "大多数租户看不到新日志，久了会丢。", "Most tenants see no new logs, and in the end they are lost."
        ),
        action=Text(
            "看从哪一跳开始：public 起是 Filebeat 或公共 Kafka，tenant 起是 fanout，只有 elasticsearch 是 indexer。",
            "See at which hop it begins: public is Filebeat or the public Kafka, tenant is fanout, elasticsearch alone the indexer.",
        ),
    ),
    Signal(
        alert="KunLogsCanaryMissing",
        severity="warning",
        expr=(
            "sum by (instance, hop) (increase(kunobs_logs_canary_missing_total[10m]))"
            " - sum by (instance, hop) (increase(kunobs_logs_canary_late_total[10m]))"
        ),
        comparison=">",
        threshold=5,
        guard="and on (instance, hop) min by (instance, hop) (min_over_time(kunobs_logs_canary_reader_up[10m])) == 1",
        wait="15m",
        title=Text("{instance} 的日志没到 {hop}", "Logs of {instance} do not reach {hop}"),
        description=Text(
            "十分钟内 {value} 行没有出现，后来也没有补上。",
            "In ten minutes {value} lines did not appear, nor later.",
        ),
        impact=Text(
            "这个节点上其他容器的日志多半也没到。", "Most likely other containers' logs of this node are missing too."
        ),
        action=Text(
            "看其他节点的金丝雀：只有这个节点缺就看它的 Filebeat，否则看这一跳。",
            "Look at other nodes' canaries: if only this one's lines are missing look at its Filebeat, else at the hop.",
        ),
    ),
    Signal(
        alert="KunLogsCanarySlow",
        severity="warning",
        expr="histogram_quantile(0.99, sum by (hop, le) (rate(kunobs_logs_canary_delay_seconds_bucket[10m])))",
        comparison=">",
        threshold=15,
        unit="seconds",
        wait="10m",
        title=Text("日志到 {hop} 要 {value}", "Logs take {value} to {hop}"),
        description=Text(
            "99% 的金丝雀行在 {value} 内到达 {hop}。", "99% of the canaries' lines reach {hop} within {value}."
        ),
        impact=Text("租户看到的日志晚这么多。", "Tenants see their logs that late."),
        action=Text(
            "比较各跳的延迟，从第一个变慢的查起。",
            "Compare the hops' delays and begin with the first that is slow.",
        ),
    ),
    Signal(
        alert="KunLogsCanaryDuplicate",
        severity="warning",
        expr='sum by (hop) (increase(kunobs_logs_canary_duplicate_total{hop="elasticsearch"}[1h]))',
        comparison=">",
        threshold=5,
        keep="30m",
        title=Text("Elasticsearch 里有重复的日志", "Logs are in Elasticsearch twice"),
        description=Text("一小时内 {value} 行被看到不止一次。", "{value} lines of an hour were seen more than once."),
        impact=Text("按日志计数的图和告警偏高。", "Graphs and alerts that count logs show too much."),
        action=Text(
            "看 source.fields 是否改过、数据流是否刚滚动：两者都会让同一行有两个编号或两个索引。",
            "See whether source.fields was changed or a stream was just rolled over: either gives a line a second id or index.",
        ),
    ),
    Signal(
        alert="KunLogsCanaryOutOfOrder",
        severity="info",
        expr='sum by (hop) (increase(kunobs_logs_canary_out_of_order_total{hop!="elasticsearch"}[30m]))',
        comparison=">",
        threshold=30,
        keep="30m",
        title=Text("{hop} 的日志顺序乱了", "Logs come out of order at {hop}"),
        description=Text(
            "半小时内 {value} 行晚于编号更大的行。",
            "In half an hour {value} lines came after one with a greater number.",
        ),
        impact=Text(
            "按到达顺序读的消费者会看到乱序；按时间排序的不受影响。",
            "Consumers that rely on the order of arrival see it; those that sort by time do not.",
        ),
        action=Text(
            "看 Filebeat 的输出键是否还是按文件分区。",
            "See whether Filebeat still chooses the partition by the file.",
        ),
    ),
    Signal(
        alert="KunLogsCanaryReaderDown",
        severity="warning",
        expr="max by (instance, hop) (kunobs_logs_canary_reader_up)",
        comparison="==",
        threshold=0,
        wait="10m",
        title=Text("{instance} 的金丝雀读不到 {hop}", "The canary on {instance} cannot read {hop}"),
        description=Text("它的读取端状态是 {value}。", "Its reader's state is {value}."),
        impact=Text("这一跳丢没丢日志，现在无从知道。", "Whether logs are lost at this hop cannot be known now."),
        action=Text(
            "问它为什么：curl -sg 'http://{instance}/metrics?collect[]=canary&debug=true' | grep failed。",
            "Ask it why: curl -sg 'http://{instance}/metrics?collect[]=canary&debug=true' | grep failed.",
        ),
    ),
    Signal(
        alert="KunLogsCanaryNotWritten",
        severity="warning",
        expr="sum by (instance) (increase(kunobs_logs_canary_sent_total[10m]))",
        comparison="<",
        threshold=2,
        wait="5m",
        title=Text("{instance} 的金丝雀不写了", "The canary on {instance} does not write"),
        description=Text("十分钟内只写了 {value} 行。", "It wrote {value} lines in ten minutes."),
        impact=Text("这个节点上丢日志不会被发现。", "Logs that this node loses are not noticed."),
        action=Text(
            "看 /var/log 是否可写、有没有满，再看它的日志里的 the canary cannot write its line。",
            "See whether /var/log is full or read-only, then its log for 'the canary cannot write its line'.",
        ),
    ),
    Signal(
        alert="KunLogsNotIndexed",
        severity="warning",
        expr=(
            "max by (namespace) (kunobs_logs_last_message_timestamp_seconds)"
            " - max by (namespace) (kunobs_logs_last_event_timestamp_seconds)"
        ),
        comparison=">",
        threshold=900,
        unit="seconds",
        # Where the latest message became a dead letter, there is nothing to index: that is the next alert's.
        guard=(
            "unless on (namespace) max by (namespace) (kunobs_logs_last_dead_letter_timestamp_seconds)"
            " - max by (namespace) (kunobs_logs_last_message_timestamp_seconds) > -60"
        ),
        wait="15m",
        title=Text("{namespace} 的日志没进 Elasticsearch", "Logs of {namespace} are not in Elasticsearch"),
        description=Text(
            "最新事件比它的主题旧 {value}。", "Its latest event is {value} older than its topic's latest message."
        ),
        impact=Text("搜索里少了这段时间的日志，主题里有。", "Search lacks the logs since then; its topic has them."),
        action=Text(
            "别的命名空间也这样就看 indexer；只有它就看它的事件时间是否落后，再看 kunobs deadletters list {namespace}。",
            "If others are late too look at the indexer; if only this one is, see whether its events' times lag behind,"
            " then kunobs deadletters list {namespace}.",
        ),
    ),
    Signal(
        alert="KunLogsDeadLetters",
        severity="warning",
        expr="time() - max by (namespace) (kunobs_logs_last_dead_letter_timestamp_seconds)",
        comparison="<",
        threshold=600,
        unit="seconds",
        # One letter alone is younger than the threshold for too short a time.
        wait="15m",
        keep="15m",
        title=Text("{namespace} 不断有死信", "{namespace} keeps getting dead letters"),
        description=Text(
            "一刻钟来不断有日志被拒收，最近一条在 {value} 前。",
            "For a quarter of an hour logs have been refused, the latest {value} ago.",
        ),
        impact=Text(
            "这些日志不在主题或搜索里，修好后可以重放。",
            "They are missing in the topic or in search, and can be replayed once it is mended.",
        ),
        action=Text(
            "看原因：kunobs deadletters list {namespace}；多半是一行太大，或字段类型变了。",
            "See why: kunobs deadletters list {namespace}; mostly a line is too large, or a field has changed its type.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunLogsLifecycleErrors",
        severity="warning",
        expr="max by (namespace) (kunobs_logs_lifecycle_errors)",
        comparison=">",
        threshold=0,
        wait="30m",
        title=Text("{namespace} 的索引卡在生命周期里", "Indices of {namespace} are stuck in their lifecycle"),
        description=Text("ILM 处理不了 {value} 个索引。", "ILM cannot go on with {value} indices."),
        impact=Text(
            "它们不再滚动，也不再删除，磁盘会满。", "They are neither rolled over nor deleted, and disks fill up."
        ),
        action=Text(
            "看原因：curl -s 'URL/logs-k8s-*/_ilm/explain?only_errors'；修好后 POST INDEX/_ilm/retry。",
            "See why: curl -s 'URL/logs-k8s-*/_ilm/explain?only_errors'; once it is mended POST INDEX/_ilm/retry.",
        ),
    ),
    Signal(
        alert="KunLogsRefused",
        severity="warning",
        expr='max by (namespace) (delta(kunobs_logs_refused_documents{reason="other"}[30m]))',
        comparison=">",
        threshold=100,
        # Where a node did not answer for a scrape, the sum was smaller: a rise while that is the oldest sample.
        wait="5m",
        keep="15m",
        title=Text("Elasticsearch 的分片拒收 {namespace} 的日志", "Shards refuse logs of {namespace}"),
        description=Text(
            "半小时内拒收 {value} 个文档，不是重复造成的。",
            "{value} documents were refused in half an hour, and not because they were there already.",
        ),
        impact=Text(
            "indexer 会重试或改写成死信，搜索变晚或缺行。",
            "The indexer tries again or makes dead letters of them: search is late, or lacks lines.",
        ),
        action=Text(
            "看 indexer 的重试原因：sum by (reason) (rate(kunobs_indexer_retries_total[15m]))，再看该分片所在节点的日志。",
            "See why the indexer tries again: sum by (reason) (rate(kunobs_indexer_retries_total[15m])), then the log of the shard's node.",
        ),
    ),
)
