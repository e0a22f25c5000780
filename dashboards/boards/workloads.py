"""What runs in the cluster: pods, nodes, Deployments and the like as the API has them, and the operators behind them."""

from __future__ import annotations

from dashboards.model import Board, Query, Row, Step, Variable, bars, series, stat, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import operators, workloads

_SIGNALS = (*workloads.SIGNALS, *operators.SIGNALS)
_LIMIT = {signal.alert: signal.threshold for signal in _SIGNALS}
_N = 'namespace=~"$namespace"'
# While kube-state-metrics is replaced, or where there are two of it, each series is there twice: it is made one first.
_NOT_READY = 'sum(max by (node) (kube_node_status_condition{condition="Ready", status=~"false|unknown"}))'
_POD = "namespace, pod"
_ANY = (Step(None, "green"), Step(1, "orange"))
_HPA = "namespace, horizontalpodautoscaler"
_JOB = "namespace, job_name"
_TOOK = "controller_runtime_reconcile_time_seconds_bucket"


def _missing(kind: str, wanted: str, present: str) -> str:
    """How many pods each workload of a kind lacks."""
    return f"max by (namespace, {kind}) ({wanted}{{{_N}}}) - max by (namespace, {kind}) ({present}{{{_N}}})"


_DEPLOYMENT = _missing("deployment", "kube_deployment_spec_replicas", "kube_deployment_status_replicas_available")
_STATEFUL = _missing("statefulset", "kube_statefulset_replicas", "kube_statefulset_status_replicas_ready")
_DAEMON = _missing(
    "daemonset", "kube_daemonset_status_desired_number_scheduled", "kube_daemonset_status_number_available"
)

