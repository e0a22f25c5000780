"""Alerts on what tenants share: quotas, room, series, probes, log volume, and namespaces that do not go away."""

from __future__ import annotations

from kunobs.catalogue.jobs import JOBS
from kunobs.catalogue.signal import Signal, Text

# Every other job is a tenant's.
_PLATFORM = "|".join([*JOBS, "prometheus-tenants-.+", "kunobs-.+"])
_USED = (
    'max by (namespace, resource) (kube_resourcequota{type="used"} / ignoring (type) '
    '(kube_resourcequota{type="hard"} > 0))'
)

SIGNALS = (
    Signal(
        alert="KunQuotaAlmostFull",
        severity="info",
        expr=_USED,
        comparison=">",
        threshold=0.9,
        unit="ratio",
        wait="15m",
        title=Text("{namespace} 的配额 {resource} 快用完", "Quota {resource} of {namespace} is almost used up"),
        description=Text("已用 {value}。", "{value} of it is used."),
        impact=Text("用完后新的 pod 或卷会被拒绝。", "When it is used up, new pods or volumes are refused."),
        action=Text(
            "kubectl -n {namespace} describe quota；清理，或申请加大。",
            "kubectl -n {namespace} describe quota; make room, or ask for more.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunQuotaBlocking",
        severity="warning",
        expr='sum by (namespace) (kube_deployment_status_condition{condition="ReplicaFailure",status="true"})',
        comparison=">",
        threshold=0,
        guard=f"and on (namespace) max by (namespace) ({_USED}) > 0.9",
        wait="10m",
        title=Text("{namespace} 的配额挡住了发布", "The quota of {namespace} stops its rollouts"),
        description=Text(
            "{value} 个 Deployment 的 pod 创建不了，而配额已用九成以上。",
            "{value} Deployments cannot create pods, and more than nine tenths of a quota are used.",
        ),
        impact=Text("这些服务少副本，发布停住。", "These services lack replicas, and their rollouts stand still."),
        action=Text(
            "kubectl -n {namespace} get events --field-selector reason=FailedCreate 说明缺哪一项。",
            "kubectl -n {namespace} get events --field-selector reason=FailedCreate tells what is missing.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunQuotaOvercommit",
        severity="info",
        expr=(
            'sum by (resource) (kube_resourcequota{type="hard"}) / '
            "sum by (resource) (label_replace("
            'kube_node_status_allocatable, "resource", "requests.$1", "resource", "(.*)"))'
        ),
        comparison=">",
        threshold=1.5,
        unit="ratio",
        wait="1h",
        title=Text("配额 {resource} 许诺得太多", "The quotas promise too much {resource}"),
        description=Text(
            "所有配额之和是节点所有的 {value}。", "All quotas together are {value} of what the nodes have."
        ),
        impact=Text(
            "租户都用足时放不下：pod 停在 Pending，尽管配额还有。",
            "There is no room once tenants use what they have: pods stay Pending though their quota is not used up.",
        ),
        action=Text("加节点，或收回长期没用的配额。", "Add nodes, or take back quotas that nobody uses."),
    ),
    Signal(
        alert="KunTenantSeriesBudget",
        severity="warning",
        expr=f'sum by (namespace) (scrape_samples_post_metric_relabeling{{job!~"{_PLATFORM}",namespace!=""}})',
        comparison=">",
        threshold=50000,
        wait="30m",
        title=Text("{namespace} 的序列太多", "{namespace} has too many series"),
        description=Text(
            "它的采集目标每次一共给出 {value} 个样本。", "A scrape of all its targets brings {value} samples."
        ),
        impact=Text(
            "Prometheus 的内存和所有租户的查询都受影响。", "Prometheus' memory and every tenant's queries suffer."
        ),
        action=Text(
            'topk(10, count by (__name__) ({namespace="…"})) 说明是哪些指标；让它的负责人减少标签。',
            'topk(10, count by (__name__) ({namespace="…"})) says which metrics; have its owner drop labels.',
        ),
    ),
    Signal(
        alert="KunTenantProbeBudget",
        severity="info",
        expr="count by (namespace) (probe_success)",
        comparison=">",
        threshold=100,
        wait="30m",
        title=Text("{namespace} 的拨测太多", "{namespace} has too many probes"),
        description=Text(
            "它有 {value} 个，IPv4 和 IPv6 各算一个。", "It has {value} of them, IPv4 and IPv6 counted apart."
        ),
        impact=Text(
            "拨测器是大家的：别人的拨测会排队、超时。", "The prober is shared: others' probes queue and time out."
        ),
        action=Text(
            'count by (module, service) (probe_success{namespace="…"}) 说明是哪些；让它的负责人留下要紧的。',
            'count by (module, service) (probe_success{namespace="…"}) says which; have its owner keep those that matter.',
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunTenantLogShare",
        severity="warning",
        expr=(
            'sum by (namespace) (rate(kunobs_fanout_namespace_bytes_total{namespace!="_other"}[1h])) / '
            "on () group_left () sum(rate(kunobs_fanout_namespace_bytes_total[1h]))"
        ),
        comparison=">",
        threshold=0.3,
        unit="ratio",
        guard="and on (namespace) sum by (namespace) (rate(kunobs_fanout_namespace_bytes_total[1h])) > 1e+06",
        wait="30m",
        title=Text("{namespace} 写了 {value} 的日志", "{namespace} writes {value} of all logs"),
        description=Text(
            "一小时来的日志字节有 {value} 是它的。", "{value} of the bytes of logs within an hour are its own."
        ),
        impact=Text(
            "Kafka 和 Elasticsearch 是大家的：其他租户的保留期会缩短，也会变慢。",
            "Kafka and Elasticsearch are shared: others' retention shrinks, and they become slower.",
        ),
        action=Text(
            "问它的负责人是不是开了 debug；需要时给它的主题设配额。",
            "Ask its owner whether debug logging is on; where it must be, set a quota on its topic.",
        ),
    ),
    Signal(
        alert="KunNamespaceTerminating",
        severity="warning",
        expr='max by (namespace) (kube_namespace_status_phase{phase="Terminating"})',
        comparison=">",
        threshold=0,
        wait="1h",
        title=Text("命名空间 {namespace} 删不掉", "Namespace {namespace} cannot be deleted"),
        description=Text("它处于 Terminating 已有一小时。", "It has been Terminating for an hour."),
        impact=Text(
            "它的卷、地址和配额还占着，同名的也建不了。",
            "Its volumes, addresses and quota stay taken, and none of the same name can be made.",
        ),
        action=Text(
            "kubectl get namespace {namespace} -o yaml 的 conditions 说明剩下什么、是谁的 finalizer。",
            "The conditions in kubectl get namespace {namespace} -o yaml tell what is left and whose finalizer.",
        ),
    ),
)
