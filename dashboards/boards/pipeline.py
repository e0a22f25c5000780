"""Fanout and indexer side by side: what they take, what becomes of it, how far they are behind."""

from __future__ import annotations

from dashboards.model import Board, Panel, Query, Row, Step, Variable, bars, series, states
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import pipeline as signals

# A replay is written in transactions, whose ends are offsets that nobody reads: its topic never looks read to the end.
_SOURCE = 'topic!~".*kun[.]replay[.].*"'
# The busiest ones have series of their own, all others are one.
_N = 'namespace!="_other", namespace=~"$namespace"'
_LEGS = ("fanout", "indexer")
_READS = (("0", Text("在读", "reads"), "green"), ("1", Text("在等", "waits"), "yellow"))


def _legs(query: str, legend: str = "") -> tuple[Query, ...]:
    """The same of both; LEG stands for the name."""
    return tuple(Query(query.replace("LEG", leg), f"{leg} {legend}".rstrip()) for leg in _LEGS)


def _stat(
    title: Text, description: Text, query: str, *, unit: str = "", width: int = 4, steps: tuple[Step, ...] = ()
) -> Panel:
    """One number of each."""
    return Panel("stat", title, description, _legs(query), unit, width, 4, steps)


def _outcomes(leg: str, title: Text, description: Text) -> Panel:
    return series(
        title,
        description,
        Query(f"sum by (outcome) (rate(kunobs_{leg}_events_total[$__rate_interval]))", "{{outcome}}"),
        unit="events/s",
        width=12,
        stacked=True,
    )


def _quantiles(metric: str, title: Text, description: Text) -> Panel:
    buckets = f"sum by (le) (rate({metric}_bucket[$__rate_interval]))"
    return series(
        title,
        description,
        Query(f"histogram_quantile(0.5, {buckets})", "p50"),
        Query(f"histogram_quantile(0.99, {buckets})", "p99"),
        unit="seconds",
    )


def _by_namespace(what: str) -> str:
    """Per second, as the leg sees it that handles more."""
    rates = " or ".join(f"rate(kunobs_{leg}_namespace_{what}_total{{{_N}}}[$__rate_interval])" for leg in _LEGS)
    return f"topk(15, max by (namespace) (sum by (job, namespace) ({rates})))"


