"""Alerts on the network of machines: conntrack, IPVS, tunnels, receive queues and TCP, as node_exporter sees them."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

_TUNNELS = 'device=~"sit.*|tun6to4.*|6to4.*|ip6tnl.*|tunl.*|vxlan.*"'
# Those of protocol 41. What pods send each other may end on a node that is drained.
_SIT = 'device=~"sit.*|tun6to4.*|6to4.*"'

SIGNALS = (
    Signal(
        alert="KunConntrackNearLimit",
        severity="critical",
        expr="max by (instance) (node_nf_conntrack_entries / node_nf_conntrack_entries_limit)",
        comparison=">",
        threshold=0.9,
        unit="ratio",
        wait="5m",
        keep="5m",
        title=Text("{instance} 的 conntrack 表将满", "The conntrack table of {instance} is nearly full"),
        description=Text("已用 {value}。", "{value} of it is in use."),
        impact=Text(
            "满了以后，该节点上所有 Pod 的新连接和 DNS 查询都被丢弃。",
            "Once it is full, new connections and DNS queries of every pod of the node are dropped.",
        ),
        action=Text(
            "在节点上 sysctl -w net.netfilter.nf_conntrack_max=翻倍的值，再用 conntrack -L 找出占得最多的源地址。",
            "Double sysctl net.netfilter.nf_conntrack_max on the node, then find the largest source with conntrack -L.",
        ),
    ),
    Signal(
        alert="KunConntrackDrops",
        severity="warning",
        # This only grows, though node_exporter calls it a gauge; delta() falls at a reboot, which fires nothing.
        expr="sum by (instance) (delta(node_nf_conntrack_stat_drop[5m]))",
        comparison=">",
        threshold=300,
        wait="5m",
        title=Text("{instance} 的 conntrack 丢包", "Conntrack of {instance} drops packets"),
        description=Text("5 分钟丢了 {value} 个。", "It has dropped {value} in 5 minutes."),
        impact=Text(
            "新连接时好时坏，多半要重试一次才通。", "New connections fail now and then and often need a second try."
        ),
        action=Text(
            "在节点上 dmesg -T | grep conntrack 看是否表满，再 conntrack -S。",
            "See whether the table is full: dmesg -T | grep conntrack on the node, then conntrack -S.",
        ),
    ),
    Signal(
        alert="KunConntrackInsertFailed",
        severity="warning",
        expr="sum by (instance) (delta(node_nf_conntrack_stat_insert_failed[5m]))",
        comparison=">",
        threshold=300,
        wait="10m",
        title=Text("{instance} 的 conntrack 插入失败", "Conntrack of {instance} fails to insert entries"),
        description=Text("5 分钟 {value} 次。", "It happened {value} times in 5 minutes."),
        impact=Text(
            "并发的 UDP 包互相抢同一条目，DNS 查询丢失后要等 5 秒。",
            "UDP packets at the same moment race for an entry; a DNS query that is lost so takes 5 seconds.",
        ),
        action=Text(
            "看该节点上是否有 NodeLocal DNS，Pod 是否设 single-request-reopen。",
            "See whether the node has NodeLocal DNS and its pods set single-request-reopen.",
        ),
    ),
    Signal(
        alert="KunIPVSNoBackends",
        severity="warning",
        expr="sum by (local_address, local_port, proto) (node_ipvs_backend_weight)",
        comparison="==",
        threshold=0,
        wait="5m",
        title=Text(
            "{local_address}:{local_port} 没有可用后端",
            "{local_address}:{local_port} has no backend that takes connections",
        ),
        description=Text(
            "IPVS 中该 {proto} 服务在所有节点上的后端权重之和为 {value}。",
            "The weights of its {proto} backends in IPVS are {value} in sum over all nodes.",
        ),
        impact=Text("到这个服务的新连接都失败。", "Every new connection to this service fails."),
        action=Text(
            "kubectl get svc -A | grep {local_address} 找到服务，再看它的 Pod 是否就绪。",
            "Find the service with kubectl get svc -A | grep {local_address}, then see whether its pods are ready.",
        ),
    ),
    Signal(
        alert="KunTunnelErrors",
        severity="warning",
        expr=(
            f"sum by (instance, device) (rate(node_network_transmit_errs_total{{{_TUNNELS}}}[5m])"
            " + rate(node_network_receive_errs_total[5m]))"
        ),
        comparison=">",
        threshold=1,
        wait="10m",
        title=Text("{instance} 的隧道 {device} 出错", "Tunnel {device} of {instance} makes errors"),
        description=Text("每秒 {value} 个收发错误。", "{value} packets a second cannot be sent or received."),
        impact=Text("经过隧道的连接时断时续，大包先坏。", "Connections through the tunnel stall, large packets first."),
        action=Text(
            "在节点上 ip -s -d link show {device}，并 ping -M do -s 1400 到隧道对端看路由与 MTU。",
            "See ip -s -d link show {device} on the node, and ping -M do -s 1400 to the other end for route and MTU.",
        ),
    ),
    Signal(
        alert="KunTunnelSilent",
        severity="warning",
        expr=f"sum by (instance, device) (rate(node_network_receive_packets_total{{{_SIT}}}[10m]))",
        comparison="==",
        threshold=0,
        guard=(
            "and on (instance, device)"
            f" max_over_time(rate(node_network_receive_packets_total{{{_SIT}}}[10m])[1d:10m]) > 10"
        ),
        wait="10m",
        title=Text("{instance} 的隧道 {device} 收不到包", "Tunnel {device} of {instance} receives nothing"),
        description=Text(
            "一天内曾忙过（每秒 10 个包以上），现在每秒 {value} 个。",
            "Within a day it was busy (more than 10 packets a second); now it is {value} a second.",
        ),
        impact=Text(
            "对端或途中的协议 41 被拦，走隧道的 IPv6 不通。",
            "Its other end or protocol 41 on the way is cut: no IPv6 through it.",
        ),
        action=Text(
            "在节点上 tcpdump -ni any proto 41 看对端有没有包来。",
            "See with tcpdump -ni any proto 41 on the node whether the other end sends.",
        ),
    ),
    Signal(
        alert="KunSoftnetDrops",
        severity="warning",
        expr="sum by (instance) (rate(node_softnet_dropped_total[5m]))",
        comparison=">",
        threshold=1,
        wait="10m",
        title=Text("{instance} 的接收队列丢包", "Receive queues of {instance} drop packets"),
        description=Text("每秒丢 {value} 个。", "{value} packets are dropped each second."),
        impact=Text("该节点上所有连接都可能重传、变慢。", "Any connection of the node may repeat packets and be slow."),
        action=Text(
            "看中断是否集中在一个核：cat /proc/softnet_stat；调大 net.core.netdev_max_backlog。",
            "See in /proc/softnet_stat whether one core gets it all, and raise net.core.netdev_max_backlog.",
        ),
    ),
    Signal(
        alert="KunTCPListenOverflows",
        severity="warning",
        expr="sum by (instance) (rate(node_netstat_TcpExt_ListenOverflows[5m]))",
        comparison=">",
        threshold=1,
        wait="10m",
        title=Text("{instance} 上有监听队列溢出", "A listen queue of {instance} overflows"),
        description=Text("每秒丢弃 {value} 个新连接。", "{value} new connections are dropped each second."),
        impact=Text(
            "节点网络里的某个服务（hostNetwork 的网关、kubelet）来不及接连接。",
            "A service in the node's own network, such as a gateway or the kubelet, does not accept fast enough.",
        ),
        action=Text(
            "在节点上 ss -ltn | awk '$2 > 0' 找出排队的端口。",
            "Find the port that queues: ss -ltn | awk '$2 > 0' on the node.",
        ),
    ),
    Signal(
        alert="KunTCPRetransmits",
        severity="warning",
        expr=(
            "sum by (instance) (rate(node_netstat_Tcp_RetransSegs[5m]))"
            " / sum by (instance) (rate(node_netstat_Tcp_OutSegs[5m]))"
        ),
        comparison=">",
        threshold=0.05,
        unit="ratio",
        guard="and on (instance) rate(node_netstat_Tcp_OutSegs[5m]) > 100",
        wait="15m",
        title=Text("{instance} 的 TCP 重传太多", "{instance} repeats too much of its TCP"),
        description=Text("重传占发出的 {value}。", "{value} of what it sends is sent again."),
        impact=Text(
            "途中丢包：该节点的连接慢，甚至超时。",
            "Packets are lost on the way: connections of the node are slow or time out.",
        ),
        action=Text(
            "在节点上 ss -tin | grep -B1 retrans 看是哪些对端，再 mtr 过去。",
            "See which peers with ss -tin | grep -B1 retrans on the node, then mtr to them.",
        ),
    ),
)
