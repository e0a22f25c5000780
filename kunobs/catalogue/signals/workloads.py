"""Alerts on what runs in the cluster and on its nodes, as kube-state-metrics reads it from the API."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

SIGNALS = (
    Signal(
        alert="KunNodesNotReady",
        severity="critical",
        expr=(
            'sum(kube_node_status_condition{condition="Ready",status=~"false|unknown"}) / '
            'count(kube_node_status_condition{condition="Ready",status="true"})'
        ),
        comparison=">",
        threshold=0.2,
        unit="ratio",
        wait="5m",
        keep="5m",
        title=Text("{value} 的节点 NotReady", "{value} of the nodes are not ready"),
        description=Text(
            "五分钟以来 {value} 的节点没有报告自己正常。",
            "For five minutes {value} of the nodes have not said that they are well.",
        ),
        impact=Text(
            "其上的 pod 会被驱逐；剩下的节点可能放不下。",
            "Their pods are about to be evicted, and the nodes that are left may not have room for them.",
        ),
        action=Text(
            "kubectl get nodes | grep NotReady，看它们有何共同：机架、网段、版本。",
            "kubectl get nodes | grep NotReady, and see what they share: a rack, a network, a version.",
        ),
    ),
    Signal(
        alert="KunNodeNotReady",
        severity="warning",
        expr='min by (node) (kube_node_status_condition{condition="Ready",status="true"})',
        comparison="==",
        threshold=0,
        guard="unless on (node) max by (node) (kube_node_spec_unschedulable) == 1",
        wait="10m",
        title=Text("节点 {node} NotReady", "Node {node} is not ready"),
        description=Text(
            "它已有十分钟不正常，也没有被 cordon。", "It has not been well for ten minutes, and nobody has cordoned it."
        ),
        impact=Text(
            "它的 pod 被驱逐到别处；本地卷上的数据够不着。",
            "Its pods are evicted; data on its local volumes is out of reach.",
        ),
        action=Text(
            "kubectl describe node {node}，再到机器上看 kubelet。",
            "kubectl describe node {node}, then look at the kubelet on the machine.",
        ),
    ),
    Signal(
        alert="KunNodePressure",
        severity="warning",
        expr=(
            "max by (node, condition) "
            '(kube_node_status_condition{condition=~"MemoryPressure|DiskPressure|PIDPressure",status="true"})'
        ),
        comparison=">",
        threshold=0,
        wait="5m",
        keep="5m",
        title=Text("节点 {node}：{condition}", "Node {node}: {condition}"),
        description=Text(
            "kubelet 报告 {condition} 已有五分钟。", "The kubelet has reported {condition} for five minutes."
        ),
        impact=Text(
            "节点不再接新 pod，并会驱逐已有的。", "The node takes no new pods and evicts some of those it has."
        ),
        action=Text(
            "kubectl describe node {node}，到机器上看 df -h、free -m 或进程数。",
            "kubectl describe node {node}, then df -h, free -m or the number of processes on the machine.",
        ),
    ),
    Signal(
        alert="KunPodCrashLooping",
        severity="warning",
        expr=(
            "sum by (namespace, container) (max by (namespace, pod, container) "
            '(max_over_time(kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff"}[5m])))'
        ),
        comparison=">",
        threshold=0,
        wait="15m",
        title=Text("{namespace} 的容器 {container} 反复崩溃", "Container {container} of {namespace} keeps crashing"),
        description=Text("{value} 个 pod 里的这个容器一启动就退出。", "In {value} pods it ends soon after each start."),
        impact=Text("这些副本不提供服务。", "These replicas serve nobody."),
        action=Text(
            "kubectl -n {namespace} logs POD -c {container} --previous 看它为何退出。",
            "kubectl -n {namespace} logs POD -c {container} --previous tells why it ended.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunPodPendingLong",
        severity="warning",
        expr='max by (namespace, pod) (kube_pod_status_phase{phase=~"Pending|Unknown"})',
        comparison=">",
        threshold=0,
        wait="30m",
        title=Text("{namespace} 的 pod {pod} 起不来", "Pod {pod} of {namespace} does not start"),
        description=Text("它处于 Pending 或 Unknown 已有半小时。", "It has been Pending or Unknown for half an hour."),
        impact=Text("少一个副本，或一个任务没有跑。", "A replica is missing, or a task has not run."),
        action=Text(
            "kubectl -n {namespace} describe pod {pod}，看最后的事件。",
            "kubectl -n {namespace} describe pod {pod}, and read its last events.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunDeploymentReplicasMissing",
        severity="warning",
        expr=(
            "max by (namespace, deployment) (kube_deployment_spec_replicas) - "
            "max by (namespace, deployment) (kube_deployment_status_replicas_available)"
        ),
        comparison=">",
        threshold=0,
        guard=(
            "and on (namespace, deployment) max by (namespace, deployment) "
            "(changes(kube_deployment_status_replicas_updated[10m])) == 0"
        ),
        wait="15m",
        title=Text("{namespace} 的 {deployment} 少副本", "{deployment} of {namespace} lacks replicas"),
        description=Text(
            "少 {value} 个可用的副本，发布也没有进展。", "{value} replicas are not available, and no rollout goes on."
        ),
        impact=Text("服务的容量减少，或发布卡住。", "The service has less capacity, or its rollout is stuck."),
        action=Text(
            "kubectl -n {namespace} rollout status deployment/{deployment}，再 describe 它的 pod。",
            "kubectl -n {namespace} rollout status deployment/{deployment}, then describe its pods.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunStatefulSetStuck",
        severity="warning",
        expr=(
            "max by (namespace, statefulset) (kube_statefulset_replicas) - "
            "max by (namespace, statefulset) (kube_statefulset_status_replicas_ready)"
        ),
        comparison=">",
        threshold=0,
        guard=(
            "and on (namespace, statefulset) max by (namespace, statefulset) "
            "(changes(kube_statefulset_status_replicas_updated[10m])) == 0"
        ),
        wait="15m",
        title=Text("{namespace} 的 {statefulset} 少副本", "{statefulset} of {namespace} lacks replicas"),
        description=Text(
            "少 {value} 个就绪的副本，发布也没有进展。", "{value} replicas are not ready, and no rollout goes on."
        ),
        impact=Text("一个副本不就绪，后面的都在等它。", "All that come after the one that is not ready wait for it."),
        action=Text(
            "kubectl -n {namespace} get pods | grep {statefulset}，describe 第一个没就绪的。",
            "kubectl -n {namespace} get pods | grep {statefulset}, and describe the first that is not ready.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunDaemonSetStuck",
        severity="warning",
        expr=(
            "max by (namespace, daemonset) (kube_daemonset_status_desired_number_scheduled) - "
            "max by (namespace, daemonset) (kube_daemonset_status_number_available) - on () group_left () "
            'sum(max by (node) (kube_node_status_condition{condition="Ready",status=~"false|unknown"}))'
        ),
        comparison=">",
        threshold=0,
        guard=(
            "and on (namespace, daemonset) max by (namespace, daemonset) "
            "(changes(kube_daemonset_status_updated_number_scheduled[10m])) == 0"
        ),
        wait="15m",
        title=Text("{namespace} 的 {daemonset} 少 pod", "{daemonset} of {namespace} lacks pods"),
        description=Text(
            "除 NotReady 的节点外，还有 {value} 个节点上没有可用的 pod。",
            "It has no available pod on {value} nodes, those that are not ready not counted.",
        ),
        impact=Text(
            "这些节点上没有它的功能：网络、日志或监控。",
            "These nodes are without what it does: network, logs or monitoring.",
        ),
        action=Text(
            "kubectl -n {namespace} get pods -o wide | grep {daemonset}，describe 不在 Running 的。",
            "kubectl -n {namespace} get pods -o wide | grep {daemonset}, and describe those that do not run.",
        ),
    ),
    Signal(
        alert="KunJobFailed",
        severity="info",
        expr='max by (namespace, job_name) (kube_job_failed{condition="true"})',
        comparison=">",
        threshold=0,
        guard="and on (namespace, job_name) time() - max by (namespace, job_name) (kube_job_status_start_time) < 86400",
        wait="2m",
        title=Text("{namespace} 的任务 {job_name} 失败了", "Job {job_name} of {namespace} failed"),
        description=Text(
            "它用完了重试次数或时间；开始满一天后此告警自行恢复。",
            "It ran out of tries or of time; this ends by itself a day after the job began.",
        ),
        impact=Text("这一次的工作没有做完。", "This time its work is not done."),
        action=Text(
            "kubectl -n {namespace} logs job/{job_name} 看原因，再重跑或删除。",
            "kubectl -n {namespace} logs job/{job_name} tells why; run it again or delete it.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunHPAAtMax",
        severity="warning",
        expr=(
            "max by (namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_current_replicas) / "
            "max by (namespace, horizontalpodautoscaler) (kube_horizontalpodautoscaler_spec_max_replicas)"
        ),
        comparison=">=",
        threshold=1,
        unit="ratio",
        guard=(
            "and on (namespace, horizontalpodautoscaler) max by (namespace, horizontalpodautoscaler) "
            '(kube_horizontalpodautoscaler_status_condition{condition="ScalingLimited",status="true"}) == 1 '
            "unless on (namespace, horizontalpodautoscaler) kube_horizontalpodautoscaler_spec_min_replicas == "
            "kube_horizontalpodautoscaler_spec_max_replicas"
        ),
        wait="30m",
        title=Text(
            "{namespace} 的 {horizontalpodautoscaler} 到顶了",
            "{horizontalpodautoscaler} of {namespace} is at its maximum",
        ),
        description=Text("副本数是上限的 {value}，而它还想要更多。", "It has {value} of its replicas and wants more."),
        impact=Text("负载再高，服务就会变慢。", "The service becomes slow when its load grows further."),
        action=Text(
            "看负载是否正常，是则加大 maxReplicas：kubectl -n {namespace} edit hpa {horizontalpodautoscaler}。",
            "Where the load is right, raise maxReplicas: kubectl -n {namespace} edit hpa {horizontalpodautoscaler}.",
        ),
        owner="tenant",
    ),
)
