"""Alerts on machines, as node_exporter sees them; `instance` of the job `node` is the machine.

Units of systemd are seen only with its --collector.systemd.
"""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

# Read-only images, and what is not on a disk of the machine.
_DISKS = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|nfs4?|fuse.*", mountpoint!~"/(run|var/lib/kubelet)/.*"'
# The system of an immutable distribution is full by design.
_WRITABLE = "and on (instance, mountpoint) node_filesystem_readonly == 0"

SIGNALS = (
    Signal(
        alert="KunNodeDown",
        severity="warning",
        expr='max by (instance) (up{job="node"})',
        comparison="==",
        threshold=0,
        wait="5m",
        title=Text("节点 {instance} 没有应答", "Node {instance} does not answer"),
        description=Text(
            "up 为 {value}：node_exporter 抓取失败。", "up is {value}: scrapes of its node_exporter fail."
        ),
        impact=Text(
            "其上的 Pod 可能已停，几分钟后会在别处重建。",
            "Its pods may be gone; they are made elsewhere within minutes.",
        ),
        action=Text(
            "先 kubectl get node 看是否 NotReady：NotReady 则上带外控制台，Ready 则只是 node_exporter 坏了。",
            "See kubectl get node: if it is NotReady go to its console, if Ready only node_exporter is broken.",
        ),
    ),
    Signal(
        alert="KunNodesDownTogether",
        severity="critical",
        # One that has been away for long is no sign of what happens now; six of them would ring for ever.
        expr='count(up{job="node"} == 0 and on (instance) present_over_time(node_memory_MemTotal_bytes[6h]))',
        comparison=">",
        threshold=5,
        wait="3m",
        keep="5m",
        title=Text("{value} 个节点同时没有应答", "{value} nodes do not answer at the same time"),
        description=Text(
            "{value} 个六小时内应答过的 node_exporter 抓取失败。",
            "Scrapes of {value} node_exporters that answered within the last six hours fail.",
        ),
        impact=Text(
            "多半是机柜、交换机或一段网络断了；其上的 Pod 全部不可用。",
            "Mostly a rack, a switch or a part of the network is gone, and all pods there with it.",
        ),
        action=Text("看这些节点是否同一机柜或同一交换机。", "See whether they share a rack or a switch."),
    ),
    Signal(
        alert="KunNodeDiskFilling",
        severity="warning",
        expr=f"min by (instance, mountpoint) (node_filesystem_avail_bytes{{{_DISKS}}} / node_filesystem_size_bytes)",
        comparison="<",
        threshold=0.2,
        unit="ratio",
        guard="and on (instance, mountpoint) predict_linear(node_filesystem_avail_bytes[6h], 86400) < 0",
        wait="30m",
        title=Text("{instance} 的 {mountpoint} 一天内将写满", "{mountpoint} of {instance} will be full within a day"),
        description=Text(
            "还剩 {value}，按过去 6 小时的速度一天内用完。",
            "{value} is left, and at the pace of the last 6 hours it is gone in a day.",
        ),
        impact=Text("写满前 kubelet 会驱逐 Pod。", "Before it is full the kubelet evicts pods."),
        action=Text(
            "在节点上 du -xh --max-depth=2 {mountpoint} | sort -h | tail 找出在长的目录。",
            "Find what grows: du -xh --max-depth=2 {mountpoint} | sort -h | tail on the node.",
        ),
    ),
    Signal(
        alert="KunNodeDiskFull",
        severity="warning",
        expr=f"min by (instance, mountpoint) (node_filesystem_avail_bytes{{{_DISKS}}} / node_filesystem_size_bytes)",
        comparison="<",
        threshold=0.05,
        unit="ratio",
        guard=_WRITABLE,
        wait="5m",
        title=Text("{instance} 的 {mountpoint} 快满了", "{mountpoint} of {instance} is nearly full"),
        description=Text("只剩 {value}。", "{value} is left."),
        impact=Text(
            "kubelet 驱逐 Pod，镜像拉不下来，日志写不了。",
            "The kubelet evicts pods, images cannot be pulled, logs cannot be written.",
        ),
        action=Text(
            "kubectl cordon 该节点，再 crictl rmi --prune 并清理大文件。",
            "kubectl cordon the node, then crictl rmi --prune and remove what is large.",
        ),
    ),
    Signal(
        alert="KunNodeInodesLow",
        severity="warning",
        expr=f"min by (instance, mountpoint) (node_filesystem_files_free{{{_DISKS}}} / node_filesystem_files)",
        comparison="<",
        threshold=0.05,
        unit="ratio",
        guard=_WRITABLE,
        wait="15m",
        title=Text("{instance} 的 {mountpoint} inode 将用完", "{mountpoint} of {instance} runs out of inodes"),
        description=Text("inode 只剩 {value}。", "{value} of its inodes are left."),
        impact=Text("有空间也建不了新文件。", "No new file can be made though there is room."),
        action=Text(
            "在节点上 du -x --inodes --max-depth=3 {mountpoint} | sort -n | tail 找出小文件最多的目录。",
            "Find the many small files: du -x --inodes --max-depth=3 {mountpoint} | sort -n | tail on the node.",
        ),
    ),
    Signal(
        alert="KunNodeFilesystemReadOnly",
        severity="warning",
        expr=(
            'max by (instance, mountpoint) (node_filesystem_readonly{fstype=~"ext[34]|xfs|btrfs"}'
            " - min_over_time(node_filesystem_readonly[1d]))"
        ),
        comparison=">",
        threshold=0,
        wait="2m",
        title=Text("{instance} 的 {mountpoint} 变为只读", "{mountpoint} of {instance} has become read-only"),
        description=Text(
            "一天之内由可写变为只读（{value}）。", "Within the last day it went from writable to read-only ({value})."
        ),
        impact=Text("多半是磁盘出错；其上的 Pod 写不了。", "Mostly a failing disk; pods on it cannot write."),
        action=Text(
            "kubectl drain 该节点，再看 dmesg -T | grep -i error。",
            "kubectl drain the node, then see dmesg -T | grep -i error.",
        ),
    ),
    Signal(
        alert="KunNodeMemoryLow",
        severity="warning",
        expr="max by (instance) (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
        comparison=">",
        threshold=0.95,
        unit="ratio",
        wait="15m",
        title=Text("{instance} 内存将用完", "{instance} runs out of memory"),
        description=Text("已用 {value}。", "{value} of its memory is in use."),
        impact=Text(
            "再多一点，内核就杀进程，不一定是占得最多的那个。",
            "A little more and the kernel kills processes, not always the one that took most.",
        ),
        action=Text(
            "kubectl top pod -A --sort-by=memory 找出该节点上占得最多的 Pod。",
            "Find the largest pods of the node: kubectl top pod -A --sort-by=memory.",
        ),
    ),
    Signal(
        alert="KunNodeIOWait",
        severity="warning",
        expr='avg by (instance) (rate(node_cpu_seconds_total{mode="iowait"}[5m]))',
        comparison=">",
        threshold=0.3,
        unit="ratio",
        wait="30m",
        title=Text("{instance} 在等磁盘", "{instance} waits for its disks"),
        description=Text("{value} 的 CPU 时间在等 I/O。", "{value} of its CPU time is spent waiting for I/O."),
        impact=Text("该节点上读写磁盘的 Pod 都慢。", "Every pod of the node that reads or writes is slow."),
        action=Text(
            "在节点上 iostat -x 5 和 pidstat -d 5 找出磁盘和进程。",
            "Find the disk and the process: iostat -x 5 and pidstat -d 5 on the node.",
        ),
    ),
    Signal(
        alert="KunNodeSteal",
        severity="warning",
        expr='avg by (instance) (rate(node_cpu_seconds_total{mode="steal"}[5m]))',
        comparison=">",
        threshold=0.1,
        unit="ratio",
        wait="30m",
        title=Text("{instance} 的 CPU 被宿主机拿走", "The host takes CPU away from {instance}"),
        description=Text("{value} 的 CPU 时间没有得到。", "It was not given {value} of its CPU time."),
        impact=Text(
            "该节点上的一切都变慢，而自己的用量看不出原因。",
            "Everything on the node is slow, and its own use does not show why.",
        ),
        action=Text(
            "把该虚拟机迁到别的宿主机，或换独占规格。",
            "Move the virtual machine to another host, or to a dedicated size.",
        ),
    ),
    Signal(
        alert="KunNodeClockSkew",
        severity="warning",
        expr="max by (instance) (abs(node_timex_offset_seconds))",
        comparison=">",
        threshold=0.05,
        unit="seconds",
        wait="10m",
        title=Text("{instance} 的时钟偏了", "The clock of {instance} is off"),
        description=Text("与时间源相差 {value}。", "It differs from its time source by {value}."),
        impact=Text(
            "日志和指标的时间不准，证书、选主和令牌可能出错。",
            "Times of logs and metrics are wrong; certificates, elections and tokens may fail.",
        ),
        action=Text(
            "在节点上 chronyc tracking 和 chronyc sources -v。",
            "See chronyc tracking and chronyc sources -v on the node.",
        ),
    ),
    Signal(
        alert="KunNodeClockNotSynchronised",
        severity="warning",
        expr="max by (instance) (node_timex_sync_status)",
        comparison="==",
        threshold=0,
        guard="and on (instance) node_timex_maxerror_seconds >= 16",
        wait="10m",
        title=Text("{instance} 没有对时", "The clock of {instance} is not synchronised"),
        description=Text(
            "内核的同步状态为 {value}，误差上限已达 16 秒。",
            "The kernel's sync status is {value} and its error bound has reached 16 s.",
        ),
        impact=Text("时钟从此慢慢偏走。", "From now on it drifts away."),
        action=Text(
            "在节点上 systemctl status chronyd 或 systemd-timesyncd。",
            "See systemctl status chronyd or systemd-timesyncd on the node.",
        ),
    ),
    Signal(
        alert="KunNodeNetworkErrors",
        severity="warning",
        expr=(
            "sum by (instance, device)"
            ' (rate(node_network_receive_errs_total{device!~"lo|veth.*|cali.*|sit.*|tun.*|6to4.*|ip6tnl.*|vxlan.*"}[10m])'
            " + rate(node_network_transmit_errs_total[10m]))"
            " / sum by (instance, device)"
            " (rate(node_network_receive_packets_total[10m]) + rate(node_network_transmit_packets_total[10m]))"
        ),
        comparison=">",
        threshold=0.001,
        unit="ratio",
        guard=(
            "and on (instance, device) (rate(node_network_receive_packets_total[10m])"
            " + rate(node_network_transmit_packets_total[10m])) > 100"
        ),
        wait="15m",
        title=Text("{instance} 的网卡 {device} 出错", "Network card {device} of {instance} makes errors"),
        description=Text("收发错误占包数的 {value}。", "Errors are {value} of all packets in and out."),
        impact=Text("经过它的连接重传、变慢。", "Connections through it repeat packets and are slow."),
        action=Text(
            "ethtool -S {device} 看错误的种类，再换光模块、线或端口。",
            "See which errors in ethtool -S {device}, then change optics, cable or port.",
        ),
    ),
    Signal(
        alert="KunNodeFileDescriptors",
        severity="warning",
        expr="max by (instance) (node_filefd_allocated / node_filefd_maximum)",
        comparison=">",
        threshold=0.8,
        unit="ratio",
        wait="10m",
        title=Text("{instance} 的文件描述符将用完", "{instance} runs out of file descriptors"),
        description=Text("全机上限已用 {value}。", "{value} of the machine's limit are in use."),
        impact=Text(
            "用完后该节点上任何进程都打不开文件和连接。",
            "At the limit no process of the node can open a file or a connection.",
        ),
        action=Text(
            '在节点上 for p in /proc/[0-9]*; do echo "$(ls $p/fd | wc -l) $p"; done | sort -n | tail 找进程。',
            'Find the process on the node: for p in /proc/[0-9]*; do echo "$(ls $p/fd | wc -l) $p"; done | sort -n | tail.',
        ),
    ),
    Signal(
        alert="KunNodeUnitFailed",
        severity="warning",
        expr='max by (instance, name) (node_systemd_unit_state{name=~".+[.]service", state="failed"})',
        comparison=">",
        threshold=0,
        wait="10m",
        title=Text("{instance} 的 {name} 失败了", "{name} of {instance} has failed"),
        description=Text("systemd 单元处于 failed（{value}）。", "The systemd unit is in state failed ({value})."),
        impact=Text(
            "若是 kubelet、containerd 或 chronyd，节点会慢慢坏掉。",
            "If it is kubelet, containerd or chronyd the node decays.",
        ),
        action=Text(
            "在节点上 journalctl -u {name} -n 50，再 systemctl restart {name}。",
            "See journalctl -u {name} -n 50 on the node, then systemctl restart {name}.",
        ),
    ),
    Signal(
        alert="KunNodeRAIDDegraded",
        severity="warning",
        expr='max by (instance, device) (node_md_disks_required - ignoring (state) node_md_disks{state="active"})',
        comparison=">",
        threshold=0,
        wait="5m",
        title=Text("{instance} 的阵列 {device} 降级", "RAID {device} of {instance} is degraded"),
        description=Text("缺 {value} 块盘。", "{value} disks are missing from it."),
        impact=Text("再坏一块可能丢数据。", "One more failing disk may lose data."),
        action=Text(
            "在节点上 mdadm --detail /dev/{device} 找出坏盘并更换。",
            "Find the failed disk with mdadm --detail /dev/{device} and change it.",
        ),
    ),
)
