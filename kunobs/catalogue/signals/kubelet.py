"""Alerts on each node's kubelet: whether pods start there, its certificates, and tenants' volumes."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

SIGNALS = (
    Signal(
        alert="KunKubeletDown",
        severity="warning",
        expr='min by (instance) (up{job="kubelet"})',
        comparison="==",
        threshold=0,
        wait="10m",
        title=Text("{instance} 的 kubelet 采集不到", "The kubelet of {instance} cannot be scraped"),
        description=Text("它已有十分钟没有回答。", "It has not answered for ten minutes."),
        impact=Text(
            "这个节点的 pod 没有指标；kubelet 真的停了时，节点会变 NotReady。",
            "The pods of this node have no metrics; where the kubelet really stopped, the node becomes NotReady.",
        ),
        action=Text(
            "到该节点上运行 systemctl status kubelet 和 journalctl -u kubelet -n 50。",
            "On that node run systemctl status kubelet and journalctl -u kubelet -n 50.",
        ),
    ),
    Signal(
        alert="KunKubeletPLEGSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.99, sum by (instance, le) (rate(kubelet_pleg_relist_duration_seconds_bucket[10m])))"
        ),
        comparison=">",
        threshold=5,
        unit="seconds",
        wait="10m",
        title=Text("{instance} 的 kubelet 列容器慢", "The kubelet of {instance} lists its containers slowly"),
        description=Text("百分之一要超过 {value}。", "One listing in a hundred takes longer than {value}."),
        impact=Text(
            "pod 的变化晚被看到；停三分钟节点就 NotReady。",
            "Changes of pods are seen late; after three minutes without a listing the node is NotReady.",
        ),
        action=Text(
            "在该节点上看 crictl ps 要多久，看 CPU、磁盘和容器数。",
            "On that node see how long crictl ps takes, then look at CPU, disk and how many containers there are.",
        ),
    ),
    Signal(
        alert="KunKubeletSandboxFailing",
        severity="warning",
        expr=(
            "sum by (instance) "
            '(rate(kubelet_runtime_operations_errors_total{operation_type="run_podsandbox"}[10m])) / '
            'sum by (instance) (rate(kubelet_runtime_operations_total{operation_type="run_podsandbox"}[10m]))'
        ),
        comparison=">",
        threshold=0.2,
        unit="ratio",
        guard=(
            "and on (instance) sum by (instance) "
            '(rate(kubelet_runtime_operations_errors_total{operation_type="run_podsandbox"}[10m])) > 0.01'
        ),
        wait="5m",
        title=Text("{instance} 上 pod 建不起来", "Pods cannot be set up on {instance}"),
        description=Text("{value} 的沙箱没有建成。", "{value} of the sandboxes were not made."),
        impact=Text(
            "调度到这里的 pod 停在 ContainerCreating。", "Pods that are scheduled there stay in ContainerCreating."
        ),
        action=Text(
            "kubectl get events -A --field-selector reason=FailedCreatePodSandBox；多半是 CNI 或地址用完。",
            "kubectl get events -A --field-selector reason=FailedCreatePodSandBox; mostly it is CNI, or no address is left.",
        ),
    ),
    Signal(
        alert="KunPodStartSlow",
        severity="warning",
        # A hundred in the window, for of a dozen the slowest would be all that counts.
        expr="histogram_quantile(0.99, sum by (job, le) (rate(kubelet_pod_start_sli_duration_seconds_bucket[10m])))",
        comparison=">",
        threshold=40,
        unit="seconds",
        guard="and on (job) sum by (job) (increase(kubelet_pod_start_sli_duration_seconds_count[10m])) > 100",
        wait="15m",
        title=Text("pod 启动慢", "Pods start slowly"),
        description=Text(
            "百分之一要超过 {value}，算上等调度，不算拉镜像。",
            "One in a hundred takes longer than {value}, its wait for a node counted and its images not.",
        ),
        impact=Text("发布和扩容都晚。", "Rollouts and scaling up are late."),
        action=Text(
            "按 instance 看同一个查询，找出慢的节点；都慢则看 KunPodsUnschedulable、apiserver 和存储挂载。",
            "Ask the same by instance for the slow nodes; where all are slow, look at KunPodsUnschedulable, the apiserver and at mounts.",
        ),
    ),
    Signal(
        alert="KunVolumeFilling",
        severity="warning",
        expr=(
            "min by (namespace, persistentvolumeclaim) "
            "(kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes)"
        ),
        comparison="<",
        threshold=0.1,
        unit="ratio",
        wait="15m",
        title=Text(
            "{namespace} 的卷 {persistentvolumeclaim} 将满", "Volume {persistentvolumeclaim} of {namespace} fills up"
        ),
        description=Text("它只剩 {value}。", "It has {value} left."),
        impact=Text("写满时用它的 pod 多半会停。", "Mostly the pods that use it stop when it is full."),
        action=Text(
            "清理，或加大：kubectl -n {namespace} edit pvc {persistentvolumeclaim}。",
            "Make room, or enlarge it: kubectl -n {namespace} edit pvc {persistentvolumeclaim}.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunVolumeInodesFilling",
        severity="warning",
        expr=(
            "min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_inodes_free / kubelet_volume_stats_inodes)"
        ),
        comparison="<",
        threshold=0.05,
        unit="ratio",
        wait="15m",
        title=Text(
            "{namespace} 的卷 {persistentvolumeclaim} 的 inode 将用完",
            "Volume {persistentvolumeclaim} of {namespace} runs out of inodes",
        ),
        description=Text("inode 只剩 {value}。", "{value} of its inodes are left."),
        impact=Text(
            "用完时不能再建文件，尽管还有空间。",
            "Without inodes no file can be made, though there is room for more bytes.",
        ),
        action=Text(
            "在 pod 里找文件最多的目录：du --inodes -x 挂载点 | sort -n | tail。",
            "In the pod find the directory with most files: du --inodes -x MOUNT | sort -n | tail.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunKubeletClientCertExpiring",
        severity="warning",
        expr="min by (instance) (kubelet_certificate_manager_client_ttl_seconds)",
        comparison="<",
        threshold=604800,
        unit="seconds",
        wait="15m",
        title=Text(
            "{instance} 的 kubelet 客户端证书快到期", "The kubelet's client certificate of {instance} expires soon"
        ),
        description=Text(
            "还有 {value}，而它本应早已轮换。", "It has {value} left and should have been rotated long ago."
        ),
        impact=Text(
            "到期后 kubelet 连不上 apiserver，节点变 NotReady。",
            "After that the kubelet cannot talk to the apiserver, and the node becomes NotReady.",
        ),
        action=Text(
            "kubectl get csr 看有没有没批准的请求，再看 kubelet 日志里的 certificate。",
            "See with kubectl get csr whether a request waits for approval, and look for certificate in the kubelet's log.",
        ),
    ),
    Signal(
        alert="KunKubeletServerCertExpiring",
        severity="warning",
        expr="min by (instance) (kubelet_certificate_manager_server_ttl_seconds)",
        comparison="<",
        threshold=604800,
        unit="seconds",
        wait="15m",
        title=Text(
            "{instance} 的 kubelet 服务证书快到期", "The kubelet's serving certificate of {instance} expires soon"
        ),
        description=Text(
            "还有 {value}，而它本应早已轮换。", "It has {value} left and should have been rotated long ago."
        ),
        impact=Text(
            "到期后 kubectl logs、exec 和采集在这个节点上失败。",
            "After that kubectl logs, exec and scrapes fail on this node.",
        ),
        action=Text(
            "kubectl get csr，批准 kubernetes.io/kubelet-serving 的请求：kubectl certificate approve。",
            "kubectl get csr, then kubectl certificate approve those of kubernetes.io/kubelet-serving.",
        ),
    ),
    Signal(
        alert="KunKubeletEvicting",
        severity="warning",
        expr="sum by (instance, eviction_signal) (increase(kubelet_evictions[30m]))",
        comparison=">",
        threshold=3,
        keep="15m",
        title=Text("{instance} 在驱逐 pod", "{instance} evicts pods"),
        description=Text(
            "半小时内因 {eviction_signal} 驱逐了 {value} 个。",
            "It evicted {value} in half an hour for {eviction_signal}.",
        ),
        impact=Text("这些 pod 被停掉，在别处重新启动。", "These pods are stopped and start anew elsewhere."),
        action=Text(
            "kubectl get events -A --field-selector reason=Evicted，看谁用得比申请的多。",
            "kubectl get events -A --field-selector reason=Evicted, and see who uses more than was asked for.",
        ),
    ),
)
