"""Alerts on Calico: Felix on each node, Typha, and the IP pools as calico-kube-controllers sees them."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

_MOST = "max_over_time(sum(typha_connections_active)[1d:10m])"

SIGNALS = (
    Signal(
        alert="KunFelixDataplaneFailing",
        severity="warning",
        expr="sum by (instance) (rate(felix_int_dataplane_failures[5m]))",
        comparison=">",
        threshold=0.02,
        wait="10m",
        title=Text("{instance} 的 Felix 写不进数据面", "Felix {instance} cannot program the dataplane"),
        description=Text("每秒失败 {value} 次，一直在重试。", "It fails {value} times a second and keeps trying."),
        impact=Text(
            "该节点上的新 Pod 没有网络，策略停在旧的样子。",
            "New pods of the node have no network, and policies stay as they were.",
        ),
        action=Text(
            "kubectl -n calico-system logs -c calico-node 该节点的 calico-node | grep -i -m20 error，再 cordon 该节点。",
            "See the errors in kubectl -n calico-system logs -c calico-node of that node's calico-node, then cordon the node.",
        ),
    ),
    Signal(
        alert="KunFelixFailingTogether",
        severity="critical",
        expr="count(sum by (instance) (rate(felix_int_dataplane_failures[5m])) > 0.02)",
        comparison=">",
        threshold=5,
        wait="10m",
        keep="5m",
        title=Text("多个节点的 Felix 写不进数据面", "Felix cannot program the dataplane of many nodes"),
        description=Text("{value} 个节点一直在失败。", "{value} nodes keep failing."),
        impact=Text(
            "新 Pod 在这些节点上没有网络：发布、扩容和驱逐后的重建都会失败。",
            "New pods have no network there: rollouts, scaling and rescheduling fail.",
        ),
        action=Text(
            "停掉所有发布；看最近改过的 NetworkPolicy、IPPool 和 Calico 版本，回退。",
            "Hold all rollouts; see which NetworkPolicy, IPPool or version of Calico was changed last, and undo it.",
        ),
    ),
    Signal(
        alert="KunFelixApplySlow",
        severity="warning",
        expr='sum by (instance) (felix_int_dataplane_apply_time_seconds{quantile="0.99"})',
        comparison=">",
        threshold=10,
        unit="seconds",
        wait="15m",
        title=Text("{instance} 的 Felix 更新太慢", "Felix {instance} is slow to apply updates"),
        description=Text("百分之一的更新超过 {value}。", "One update in a hundred takes more than {value}."),
        impact=Text(
            "新 Pod 要等这么久才有网络，策略也晚这么久。",
            "New pods wait that long for their network, and policies come that late.",
        ),
        action=Text(
            "看该节点 CPU 与 iptables 锁；规则很多时改用 nftables 或 eBPF 数据面。",
            "See the node's CPU and who holds the iptables lock; with many rules use the dataplane nftables or eBPF.",
        ),
    ),
    Signal(
        alert="KunFelixResyncStuck",
        severity="warning",
        expr="min by (instance) (felix_resync_state)",
        comparison="<",
        threshold=3,
        wait="10m",
        title=Text("{instance} 的 Felix 没有与数据存储同步", "Felix {instance} is not in sync with the datastore"),
        description=Text("resync 状态为 {value}，同步完成应为 3。", "Its resync state is {value}; in sync it is 3."),
        impact=Text("该节点不再收到策略和端点的变更。", "The node gets no more changes of policies and endpoints."),
        action=Text(
            "看该节点能否连到 Typha（5473 端口）和 API server。",
            "See whether the node reaches Typha (port 5473) and the API server.",
        ),
    ),
    Signal(
        alert="KunFelixRuleErrors",
        severity="warning",
        # Felix before 3.29 has no series of nftables.
        expr=(
            "sum by (instance) (rate(felix_ipset_errors[5m])"
            ' or label_replace(rate(felix_iptables_restore_errors[5m]), "tool", "iptables", "", "")'
            ' or label_replace(rate(felix_nft_errors[5m]), "tool", "nft", "", ""))'
        ),
        comparison=">",
        threshold=0.02,
        wait="10m",
        title=Text(
            "{instance} 的 ipset、iptables 或 nftables 出错", "ipset, iptables or nftables fails for Felix {instance}"
        ),
        description=Text("每秒出错 {value} 次。", "They fail {value} times a second."),
        impact=Text(
            "该节点上的策略可能放错或拦错。", "Policies of the node may let through or stop the wrong packets."
        ),
        action=Text(
            "在节点上 ipset list -t | tail 和 iptables-save | wc -l；看内核模块和内存。",
            "Run ipset list -t | tail and iptables-save | wc -l on the node; see kernel modules and memory.",
        ),
    ),
    Signal(
        alert="KunTyphaConnectionsLost",
        severity="warning",
        # Where every Typha is gone there is nothing to add up.
        expr=f"(sum(typha_connections_active) or 0 * {_MOST}) / {_MOST}",
        comparison="<",
        threshold=0.8,
        unit="ratio",
        wait="15m",
        title=Text("Typha 的连接少了很多", "Typha has lost many connections"),
        description=Text("只有过去一天最多时的 {value}。", "It has {value} of the most that it had within a day."),
        impact=Text(
            "断开的节点不再收到策略和端点的变更。",
            "Nodes that are cut off get no more changes of policies and endpoints.",
        ),
        action=Text(
            "kubectl -n calico-system get pod -l k8s-app=calico-typha -o wide；若刚缩了节点则无事。",
            "kubectl -n calico-system get pod -l k8s-app=calico-typha -o wide; nothing is wrong if nodes were just removed.",
        ),
    ),
    Signal(
        alert="KunIPPoolAlmostFull",
        severity="critical",
        expr="sum by (ippool) (ipam_allocations_in_use) / sum by (ippool) (ipam_ippool_size)",
        comparison=">",
        threshold=0.95,
        unit="ratio",
        # A few addresses for a router or a load balancer may all be taken.
        guard="and on (ippool) sum by (ippool) (ipam_ippool_size) >= 256",
        wait="10m",
        keep="5m",
        title=Text("IP 池 {ippool} 将用完", "IP pool {ippool} is nearly used up"),
        description=Text("已分配 {value}。", "{value} of it is allocated."),
        impact=Text(
            "用完后新 Pod 拿不到地址，停在 ContainerCreating。",
            "Once it is used up, new pods get no address and stay in ContainerCreating.",
        ),
        action=Text(
            "calicoctl ipam check --show-problem-ips 找泄漏；再加一个 IPPool。",
            "Look for leaks with calicoctl ipam check --show-problem-ips, then add an IPPool.",
        ),
    ),
    Signal(
        alert="KunIPLeakCandidates",
        severity="warning",
        expr="sum by (ippool) (ipam_allocations_gc_candidates)",
        comparison=">",
        threshold=20,
        wait="1h",
        title=Text("IP 池 {ippool} 可能泄漏地址", "IP pool {ippool} may leak addresses"),
        description=Text(
            "{value} 个地址一小时都待回收。", "{value} addresses have waited to be reclaimed for an hour."
        ),
        impact=Text("池慢慢变小，最后新 Pod 拿不到地址。", "The pool shrinks until new pods get no address."),
        action=Text(
            "calicoctl ipam check --show-problem-ips，再看 calico-kube-controllers 的日志为何不回收。",
            "Run calicoctl ipam check --show-problem-ips, then see in the log of calico-kube-controllers why it does not reclaim.",
        ),
    ),
)
