"""Alerts on BGP, as gobgpd sees it: sessions, how many announce through a router, and what they announce.

A session has one series whose labels are its states; a session that should be up and is not counts as 0 here.
"""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

_UP = 'bgp_peer_state{session_state=~".*ESTABLISHED"}'
_WANTED = 'bgp_peer_state{admin_state=~".*UP"}'
_SESSIONS = f"({_UP} or 0 * {_WANTED})"
_ROUTES = "sum by (route_family) (max by (instance, route_family) (bgp_routes_advertised))"
_MOST = f"max_over_time(({_ROUTES})[1h:5m])"

SIGNALS = (
    Signal(
        alert="KunBGPSpeakerDown",
        severity="warning",
        expr='max by (instance) (up{job="bgp"})',
        comparison="==",
        threshold=0,
        wait="5m",
        title=Text("{instance} 的 gobgpd 没有应答", "gobgpd {instance} does not answer"),
        description=Text("up 为 {value}：抓取失败。", "Its up is {value}: it cannot be scraped."),
        impact=Text(
            "若它真的停了，该节点通告的地址就到不了；它的会话也没有别的告警。",
            "If it has stopped, what the node announces is out of reach, and no other alert tells of its sessions.",
        ),
        action=Text(
            "在该节点上 systemctl status gobgpd 或看它的 Pod，再 journalctl -u gobgpd -n 50。",
            "See systemctl status gobgpd on the node, or its pod, then journalctl -u gobgpd -n 50.",
        ),
    ),
    Signal(
        alert="KunBGPSessionDown",
        severity="warning",
        expr=f"sum by (instance, peer) {_SESSIONS}",
        comparison="==",
        threshold=0,
        wait="10m",
        keep="2m",
        title=Text("{instance} 到 {peer} 的 BGP 会话断开", "The BGP session of {instance} with {peer} is down"),
        description=Text("建立的会话数为 {value}。", "{value} sessions with it are established."),
        impact=Text(
            "少了一条路；若只有这一条，该节点的地址就到不了。",
            "One path less; if it was the only one, the node's addresses are out of reach.",
        ),
        action=Text(
            "gobgp neighbor {peer} 看原因，再 ping 和 nc -zv {peer} 179。",
            "See why with gobgp neighbor {peer}, then ping and nc -zv {peer} 179.",
        ),
    ),
    Signal(
        alert="KunBGPSessionsDown",
        severity="critical",
        expr=f"avg {_SESSIONS}",
        comparison="<",
        threshold=0.5,
        unit="ratio",
        wait="2m",
        keep="2m",
        title=Text("一半以上的 BGP 会话断开", "More than half of the BGP sessions are down"),
        description=Text("只有 {value} 的会话是建立的。", "{value} of the sessions are established."),
        impact=Text(
            "服务和 Pod 的地址从外面到不了，或只剩一条路。",
            "Addresses of services and pods are out of reach from outside, or by one path only.",
        ),
        action=Text(
            "在任一节点 gobgp neighbor，再看路由器上的会话和最近的变更。",
            "Run gobgp neighbor on any node, then see sessions and last changes on the routers.",
        ),
    ),
    Signal(
        alert="KunECMPWidthLow",
        severity="warning",
        expr=f"sum by (peer) {_SESSIONS} / max_over_time((sum by (peer) ({_UP}))[1d:10m])",
        comparison="<",
        threshold=0.75,
        unit="ratio",
        wait="10m",
        keep="2m",
        title=Text("经 {peer} 的等价路径变少", "Fewer equal-cost paths go through {peer}"),
        description=Text(
            "与 {peer} 的会话只有过去一天最多时的 {value}。",
            "{peer} has {value} of the most sessions that it had within a day.",
        ),
        impact=Text(
            "同样的流量挤在更少的节点上，可能丢包。", "The same traffic goes to fewer nodes, which may drop packets."
        ),
        action=Text(
            "在 {peer} 上看到服务地址的下一跳数；若刚缩了节点则无事。",
            "Count the next hops of a service's address on {peer}; nothing is wrong if nodes were just removed.",
        ),
    ),
    Signal(
        alert="KunBGPRoutesWithdrawn",
        severity="critical",
        # Where no gobgpd is left there is nothing to add up.
        expr=f"({_ROUTES} or 0 * {_MOST}) / {_MOST}",
        comparison="<",
        threshold=0.7,
        unit="ratio",
        wait="3m",
        keep="5m",
        title=Text("大量 {route_family} 路由被撤回", "Many {route_family} routes have been withdrawn"),
        description=Text(
            "通告的路由只有一小时内最多时的 {value}。", "{value} of the most within the hour are still advertised."
        ),
        impact=Text(
            "被撤回的服务和 Pod 地址从外面到不了。",
            "Services and pods whose routes are gone are out of reach from outside.",
        ),
        action=Text(
            "看板 kun-bgp 上哪些节点通告得少；在那里 gobgp global rib summary -a ipv4（或 ipv6）。",
            "See on kun-bgp which nodes announce less, then run gobgp global rib summary -a ipv4 (or ipv6) there.",
        ),
    ),
    Signal(
        alert="KunBGPFlapping",
        severity="warning",
        expr="sum by (instance, peer) (increase(bgp_peer_flop_count[1h]))",
        comparison=">",
        threshold=4,
        keep="15m",
        title=Text("{instance} 到 {peer} 的 BGP 会话反复断开", "The BGP session of {instance} with {peer} flaps"),
        description=Text("一小时内断了 {value} 次。", "It was lost {value} times within an hour."),
        impact=Text(
            "每断一次，流量就换一次路，长连接会断。",
            "Each time traffic moves to other paths, and long connections break.",
        ),
        action=Text(
            "gobgp neighbor {peer} 看最后的 NOTIFICATION；hold time 到期多半是丢包或 CPU 不够。",
            "See the last NOTIFICATION in gobgp neighbor {peer}; an expired hold time means lost packets or no CPU.",
        ),
    ),
)
