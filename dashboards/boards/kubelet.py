"""The kubelets of all nodes: do pods start there, what the container runtime answers, and how full volumes are."""

from __future__ import annotations

from dashboards.model import Board, Panel, Query, Row, Step, Variable, bars, heatmap, series, stat, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import kubelet as signals

_LIMIT = {signal.alert: signal.threshold for signal in signals.SIGNALS}
_I = 'instance=~"$instance"'
_N = 'namespace=~"$namespace"'
_START = f"kubelet_pod_start_sli_duration_seconds_bucket{{{_I}}}"
_LIST = f"kubelet_pleg_relist_duration_seconds_bucket{{{_I}}}"
_CLAIM = "namespace, persistentvolumeclaim"
_FREE = f"kubelet_volume_stats_available_bytes{{{_N}}}"
# A volume may be mounted on several nodes.
_LEFT = f"min by ({_CLAIM}) ({_FREE} / kubelet_volume_stats_capacity_bytes{{{_N}}})"
_INODES = f"min by ({_CLAIM}) (kubelet_volume_stats_inodes_free{{{_N}}} / kubelet_volume_stats_inodes{{{_N}}})"


def _shares(buckets: str) -> tuple[Query, ...]:
    """The median and 99% over all chosen nodes."""
    return tuple(
        Query(f"histogram_quantile({share}, sum by (le) (rate({buckets}[$__rate_interval])))", name)
        for share, name in ((0.5, "p50"), (0.99, "p99"))
    )


