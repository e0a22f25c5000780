"""The cluster's DNS: does CoreDNS answer, how fast, what it asks of others, its cache and DNS64."""

from __future__ import annotations

from dashboards.model import UP_DOWN, Board, Query, Row, Step, Variable, heatmap, series, stat, states
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import dns as signals

_LIMIT = {signal.alert: signal.threshold for signal in signals.SIGNALS}
_S = 'server=~"$server"'
_R = "[$__rate_interval]"
_ASKED = f"rate(coredns_dns_requests_total{{{_S}}}{_R})"
_ANSWERED = f"rate(coredns_dns_responses_total{{{_S}}}{_R})"
_TOOK = f"sum by (le) (rate(coredns_dns_request_duration_seconds_bucket{{{_S}}}{_R}))"
_HITS = f"rate(coredns_cache_hits_total{{{_S}}}{_R})"
_LOOKED = f"rate(coredns_cache_requests_total{{{_S}}}{_R})"
_FAILED = f'sum(rate(coredns_dns_responses_total{{{_S}, rcode="SERVFAIL"}}{_R}))'


def _over(family: int) -> str:
    """Queries by protocol; CoreDNS calls IPv4 1 and IPv6 2."""
    return f'sum by (proto) (rate(coredns_dns_requests_total{{{_S}, family="{family}"}}{_R}))'


