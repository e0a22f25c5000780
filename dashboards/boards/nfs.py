"""NFS from its clients: which mounts hang, how long operations take and where, who reads and writes most."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, Board, Query, Row, Step, Variable, bars, series, stat
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import nfs as signals

_M = "node_mountstats_nfs_operations"
_E = 'export=~"$export"'
_OPS = f"rate({_M}_requests_total{{{_E}}}[$__rate_interval])"
_QUEUED = f"rate({_M}_queue_time_seconds_total{{{_E}}}[$__rate_interval])"
_ANSWERED = f"rate({_M}_response_time_seconds_total{{{_E}}}[$__rate_interval])"
_TOOK = f"rate({_M}_request_time_seconds_total{{{_E}}}[$__rate_interval])"
_CALLS = "rate(node_nfs_rpcs_total[$__rate_interval])"
_AGAIN = "rate(node_nfs_rpc_retransmissions_total[$__rate_interval])"

BOARD = Board(
    "kun-nfs",
    Text("NFS", "NFS"),
    Text(
        "从客户端看 NFS：哪些挂载卡住、操作要多久、谁读写得最多。",
        "NFS from its clients: which mounts hang, how long operations take, who reads and writes most.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("卡住的挂载", "Mounts that hang"),
                    Text(
                        "一天之内应答过、现在问不出大小的挂载；和上面的选择无关。",
                        "Mounts that answered within the last day and do not say their size now; the choice above does not change it.",
                    ),
                    "sum(node_filesystem_device_error and on (instance, device, mountpoint)"
                    ' present_over_time(node_filesystem_avail_bytes{fstype=~"nfs|nfs4"}[1d:10m]))',
                    width=8,
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("重发的请求", "Calls sent once more"),
                    Text(
                        "所有节点的 NFS 请求里再发一次的份额；平时是 0。",
                        "Share of the NFS calls of all nodes that is sent once more; 0 when all is well.",
                    ),
                    f"sum({_AGAIN}) / sum({_CALLS})",
                    unit="ratio",
                    width=8,
                    steps=(Step(None, "green"), Step(0.01, "orange")),
                ),
                stat(
                    Text("每秒操作", "Operations per second"),
                    Text(
                        "所选导出上做完的操作；没有数字时 node_exporter 的 mountstats 没有打开。",
                        "Operations on the chosen exports that ended; no value means that node_exporter's collector mountstats is off.",
                    ),
                    f"sum({_OPS})",
                    unit="ops/s",
                    width=8,
                ),
            ),
        ),
        Row(
            Text("操作", "Operations"),
            (
                series(
                    Text("每次操作的平均耗时", "Mean time of an operation"),
                    Text(
                        "从要做到做完，最慢的 15 种；挂载卡住时没有操作做完，线会断。",
                        "From asking to the end, the 15 slowest; while a mount hangs nothing ends and its line breaks off.",
                    ),
                    Query(
                        f"topk(15, sum by (export, operation) ({_TOOK}) / (sum by (export, operation) ({_OPS}) > 0))",
                        "{{export}} {{operation}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("在哪里等", "Where operations wait"),
                    Text(
                        "同时在途的操作的平均数：排队的是客户端的槽不够，等应答的是服务器或网络慢。",
                        "Operations under way at a time: those in the queue lack a slot of the client, the others wait for server or network.",
                    ),
                    Query(f"topk(8, sum by (export) ({_QUEUED}))", Text("{{export}} 排队", "{{export}} queue")),
                    Query(f"topk(8, sum by (export) ({_ANSWERED}))", Text("{{export}} 应答", "{{export}} answer")),
                    width=12,
                ),
                series(
                    Text("字节", "Bytes"),
                    Text(
                        "每个导出来往的字节，连同 RPC 的头，前 15 名。",
                        "What comes from and goes to each export, with the headers of RPC, the top 15.",
                    ),
                    Query(
                        f"topk(15, sum by (export) (rate({_M}_received_bytes_total{{{_E}}}[$__rate_interval])))",
                        Text("{{export}} 收", "{{export}} in"),
                    ),
                    Query(
                        f"topk(15, sum by (export) (rate({_M}_sent_bytes_total{{{_E}}}[$__rate_interval])))",
                        Text("{{export}} 发", "{{export}} out"),
                    ),
                    unit="bytes/s",
                ),
                bars(
                    Text("操作最多的节点", "Nodes with the most operations"),
                    Text(
                        "每秒做完的操作，前 15 个节点；慢的时候先看这里是谁。",
                        "Operations that end each second, the top 15 nodes; when it is slow, look here for whom.",
                    ),
                    f"topk(15, sum by (instance) ({_OPS}))",
                    "{{instance}}",
                    unit="ops/s",
                ),
                series(
                    Text("等不到应答的操作", "Operations without an answer"),
                    Text(
                        "重试都没有应答的操作；硬挂载接着等，软挂载得到 I/O 错误。操作做完时才计数，所以事后才看得到。",
                        "Operations that no retry brought an answer: hard mounts go on waiting, soft ones get an I/O error. Counted when the operation ends, so after the trouble.",
                    ),
                    Query(
                        f"topk(15, sum by (export) (rate({_M}_major_timeouts_total{{{_E}}}[$__rate_interval])))",
                        "{{export}}",
                    ),
                    unit="ops/s",
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(Variable("export", f"{_M}_requests_total", Text("导出", "Export")),),
    tags=("storage",),
)
