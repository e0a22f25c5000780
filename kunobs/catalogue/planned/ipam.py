"""Calico's IP pools with what its own metrics lack: addresses that cool down, what is free then, blocks of nodes that are gone."""

from __future__ import annotations

from functools import partial

from kunobs.catalogue.signal import Signal, Text
from kunobs.catalogue.types import Label, MetricSpec

_planned = partial(MetricSpec, origin="planned")
_POOL = (Label("ippool"),)

METRICS = (
    _planned(
        "kunobs_ipam_addresses",
        "gauge",
        "Addresses of the pool by state, which add up to its size; cooling ones were released and may not be given out yet.",
        labels=(*_POOL, Label("state", ("allocated", "cooling", "free", "reserved"))),
    ),
    _planned("kunobs_ipam_cooldown_seconds", "gauge", "How long a released address must rest.", "seconds", _POOL),
    _planned(
        "kunobs_ipam_oldest_cooling_seconds",
        "gauge",
        "How long ago the address was released that has rested longest; 0 when none rests.",
        "seconds",
        _POOL,
    ),
    _planned(
        "kunobs_ipam_early_reuses_total",
        "counter",
        "Addresses that were given out before they had rested, as seen in the changes of blocks.",
        labels=_POOL,
    ),
    _planned(
        "kunobs_ipam_orphaned_blocks", "gauge", "Blocks whose affinity names a node that is no more.", labels=_POOL
    ),
)

_ALL = "sum by (ippool) (kunobs_ipam_addresses)"

SIGNALS = (
    Signal(
        alert="KunIPCoolDownStarves",
        severity="critical",
        expr=f'sum by (ippool) (kunobs_ipam_addresses{{state="free"}}) / {_ALL}',
        comparison="<",
        threshold=0.02,
        unit="ratio",
        # Without them the pool is full, and KunIPPoolAlmostFull says so.
        guard=f'and on (ippool) sum by (ippool) (kunobs_ipam_addresses{{state="cooling"}}) / {_ALL} > 0.05',
        wait="5m",
        keep="5m",
        title=Text("IP 池 {ippool} 的空闲地址都在冷却", "What is free in IP pool {ippool} cools down"),
        description=Text("可分配的只剩 {value}。", "{value} of its addresses can be given out."),
        impact=Text(
            "新 Pod 拿不到地址，停在 ContainerCreating，而池看上去没有满。",
            "New pods get no address and stay in ContainerCreating, though the pool does not look full.",
        ),
        action=Text(
            "看是什么在反复重建 Pod；停不下来就缩短冷却时间或加一个 IPPool。",
            "See what recreates pods again and again; if it cannot be stopped, shorten the cool-down or add an IPPool.",
        ),
    ),
    Signal(
        alert="KunIPReusedEarly",
        severity="warning",
        expr="sum by (ippool) (increase(kunobs_ipam_early_reuses_total[15m]))",
        comparison=">",
        threshold=0,
        keep="15m",
        title=Text("IP 池 {ippool} 的地址没冷却完就再用", "Addresses of IP pool {ippool} are used again too early"),
        description=Text("15 分钟里 {value} 个。", "It was {value} in 15 minutes."),
        impact=Text(
            "还记着旧地址的客户端会连到别的租户的 Pod 上。",
            "Clients that remember an old address connect to a pod of another tenant.",
        ),
        action=Text(
            "看分配器的版本和冷却设置是否各节点一致。", "See whether all nodes have the same allocator and cool-down."
        ),
    ),
    Signal(
        alert="KunIPCoolDownStuck",
        severity="warning",
        expr="max by (ippool) (kunobs_ipam_oldest_cooling_seconds - kunobs_ipam_cooldown_seconds)",
        comparison=">",
        threshold=900,
        unit="seconds",
        wait="5m",
        title=Text(
            "IP 池 {ippool} 的地址冷却完不释放", "Addresses of IP pool {ippool} are not freed after their cool-down"
        ),
        description=Text("最久的一个超过了 {value}。", "The oldest one is {value} over it."),
        impact=Text("可分配的地址越来越少。", "Fewer and fewer addresses can be given out."),
        action=Text(
            "看做释放的控制器的日志，再重启它。", "Read the log of the controller that frees them, then restart it."
        ),
    ),
    Signal(
        alert="KunIPBlocksOrphaned",
        severity="warning",
        expr="sum by (ippool) (kunobs_ipam_orphaned_blocks)",
        comparison=">",
        threshold=0,
        wait="1h",
        title=Text("IP 池 {ippool} 的地址块属于不在的节点", "Blocks of IP pool {ippool} belong to nodes that are gone"),
        description=Text("{value} 个块一小时没有收回。", "{value} blocks have not been reclaimed for an hour."),
        impact=Text(
            "新节点分不到块，只能借用，路由变多。",
            "New nodes get no block and borrow addresses, which makes more routes.",
        ),
        action=Text(
            "calicoctl ipam check 后对不在的节点 calicoctl delete node，再看 calico-kube-controllers 的日志。",
            "Run calicoctl ipam check and calicoctl delete node for nodes that are gone, then read the log of calico-kube-controllers.",
        ),
    ),
)
