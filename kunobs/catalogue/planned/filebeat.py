"""Filebeat on every node: its page /stats, and the log files beside it."""

from __future__ import annotations

from functools import partial

from kunobs.catalogue.signal import Signal, Text
from kunobs.catalogue.types import Label, MetricSpec

_planned = partial(MetricSpec, origin="planned")
_NODE = (Label("node"),)
_WHOSE = (*_NODE, Label("namespace"))

METRICS = (
    _planned(
        "kunobs_filebeat_up",
        "gauge",
        "1 when Filebeat of the node answered; 0 when it did not, and then the node has no other metric of it.",
        labels=_NODE,
    ),
    _planned(
        "kunobs_filebeat_output_events_total",
        "counter",
        "Events by what became of them in the output (libbeat.output.events): failed ones are tried again, dropped ones are not.",
        labels=(*_NODE, Label("outcome", ("acked", "failed", "dropped"))),
    ),
    _planned(
        "kunobs_filebeat_output_active_events",
        "gauge",
        "Events that the output has sent and not heard of (libbeat.output.events.active).",
        labels=_NODE,
    ),
    _planned(
        "kunobs_filebeat_queue_events",
        "gauge",
        "Events that inputs have made and no output has acknowledged (libbeat.pipeline.events.active).",
        labels=_NODE,
    ),
    _planned(
        "kunobs_filebeat_queue_events_limit",
        "gauge",
        "Events that the queue between them holds (libbeat.pipeline.queue.max_events).",
        labels=_NODE,
    ),
    _planned("kunobs_filebeat_harvesters", "gauge", "Files being read (filebeat.harvester.running).", labels=_NODE),
    _planned("kunobs_filebeat_open_files", "gauge", "Files held open (filebeat.harvester.open_files).", labels=_NODE),
    _planned(
        "kunobs_filebeat_unshipped_bytes",
        "gauge",
        "Size of each log file less the offset up to which the output has acknowledged it, summed over a namespace's on the node.",
        "bytes",
        _WHOSE,
    ),
    _planned(
        "kunobs_filebeat_stalled_files",
        "gauge",
        "Log files with unshipped bytes whose offset has not moved for five minutes.",
        labels=_WHOSE,
    ),
    _planned(
        "kunobs_filebeat_lost_bytes_total",
        "counter",
        "Unshipped bytes of log files that are gone; at most so many are lost, for Filebeat still reads what it has open.",
        "bytes",
        _WHOSE,
    ),
)

SIGNALS = (
    Signal(
        alert="KunFilebeatDown",
        severity="warning",
        expr="max by (node) (kunobs_filebeat_up)",
        comparison="==",
        threshold=0,
        wait="10m",
        title=Text("{node} 上的 Filebeat 没有应答", "Filebeat on {node} does not answer"),
        description=Text("它的 /stats 十分钟没有应答。", "Its /stats has not answered for ten minutes."),
        impact=Text(
            "该节点的日志停在磁盘上，轮转掉的就丢了。",
            "The node's logs stay on its disk, and what is rotated away is lost.",
        ),
        action=Text(
            "kubectl get pods -A -o wide | grep filebeat 找到该节点的那个，看它的日志。",
            "Find that node's with kubectl get pods -A -o wide | grep filebeat and read its log.",
        ),
    ),
    Signal(
        alert="KunFilebeatLosesLogs",
        severity="critical",
        expr="sum(increase(kunobs_filebeat_lost_bytes_total[15m]))",
        comparison=">",
        threshold=10485760,
        unit="bytes",
        wait="5m",
        keep="15m",
        title=Text("日志文件没发完就没了", "Log files go away before they are shipped"),
        description=Text("15 分钟里最多丢了 {value}。", "In 15 minutes at most {value} was lost."),
        impact=Text("这些日志哪里都没有了。", "These logs are nowhere any more."),
        action=Text(
            "看公共 Kafka 是否收得下；收不下就把 kubelet 的 containerLogMaxFiles 调大，争取时间。",
            "See whether the public Kafka takes what is sent; if not, gain time with a larger containerLogMaxFiles of the kubelet.",
        ),
    ),
    Signal(
        alert="KunFilebeatDrops",
        severity="warning",
        expr='sum by (node) (rate(kunobs_filebeat_output_events_total{outcome="dropped"}[10m]))',
        comparison=">",
        threshold=0.1,
        wait="5m",
        title=Text("{node} 上的 Filebeat 在丢弃日志", "Filebeat on {node} drops logs"),
        description=Text("每秒丢弃 {value} 条，不会再试。", "It drops {value} a second and does not try them again."),
        impact=Text("这些日志不会到任何地方。", "These logs arrive nowhere."),
        action=Text(
            "看它日志里的 error：多半是加上元数据放不进 max_message_bytes 的行，调小 message_max_bytes（docs/filebeat.md）。",
            "See the errors of its log: mostly lines that with metadata do not fit max_message_bytes; lower message_max_bytes (docs/filebeat.md).",
        ),
    ),
    Signal(
        alert="KunFilebeatBehind",
        severity="warning",
        expr="sum by (node) (kunobs_filebeat_unshipped_bytes)",
        comparison=">",
        threshold=536870912,
        unit="bytes",
        wait="15m",
        title=Text("{node} 上的 Filebeat 落后", "Filebeat on {node} is behind"),
        description=Text("日志文件里还有 {value} 没有发出。", "{value} of its log files is not shipped yet."),
        impact=Text(
            "租户看到的是旧日志；再落后，轮转掉的就丢了。",
            "Tenants see old logs; further behind, what is rotated away is lost.",
        ),
        action=Text(
            "看 kunobs_filebeat_queue_events 是否到顶：到顶是 Kafka 慢，没到是读得慢，看该节点的 CPU 和磁盘。",
            "See whether kunobs_filebeat_queue_events is at its limit: if so Kafka is slow, else reading is, so see CPU and disk of the node.",
        ),
    ),
    Signal(
        alert="KunFilebeatStalled",
        severity="warning",
        expr="sum by (node, namespace) (kunobs_filebeat_stalled_files)",
        comparison=">",
        threshold=0,
        wait="15m",
        title=Text("{node} 上 {namespace} 的日志停住了", "Logs of {namespace} on {node} stand still"),
        description=Text("{value} 个文件有新内容而不再被读。", "{value} files have grown and are not read any more."),
        impact=Text("这些 Pod 的新日志看不到。", "New logs of these pods are not to be seen."),
        action=Text(
            "重启该节点的 Filebeat；若再停，看它的 registry 里这些文件的 offset。",
            "Restart Filebeat of the node; if they stand again, see the offsets of these files in its registry.",
        ),
    ),
)
