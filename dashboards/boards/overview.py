"""The wall screen: the whole platform in a dozen large numbers."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, Board, Panel, Query, Row, Step, stat
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import ci, pipeline

_LIMIT = {signal.alert: signal.threshold for signal in (*ci.SIGNALS, *pipeline.SIGNALS)}
_LIVE = 'topic!~".*kun[.]replay[.].*"'
_MODES = (
    ("0", Text("正常", "normal"), "green"),
    ("1", Text("降级", "degraded"), "orange"),
    ("2", Text("中断", "down"), "red"),
)
_SILENT = 900
_WIDE, _HIGH = 6, 6
_ANY = (Step(None, "green"), Step(1, "orange"))
_REDIS = "namespace, name"


def _large(title: Text, description: Text, expr: str, *, unit: str = "", legend: str = "",
           steps: tuple[Step, ...] = ()) -> Panel:  # fmt: skip
    """A stat that is read from three metres."""
    return stat(title, description, expr, unit=unit, legend=legend, width=_WIDE, height=_HIGH, steps=steps)


BOARD = Board(
    "kun-overview",
    Text("总览", "Overview"),
    Text(
        "整个平台的大屏：告警、日志、Kafka、镜像仓库、Redis、CI。",
        "The whole platform on a wall: alerts, logs, Kafka, registry, Redis, CI.",
    ),
    (
        Row(
            Text("告警", "Alerts"),
            (
                _large(
                    Text("严重告警", "Critical alerts"),
                    Text(
                        "在响的 critical 告警；没有数字就是没有在响。",
                        "Those that fire; no number means that none does.",
                    ),
                    'sum(ALERTS{alertstate="firing", severity="critical"})',
                    steps=BAD_ABOVE_0,
                ),
                _large(
                    Text("其他在响的告警", "Other alerts that fire"),
                    Text("按严重程度；没有数字就是没有在响。", "By severity; no number means that none fires."),
                    'sum by (severity) (ALERTS{alertstate="firing", severity=~"warning|info"})',
                    legend="{{severity}}",
                    steps=_ANY,
                ),
                _large(
                    Text("没听到的心跳", "Heartbeats not heard"),
                    Text(
                        "晚了或停了的 Prometheus、Alertmanager 和任务；大于 0 时这里的告警可能不全。",
                        "Prometheus, Alertmanagers and jobs that are late or down; above 0 some alerts may be missing here.",
                    ),
                    'sum(max by (state) (kunobs_noc_heartbeats{state=~"late|down"}))',
                    steps=BAD_ABOVE_0,
                ),
                _large(
                    Text("失败的采集", "Collectors that fail"),
                    Text(
                        "没有采全的导出器采集项；大于 0 时别处的数字可能缺。",
                        "Collectors of our exporters that did not bring all they should; above 0 numbers elsewhere may be missing.",
                    ),
                    "sum(1 - min by (instance, exporter, collector) (kunobs_exporter_collector_success))",
                    steps=_ANY,
                ),
            ),
        ),
        Row(
            Text("日志", "Logs"),
            (
                _large(
                    Text("每秒进来的日志", "Logs per second in"),
                    Text(
                        "fanout 从公共 Kafka 取走的日志。",
                        "Logs that fanout takes from the public Kafka.",
                    ),
                    "sum(rate(kunobs_fanout_consumed_events_total[$__rate_interval]))",
                    unit="events/s",
                ),
                Panel(
                    "stat",
                    Text("每秒出去的日志", "Logs per second out"),
                    Text(
                        "写进租户主题的和写进 Elasticsearch 的；应当都接近进来的。",
                        "Written to tenants' topics and to Elasticsearch; both should be near those that come in.",
                    ),
                    (
                        Query('sum(rate(kunobs_fanout_events_total{outcome="delivered"}[$__rate_interval]))', "Kafka"),
                        Query(
                            'sum(rate(kunobs_indexer_events_total{outcome=~"indexed|repaired"}[$__rate_interval]))',
                            "Elasticsearch",
                        ),
                    ),
                    "events/s",
                    _WIDE,
                    _HIGH,
                ),
                _large(
                    Text("日志管道落后", "The log pipeline is behind by"),
                    Text(
                        "fanout 和 indexer 里最旧的未完成日志的年龄，重放不算。",
                        "Age of the oldest log that fanout or indexer has not finished, replays left out.",
                    ),
                    f"max(kunobs_fanout_lag_seconds{{{_LIVE}}} or kunobs_indexer_lag_seconds{{{_LIVE}}})",
                    unit="seconds",
                    steps=(Step(None, "green"), Step(_LIMIT["KunPipelineLagSeconds"], "orange")),
                ),
                _large(
                    Text("没声音的命名空间", "Namespaces silent"),
                    Text(
                        "15 分钟没有新日志的命名空间数；突然变多是管道的事，少数多半只是安静。",
                        "Namespaces without a new log for 15 minutes; many at once are the pipeline's fault, a few are mostly just quiet.",
                    ),
                    f"sum(time() - max by (namespace) (kunobs_logs_last_message_timestamp_seconds) > bool {_SILENT})",
                ),
            ),
        ),
        Row(
            Text("平台", "Platform"),
            (
                _large(
                    Text("Kafka 无主分区", "Kafka partitions offline"),
                    Text(
                        "两个 Kafka 里没有 leader、不能读写的分区。",
                        "Partitions of both Kafkas without a leader: they can be neither read nor written.",
                    ),
                    "sum(max by (kafka_cluster) (kunobs_kafka_offline_partitions))",
                    steps=BAD_ABOVE_0,
                ),
                Panel(
                    "stat",
                    Text("镜像仓库", "Image registry"),
                    Text(
                        "正常：能拉能推；降级：只能拉；中断：哪里都拉不了。",
                        "normal: pulled and pushed; degraded: pulled only; down: pulled from nowhere.",
                    ),
                    (Query('max(kunobs_registry_mode{state="degraded"} or 2 * kunobs_registry_mode{state="down"})'),),
                    "",
                    _WIDE,
                    _HIGH,
                    states=_MODES,
                ),
                _large(
                    Text("有问题的 Redis", "Redis in trouble"),
                    Text(
                        "不回答、没有主节点或脑裂的 Redis 数。",
                        "Installations that do not answer, have no master or a split brain.",
                    ),
                    f"sum(max by ({_REDIS}) (kunobs_redis_split_brain) > 0"
                    f" or max by ({_REDIS}) (kunobs_redis_masters) == bool 0"
                    f" or 1 - max by ({_REDIS}) (kunobs_redis_up))",
                    steps=BAD_ABOVE_0,
                ),
                _large(
                    Text("CI 等得最久", "Longest wait in CI"),
                    Text(
                        "等待 runner 最久的作业已等了多久；0 是没有作业在等。",
                        "How long the job waits that has waited longest for a runner; at 0 none waits.",
                    ),
                    "max(kunobs_ci_oldest_pending_seconds)",
                    unit="seconds",
                    steps=(Step(None, "green"), Step(_LIMIT["KunCiJobWaiting"], "orange")),
                ),
            ),
        ),
    ),
    tags=("wall",),
    refresh="30s",
)