BOARD = Board(
    "kun-kubelet",
    Text("kubelet 和卷", "Kubelets and volumes"),
    Text(
        "每个节点的 kubelet：pod 起得来吗、容器运行时出不出错、证书还有多久；以及租户的卷有多满。",
        "Each node's kubelet: do pods start, does the container runtime fail, how long are certificates valid; and how full tenants' volumes are.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("不应答的 kubelet", "Kubelets that do not answer"),
                    Text(
                        "采集不到的节点；那里的 pod 没有指标，节点可能已经 NotReady。",
                        "Nodes that cannot be scraped; their pods have no metrics, and the node may be NotReady.",
                    ),
                    f'sum(1 - up{{job="kubelet", {_I}}})',
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                stat(
                    Text("pod 启动时间", "Time to start a pod"),
                    Text(
                        "99% 的 pod 在这个时间内启动，不算拉镜像和 init 容器。",
                        "99% of the pods run within it, without pulling images and init containers.",
                    ),
                    f"histogram_quantile(0.99, sum by (le) (rate({_START}[$__rate_interval])))",
                    unit="seconds",
                    steps=(Step(None, "green"), Step(_LIMIT["KunPodStartSlow"], "orange")),
                ),
                stat(
                    Text("运行时出错", "Runtime errors"),
                    Text(
                        "容器运行时以错误回答的份额；没有数字就是还没有过错误。",
                        "Share of what the container runtime answers with an error; no number: it has made none yet.",
                    ),
                    f"sum(rate(kubelet_runtime_operations_errors_total{{{_I}}}[$__rate_interval]))"
                    f" / sum(rate(kubelet_runtime_operations_total{{{_I}}}[$__rate_interval]))",
                    unit="ratio",
                ),
                stat(
                    Text("一小时内驱逐的 pod", "Pods evicted in an hour"),
                    Text(
                        "因节点缺内存、磁盘或进程号而停掉的；没有数字就是没有过。",
                        "Stopped because a node ran short of memory, disk or process ids; no number: it has not happened.",
                    ),
                    f"sum(increase(kubelet_evictions{{{_I}}}[1h]))",
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                Panel(
                    "stat",
                    Text("最先到期的证书", "First certificate to expire"),
                    Text(
                        "所有节点里剩得最少的；正常时自动轮换，一直降就是轮换停了。",
                        "The least that any node has left; they are rotated by themselves, so one that keeps falling is stuck.",
                    ),
                    (
                        Query(f"min(kubelet_certificate_manager_client_ttl_seconds{{{_I}}})", Text("客户端", "client")),
                        Query(f"min(kubelet_certificate_manager_server_ttl_seconds{{{_I}}})", Text("服务端", "server")),
                    ),
                    "seconds",
                    4,
                    4,
                    (Step(None, "orange"), Step(_LIMIT["KunKubeletClientCertExpiring"], "green")),
                ),
                Panel(
                    "stat",
                    Text("最满的卷还剩", "Left of the fullest volume"),
                    Text(
                        "空间和 inode 各看剩得最少的卷；哪一种用完都不能再写。",
                        "Of the volume with the least space and of that with the fewest inodes; without either nothing can be written.",
                    ),
                    (Query(f"min({_LEFT})", Text("空间", "space")), Query(f"min({_INODES})", Text("inode", "inodes"))),
                    "ratio",
                    4,
                    4,
                    (Step(None, "orange"), Step(_LIMIT["KunVolumeFilling"], "green")),
                ),
            ),
        ),
        Row(
            Text("pod 启动", "Starting pods"),
            (
                series(
                    Text("从创建到运行", "From creation to running"),
                    Text(
                        "所选节点的 pod，不算拉镜像和 init 容器；只有 p99 高是少数节点或卷。",
                        "Pods of the chosen nodes, without pulling images and init containers; where only p99 is high, it is a few nodes or volumes.",
                    ),
                    *_shares(_START),
                    unit="seconds",
                ),
                heatmap(
                    Text("启动时间的分布", "Spread of the starts"),
                    Text(
                        "pod 按启动时间分布；分开的一条带是在等卷或 CNI。",
                        "Pods by how long they took; a band of its own waits for a volume or for CNI.",
                    ),
                    f"sum by (le) (increase({_START}[$__rate_interval]))",
                    width=8,
                ),
                bars(
                    Text("启动最慢的节点", "Nodes that start pods slowest"),
                    Text(
                        "一小时来 99% 的 pod 在这个时间内启动，前 15 名。",
                        "99% of a node's pods of the last hour ran within it, the top 15.",
                    ),
                    f"topk(15, histogram_quantile(0.99, sum by (instance, le) (rate({_START}[1h]))))",
                    "{{instance}}",
                    unit="seconds",
                ),
            ),
        ),
        Row(
            Text("容器运行时", "Container runtime"),
            (
                series(
                    Text("对运行时的请求", "What the runtime is asked"),
                    Text(
                        "每秒的操作按种类，前 15 名；一种突然多是有 pod 在反复启动。",
                        "Operations per second by kind, the top 15; where one kind grows at once, pods start again and again.",
                    ),
                    Query(
                        "topk(15, sum by (operation_type)"
                        f" (rate(kubelet_runtime_operations_total{{{_I}}}[$__rate_interval])))",
                        "{{operation_type}}",
                    ),
                    unit="ops/s",
                ),
                series(
                    Text("出错最多的节点", "Nodes with most errors"),
                    Text(
                        "每秒的错误，前 15 名；run_podsandbox 多半是 CNI，pull_image 是镜像仓库。",
                        "Errors per second, the top 15; run_podsandbox is mostly CNI, pull_image the registry.",
                    ),
                    Query(
                        "topk(15, sum by (instance, operation_type)"
                        f" (rate(kubelet_runtime_operations_errors_total{{{_I}}}[$__rate_interval])))",
                        "{{instance}} {{operation_type}}",
                    ),
                    unit="ops/s",
                ),
                series(
                    Text("列出容器的时间", "Time to list containers"),
                    Text(
                        "kubelet 靠它看到 pod 的变化，每秒一次；慢了所有状态都晚。",
                        "How the kubelet sees changes of pods, once a second; when it is slow every status is late.",
                    ),
                    *_shares(_LIST),
                    unit="seconds",
                ),
            ),
        ),
        Row(
            Text("卷", "Volumes"),
            (
                bars(
                    Text("最满的卷", "Fullest volumes"),
                    Text("已用的份额，前 15 名。", "What part of each is used, the top 15."),
                    f"topk(15, 1 - {_LEFT})",
                    "{{namespace}}/{{persistentvolumeclaim}}",
                    unit="ratio",
                    width=12,
                    steps=(Step(None, "green"), Step(1 - _LIMIT["KunVolumeFilling"], "orange")),
                ),
                table(
                    Text("最先写满的卷", "Volumes that are full first"),
                    Text(
                        "照一小时来的速度还能写多久，最急的 20 个；不在变满的不列。",
                        "How long each lasts at the pace of the last hour, the 20 most urgent; those that do not fill are left out.",
                    ),
                    Query(f"bottomk(20, min by ({_CLAIM}) ({_FREE} / (-deriv({_FREE}[1h]) > 0)))"),
                    unit="seconds",
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(
        Variable("instance", "kubelet_runtime_operations_total", Text("kubelet", "Kubelet")),
        Variable("namespace", "kubelet_volume_stats_capacity_bytes", Text("命名空间", "Namespace")),
    ),
    tags=("kubernetes",),
)