BOARD = Board(
    "kun-workloads",
    Text("工作负载", "Workloads"),
    Text(
        "集群里跑的东西：pod、节点、Deployment 等少不少副本，任务和 HPA，以及 operator。",
        "What runs in the cluster: pods, nodes, whether Deployments and the like lack replicas, jobs and HPAs, and the operators.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("NotReady 的节点", "Nodes not ready"),
                    Text(
                        "报告自己不正常或不再报告的节点。",
                        "Nodes that say they are not well, or say nothing any more.",
                    ),
                    _NOT_READY,
                    steps=_ANY,
                ),
                stat(
                    Text("在跑的 pod", "Pods that run"),
                    Text(
                        "所选命名空间里 Running 的 pod；突然变少是大面积的事。",
                        "Pods of the chosen namespaces that are Running; many fewer at once is no single service's fault.",
                    ),
                    f'sum(max by ({_POD}) (kube_pod_status_phase{{phase="Running", {_N}}}))',
                ),
                stat(
                    Text("没起来的 pod", "Pods not started"),
                    Text(
                        "Pending 或 Unknown 的 pod；发布时有一些，应当很快没有。",
                        "Pending or Unknown pods; rollouts have a few, which should soon be gone.",
                    ),
                    f'sum(max by ({_POD}) (kube_pod_status_phase{{phase=~"Pending|Unknown", {_N}}}))',
                    steps=(Step(None, "green"), Step(1, "yellow")),
                ),
                stat(
                    Text("反复崩溃的容器", "Containers that keep crashing"),
                    Text(
                        "此刻在 CrashLoopBackOff 的；没有数字就是没有。",
                        "Those in CrashLoopBackOff at this moment; no number means none.",
                    ),
                    f"sum(max by ({_POD}, container)"
                    f' (kube_pod_container_status_waiting_reason{{reason="CrashLoopBackOff", {_N}}}))',
                    steps=_ANY,
                ),
                stat(
                    Text("少副本的 Deployment", "Deployments short of replicas"),
                    Text(
                        "可用副本少于应有的 Deployment 数，发布中的也算。",
                        "Deployments with fewer available replicas than they should have, rollouts under way included.",
                    ),
                    f"sum(({_DEPLOYMENT}) > bool 0)",
                    steps=(Step(None, "green"), Step(1, "yellow")),
                ),
                stat(
                    Text("不应答的 operator", "Operators that do not answer"),
                    Text(
                        "采集不到的 operator；它管的东西照常跑，但没人再照看。",
                        "Operators that cannot be scraped; what they manage runs on, but nobody looks after it.",
                    ),
                    'sum(1 - up{job="operators"})',
                    steps=_ANY,
                ),
            ),
        ),
        Row(
            Text("pod 和节点", "Pods and nodes"),
            (
                series(
                    Text("不在 Running 的 pod", "Pods that do not run"),
                    Text(
                        "按阶段，做完的不算；Pending 涨是没有地方或镜像，Failed 涨是任务或驱逐。",
                        "By phase, those that are done left out; rising Pending: no room or no image, rising Failed: jobs or evictions.",
                    ),
                    Query(
                        f"sum by (phase) (max by ({_POD}, phase)"
                        f' (kube_pod_status_phase{{phase!~"Running|Succeeded", {_N}}}))',
                        "{{phase}}",
                    ),
                    stacked=True,
                    width=12,
                ),
                series(
                    Text("节点的状况", "Condition of the nodes"),
                    Text(
                        "NotReady、停止调度和缺资源的节点数；缺资源的会驱逐 pod。",
                        "How many are not ready, cordoned or short of something; those short of something evict pods.",
                    ),
                    Query(_NOT_READY, "NotReady"),
                    Query("sum(max by (node) (kube_node_spec_unschedulable))", Text("停止调度", "cordoned")),
                    Query(
                        "sum by (condition) (max by (node, condition)"
                        ' (kube_node_status_condition{condition=~".*Pressure", status="true"}))',
                        "{{condition}}",
                    ),
                    width=12,
                ),
            ),
        ),
        Row(
            Text("谁少了什么", "Who lacks what"),
            (
                table(
                    Text("少副本的工作负载", "Workloads that lack pods"),
                    Text(
                        "Deployment、StatefulSet 和 DaemonSet 里少得最多的 20 个；空表就是都齐。",
                        "The 20 Deployments, StatefulSets and DaemonSets that lack most; an empty table means that all are complete.",
                    ),
                    Query(f"topk(20, (({_DEPLOYMENT}) or ({_STATEFUL}) or ({_DAEMON})) > 0)"),
                ),
                table(
                    Text("等待的容器", "Containers that wait"),
                    Text(
                        "为什么等、在几个 pod 里，前 20 名；ImagePullBackOff 看镜像仓库，ContainerCreating 看 kubelet 和卷。",
                        "Why, and in how many pods, the top 20; ImagePullBackOff is the registry, ContainerCreating the kubelet or a volume.",
                    ),
                    Query(
                        f"topk(20, sum by (namespace, container, reason) (max by ({_POD}, container, reason)"
                        f" (kube_pod_container_status_waiting_reason{{{_N}}})))"
                    ),
                ),
                bars(
                    Text("最接近上限的 HPA", "HPAs nearest to their maximum"),
                    Text(
                        "副本数占上限的份额，前 15 名；上下限相同的不算。",
                        "Share of their most replicas that there are, the top 15; those whose minimum is their maximum left out.",
                    ),
                    f"topk(15, max by ({_HPA}) (kube_horizontalpodautoscaler_status_current_replicas{{{_N}}}"
                    f" / (kube_horizontalpodautoscaler_spec_max_replicas{{{_N}}}"
                    f" != kube_horizontalpodautoscaler_spec_min_replicas{{{_N}}})))",
                    "{{namespace}}/{{horizontalpodautoscaler}}",
                    unit="ratio",
                    width=12,
                ),
                table(
                    Text("最近失败的任务", "Latest failed jobs"),
                    Text(
                        "失败的 Job 距开始多久，最近的 20 个。",
                        "Jobs that failed, and the time since they began; the latest 20.",
                    ),
                    Query(
                        f"bottomk(20, time() - max by ({_JOB}) (kube_job_status_start_time{{{_N}}})"
                        f' and on ({_JOB}) max by ({_JOB}) (kube_job_failed{{condition="true", {_N}}}) > 0)'
                    ),
                    unit="seconds",
                ),
            ),
        ),
        Row(
            Text("operator", "Operators"),
            (
                series(
                    Text("协调的结果", "Reconciles"),
                    Text(
                        "每秒的协调，前 15 名；error 会重试，一直是 requeue 的对象没有做完。",
                        "Reconciles per second, the top 15; error is tried again, and what stays at requeue is not done.",
                    ),
                    Query(
                        "topk(15, sum by (controller, result)"
                        " (rate(controller_runtime_reconcile_total[$__rate_interval])))",
                        "{{controller}} {{result}}",
                    ),
                    unit="ops/s",
                    width=12,
                ),
                series(
                    Text("一次协调的时间", "Time of a reconcile"),
                    Text(
                        "按控制器，各前 15 名；慢的在等 apiserver 或它管的东西，后面的都排队。",
                        "By controller, the top 15 of each; a slow one waits for the apiserver or for what it manages, and the rest queue up.",
                    ),
                    *(
                        Query(
                            f"topk(15, histogram_quantile({share}, sum by (le, controller)"
                            f" (rate({_TOOK}[$__rate_interval]))))",
                            f"{{{{controller}}}} {word}",
                        )
                        for share, word in ((0.5, "p50"), (0.99, "p99"))
                    ),
                    unit="seconds",
                    width=12,
                    steps=(Step(None, "green"), Step(_LIMIT["KunOperatorReconcileSlow"], "orange")),
                ),
            ),
        ),
        alert_row(_SIGNALS),
    ),
    variables=(Variable("namespace", "kube_namespace_status_phase", Text("命名空间", "Namespace")),),
    tags=("kubernetes", "tenants"),
)
