"""Alerts on NFS as its clients see it: node_exporter on each machine, its collector mountstats for the two about operations."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

# A mount that node_exporter may not look at is never well, and does not count.
_HUNG = (
    "sum by (instance, device) (node_filesystem_device_error and on (instance, device, mountpoint)"
    ' present_over_time(node_filesystem_avail_bytes{fstype=~"nfs|nfs4"}[1d:10m]))'
)
_REQUESTS = "rate(node_mountstats_nfs_operations_requests_total[10m])"
_RETRANSMITTED = "sum by (instance) (rate(node_nfs_rpc_retransmissions_total[10m]))"

SIGNALS = (
    Signal(
        alert="KunNFSMountHung",
        severity="warning",
        expr=_HUNG,
        comparison=">",
        threshold=0,
        wait="5m",
        keep="5m",
        title=Text("{instance} 上的 NFS {device} 卡住了", "NFS {device} hangs on {instance}"),
        description=Text(
            "{value} 个挂载点问不出大小，一天之内还好好的。",
            "{value} of its mount points do not say their size and were well within the last day.",
        ),
        impact=Text(
            "读写它的进程停在 D 状态，杀不掉；这些 Pod 也删不掉。",
            "Processes that touch it stay in state D and cannot be killed; their pods cannot be deleted.",
        ),
        action=Text(
            "在节点上 dmesg -T | grep 'nfs: server' 和 nc -zv 服务器 2049：连不上查网络和服务器，连得上则重启该节点。",
            "See dmesg -T | grep 'nfs: server' and nc -zv SERVER 2049 on the node: no connection means network or server, else reboot the node.",
        ),
    ),
    Signal(
        alert="KunNFSExportHung",
        severity="critical",
        expr=f"count by (device) ({_HUNG} > 0)",
        comparison=">",
        threshold=2,
        wait="5m",
        keep="5m",
        title=Text("NFS {device} 在多个节点上卡住了", "NFS {device} hangs on several nodes"),
        description=Text("{value} 个节点上的挂载没有应答。", "Its mounts on {value} nodes do not answer."),
        impact=Text(
            "用它的 Pod 全部停住，等服务器回来；软挂载的会得到 I/O 错误。",
            "Every pod that uses it stands still until the server is back; soft mounts get I/O errors.",
        ),
        action=Text(
            "showmount -e 服务器，看 NFS 服务器和它前面的 IPVS 地址。",
            "Run showmount -e SERVER; look at the NFS server and at the IPVS address before it.",
        ),
    ),
    Signal(
        alert="KunNFSSlow",
        severity="warning",
        expr=(
            "sum by (export, operation)"
            ' (rate(node_mountstats_nfs_operations_request_time_seconds_total{operation=~"READ|WRITE"}[10m]))'
            f" / sum by (export, operation) ({_REQUESTS})"
        ),
        comparison=">",
        threshold=1,
        unit="seconds",
        guard=f"and on (export, operation) sum by (export, operation) ({_REQUESTS}) > 0.5",
        wait="15m",
        title=Text("NFS {export} 的 {operation} 很慢", "{operation} of NFS {export} is slow"),
        description=Text("平均一次要 {value}。", "One takes {value} on average."),
        impact=Text(
            "用它的 Pod 每次读写都要等这么久。", "Every read or write of the pods that use it waits that long."
        ),
        action=Text(
            "在服务器上 iostat -x 5 和 nfsstat -s；看 kun-nfs 上哪个节点读写得最多。",
            "Run iostat -x 5 and nfsstat -s on the server; kun-nfs shows which node reads and writes most.",
        ),
    ),
    Signal(
        alert="KunNFSQueueing",
        severity="warning",
        expr="sum by (instance, export) (rate(node_mountstats_nfs_operations_queue_time_seconds_total[10m]))",
        comparison=">",
        threshold=32,
        wait="30m",
        title=Text("{instance} 上对 NFS {export} 的操作在排队", "Operations on NFS {export} queue on {instance}"),
        description=Text("平均有 {value} 个在等着发出。", "{value} of them wait to be sent at a time."),
        impact=Text(
            "该节点要的比这个挂载给得了的多，其上的 Pod 互相拖慢。",
            "The node asks for more than the mount can carry; its pods slow each other down.",
        ),
        action=Text(
            "在节点上 nfsiostat 5 看队列，再给挂载选项加 nconnect，或把 Pod 分散到别的节点。",
            "See the queue with nfsiostat 5 on the node, then mount with nconnect or move pods to other nodes.",
        ),
    ),
    Signal(
        alert="KunNFSRetransmissions",
        severity="warning",
        expr=f"{_RETRANSMITTED} / sum by (instance) (rate(node_nfs_rpcs_total[10m]))",
        comparison=">",
        threshold=0.01,
        unit="ratio",
        guard=f"and on (instance) {_RETRANSMITTED} > 0.05",
        wait="10m",
        title=Text("{instance} 的 NFS 请求在重发", "{instance} repeats its NFS calls"),
        description=Text("{value} 的请求要再发一次。", "{value} of the calls are sent once more."),
        impact=Text(
            "每次重发都先等上几秒到一分钟，Pod 的读写时快时慢。",
            "Each of them has waited for seconds to a minute first; reads and writes of pods stall now and then.",
        ),
        action=Text(
            "在节点上 nfsstat -rc 和 ss -ti dport = :2049：丢包查网络，不丢包查服务器。",
            "See nfsstat -rc and ss -ti dport = :2049 on the node: lost packets mean the network, none the server.",
        ),
    ),
)