BOARD = Board(
    "kun-pipeline",
    Text("日志管道", "Log pipeline"),
    Text(
        "fanout 和 indexer 并排：读多少、结果如何、落后多少、谁的日志最多。",
        "Fanout and indexer side by side: what they read, how it ends, how far behind they are, whose logs are the most.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                Panel(
                    "stat",
                    Text("就绪的进程", "Processes ready"),
                    Text(
                        "正在干活的进程数；0 表示都在启动、等依赖或退出。",
                        "Processes that do their work; at 0 all start, wait for a dependency or drain.",
                    ),
                    tuple(Query(f'sum(kunobs_process_ready{{job="kunobs-{leg}"}})', leg) for leg in _LEGS),
                    width=4,
                    height=4,
                    steps=(Step(None, "red"), Step(1, "green")),
                ),
                _stat(
                    Text("落后", "Behind by"),
                    Text(
                        "最旧的没有结果的日志的年龄，取最差的分区；重放的主题不算。",
                        "Age of the oldest log without an outcome, of the worst partition; topics of replays do not count.",
                    ),
                    f"max(kunobs_LEG_lag_seconds{{{_SOURCE}}})",
                    unit="seconds",
                    steps=(Step(None, "green"), Step(60, "yellow")),
                ),
                _stat(
                    Text("每秒读入", "Read per second"),
                    Text(
                        "从源主题取走的日志。两边读同样的主题，长期不等表示一边落后或在重读。",
                        "Logs taken from the source. Both read the same topics: where they differ for long,"
                        " one is behind or reads again.",
                    ),
                    "sum(rate(kunobs_LEG_consumed_events_total[$__rate_interval]))",
                    unit="events/s",
                    width=8,
                ),
                _stat(
                    Text("没送到的份额", "Not delivered"),
                    Text(
                        "死信、隔离和无主的日志占全部结果的份额。",
                        "Share of all outcomes that are dead letters, quarantined or unrouted.",
                    ),
                    'sum(rate(kunobs_LEG_events_total{outcome=~"dead_letter|quarantined|unrouted"}[$__rate_interval]))'
                    " / sum(rate(kunobs_LEG_events_total[$__rate_interval]))",
                    unit="ratio",
                    steps=(Step(None, "green"), Step(0.001, "yellow")),
                ),
                _stat(
                    Text("一小时内丢失", "Lost in an hour"),
                    Text(
                        "没读就被源主题的保留策略删除的位点。应为 0；清空重放的主题会多出几个。",
                        "Offsets that the source's retention deleted unread. Should be 0; an emptied topic of a replay adds a few.",
                    ),
                    "sum(increase(kunobs_LEG_gap_events_total[1h]))",
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
            ),
        ),
        Row(
            Text("工作", "Work"),
            (
                _outcomes(
                    "fanout",
                    Text("fanout 的结果", "Outcomes of fanout"),
                    Text(
                        "每秒有了最终结果的日志；delivered 以外的都没有进租户的主题。",
                        "Logs per second by how they ended; all but delivered are not in the tenant's topic.",
                    ),
                ),
                _outcomes(
                    "indexer",
                    Text("indexer 的结果", "Outcomes of the indexer"),
                    Text(
                        "每秒有了最终结果的日志；indexed、repaired、duplicate 的都能搜到。",
                        "Logs per second by how they ended; search has those indexed, repaired and duplicate.",
                    ),
                ),
                _quantiles(
                    "kunobs_fanout_batch_duration_seconds",
                    Text("fanout 一批的时间", "Time of a batch of fanout"),
                    Text(
                        "从取走一批到最后一条有结果，写租户 Kafka 的时间在内。",
                        "From taking a batch until its last log has an outcome, writing to the tenant Kafka included.",
                    ),
                ),
                _quantiles(
                    "kunobs_indexer_batch_duration_seconds",
                    Text("indexer 一批的时间", "Time of a batch of the indexer"),
                    Text(
                        "从取走一批到最后一条有结果，等 Elasticsearch 和重试的时间在内。",
                        "From taking a batch until its last log has an outcome, waiting for Elasticsearch and retries included.",
                    ),
                ),
                _quantiles(
                    "kunobs_indexer_bulk_duration_seconds",
                    Text("bulk 请求的时间", "Time of a bulk request"),
                    Text(
                        "Elasticsearch 回答一个请求要多久；它长，indexer 的批就长。",
                        "How long Elasticsearch takes to answer one; where it is long so are the indexer's batches.",
                    ),
                ),
            ),
        ),
        Row(
            Text("失败", "What fails"),
            (
                series(
                    Text("重试的原因", "Why attempts are made again"),
                    Text(
                        "每秒失败后重来的次数；日志还没有结果，只是变晚。",
                        "Attempts per second that failed and are repeated; the logs have no outcome yet, they come later.",
                    ),
                    *_legs("sum by (reason) (rate(kunobs_LEG_retries_total[$__rate_interval]))", "{{reason}}"),
                    unit="ops/s",
                    width=12,
                ),
                series(
                    Text("死信的原因", "Why logs become dead letters"),
                    Text(
                        "每秒写进死信主题的日志，按其中 kunobs-reason 的词；修好后可以重放。",
                        "Logs per second into dead letter topics by the word in kunobs-reason; they can be replayed.",
                    ),
                    *_legs("sum by (reason) (rate(kunobs_LEG_dead_letters_total[$__rate_interval]))", "{{reason}}"),
                    unit="events/s",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("积压", "Backlog"),
            (
                series(
                    Text("最落后的分区", "Partitions furthest behind"),
                    Text(
                        "每个源分区最旧的没有结果的日志的年龄，各取前 15；一个分区独自升高，是它的进程卡住。",
                        "Age of the oldest log without an outcome, the top 15 of each; where one partition rises alone,"
                        " its process is stuck.",
                    ),
                    *_legs(
                        f"topk(15, max by (topic, partition) (kunobs_LEG_lag_seconds{{{_SOURCE}}}))",
                        "{{topic}} {{partition}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
                states(
                    Text("等目的地", "Held up by what they write to"),
                    Text(
                        "在等：因为租户 Kafka 或 Elasticsearch 慢或不在，不再读源主题。",
                        "waits: nothing is read because the tenant Kafka, or Elasticsearch, is slow or away.",
                    ),
                    "max by (job, instance) (kunobs_fanout_paused or kunobs_indexer_paused)",
                    "{{job}} {{instance}}",
                    _READS,
                    height=8,
                ),
            ),
        ),
        Row(
            Text("谁的日志", "Whose logs"),
            (
                series(
                    Text("日志最多的命名空间", "Namespaces with the most logs"),
                    Text(
                        "每秒的日志，前 15 名，取两边较大的数；不在最忙之列的命名空间没有自己的序列。",
                        "Logs per second, the top 15, the larger number of both; only the busiest have series of their own.",
                    ),
                    Query(_by_namespace("events"), "{{namespace}}"),
                    unit="events/s",
                    width=12,
                    stacked=True,
                ),
                bars(
                    Text("字节最多的命名空间", "Namespaces with the most bytes"),
                    Text(
                        "现在每秒的字节，未压缩；与左图名次不同的，是行特别长。",
                        "Uncompressed bytes per second now; who ranks higher here than on the left has long lines.",
                    ),
                    _by_namespace("bytes"),
                    "{{namespace}}",
                    unit="bytes/s",
                    width=12,
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(Variable("namespace", "kunobs_fanout_namespace_events_total", Text("命名空间", "Namespace")),),
    tags=("logs",),
)
