"""The network of the nodes: conntrack, drops, tunnels, IPVS, and how fast kube-proxy programs services."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, Board, Query, Row, Step, Variable, bars, heatmap, series, stat, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import kubeproxy, network

_LIMIT = {signal.alert: signal.threshold for signal in (*network.SIGNALS, *kubeproxy.SIGNALS)}
_I = 'instance=~"$instance"'
_F = 'ip_family=~"$ip_family"'
_DEVICE = f'{_I}, device!~"lo|veth.*|cali.*"'
_R = "[$__rate_interval]"
_IN_FORCE = f"rate(kubeproxy_network_programming_duration_seconds_bucket{{{_F}}}{_R})"
_SYNCED = f"max by (instance, ip_family) (kubeproxy_sync_proxy_rules_last_timestamp_seconds{{{_F}}})"
_QUEUED = f"max by (instance, ip_family) (kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{{{_F}}})"
_SENT_AGAIN = f"sum(rate(node_netstat_Tcp_RetransSegs{{{_I}}}{_R})) / sum(rate(node_netstat_Tcp_OutSegs{{{_I}}}{_R}))"


def _packets(direction: str) -> str:
    """By kind of device: sit0 and sit1 are sit, enp3s0 is en, ip6tnl0 is ip6tnl."""
    rate = f"rate(node_network_{direction}_packets_total{{{_DEVICE}}}{_R})"
    return f'sum by (kind) (label_replace({rate}, "kind", "$1", "device", "(en|ip6[a-z_]+|[a-z]+|6to4).*"))'


BOARD = Board(
    "kun-network",
    Text("节点网络", "Network of the nodes"),
    Text(
        "conntrack、丢包、隧道和 IPVS，以及 kube-proxy 多快把服务写进节点。",
        "Conntrack, drops, tunnels and IPVS, and how fast kube-proxy programs services on the nodes.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("最满的 conntrack 表", "Fullest conntrack table"),
                    Text(
                        "最满的那个节点已用的份额；满了以后新连接都被丢弃。",
                        "Share in use on the node where it is highest; once full, new connections are dropped.",
                    ),
                    f"max(node_nf_conntrack_entries{{{_I}}} / node_nf_conntrack_entries_limit{{{_I}}})",
                    unit="ratio",
                    steps=(Step(None, "green"), Step(_LIMIT["KunConntrackNearLimit"], "red")),
                ),
                stat(
                    Text("TCP 重传", "TCP sent again"),
                    Text(
                        "所选节点发出的 TCP 段里重传的份额；升高就是途中丢包。",
                        "Share of the TCP segments of the chosen nodes that are repeats; a rise means packets lost on the way.",
                    ),
                    _SENT_AGAIN,
                    unit="ratio",
                    steps=(Step(None, "green"), Step(_LIMIT["KunTCPRetransmits"], "orange")),
                ),
                stat(
                    Text("没有应答的 kube-proxy", "kube-proxies that do not answer"),
                    Text(
                        "抓取失败的 kube-proxy 数；那里的服务规则可能停在旧的样子。",
                        "Those that cannot be scraped; rules for services may be old on their nodes.",
                    ),
                    'sum(1 - up{job="kube-proxy"})',
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("有变更在等的 kube-proxy", "kube-proxies with changes waiting"),
                    Text(
                        "要求同步之后还没有同步成功的，每个地址族各算一个；一直不降，是同步慢或卡住。",
                        "Those asked for a sync since their last one that worked, each family on its own; if it does not fall, syncs are slow or stuck.",
                    ),
                    f"sum({_QUEUED} > bool {_SYNCED})",
                ),
                stat(
                    Text("变更多久生效", "Changes are in force within"),
                    Text(
                        "99% 的后端变更在这个时间内写进节点，按地址族。",
                        "99% of the changes of backends reach the nodes within it, by family.",
                    ),
                    f"histogram_quantile(0.99, sum by (ip_family, le) ({_IN_FORCE}))",
                    unit="seconds",
                    legend="{{ip_family}}",
                    width=8,
                    steps=(Step(None, "green"), Step(_LIMIT["KunNetworkProgrammingSlow"], "orange")),
                ),
            ),
        ),
        Row(
            Text("节点", "Nodes"),
            (
                series(
                    Text("连接最多的节点", "Nodes with the most connections"),
                    Text(
                        "conntrack 表里的条目数，前 15 名；单个节点猛涨，多半是一个 Pod 在不停建连接。",
                        "Entries of the conntrack table, the top 15; one node that shoots up mostly has a pod that opens without end.",
                    ),
                    Query(f"topk(15, max by (instance) (node_nf_conntrack_entries{{{_I}}}))", "{{instance}}"),
                ),
                series(
                    Text("丢在哪里", "Where packets are dropped"),
                    Text(
                        "每秒丢弃的包：网卡接收队列、监听队列、conntrack 表满、conntrack 并发插入。",
                        "Drops per second: a CPU's receive queue, a listen queue, conntrack full, conntrack racing for an entry.",
                    ),
                    Query(f"sum(rate(node_softnet_dropped_total{{{_I}}}{_R}))", Text("接收队列", "receive queue")),
                    Query(
                        f"sum(rate(node_netstat_TcpExt_ListenOverflows{{{_I}}}{_R}))", Text("监听队列", "listen queue")
                    ),
                    # These two only grow, but are gauges; a reboot would be a fall.
                    Query(
                        f"sum(clamp_min(deriv(node_nf_conntrack_stat_drop{{{_I}}}[5m]), 0))",
                        Text("conntrack 表满", "conntrack full"),
                    ),
                    Query(
                        f"sum(clamp_min(deriv(node_nf_conntrack_stat_insert_failed{{{_I}}}[5m]), 0))",
                        Text("conntrack 并发插入", "conntrack race"),
                    ),
                    unit="packets/s",
                ),
                bars(
                    Text("丢得最多的节点", "Nodes that drop the most"),
                    Text(
                        "一小时内接收队列和监听队列丢弃的包，前 15 名。",
                        "Packets dropped from receive and listen queues within an hour, the top 15.",
                    ),
                    f"topk(15, sum by (instance) (increase(node_softnet_dropped_total{{{_I}}}[1h]))"
                    f" + sum by (instance) (increase(node_netstat_TcpExt_ListenOverflows{{{_I}}}[1h])))",
                    "{{instance}}",
                ),
            ),
        ),
        Row(
            Text("网卡、隧道、IPVS", "Cards, tunnels, IPVS"),
            (
                series(
                    Text("各类设备的包", "Packets by kind of device"),
                    Text(
                        "每秒收发的包，设备名去掉编号：eth、en 是网卡，sit、tunl、vxlan 是隧道；一类只发不收就是断了。",
                        "Packets per second, devices without their numbers: eth and en are cards, sit, tunl and vxlan tunnels;"
                        " a kind that only sends is cut.",
                    ),
                    Query(_packets("receive"), Text("收 {{kind}}", "in {{kind}}")),
                    Query(_packets("transmit"), Text("发 {{kind}}", "out {{kind}}")),
                    unit="packets/s",
                ),
                series(
                    Text("出错最多的设备", "Devices with the most errors"),
                    Text(
                        "每秒收发错误，前 15 名；网卡是线或端口坏了，隧道是路由或 MTU 不对。",
                        "Errors per second in and out, the top 15; of a card it is cable or port, of a tunnel route or MTU.",
                    ),
                    Query(
                        f"topk(15, sum by (instance, device) (rate(node_network_receive_errs_total{{{_DEVICE}}}{_R})"
                        f" + rate(node_network_transmit_errs_total{{{_DEVICE}}}{_R})))",
                        "{{instance}} {{device}}",
                    ),
                    unit="events/s",
                ),
                table(
                    Text("后端最少的服务", "Services with the fewest backends"),
                    Text(
                        "IPVS 里后端权重在所选节点上的和，最小的 20 个；0 表示新连接都失败。",
                        "Sum of the backends' weights in IPVS over the chosen nodes, the lowest 20; at 0 new connections fail.",
                    ),
                    Query(f"bottomk(20, sum by (local_address, local_port, proto) (node_ipvs_backend_weight{{{_I}}}))"),
                    width=8,
                ),
            ),
        ),
        Row(
            Text("kube-proxy", "kube-proxy"),
            (
                series(
                    Text("从变更到生效", "From change to force"),
                    Text(
                        "后端变更到规则写进节点的时间，按地址族；滚动发布时它就是连接失败的窗口。",
                        "Time from a change of backends to the rules on the nodes, by family; in a rollout connections fail for that long.",
                    ),
                    Query(f"histogram_quantile(0.5, sum by (ip_family, le) ({_IN_FORCE}))", "p50 {{ip_family}}"),
                    Query(f"histogram_quantile(0.99, sum by (ip_family, le) ({_IN_FORCE}))", "p99 {{ip_family}}"),
                    unit="seconds",
                ),
                heatmap(
                    Text("同步要多久", "Time of syncs"),
                    Text(
                        "所有 kube-proxy 的同步按耗时分布；整条带上移是规则变多或节点缺 CPU。",
                        "Syncs of all kube-proxies by their time; a band that moves up means more rules or nodes short of CPU.",
                    ),
                    "sum by (le)"
                    f" (increase(kubeproxy_sync_proxy_rules_duration_seconds_bucket{{{_F}}}[$__rate_interval]))",
                    width=8,
                ),
                bars(
                    Text("最久没有同步", "Without a sync for the longest"),
                    Text(
                        "有变更在等的 kube-proxy 距上次同步的时间，前 15 名；没有变更的不列。",
                        "Time since the last sync of kube-proxies with changes waiting, the top 15; those without are left out.",
                    ),
                    f"topk(15, time() - {_SYNCED} and on (instance, ip_family) ({_QUEUED} > {_SYNCED}))",
                    "{{instance}} {{ip_family}}",
                    unit="seconds",
                ),
            ),
        ),
        alert_row((*network.SIGNALS, *kubeproxy.SIGNALS)),
    ),
    variables=(
        Variable("instance", "node_nf_conntrack_entries", Text("节点", "Node")),
        Variable(
            "ip_family",
            "kubeproxy_sync_proxy_rules_last_timestamp_seconds",
            Text("kube-proxy 地址族", "kube-proxy family"),
        ),
    ),
    tags=("network",),
)
