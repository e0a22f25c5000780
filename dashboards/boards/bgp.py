"""BGP as gobgpd sees it: which sessions are up, how wide the paths are, and what is announced over them."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, UP_DOWN, Board, Query, Row, Step, Variable, bars, series, stat, states, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import bgp as signals

_I = 'instance=~"$instance", peer=~"$peer"'
# The names of gobgpd 4, then those of 3.
_UP = f'bgp_peer_state{{{_I}, session_state=~"SESSION_STATE_ESTABLISHED|ESTABLISHED"}}'
_WANTED = f'bgp_peer_state{{{_I}, admin_state=~"ADMIN_STATE_UP|UP"}}'
# 1 for a session that is up, 0 for one that should be.
_SESSIONS = f"sum by (instance, peer) ({_UP} or 0 * {_WANTED})"
_LOST = f"increase(bgp_peer_flop_count{{{_I}}}"


def _routes(metric: str) -> str:
    """Of each node once, however many peers it has."""
    return f"sum by (route_family) (max by (instance, route_family) ({metric}{{{_I}}}))"


BOARD = Board(
    "kun-bgp",
    Text("BGP", "BGP"),
    Text(
        "节点与路由器之间的 BGP：会话、等价路径、通告和收到的路由。",
        "BGP between nodes and routers: sessions, equal-cost paths, routes that are announced and received.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("建立的会话", "Sessions established"),
                    Text(
                        "所选节点与路由器之间能交换路由的会话数。",
                        "Sessions over which the chosen nodes and routers exchange routes.",
                    ),
                    f"sum({_UP})",
                ),
                stat(
                    Text("断开的会话", "Sessions down"),
                    Text(
                        "应当建立而没有建立的；管理员停掉的不算。",
                        "Those that should be established and are not; those that an administrator stopped do not count.",
                    ),
                    f"sum(({_UP} or 0 * {_WANTED}) == bool 0)",
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                stat(
                    Text("没有应答的 gobgpd", "gobgpds that do not answer"),
                    Text(
                        "抓取失败的 gobgpd 数；它们的会话不在这里的数字里。",
                        "Those that cannot be scraped; their sessions are missing from the numbers here.",
                    ),
                    'sum(1 - up{job="bgp"})',
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("一小时内的断开", "Losses within an hour"),
                    Text(
                        "所有会话在一小时内断开的次数，又建立的也算。",
                        "How often any session was lost, also if it was established again.",
                    ),
                    f"sum({_LOST}[1h]))",
                    steps=(Step(None, "green"), Step(1, "yellow")),
                ),
                stat(
                    Text("通告的路由", "Routes advertised"),
                    Text(
                        "所有节点之和，按地址族；每个节点按通告最多的那个路由器算一次。",
                        "Sum over all nodes by family; each node counts once, with the router to which it announces most.",
                    ),
                    _routes("bgp_routes_advertised"),
                    legend="{{route_family}}",
                    width=8,
                ),
            ),
        ),
        Row(
            Text("会话", "Sessions"),
            (
                states(
                    Text("不稳的会话", "Unsteady sessions"),
                    Text(
                        "在所看的时间里断过的会话，以及断着的；一个路由器的一起断，就看那个路由器。",
                        "Sessions lost in the time shown, and those that are down;"
                        " if all of one router go at once look at that router.",
                    ),
                    f"{_SESSIONS} and on (instance, peer) ({_LOST}[$__range] @ end()) > 0) or {_SESSIONS} == 0",
                    "{{instance}} {{peer}}",
                    UP_DOWN,
                    height=8,
                ),
                series(
                    Text("每个路由器的会话", "Sessions of each router"),
                    Text(
                        "这就是经它的等价路径数，前 15 名；变少以后流量挤在剩下的节点上。",
                        "They are the equal-cost paths through it, the top 15; with fewer of them the other nodes get the traffic.",
                    ),
                    Query(f"topk(15, sum by (peer) ({_UP}))", "{{peer}}"),
                    width=12,
                ),
                bars(
                    Text("断开最多的路由器", "Routers with the most losses"),
                    Text(
                        "一天内与它的会话断开的次数，前 15 名；集中在一个就是路由器或它的线路。",
                        "How often sessions with it were lost within a day, the top 15; one that stands out is itself or its line to blame.",
                    ),
                    f"topk(15, sum by (peer) ({_LOST}[1d])))",
                    "{{peer}}",
                    width=12,
                ),
                bars(
                    Text("断开最多的节点", "Nodes with the most losses"),
                    Text(
                        "一天内它的会话断开的次数，前 15 名；集中在一个就是节点缺 CPU 或网卡坏了。",
                        "How often its sessions were lost within a day, the top 15; one that stands out lacks CPU or has a bad card.",
                    ),
                    f"topk(15, sum by (instance) ({_LOST}[1d])))",
                    "{{instance}}",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("路由", "Routes"),
            (
                series(
                    Text("通告的路由数", "Number of routes advertised"),
                    Text(
                        "所有节点之和，按地址族；陡降是地址从外面到不了。",
                        "Sum over all nodes by family; after a steep fall addresses are out of reach from outside.",
                    ),
                    Query(_routes("bgp_routes_advertised"), "{{route_family}}"),
                ),
                series(
                    Text("收到的路由数", "Number of routes accepted"),
                    Text(
                        "从每个路由器接受的，按地址族，前 15 名；落到 0，节点就没有经它出去的路。",
                        "From each router by family, the top 15; with 0 of them nodes have no way out through it.",
                    ),
                    Query(
                        f"topk(15, sum by (peer, route_family) (bgp_routes_accepted{{{_I}}}))",
                        "{{peer}} {{route_family}}",
                    ),
                ),
                table(
                    Text("通告最少的节点", "Nodes that advertise the least"),
                    Text(
                        "按地址族，最少的 20 行；0 表示这个节点上的地址没有通告出去。",
                        "By family, the lowest 20; at 0 the addresses of that node are not announced.",
                    ),
                    Query(f"bottomk(20, max by (instance, route_family) (bgp_routes_advertised{{{_I}}}))"),
                    width=8,
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(
        Variable("instance", "bgp_peer_state", Text("节点", "Node")),
        Variable("peer", "bgp_peer_state", Text("路由器", "Router")),
    ),
    tags=("network",),
)
