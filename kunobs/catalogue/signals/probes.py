"""Alerts on what probes find: services that do not answer, over one family or both, certificates, path MTU; and on probing."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

_SERVICE = "namespace, service, module"
_FAMILY = "namespace, service, ip_family"
# The two sizes that search for a path MTU are not probes of a service.
_PROBES = 'probe_success{module!~"icmp_.+"}'
_RUN = 'max_over_time(count(up{job="probes"})[1d:10m])'


def _lost(labels: str, probes: str = "probe_success") -> str:
    """Those that fail and have succeeded within six hours: what nobody has mended for weeks is no outage of many."""
    return (
        f"max by ({labels}) ({probes}) == 0 and on ({labels}) max by ({labels}) (max_over_time(probe_success[6h])) == 1"
    )


_HALF = f"{_lost(_FAMILY)} and on (namespace, service) max by (namespace, service) (probe_success) == 1"

SIGNALS = (
    Signal(
        alert="KunProbeFailing",
        severity="warning",
        expr=f"max by ({_SERVICE}) ({_PROBES})",
        comparison="==",
        threshold=0,
        wait="5m",
        keep="2m",
        title=Text("{namespace}/{service} 没有应答", "{namespace}/{service} does not answer"),
        description=Text(
            "{module} 拨测在所有地址上都失败（{value}）。", "Its {module} probes fail on every address ({value})."
        ),
        impact=Text("用这个服务的人都用不了。", "Whoever uses this service cannot."),
        action=Text(
            "kubectl -n {namespace} get endpointslice -l kubernetes.io/service-name={service} 看有没有就绪的 Pod。",
            "See whether pods are ready: kubectl -n {namespace} get endpointslice -l kubernetes.io/service-name={service}.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunProbesFailingTogether",
        severity="critical",
        expr=(
            f"count by (module) ({_lost(_SERVICE, _PROBES)}) / count by (module) (max by ({_SERVICE}) (probe_success))"
        ),
        comparison=">",
        threshold=0.1,
        unit="ratio",
        guard=f"and on (module) count by (module) ({_lost(_SERVICE)}) > 4",
        wait="3m",
        keep="3m",
        title=Text("很多服务同时没有应答", "Many services do not answer at the same time"),
        description=Text(
            "{module} 拨测的服务里有 {value} 不应答，六小时内还应答过。",
            "{value} of the services probed by {module} do not answer and did within the last six hours.",
        ),
        impact=Text(
            "多个租户的服务同时中断，多半是网络、DNS 或网关。",
            "Services of several tenants are out; mostly network, DNS or gateway.",
        ),
        action=Text(
            "看失败的是否同一节点、网关或地址族，再看 KunDNSDown 与 KunNodesDownTogether。",
            "See whether they share a node, a gateway or a family, then KunDNSDown and KunNodesDownTogether.",
        ),
    ),
    Signal(
        alert="KunDualStackHalfDown",
        severity="warning",
        expr=f"max by (namespace, service, module, ip_family) ({_PROBES})",
        comparison="==",
        threshold=0,
        guard="and on (namespace, service, module) max by (namespace, service, module) (probe_success) == 1",
        wait="5m",
        keep="2m",
        title=Text(
            "{namespace}/{service} 只在 {ip_family} 上不通", "{namespace}/{service} is down over {ip_family} only"
        ),
        description=Text(
            "{module} 拨测在 {ip_family} 上失败（{value}），在另一族上成功。",
            "Its {module} probes fail over {ip_family} ({value}) and succeed over the other family.",
        ),
        impact=Text(
            "只有这一族的客户端连不上，其余人先等超时再换一族。",
            "Clients of this family alone fail, others wait before they try the other one.",
        ),
        action=Text(
            "kubectl -n {namespace} describe svc {service} 看 IP Families 与 Endpoints，再看 Pod 是否监听该族。",
            "See IP Families and Endpoints in kubectl -n {namespace} describe svc {service}, then whether pods listen on it.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunIPFamilyDown",
        severity="critical",
        expr=f"count by (ip_family) ({_HALF}) / count by (ip_family) (max by ({_FAMILY}) (probe_success))",
        comparison=">",
        threshold=0.2,
        unit="ratio",
        guard=f"and on (ip_family) count by (ip_family) ({_HALF}) > 4",
        wait="5m",
        keep="3m",
        title=Text("{ip_family} 大面积不通", "{ip_family} is down for many services"),
        description=Text(
            "{value} 的服务在 {ip_family} 上失败（六小时内还成功过）而在另一族上成功。",
            "{value} of the services fail over {ip_family}, where they succeeded within six hours, and succeed over the other family.",
        ),
        impact=Text(
            "路由、NAT64 或隧道断了一族；只有这一族的 Pod 和客户端全部不通。",
            "Routes, NAT64 or tunnels of one family are cut: pods and clients with that family alone reach nothing.",
        ),
        action=Text(
            "看 KunBGPSessionsDown 和 KunTunnelSilent，再在节点上 ip -6 route get（或 ip route get）一个失败的地址。",
            "See KunBGPSessionsDown and KunTunnelSilent, then ip -6 route get (or ip route get) a failing address on a node.",
        ),
    ),
    Signal(
        alert="KunPathMTUBlackhole",
        severity="warning",
        expr=f'max by ({_FAMILY}) (probe_success{{module="icmp_1400"}})',
        comparison="==",
        threshold=0,
        guard=f'and on ({_FAMILY}) probe_success{{module="icmp_56"}} == 1',
        wait="5m",
        keep="2m",
        title=Text("到 {namespace}/{service} 的大包丢失", "Large packets to {namespace}/{service} are lost"),
        description=Text(
            "{ip_family} 上 56 字节的 ICMP 有应答，1400 字节的没有（{value}）。",
            "Over {ip_family} ICMP of 56 bytes is answered, of 1400 bytes it is not ({value}).",
        ),
        impact=Text(
            "连接建得上但传不动：TLS 握手和上传卡住。",
            "Connections open but carry nothing: TLS handshakes and uploads hang.",
        ),
        action=Text(
            "从节点 tracepath 目标（IPv6 加 -6），看哪一跳拦了说包太大的 ICMP；临时把隧道 MTU 调小。",
            "See with tracepath TARGET (-6 for IPv6) which hop stops the ICMP that says too large; for now make the tunnel's MTU smaller.",
        ),
    ),
    Signal(
        alert="KunProbeSlow",
        severity="warning",
        expr=f"max by ({_SERVICE}) (avg_over_time(probe_duration_seconds[10m]))",
        comparison=">",
        threshold=2,
        unit="seconds",
        guard=f"and on ({_SERVICE}) min by ({_SERVICE}) (probe_success) == 1",
        wait="15m",
        title=Text("{namespace}/{service} 应答很慢", "{namespace}/{service} answers slowly"),
        description=Text(
            "{module} 拨测 10 分钟平均用 {value}。", "A {module} probe takes {value} on average over 10 minutes."
        ),
        impact=Text("用这个服务的人要等，再慢就超时。", "Its users wait; a little slower and they time out."),
        action=Text(
            "kubectl -n {namespace} top pod 看是否 CPU 被限，再看拨测各阶段 probe_http_duration_seconds。",
            "See kubectl -n {namespace} top pod for throttling, then the phases in probe_http_duration_seconds.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunCertificateExpiring",
        severity="warning",
        expr="min by (namespace, service) (probe_ssl_earliest_cert_expiry) - time()",
        comparison="<",
        threshold=21 * 86400,
        unit="seconds",
        wait="1h",
        title=Text(
            "{namespace}/{service} 的证书三周内到期",
            "The certificate of {namespace}/{service} expires within three weeks",
        ),
        description=Text("还有 {value}。", "It is valid for another {value}."),
        impact=Text(
            "多半是自动续期没有成功；到期后客户端拒绝连接。",
            "Mostly its renewal does not work; once it is over clients refuse to connect.",
        ),
        action=Text(
            "kubectl -n {namespace} get certificate,certificaterequest 看续期卡在哪。",
            "See where renewal is stuck: kubectl -n {namespace} get certificate,certificaterequest.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunCertificateNearlyExpired",
        severity="warning",
        expr="min by (namespace, service) (probe_ssl_earliest_cert_expiry) - time()",
        comparison="<",
        threshold=3 * 86400,
        unit="seconds",
        wait="10m",
        title=Text(
            "{namespace}/{service} 的证书三天内到期",
            "The certificate of {namespace}/{service} expires within three days",
        ),
        description=Text("还有 {value}。", "It is valid for another {value}."),
        impact=Text(
            "到期的那一刻，所有校验证书的客户端都连不上。",
            "At that moment every client that checks certificates fails to connect.",
        ),
        action=Text(
            "今天就续：cmctl renew -n {namespace} 证书名，或手工换 Secret。",
            "Renew it today: cmctl renew -n {namespace} CERTIFICATE, or change the Secret by hand.",
        ),
    ),
    Signal(
        alert="KunBlackboxDown",
        severity="warning",
        expr='max by (instance) (up{job="blackbox"})',
        comparison="==",
        threshold=0,
        wait="5m",
        title=Text("blackbox_exporter {instance} 没有应答", "The blackbox_exporter {instance} does not answer"),
        description=Text("up 为 {value}。", "Its up is {value}."),
        impact=Text(
            "经它的拨测都没有结果：服务断了也没人知道。",
            "Probes through it give no result: nobody sees a service go down.",
        ),
        action=Text(
            "kubectl get pod -A -l app=blackbox-exporter -o wide，再看日志。",
            "kubectl get pod -A -l app=blackbox-exporter -o wide, then its log.",
        ),
    ),
    Signal(
        alert="KunProbesNotRun",
        severity="warning",
        # Where the list of probes is lost none is left to fail.
        expr=f'1 - (avg(up{{job="probes"}}) or 0 * {_RUN})',
        comparison=">",
        threshold=0.05,
        unit="ratio",
        wait="10m",
        title=Text("一部分拨测没有跑", "Some probes are not run"),
        description=Text("{value} 的拨测抓取失败。", "The scrape of {value} of all probes fails."),
        impact=Text(
            "这些服务现在没人看着；多半是 blackbox_exporter 不够用或超时太短。",
            "Nobody watches these services; mostly blackbox_exporter is overloaded or the timeout too short.",
        ),
        action=Text(
            "在 Prometheus 的 /targets?search=probes 看错误，再给 blackbox_exporter 加副本；一个也没有就看 kunobs probes。",
            "See the error in /targets?search=probes of Prometheus, then add replicas of blackbox_exporter; if there are none, see kunobs probes.",
        ),
    ),
)
