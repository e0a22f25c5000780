"""Alerts on kube-proxy: how fast and whether it programs Services on the nodes; `instance` is the node's kube-proxy."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

_QUEUED = "max by (instance, ip_family) (kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds)"
_LAST = (
    "(max by (instance, ip_family) (kubeproxy_sync_proxy_rules_last_timestamp_seconds)"
    f" or on (instance, ip_family) 0 * {_QUEUED}"
    " + on (instance) group_left () max by (instance) (process_start_time_seconds))"
)
"""Before the first sync that works there is no such series; then the start counts."""
_BEHIND = f"{_QUEUED} > {_LAST}"
"""Changes wait; without any, kube-proxy does not sync for an hour and all is well."""

SIGNALS = (
    Signal(
        alert="KunProxySyncStuck",
        severity="warning",
        expr=f"time() - {_LAST}",
        comparison=">",
        threshold=600,
        unit="seconds",
        guard=f"and on (instance, ip_family) ({_BEHIND})",
        wait="5m",
        title=Text(
            "{instance} 的 kube-proxy 不再同步 {ip_family}", "kube-proxy {instance} no longer syncs {ip_family}"
        ),
        description=Text(
            "有变更在等，上次同步成功（没有过则是启动）是 {value} 前。",
            "Changes wait, and its last sync that worked, or its start where there was none, was {value} ago.",
        ),
        impact=Text(
            "该节点上的 Pod 还在连已经不在的后端，也看不到新服务。",
            "Pods of the node go on to backends that are gone, and do not see new services.",
        ),
        action=Text(
            "看该节点 kube-proxy 的日志，再删掉这个 Pod 让它重启。",
            "See the log of kube-proxy on that node, then delete its pod to restart it.",
        ),
    ),
    Signal(
        alert="KunProxiesStuckTogether",
        severity="critical",
        expr=(f"count(count by (instance) (time() - {_LAST} > 600 and on (instance, ip_family) ({_BEHIND})))"),
        comparison=">",
        threshold=5,
        wait="5m",
        keep="5m",
        title=Text("多个节点的 kube-proxy 停止同步", "kube-proxy has stopped syncing on many nodes"),
        description=Text(
            "{value} 个节点的 kube-proxy 超过 10 分钟没有同步成功。",
            "kube-proxy on {value} nodes has not synced for 10 minutes.",
        ),
        impact=Text(
            "发布和扩缩容时，流量仍去已删的 Pod：越来越多服务出错。",
            "With each rollout traffic goes on to pods that are gone: more and more services fail.",
        ),
        action=Text(
            "kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=20 --prefix | grep -i error；停掉所有发布，直到原因清楚。",
            "kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=20 --prefix | grep -i error; hold all rollouts until the cause is known.",
        ),
    ),
    Signal(
        alert="KunProxySyncSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.99, sum by (instance, ip_family, le)"
            " (rate(kubeproxy_sync_proxy_rules_duration_seconds_bucket[10m])))"
        ),
        comparison=">",
        threshold=10,
        unit="seconds",
        wait="15m",
        title=Text("{instance} 的 kube-proxy 同步 {ip_family} 太慢", "kube-proxy {instance} syncs {ip_family} slowly"),
        description=Text("百分之一的同步超过 {value}。", "One sync in a hundred takes more than {value}."),
        impact=Text(
            "后端变更晚这么久才到该节点，其间连接可能失败。",
            "Changed backends reach the node that late; until then connections may fail.",
        ),
        action=Text(
            "看该节点 CPU 是否吃紧；服务上万时改用 nftables 模式。",
            "See whether the node lacks CPU; with services by the ten thousand use mode nftables.",
        ),
    ),
    Signal(
        alert="KunProxyRestoreFailures",
        severity="warning",
        expr=(
            "sum by (instance, ip_family) (increase(kubeproxy_sync_proxy_rules_iptables_restore_failures_total[15m]))"
        ),
        comparison=">",
        threshold=3,
        wait="5m",
        title=Text("{instance} 的 iptables-restore 失败", "iptables-restore fails on {instance}"),
        description=Text(
            "{ip_family} 15 分钟内失败 {value} 次。", "For {ip_family} it failed {value} times in 15 minutes."
        ),
        impact=Text("该节点的服务规则停在旧的样子。", "The rules for services stay as they were on that node."),
        action=Text(
            "kube-proxy 的日志里有出错的那一行；看谁还在改 iptables（如 iptables -w 锁）。",
            "The log of kube-proxy has the line that is refused; see who else changes iptables, or holds its lock.",
        ),
    ),
    Signal(
        alert="KunProxyNftablesFailures",
        severity="warning",
        expr="sum by (instance, ip_family) (increase(kubeproxy_sync_proxy_rules_nftables_sync_failures_total[15m]))",
        comparison=">",
        threshold=3,
        wait="5m",
        title=Text("{instance} 的 nftables 同步失败", "Syncs to nftables fail on {instance}"),
        description=Text(
            "{ip_family} 15 分钟内失败 {value} 次。", "For {ip_family} they failed {value} times in 15 minutes."
        ),
        impact=Text("该节点的服务规则停在旧的样子。", "The rules for services stay as they were on that node."),
        action=Text(
            "在节点上 nft list tables；看 kube-proxy 日志里被拒绝的事务。",
            "Run nft list tables on the node, and see which transaction is refused in the log of kube-proxy.",
        ),
    ),
    Signal(
        alert="KunNetworkProgrammingSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.99, sum by (ip_family, le)"
            " (rate(kubeproxy_network_programming_duration_seconds_bucket[10m])))"
        ),
        comparison=">",
        threshold=30,
        unit="seconds",
        wait="15m",
        title=Text("{ip_family} 的后端变更到达节点太慢", "Changed {ip_family} backends reach the nodes slowly"),
        description=Text("百分之一的变更要 {value} 才生效。", "One change in a hundred takes {value} to be in force."),
        impact=Text("滚动发布时连接会打到已停的 Pod。", "During rollouts connections go to pods that have stopped."),
        action=Text(
            "看是 kube-proxy 慢（KunProxySyncSlow）还是 EndpointSlice 控制器慢。",
            "See whether kube-proxy (KunProxySyncSlow) or the controller of EndpointSlices is slow.",
        ),
    ),
    Signal(
        alert="KunProxyNoLocalEndpoints",
        severity="info",
        expr=(
            "max by (instance, ip_family)"
            ' (kubeproxy_sync_proxy_rules_no_local_endpoints_total{traffic_policy="internal"})'
        ),
        comparison=">",
        threshold=0,
        wait="15m",
        title=Text("{instance} 上有服务没有本地后端", "Services have no local backend on {instance}"),
        description=Text(
            "{ip_family}：{value} 个 internalTrafficPolicy 为 Local 的服务在该节点上没有 Pod。",
            "{ip_family}: {value} services with internalTrafficPolicy Local have no pod on that node.",
        ),
        impact=Text(
            "该节点上的 Pod 访问这些服务会被丢弃。", "What pods of the node send to these services is dropped."
        ),
        action=Text(
            "kubectl get svc -A -o wide 找出 internalTrafficPolicy: Local 的，配 DaemonSet 或改为 Cluster。",
            "Find those with internalTrafficPolicy: Local, run them as a DaemonSet or change them to Cluster.",
        ),
    ),
)
