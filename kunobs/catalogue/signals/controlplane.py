"""Alerts on the scheduler and the controller manager: who leads, what waits in their queues, and for how long."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text


def _up(job: str) -> str:
    """How many answer. A pod that is gone has no `up` any more; within the day it had."""
    return f'sum by (job) (up{{job="{job}"}} or 0 * max_over_time(up{{job="{job}"}}[1d]))'


SIGNALS = (
    Signal(
        alert="KunSchedulerDown",
        severity="critical",
        expr=_up("kube-scheduler"),
        comparison="==",
        threshold=0,
        wait="5m",
        title=Text("没有一个 {job} 在跑", "No {job} runs"),
        description=Text(
            "它的所有实例已有五分钟采集不到。", "None of its instances could be scraped for five minutes."
        ),
        impact=Text(
            "新的和被驱逐的 pod 都停在 Pending；坏掉的节点上的服务回不来。",
            "New and evicted pods stay Pending; what ran on a broken node does not come back.",
        ),
        action=Text(
            "在控制面机器上运行 crictl ps -a --name kube-scheduler，看它的日志。",
            "On a control plane machine run crictl ps -a --name kube-scheduler and read its log.",
        ),
    ),
    Signal(
        alert="KunControllerManagerDown",
        severity="critical",
        expr=_up("kube-controller-manager"),
        comparison="==",
        threshold=0,
        wait="5m",
        title=Text("没有一个 {job} 在跑", "No {job} runs"),
        description=Text(
            "它的所有实例已有五分钟采集不到。", "None of its instances could be scraped for five minutes."
        ),
        impact=Text(
            "不再有新副本，端点不再更新：流量会发到已经没有的 pod。",
            "No replica is replaced and no endpoint changes: traffic goes to pods that are gone.",
        ),
        action=Text(
            "在控制面机器上运行 crictl ps -a --name kube-controller-manager，看它的日志。",
            "On a control plane machine run crictl ps -a --name kube-controller-manager and read its log.",
        ),
    ),
    Signal(
        alert="KunControlPlaneNoLeader",
        severity="critical",
        expr=('sum by (job, name) (leader_election_master_status{job=~"kube-scheduler|kube-controller-manager"})'),
        comparison="==",
        threshold=0,
        wait="5m",
        title=Text("{job} 没有 leader", "{job} has no leader"),
        description=Text(
            "实例在跑，但没有一个拿到租约 {name}。", "Its instances run, but none of them holds the lease {name}."
        ),
        impact=Text(
            "没有 leader 就没有人干活：pod 不调度，副本不补。",
            "Without a leader nobody works: no pod is scheduled and no replica replaced.",
        ),
        action=Text(
            "kubectl -n kube-system get lease {name} -o yaml 说明上次是谁、何时续约。",
            "kubectl -n kube-system get lease {name} -o yaml tells who renewed it last, and when.",
        ),
    ),
    Signal(
        alert="KunPodsUnschedulable",
        severity="warning",
        expr='sum(scheduler_pending_pods{queue="unschedulable"})',
        comparison=">",
        threshold=50,
        wait="15m",
        title=Text("{value} 个 pod 找不到节点", "{value} pods find no node"),
        description=Text("调度器试过它们，没有节点放得下。", "The scheduler tried them, and no node had room."),
        impact=Text(
            "集群或某类节点没有空间，发布停住。",
            "The cluster, or one kind of node, has no room, and rollouts stand still.",
        ),
        action=Text(
            "kubectl get events -A --field-selector reason=FailedScheduling 说明缺什么。",
            "kubectl get events -A --field-selector reason=FailedScheduling tells what is missing.",
        ),
    ),
    Signal(
        alert="KunSchedulerBacklog",
        severity="warning",
        # Those that stand by fill their queues too, and never empty them.
        expr=(
            'sum(scheduler_pending_pods{queue="active"}'
            ' and on (instance) leader_election_master_status{name="kube-scheduler"} == 1)'
        ),
        comparison=">",
        threshold=200,
        wait="10m",
        title=Text("调度器跟不上", "The scheduler does not keep up"),
        description=Text("{value} 个 pod 在排队等调度。", "{value} pods wait for their turn to be scheduled."),
        impact=Text("pod 晚启动，不论有没有空间。", "Pods start late, room or not."),
        action=Text(
            "看 KunSchedulingSlow 和 apiserver 是否慢；再看谁在大量创建 pod。",
            "Look at KunSchedulingSlow and whether the apiserver is slow, then at who creates so many pods.",
        ),
    ),
    Signal(
        alert="KunSchedulingSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.99, sum by (profile, le) "
            '(rate(scheduler_scheduling_attempt_duration_seconds_bucket{result="scheduled"}[10m])))'
        ),
        comparison=">",
        threshold=1,
        unit="seconds",
        guard=(
            "and on (profile) sum by (profile) "
            '(rate(scheduler_scheduling_attempt_duration_seconds_count{result="scheduled"}[10m])) > 0.1'
        ),
        wait="10m",
        title=Text("调度一个 pod 要很久", "Scheduling a pod takes long"),
        description=Text(
            "调度器 {profile} 有百分之一的调度超过 {value}。",
            "One attempt in a hundred of scheduler {profile} takes longer than {value}.",
        ),
        impact=Text("大的发布会排队。", "Large rollouts queue up."),
        action=Text(
            "看调度器的 CPU、扩展和 pod 的亲和性规则；绑定慢则看 apiserver。",
            "Look at its CPU, its extenders and the pods' affinities; where binding is slow, at the apiserver.",
        ),
    ),
    Signal(
        alert="KunControllerQueueDeep",
        severity="warning",
        expr='max by (name) (workqueue_depth{job="kube-controller-manager"})',
        comparison=">",
        threshold=1000,
        wait="15m",
        title=Text("控制器 {name} 积压", "Controller {name} has a backlog"),
        description=Text("它的队列里有 {value} 个对象。", "Its queue holds {value} objects."),
        impact=Text("这一类对象的变化晚生效。", "Changes to objects of this kind take effect late."),
        action=Text(
            "看 kube-controller-manager 的日志里这个控制器的错误，再看 apiserver 是否拒绝它。",
            "Look for this controller's errors in kube-controller-manager's log, and whether the apiserver turns it away.",
        ),
    ),
    Signal(
        alert="KunControllerQueueSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.99, sum by (name, le) "
            '(rate(workqueue_queue_duration_seconds_bucket{job="kube-controller-manager"}[10m])))'
        ),
        comparison=">",
        threshold=5,
        unit="seconds",
        guard=(
            "and on (name) sum by (name) "
            '(rate(workqueue_queue_duration_seconds_count{job="kube-controller-manager"}[10m])) > 0.1'
        ),
        wait="15m",
        title=Text("控制器 {name} 的队列慢", "The queue of controller {name} is slow"),
        description=Text("百分之一的对象等了超过 {value}。", "One object in a hundred waits longer than {value}."),
        impact=Text("端点、副本等的变化晚生效。", "Endpoints, replicas and the like change late."),
        action=Text(
            "看 KunApiserverSlow 和 KunApiserverRejecting；这个控制器的并发数也可能太小。",
            "Look at KunApiserverSlow and KunApiserverRejecting; or this controller has too few workers.",
        ),
    ),
)
