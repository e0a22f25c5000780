"""Nodes of the platform: do they answer, CPU, memory, disks, and which of them are in trouble."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, UP_DOWN, Board, Query, Row, Step, Variable, bars, series, stat, states, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import node as signals

_I = 'instance=~"$instance"'
_UP = f'up{{job="node", {_I}}}'
# What is on a disk of the machine, without what pods mount.
_DISK = f'{_I}, fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|nfs4?|fuse.*", mountpoint!~"/(run|var/lib/kubelet)/.*"'
_FREE = f"node_filesystem_avail_bytes{{{_DISK}}}"
# As PromQL spells a dot.
_UNITS = r"kubelet\\.service|containerd\\.service|chronyd\\.service|chrony\\.service|systemd-timesyncd\\.service"
_USED = f'node_cpu_seconds_total{{{_I}, mode!~"idle|iowait|steal"}}[$__rate_interval]'
_ALL = f"node_cpu_seconds_total{{{_I}}}[$__rate_interval]"
_ANY = (Step(None, "green"), Step(1, "orange"))

BOARD = Board(
    "kun-node",
    Text("节点", "Nodes"),
    Text(
        "平台的机器：是否应答、CPU、内存、磁盘，以及哪些节点有问题。",
        "The platform's machines: do they answer, CPU, memory, disks, and which of them are in trouble.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("没有应答的节点", "Nodes that do not answer"),
                    Text(
                        "node_exporter 抓取失败的节点数。",
                        "Nodes whose node_exporter cannot be scraped.",
                    ),
                    f"sum(1 - {_UP})",
                    steps=_ANY,
                ),
                stat(
                    Text("NotReady 的节点", "Nodes not ready"),
                    Text(
                        "全集群里 Kubernetes 认为 Ready 为 false 或 unknown 的节点；不随上面的选择变。",
                        "In the whole cluster, nodes whose Ready is false or unknown to Kubernetes; the choice above does not change it.",
                    ),
                    'sum(max by (node) (kube_node_status_condition{condition="Ready", status=~"false|unknown"}))',
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("资源吃紧的节点", "Nodes under pressure"),
                    Text(
                        "全集群里内存、磁盘或进程数吃紧的节点；那里的 Pod 会被驱逐。",
                        "In the whole cluster, nodes short of memory, disk or processes; pods are evicted there.",
                    ),
                    "sum(max by (node)"
                    ' (kube_node_status_condition{condition=~"MemoryPressure|DiskPressure|PIDPressure", status="true"}))',
                    steps=_ANY,
                ),
                stat(
                    Text("停止调度的节点", "Cordoned nodes"),
                    Text(
                        "全集群里不再接新 Pod 的节点；没人在维护却大于 0，就是忘了恢复。",
                        "In the whole cluster, nodes that take no new pods; above 0 without maintenance, somebody forgot one.",
                    ),
                    "sum(max by (node) (kube_node_spec_unschedulable))",
                ),
                stat(
                    Text("CPU 用量", "CPU in use"),
                    Text(
                        "所选节点用掉的 CPU 时间所占份额；空闲、等磁盘和被宿主机拿走的不算。",
                        "Share of the chosen nodes' CPU time that is used; idle, waiting for disks and taken by the host do not count.",
                    ),
                    f"sum(rate({_USED})) / sum(rate({_ALL}))",
                    unit="ratio",
                ),
                stat(
                    Text("内存用量", "Memory in use"),
                    Text(
                        "所选节点里程序已拿不到的内存所占份额；可回收的缓存不算用掉。",
                        "Share of the chosen nodes' memory that programs cannot get any more; caches that can be freed do not count.",
                    ),
                    f"1 - sum(node_memory_MemAvailable_bytes{{{_I}}}) / sum(node_memory_MemTotal_bytes{{{_I}}})",
                    unit="ratio",
                ),
            ),
        ),
        Row(
            Text("CPU、内存、服务", "CPU, memory, services"),
            (
                series(
                    Text("CPU 用在哪里", "What CPU is used for"),
                    Text(
                        "按模式的核数：iowait 高是磁盘慢，steal 高是宿主机拿走，softirq 高多半是网络包。",
                        "Cores by mode: much iowait means slow disks, steal that the host takes it, softirq mostly packets.",
                    ),
                    Query(
                        f'sum by (mode) (rate(node_cpu_seconds_total{{{_I}, mode!="idle"}}[$__rate_interval]))',
                        "{{mode}}",
                    ),
                    unit="cores",
                    width=12,
                    stacked=True,
                ),
                series(
                    Text("CPU 最忙的节点", "Nodes with the busiest CPU"),
                    Text(
                        "每个节点用掉的 CPU 时间所占份额，前 15 名；接近 100% 的节点上 Pod 互相抢。",
                        "Share of each node's CPU time that is used, the top 15; near 100% its pods compete.",
                    ),
                    Query(
                        f"topk(15, sum by (instance) (rate({_USED})) / sum by (instance) (rate({_ALL})))",
                        "{{instance}}",
                    ),
                    unit="ratio",
                    width=12,
                ),
                series(
                    Text("剩余内存最少的节点", "Nodes with the least memory left"),
                    Text(
                        "程序还能拿到的内存，最少的 15 个节点；突然回升多半是有进程被杀。",
                        "Memory that programs can still get, of the 15 nodes with least; a sudden rise mostly is a killed process.",
                    ),
                    Query(
                        f"bottomk(15, min by (instance) (node_memory_MemAvailable_bytes{{{_I}}}))",
                        "{{instance}}",
                    ),
                    unit="bytes",
                    width=12,
                ),
                series(
                    Text("坏了的基础服务", "Basic services that failed"),
                    Text(
                        "这些 systemd 单元处于 failed 的节点数；kubelet 或 containerd 坏了，节点就不再管 Pod。",
                        "Nodes on which these systemd units have failed; without kubelet or containerd a node does not care for its pods.",
                    ),
                    Query(
                        f'sum by (name) (node_systemd_unit_state{{{_I}, name=~"{_UNITS}", state="failed"}})', "{{name}}"
                    ),
                    width=12,
                ),
            ),
        ),
        Row(
            Text("磁盘", "Disks"),
            (
                bars(
                    Text("多久写满", "Full in"),
                    Text(
                        "按过去 6 小时的平均速度还能写多久，最短的 15 个文件系统；没在变满的不列。",
                        "How long the room lasts at the mean pace of the last 6 hours, the 15 shortest; those that do not fill are left out.",
                    ),
                    f"bottomk(15, min by (instance, mountpoint) ({_FREE} / -(deriv({_FREE}[6h]) < 0)))",
                    "{{instance}} {{mountpoint}}",
                    unit="seconds",
                    width=12,
                ),
                table(
                    Text("剩余空间最少的文件系统", "Filesystems with the least room"),
                    Text(
                        "剩余空间所占份额，最少的 20 个；Pod 挂载的卷不算。",
                        "Share of the filesystem that is left, the 20 with least; volumes that pods mount do not count.",
                    ),
                    Query(
                        "bottomk(20, min by (instance, device, mountpoint)"
                        f" ({_FREE} / node_filesystem_size_bytes{{{_DISK}}}))"
                    ),
                    unit="ratio",
                ),
            ),
        ),
        Row(
            Text("哪些节点", "Which nodes"),
            (
                states(
                    Text("停过的节点", "Nodes that were away"),
                    Text(
                        "在所看的时间里有过抓取失败的节点；几个节点同时断，就看机柜和交换机。",
                        "Nodes with failed scrapes in the time shown; several at once point to a rack or a switch.",
                    ),
                    f"min by (instance) ({_UP})"
                    f" and on (instance) min by (instance) (min_over_time({_UP}[$__range] @ end())) == 0",
                    "{{instance}}",
                    UP_DOWN,
                    height=8,
                ),
                table(
                    Text("状态不正常的节点", "Nodes with a bad condition"),
                    Text(
                        "全集群里不是 Ready 或某项吃紧的节点；Ready 在这里是 false 或 unknown。",
                        "Nodes of the whole cluster that are not ready or short of something; Ready here means false or unknown.",
                    ),
                    Query(
                        'max by (node, condition) (kube_node_status_condition{condition!="Ready", status="true"} > 0)'
                        " or max by (node, condition)"
                        ' (kube_node_status_condition{condition="Ready", status=~"false|unknown"} > 0)'
                    ),
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(Variable("instance", "node_memory_MemTotal_bytes", Text("节点", "Node")),),
    tags=("nodes",),
)
