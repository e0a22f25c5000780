"""The logs as their owners see them: how fresh each namespace's are, and what becomes of the canary's lines."""

from __future__ import annotations

from dashboards.model import (
    BAD_ABOVE_0,
    UP_DOWN,
    Board,
    Query,
    Row,
    Step,
    Variable,
    bars,
    heatmap,
    series,
    stat,
    states,
    table,
)
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import logs as signals

_N = 'namespace=~"$namespace"'
_I = 'instance=~"$instance"'
_BY_HOP = f"sum by (hop, le) (rate(kunobs_logs_canary_delay_seconds_bucket{{{_I}}}[$__rate_interval]))"
_SEARCH = f'hop="elasticsearch", {_I}'
# Several exporters may see the same namespace.
_EVENT = f"max by (namespace) (kunobs_logs_last_event_timestamp_seconds{{{_N}}})"
_MESSAGE = f"max by (namespace) (kunobs_logs_last_message_timestamp_seconds{{{_N}}})"
_LETTER = f"max by (namespace) (kunobs_logs_last_dead_letter_timestamp_seconds{{{_N}}})"

BOARD = Board(
    "kun-logs",
    Text("日志的新鲜度", "Freshness of logs"),
    Text(
        "租户看到的日志：金丝雀到每一跳的时间和丢失，每个命名空间有多新、占多少。",
        "Logs as tenants see them: how long canaries take to each hop and what is lost, how fresh and large each namespace is.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("到每一跳的时间", "Time to each hop"),
                    Text(
                        "99% 的金丝雀行在这个时间内到达；第一个变长的跳就是慢的地方。",
                        "99% of the canaries' lines arrive within it; the first hop that takes long is the slow one.",
                    ),
                    f"histogram_quantile(0.99, {_BY_HOP})",
                    unit="seconds",
                    legend="{{hop}}",
                    width=8,
                    steps=(Step(None, "green"), Step(5, "yellow")),
                ),
                stat(
                    Text("一小时内丢失的行", "Lines lost in an hour"),
                    Text(
                        "没按时出现、后来也没补上的金丝雀行；三跳都缺是 Filebeat 或公共 Kafka。",
                        "Canaries' lines that did not come in time, nor later; missing at all three it is Filebeat or the public Kafka.",
                    ),
                    "clamp_min(sum by (hop) ("
                    f"increase(kunobs_logs_canary_missing_total{{{_I}}}[1h])"
                    f" - increase(kunobs_logs_canary_late_total{{{_I}}}[1h])), 0)",
                    legend="{{hop}}",
                    width=8,
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                stat(
                    Text("读不到的跳", "Hops that cannot be read"),
                    Text(
                        "所有金丝雀的读取端里断开的个数；那里是否丢日志无从知道。",
                        "Readers of all canaries that are cut off; whether logs are lost there cannot be known.",
                    ),
                    f"sum(1 - kunobs_logs_canary_reader_up{{{_I}}})",
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("搜索落后的命名空间", "Namespaces behind in search"),
                    Text(
                        "Elasticsearch 的最新事件比主题的最新消息旧一分钟以上的命名空间数；多就是 indexer，少就是它们自己。",
                        "Their latest event in Elasticsearch is over a minute older than their topic's latest message; many: the indexer,"
                        " few: something of theirs.",
                    ),
                    f"sum({_MESSAGE} - {_EVENT} > bool 60)",
                    steps=(Step(None, "green"), Step(1, "yellow")),
                ),
            ),
        ),
        Row(
            Text("金丝雀", "Canary"),
            (
                series(
                    Text("写入到出现的时间", "From writing to sight"),
                    Text(
                        "按跳的中位数和 99%；elasticsearch 含刷新和轮询的间隔。",
                        "Median and 99% by hop; elasticsearch includes its refresh and the interval of polling.",
                    ),
                    Query(f"histogram_quantile(0.5, {_BY_HOP})", "p50 {{hop}}"),
                    Query(f"histogram_quantile(0.99, {_BY_HOP})", "p99 {{hop}}"),
                    unit="seconds",
                    width=12,
                ),
                heatmap(
                    Text("多久能搜到", "How soon lines are found"),
                    Text(
                        "金丝雀行按到 Elasticsearch 的时间分布；分成两条带，是一部分行绕了远路。",
                        "The canaries' lines by their time to Elasticsearch; two bands mean that some take a longer way.",
                    ),
                    f"sum by (le) (increase(kunobs_logs_canary_delay_seconds_bucket{{{_SEARCH}}}[$__rate_interval]))",
                ),
                series(
                    Text("写入和看到的行", "Lines written and seen"),
                    Text(
                        "每秒的行；哪一跳低于写入，日志就停在它之前。",
                        "Lines per second; a hop below written is the first that logs do not reach.",
                    ),
                    Query(
                        f"sum(rate(kunobs_logs_canary_sent_total{{{_I}}}[$__rate_interval]))", Text("写入", "written")
                    ),
                    Query(
                        f"sum by (hop) (rate(kunobs_logs_canary_received_total{{{_I}}}[$__rate_interval]))", "{{hop}}"
                    ),
                    unit="events/s",
                ),
                series(
                    Text("哪个节点缺行", "Nodes with missing lines"),
                    Text(
                        "每秒没按时出现的行，前 15 名；只有一个节点就看它的 Filebeat。",
                        "Lines per second that did not come in time, the top 15; where it is one node look at its Filebeat.",
                    ),
                    Query(
                        "topk(15, sum by (instance, hop)"
                        f" (rate(kunobs_logs_canary_missing_total{{{_I}}}[$__rate_interval])))",
                        "{{instance}} {{hop}}",
                    ),
                    unit="events/s",
                ),
                series(
                    Text("重复和乱序", "Twice or out of order"),
                    Text(
                        "每秒再次看到的行和晚于更大编号的行；Elasticsearch 里少量乱序正常。",
                        "Lines per second seen again, and those after a greater number; in Elasticsearch some of the latter are normal.",
                    ),
                    Query(
                        f"sum by (hop) (rate(kunobs_logs_canary_duplicate_total{{{_I}}}[$__rate_interval]))",
                        Text("重复 {{hop}}", "twice {{hop}}"),
                    ),
                    Query(
                        f"sum by (hop) (rate(kunobs_logs_canary_out_of_order_total{{{_I}}}[$__rate_interval]))",
                        Text("乱序 {{hop}}", "out of order {{hop}}"),
                    ),
                    unit="events/s",
                ),
            ),
        ),
        Row(
            Text("每个命名空间的新鲜度", "Freshness of each namespace"),
            (
                series(
                    Text("搜索比主题旧", "Search is behind the topic by"),
                    Text(
                        "主题最新消息与 Elasticsearch 最新事件的时间差，前 15 名；低于 0 是租户的时钟快。",
                        "Latest message of the topic less latest event in Elasticsearch, the top 15; below 0 a tenant's clock is ahead.",
                    ),
                    Query(f"topk(15, {_MESSAGE} - {_EVENT})", "{{namespace}}"),
                    unit="seconds",
                    width=12,
                ),
                bars(
                    Text("沉默最久的命名空间", "Silent for the longest"),
                    Text(
                        "最新事件的年龄，超过一天的不列；命名空间也可能只是没有日志。",
                        "Age of the latest event, those above a day left out; a namespace may just have nothing to say.",
                    ),
                    f"topk(15, (time() - {_EVENT}) < 86400)",
                    "{{namespace}}",
                    unit="seconds",
                    width=12,
                ),
                table(
                    Text("最近的死信", "Latest dead letters"),
                    Text(
                        "距上一条被拒收的日志多久，最近的 20 个命名空间；看原因用 kunobs deadletters list NAMESPACE。",
                        "Time since the last log was refused, the latest 20 namespaces; kunobs deadletters list NAMESPACE says why.",
                    ),
                    Query(f"bottomk(20, time() - {_LETTER})"),
                    unit="seconds",
                ),
                states(
                    Text("金丝雀的读取端", "Readers of the canaries"),
                    Text(
                        "每个节点的金丝雀能否读每一跳；中断时那一跳的数字不说明管道。",
                        "Whether each node's canary can read each hop; while down its numbers there say nothing about the pipeline.",
                    ),
                    f"min by (instance, hop) (kunobs_logs_canary_reader_up{{{_I}}})",
                    "{{instance}} {{hop}}",
                    UP_DOWN,
                    height=8,
                ),
            ),
        ),
        Row(
            Text("占用", "Volume"),
            (
                bars(
                    Text("占 Elasticsearch 磁盘最多", "Most disk in Elasticsearch"),
                    Text(
                        "每个命名空间的数据流，含副本，前 15 名。",
                        "Of each namespace's data stream, replicas included, the top 15.",
                    ),
                    f"topk(15, max by (namespace) (kunobs_logs_store_bytes{{{_N}}}))",
                    "{{namespace}}",
                    unit="bytes",
                ),
                series(
                    Text("文档增长最快", "Documents grow fastest"),
                    Text(
                        "十五分钟内文档数的斜率，前 15 名；删除旧索引时为负。",
                        "Slope of the number of documents over 15 minutes, the top 15; negative while old indices are deleted.",
                    ),
                    Query(f"topk(15, max by (namespace) (deriv(kunobs_logs_documents{{{_N}}}[15m])))", "{{namespace}}"),
                    unit="events/s",
                ),
                bars(
                    Text("后备索引最多", "Most backing indices"),
                    Text(
                        "每个命名空间的索引数，前 15 名；都算进集群的分片上限。",
                        "Indices of each namespace, the top 15; all count towards the cluster's limit of shards.",
                    ),
                    f"topk(15, max by (namespace) (kunobs_logs_backing_indices{{{_N}}}))",
                    "{{namespace}}",
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(
        Variable("namespace", "kunobs_logs_documents", Text("命名空间", "Namespace")),
        Variable("instance", "kunobs_logs_canary_sent_total", Text("金丝雀", "Canary")),
    ),
    tags=("logs",),
)
