"""Calico: does Felix program the nodes, is Typha connected, and how many addresses are left in the pools."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, Board, Panel, Query, Row, Step, Variable, bars, series, stat, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import calico as signals

_LIMIT = {signal.alert: signal.threshold for signal in signals.SIGNALS}
_I = 'instance=~"$instance"'
_P = 'ippool=~"$ippool"'
_R = "[$__rate_interval]"
_IN_USE = f"sum by (ippool) (ipam_allocations_in_use{{{_P}}})"
_SIZE = f"sum by (ippool) (ipam_ippool_size{{{_P}}})"
_APPLY = "felix_int_dataplane_apply_time_seconds"
_RESYNC = (
    ("1", Text("等待", "waits"), "red"),
    ("2", Text("重新同步", "resync"), "orange"),
    ("3", Text("已同步", "in sync"), "green"),
)

BOARD = Board(
    "kun-calico",
    Text("Calico", "Calico"),
    Text(
        "Felix 能否把策略和路由写进节点，Typha 的连接，IP 池还剩多少地址。",
        "Does Felix program policies and routes on the nodes, is Typha connected, how many addresses are left in the pools.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("没有应答的 Felix", "Felixes that do not answer"),
                    Text(
                        "抓取失败的 Felix 数；那里的新 Pod 可能没有网络。",
                        "Those that cannot be scraped; new pods of their nodes may have no network.",
                    ),
                    f'sum(1 - up{{job="calico-felix", {_I}}})',
                    steps=BAD_ABOVE_0,
                ),
                Panel(
                    "stat",
                    Text("Felix 的同步", "Sync of Felix"),
                    Text(
                        "最落后的那个 Felix 的状态；刚重启时短暂不同步，一直如此就是连不上 Typha。",
                        "State of the Felix that is furthest behind; normal just after a restart, else it does not reach Typha.",
                    ),
                    (Query(f"min(felix_resync_state{{{_I}}})"),),
                    width=4,
                    height=4,
                    states=_RESYNC,
                ),
                stat(
                    Text("Typha 的连接", "Connections of Typha"),
                    Text(
                        "所有 Typha 上的连接数；每个节点至少一个，远少于节点数就是有节点断开。",
                        "On all Typhas; each node has one or more, so far fewer than nodes means that some are cut off.",
                    ),
                    "sum(typha_connections_active)",
                ),
                stat(
                    Text("待回收的地址", "Addresses to be reclaimed"),
                    Text(
                        "可能泄漏、等着确认后回收的地址；应当很快回到 0 附近。",
                        "They may be leaked and are reclaimed once that is sure; it should soon be near 0 again.",
                    ),
                    f"sum(ipam_allocations_gc_candidates{{{_P}}})",
                ),
                stat(
                    Text("IP 池用量", "Pools in use"),
                    Text(
                        "最满的 5 个 IP 池已分配的份额；用完后新 Pod 拿不到地址。",
                        "Share allocated of the 5 fullest pools; once used up, new pods get no address.",
                    ),
                    f"topk(5, {_IN_USE} / {_SIZE})",
                    unit="ratio",
                    legend="{{ippool}}",
                    width=8,
                    steps=(Step(None, "green"), Step(_LIMIT["KunIPPoolAlmostFull"], "red")),
                ),
            ),
        ),
        Row(
            Text("Felix 和 Typha", "Felix and Typha"),
            (
                series(
                    Text("数据面更新要多久", "Time of updates of the dataplane"),
                    Text(
                        "p50 是居中的节点的中位数，p99 是最慢的节点的；只有后者高就是个别节点的事。",
                        "p50 is the median of the node in the middle, p99 that of the slowest; only the latter high: a matter of few nodes.",
                    ),
                    Query(f'quantile(0.5, {_APPLY}{{quantile="0.5", {_I}}})', "p50"),
                    Query(f'max({_APPLY}{{quantile="0.99", {_I}}})', "p99"),
                    unit="seconds",
                ),
                series(
                    Text("每秒的更新", "Updates per second"),
                    Text(
                        "更新最多的 15 个节点；全部节点一起上升，是策略或端点在大批变更。",
                        "Of the 15 nodes with most; where all rise together, policies or endpoints change in bulk.",
                    ),
                    Query(f"topk(15, sum by (instance) (rate({_APPLY}_count{{{_I}}}{_R})))", "{{instance}}"),
                    unit="ops/s",
                ),
                series(
                    Text("失败的写入", "Failures"),
                    Text(
                        "每秒失败的次数：整个更新，以及对 ipset、iptables、nftables 的调用；失败的更新会再试。",
                        "Per second: whole updates, and calls of ipset, iptables, nftables; updates that failed are tried again.",
                    ),
                    Query(f"sum(rate(felix_int_dataplane_failures{{{_I}}}{_R}))", Text("更新", "update")),
                    Query(f"sum(rate(felix_ipset_errors{{{_I}}}{_R}))", "ipset"),
                    Query(f"sum(rate(felix_iptables_restore_errors{{{_I}}}{_R}))", "iptables"),
                    Query(f"sum(rate(felix_nft_errors{{{_I}}}{_R}))", "nftables"),
                    unit="ops/s",
                ),
                bars(
                    Text("失败最多的节点", "Nodes with the most failures"),
                    Text(
                        "一小时内失败的数据面更新，前 15 名；集中在一个节点就看它，遍布就看最近的变更。",
                        "Updates that failed within an hour, the top 15; one node: look at it, many: look at the last change.",
                    ),
                    f"topk(15, sum by (instance) (increase(felix_int_dataplane_failures{{{_I}}}[1h])))",
                    "{{instance}}",
                ),
                series(
                    Text("同步的状态", "State of the sync"),
                    Text(
                        "按状态的 Felix 数：1 在等数据存储，2 在重新同步，3 已同步；1 和 2 应当很快变成 3。",
                        "Felixes by state: 1 waits for the datastore, 2 resyncs, 3 is in sync; 1 and 2 should soon become 3.",
                    ),
                    Query(f'count_values("state", felix_resync_state{{{_I}}})', "{{state}}"),
                    stacked=True,
                ),
                series(
                    Text("每个 Typha 的连接", "Connections of each Typha"),
                    Text(
                        "应当大致均匀；一个落到 0，其余的接过它的节点。",
                        "They should be about even; where one falls to 0 the others take over its nodes.",
                    ),
                    Query("topk(15, sum by (instance) (typha_connections_active))", "{{instance}}"),
                ),
            ),
        ),
        Row(
            Text("地址", "Addresses"),
            (
                bars(
                    Text("剩余地址最少的池", "Pools with the fewest addresses left"),
                    Text(
                        "还没分配的地址数，最少的 15 个池。",
                        "Addresses not yet allocated, of the 15 pools with fewest.",
                    ),
                    f"bottomk(15, {_SIZE} - {_IN_USE})",
                    "{{ippool}}",
                ),
                series(
                    Text("已用的地址", "Addresses in use"),
                    Text(
                        "每个池，前 15 名；Pod 数没涨而它一直涨，就是泄漏。",
                        "Of each pool, the top 15; where it grows and the number of pods does not, addresses leak.",
                    ),
                    Query(f"topk(15, {_IN_USE})", "{{ippool}}"),
                ),
                table(
                    Text("哪里可能泄漏", "Where addresses may be leaked"),
                    Text(
                        "待回收地址最多的 20 个节点和池；一直留着的先查。",
                        "The 20 nodes and pools with the most to be reclaimed; look first at those that stay.",
                    ),
                    Query(f"topk(20, sum by (node, ippool) (ipam_allocations_gc_candidates{{{_P}}}) > 0)"),
                    width=8,
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(
        Variable("instance", "felix_resync_state", Text("Felix", "Felix")),
        Variable("ippool", "ipam_ippool_size", Text("IP 池", "IP pool")),
    ),
    tags=("network",),
)
