"""Alerts on the operators that are made with controller-runtime."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

SIGNALS = (
    Signal(
        alert="KunOperatorDown",
        severity="warning",
        expr='min by (instance) (up{job="operators"})',
        comparison="==",
        threshold=0,
        wait="10m",
        title=Text("operator {instance} 采集不到", "Operator {instance} cannot be scraped"),
        description=Text("它已有十分钟没有回答。", "It has not answered for ten minutes."),
        impact=Text(
            "它管的东西照常跑，但不再按自定义资源改变，也不做故障切换。",
            "What it manages runs on, but follows its custom resources no more, and no failover is made.",
        ),
        action=Text(
            "kubectl get pods -A -o wide，按地址找到它的 pod，看日志。",
            "Find its pod by the address in kubectl get pods -A -o wide, and read its log.",
        ),
    ),
    Signal(
        alert="KunOperatorReconcileErrors",
        severity="warning",
        expr=(
            "sum by (controller) (rate(controller_runtime_reconcile_errors_total[10m])) / "
            "sum by (controller) (rate(controller_runtime_reconcile_total[10m]))"
        ),
        comparison=">",
        threshold=0.1,
        unit="ratio",
        guard=("and on (controller) sum by (controller) (rate(controller_runtime_reconcile_errors_total[10m])) > 0.02"),
        wait="15m",
        title=Text("控制器 {controller} 出错", "Controller {controller} makes errors"),
        description=Text("{value} 的协调失败。", "{value} of its reconciles fail."),
        impact=Text("有自定义资源没有照着做。", "Some custom resources are not carried out."),
        action=Text(
            "看 operator 日志里这个控制器的 Reconciler error，里面有对象的名字。",
            "Look for its Reconciler error in the operator's log; it names the object.",
        ),
    ),
    Signal(
        alert="KunOperatorReconcileSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.99, "
            "sum by (controller, le) (rate(controller_runtime_reconcile_time_seconds_bucket[10m])))"
        ),
        comparison=">",
        threshold=30,
        unit="seconds",
        guard=(
            "and on (controller) sum by (controller) (rate(controller_runtime_reconcile_time_seconds_count[10m])) > 0.1"
        ),
        wait="15m",
        title=Text("控制器 {controller} 慢", "Controller {controller} is slow"),
        description=Text("百分之一的协调超过 {value}。", "One reconcile in a hundred takes longer than {value}."),
        impact=Text("其他对象在它后面排队，故障切换也晚。", "Other objects queue up behind it, failovers too."),
        action=Text(
            "看它在等什么：apiserver、Redis 或外部接口；operator 日志里有时间。",
            "See what it waits for: the apiserver, Redis or something outside; the operator's log has the times.",
        ),
    ),
    Signal(
        alert="KunOperatorQueueGrowing",
        severity="warning",
        expr='sum by (name) (workqueue_depth{job="operators"})',
        comparison=">",
        threshold=100,
        wait="15m",
        title=Text("控制器 {name} 的队列不见少", "The queue of controller {name} does not shrink"),
        description=Text(
            "一刻钟以来队列里一直不少于百个，现在有 {value} 个。",
            "It has held more than a hundred objects for a quarter of an hour, now {value}.",
        ),
        impact=Text("自定义资源的改动晚生效。", "Changes to custom resources take effect late."),
        action=Text(
            "看 KunOperatorReconcileSlow；对象真多时加大 MaxConcurrentReconciles。",
            "Look at KunOperatorReconcileSlow; where there are so many, raise MaxConcurrentReconciles.",
        ),
    ),
)