BOARD = Board(
    "kun-dns",
    Text("DNS", "DNS"),
    Text(
        "集群 DNS：CoreDNS 是否应答、多快，上游、缓存和 DNS64。",
        "The cluster's DNS: does CoreDNS answer and how fast, its upstreams, its cache and DNS64.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("应答的 CoreDNS", "CoreDNS that answer"),
                    Text(
                        "抓取成功的实例数；0 就是谁也解析不了名字。",
                        "Instances that can be scraped; at 0 nobody resolves a name.",
                    ),
                    'sum(up{job="coredns"})',
                    steps=(Step(None, "red"), Step(1, "green")),
                ),
                stat(
                    Text("每秒的查询", "Queries per second"),
                    Text(
                        "所有实例之和；陡降是 Pod 到不了它，陡升是有人在不停地查。",
                        "Of all instances; a steep fall: pods do not reach it, a steep rise: somebody asks without end.",
                    ),
                    f"sum({_ASKED})",
                    unit="requests/s",
                ),
                stat(
                    Text("答不出来的查询", "Queries that fail"),
                    Text(
                        "SERVFAIL 在应答里的份额；NXDOMAIN 不算，那是名字不存在。",
                        "Share of SERVFAIL in the answers; NXDOMAIN does not count, it says that there is no such name.",
                    ),
                    f"({_FAILED} or 0 * sum({_ANSWERED})) / sum({_ANSWERED})",
                    unit="ratio",
                    steps=(Step(None, "green"), Step(_LIMIT["KunDNSServfail"], "red")),
                ),
                stat(
                    Text("99% 的查询在多久内", "99% of queries take at most"),
                    Text(
                        "所有 CoreDNS 的应答时间，含上游；比它慢的 1% 就是 Pod 觉得的慢。",
                        "Time of all answers of CoreDNS, upstreams included; the slower 1% are what pods feel.",
                    ),
                    f"histogram_quantile(0.99, {_TOOK})",
                    unit="seconds",
                    steps=(Step(None, "green"), Step(_LIMIT["KunDNSLatency"], "orange")),
                ),
                stat(
                    Text("缓存命中", "Found in the cache"),
                    Text(
                        "不用问上游和 API server 就能答的查询份额。",
                        "Share of the queries that need neither upstream nor API server.",
                    ),
                    f"sum({_HITS}) / sum({_LOOKED})",
                    unit="ratio",
                    steps=(Step(None, "blue"), Step(_LIMIT["KunDNSCacheCollapsed"], "green")),
                ),
                stat(
                    Text("没有健康上游的查询", "Queries without an upstream"),
                    Text(
                        "每秒找不到健康上游的查询；大于 0 时集群外的名字解析不了。",
                        "Per second those for which no upstream is healthy; above 0 names outside the cluster fail.",
                    ),
                    f"sum(rate(coredns_forward_healthcheck_broken_total{_R}))",
                    unit="requests/s",
                    steps=(Step(None, "green"), Step(_LIMIT["KunDNSForwardBroken"], "red")),
                ),
            ),
        ),
        Row(
            Text("查询和应答", "Queries and answers"),
            (
                series(
                    Text("查询什么", "What is asked"),
                    Text(
                        "每秒的查询按类型，前 15 名；双栈的 Pod 每个名字查一次 A、一次 AAAA，两者应当相近。",
                        "Queries per second by type, the top 15; pods with both families ask for A and AAAA of each name, so they should be alike.",
                    ),
                    Query(f"topk(15, sum by (type) ({_ASKED}))", "{{type}}"),
                    unit="requests/s",
                    stacked=True,
                ),
                series(
                    Text("怎么答的", "How it answers"),
                    Text(
                        "每秒的应答按结果；NXDOMAIN 多是 Pod 的搜索域在逐个试，SERVFAIL 是上游或 API server 不行。",
                        "Answers per second by result; many NXDOMAIN: pods try their search domains, SERVFAIL: upstream or API server.",
                    ),
                    Query(f"topk(15, sum by (rcode) ({_ANSWERED}))", "{{rcode}}"),
                    unit="requests/s",
                ),
                series(
                    Text("经什么来", "How queries come"),
                    Text(
                        "每秒的查询按协议和地址族；TCP 变多是应答太大装不进 UDP，少了一族是那一族不通。",
                        "Queries per second by protocol and family; more TCP: answers too large for UDP, no more of a family: it is cut.",
                    ),
                    Query(_over(1), "{{proto}} IPv4"),
                    Query(_over(2), "{{proto}} IPv6"),
                    unit="requests/s",
                ),
                series(
                    Text("多快", "How fast"),
                    Text(
                        "查询的中位数和 99%；只有后者升高，多半是上游的名字慢。",
                        "Median and 99% of the queries; where only the latter rises it is mostly names of an upstream.",
                    ),
                    Query(f"histogram_quantile(0.5, {_TOOK})", "p50"),
                    Query(f"histogram_quantile(0.99, {_TOOK})", "p99"),
                    unit="seconds",
                    width=12,
                ),
                heatmap(
                    Text("查询要多久", "Time of queries"),
                    Text(
                        "按耗时分布；下面的带是缓存和集群内的名字，上面的是上游的。",
                        "Queries by their time; the lower band are the cache and names of the cluster, the upper one the upstreams.",
                    ),
                    f"sum by (le) (increase(coredns_dns_request_duration_seconds_bucket{{{_S}}}{_R}))",
                ),
            ),
        ),
        Row(
            Text("实例和 DNS64", "Instances and DNS64"),
            (
                states(
                    Text("实例", "Instances"),
                    Text(
                        "每个 CoreDNS 能否抓取；反复中断多半是内存超限被杀。",
                        "Whether each CoreDNS can be scraped; down again and again, it is mostly killed for its memory.",
                    ),
                    'min by (instance) (up{job="coredns"})',
                    "{{instance}}",
                    UP_DOWN,
                    width=8,
                    height=8,
                ),
                series(
                    Text("负载是否均匀", "Whether load is even"),
                    Text(
                        "每个实例每秒的查询，前 15 名；一个独高，多半是有个 Pod 一直用同一个连接在查。",
                        "Queries per second of each instance, the top 15; where one stands out some pod asks over one connection all the time.",
                    ),
                    Query(f"topk(15, sum by (instance) ({_ASKED}))", "{{instance}}"),
                    unit="requests/s",
                ),
                series(
                    Text("DNS64", "DNS64"),
                    Text(
                        "每秒合成的应答和 AAAA 查询；AAAA 照常而合成落到 0，只有 IPv6 的 Pod 就到不了只有 IPv4 的网站。",
                        "Answers made per second, and queries for AAAA; if only the former fall to 0, pods with IPv6 alone do not reach IPv4 sites.",
                    ),
                    Query(f"sum(rate(coredns_dns64_requests_translated_total{{{_S}}}{_R}))", Text("合成", "made")),
                    Query(f'sum(rate(coredns_dns_requests_total{{{_S}, type="AAAA"}}{_R}))', "AAAA"),
                    unit="requests/s",
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(Variable("server", "coredns_dns_requests_total", Text("服务块", "Server block")),),
    tags=("network",),
)
