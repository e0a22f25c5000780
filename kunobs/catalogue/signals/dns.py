"""Alerts on CoreDNS: answers, how fast, what it forwards to, its cache and DNS64. `server` is a server block."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

SIGNALS = (
    Signal(
        alert="KunDNSDown",
        severity="critical",
        # A pod that is gone has no `up` any more; within the day it had.
        expr='sum by (job) (up{job="coredns"} or 0 * max_over_time(up{job="coredns"}[1d]))',
        comparison="==",
        threshold=0,
        wait="2m",
        title=Text("集群 DNS 全停", "The cluster's DNS is down"),
        description=Text("应答的 CoreDNS 有 {value} 个。", "{value} CoreDNS instances answer."),
        impact=Text(
            "所有 Pod 都解析不了名字，新连接全部失败。", "No pod can resolve a name, so every new connection fails."
        ),
        action=Text(
            "kubectl -n kube-system get pod -l k8s-app=kube-dns -o wide；刚改过就 kubectl -n kube-system rollout undo deploy/coredns。",
            "kubectl -n kube-system get pod -l k8s-app=kube-dns -o wide; if it was just changed, kubectl -n kube-system rollout undo deploy/coredns.",
        ),
    ),
    Signal(
        alert="KunDNSServfail",
        severity="critical",
        expr=(
            'sum by (server) (rate(coredns_dns_responses_total{rcode="SERVFAIL"}[5m]))'
            " / sum by (server) (rate(coredns_dns_responses_total[5m]))"
        ),
        comparison=">",
        threshold=0.1,
        unit="ratio",
        guard="and on (server) sum by (server) (rate(coredns_dns_responses_total[5m])) > 10",
        wait="5m",
        title=Text("CoreDNS {server} 答不出来", "CoreDNS {server} fails to answer"),
        description=Text("{value} 的应答是 SERVFAIL。", "{value} of its answers are SERVFAIL."),
        impact=Text("很多 Pod 解析失败或变慢。", "Many pods fail to resolve names, or wait for a second try."),
        action=Text(
            "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=100 | grep ERROR 看是上游还是 API server。",
            "See whether upstreams or the API server fail: kubectl -n kube-system logs -l k8s-app=kube-dns --tail=100 | grep ERROR.",
        ),
    ),
    Signal(
        alert="KunDNSForwardBroken",
        severity="critical",
        expr="sum by (job) (rate(coredns_forward_healthcheck_broken_total[5m]))",
        comparison=">",
        threshold=1,
        # A stub zone's only upstream counts there too, and one that refuses no more than the health check.
        guard='and on (job) sum by (job) (rate(coredns_dns_responses_total{zone=".",rcode="SERVFAIL"}[5m])) > 1',
        wait="5m",
        title=Text("CoreDNS 的上游全部不健康", "All upstreams of CoreDNS are unhealthy"),
        description=Text(
            "每秒 {value} 个查询找不到健康的上游。", "{value} queries a second find no upstream that is healthy."
        ),
        impact=Text("集群外的名字解析不了。", "Names outside the cluster cannot be resolved."),
        action=Text(
            "从一个节点 dig @上游地址 . NS；不通就在 Corefile 的 forward 里换一个。",
            "Run dig @UPSTREAM . NS on a node; if it gets no answer, put another one into forward of the Corefile.",
        ),
    ),
    Signal(
        alert="KunDNSUpstreamUnhealthy",
        severity="warning",
        expr="sum by (to) (rate(coredns_proxy_healthcheck_failures_total[5m]))",
        comparison=">",
        threshold=0.5,
        wait="10m",
        title=Text("CoreDNS 的上游 {to} 不健康", "Upstream {to} of CoreDNS is unhealthy"),
        description=Text("健康检查每秒失败 {value} 次。", "Its health check fails {value} times a second."),
        impact=Text(
            "其余上游承担全部查询；再坏一个就难保。",
            "The other upstreams bear all queries; with one more gone names fail.",
        ),
        action=Text(
            "从一个节点 dig @地址 . NS 验证，再找该 DNS 的负责人。",
            "Check it with dig @ADDRESS . NS on a node, then call its owner.",
        ),
    ),
    Signal(
        alert="KunDNSLatency",
        severity="warning",
        expr=("histogram_quantile(0.99, sum by (server, le) (rate(coredns_dns_request_duration_seconds_bucket[5m])))"),
        comparison=">",
        threshold=0.5,
        unit="seconds",
        guard="and on (server) sum by (server) (rate(coredns_dns_request_duration_seconds_count[5m])) > 10",
        wait="10m",
        title=Text("CoreDNS {server} 变慢", "CoreDNS {server} is slow"),
        description=Text("百分之一的查询超过 {value}。", "One query in a hundred takes more than {value}."),
        impact=Text("Pod 建连接变慢，超时的会重试。", "Pods connect slowly, and repeat queries that time out."),
        action=Text(
            "先看上游是否慢（KunDNSUpstreamUnhealthy），再看 CoreDNS 的 CPU 是否被限。",
            "See whether upstreams are slow (KunDNSUpstreamUnhealthy), then whether CoreDNS is throttled.",
        ),
    ),
    Signal(
        alert="KunDNSPanics",
        severity="warning",
        expr="sum by (instance) (increase(coredns_panics_total[10m]))",
        comparison=">",
        threshold=0,
        keep="10m",
        title=Text("CoreDNS {instance} 内部崩溃", "CoreDNS {instance} has panicked"),
        description=Text("10 分钟内 {value} 次。", "It happened {value} times in 10 minutes."),
        impact=Text(
            "当时的查询没有应答；多半是插件的缺陷。",
            "The queries of that moment got no answer; mostly a plugin's fault.",
        ),
        action=Text(
            "kubectl -n kube-system logs -l k8s-app=kube-dns | grep -A20 panic，再看最近是否升级。",
            "See kubectl -n kube-system logs -l k8s-app=kube-dns | grep -A20 panic, and whether it was upgraded lately.",
        ),
    ),
    Signal(
        alert="KunDNSCacheCollapsed",
        severity="info",
        expr=(
            "sum by (server) (rate(coredns_cache_hits_total[10m])) / sum by (server) (rate(coredns_cache_requests_total[10m]))"
        ),
        comparison="<",
        threshold=0.3,
        unit="ratio",
        guard="and on (server) sum by (server) (rate(coredns_cache_requests_total[10m])) > 100",
        wait="30m",
        title=Text("CoreDNS {server} 的缓存几乎没用", "The cache of CoreDNS {server} hardly helps"),
        description=Text("命中率只有 {value}。", "Only {value} of its queries are found in the cache."),
        impact=Text("上游和 API server 的负担变大，查询变慢。", "Upstreams get more load and queries are slower."),
        action=Text(
            "看是否有 Pod 在查随机名字，以及 Corefile 的 cache 是否被改。",
            "See whether some pod asks for random names, and whether cache in the Corefile was changed.",
        ),
    ),
    Signal(
        alert="KunDNS64NotTranslating",
        severity="warning",
        # A CoreDNS that has started without it has no series of it.
        expr=(
            "(sum by (server) (rate(coredns_dns64_requests_translated_total[10m]))"
            " or 0 * sum by (server) (increase(coredns_dns64_requests_translated_total[1d])))"
        ),
        comparison="==",
        threshold=0,
        guard='and on (server) sum by (server) (rate(coredns_dns_requests_total{type="AAAA"}[10m])) > 10',
        wait="15m",
        title=Text("CoreDNS {server} 的 DNS64 不再合成地址", "DNS64 of CoreDNS {server} makes no more addresses"),
        description=Text(
            "合成速率为每秒 {value}，而 AAAA 查询照常。", "It makes {value} a second while AAAA queries go on."
        ),
        impact=Text(
            "只有 IPv6 的 Pod 到不了只有 IPv4 的网站。", "Pods with IPv6 only cannot reach what has IPv4 only."
        ),
        action=Text(
            "dig AAAA ipv4only.arpa @集群DNS 应有带前缀的应答；没有就看 Corefile 的 dns64。",
            "dig AAAA ipv4only.arpa @CLUSTER-DNS must answer with the prefix; if not, look at dns64 in the Corefile.",
        ),
    ),
)
