"""Alerts on the Istio mesh: its control plane, its gateways and the canaries that go through it."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

# A proxy's labels name the tenant destination_service_namespace.
_BY_SERVICE = "sum by (destination_service_namespace, destination_service_name)"
_TENANT = '"namespace", "$1", "destination_service_namespace", "(.+)"'
_SEEN = 'istio_requests_total{reporter="destination"'
_CANARY = f'{_SEEN}, destination_version="canary"'
_STABLE = f'{_SEEN}, destination_version!="canary"'


def _per_service(expr: str) -> str:
    """The same by the labels that a person needs."""
    return f"max by (namespace, destination_service_name) (label_replace({expr}, {_TENANT}))"


def _requests(selector: str, window: str) -> str:
    return f"{_BY_SERVICE} (rate({selector}}}[{window}]))"


_CANARY_ERRORS = _requests(f'{_CANARY}, response_code=~"5.."', "5m")
_STABLE_ERRORS = _requests(f'{_STABLE}, response_code=~"5.."', "5m")
_CANARY_ALL, _STABLE_ALL = _requests(_CANARY, "5m"), _requests(_STABLE, "5m")
# A stable version without a single 5xx has no such series.
_CANARY_EXCESS = f"{_CANARY_ERRORS} / {_CANARY_ALL} - ({_STABLE_ERRORS} or 0 * {_STABLE_ALL}) / {_STABLE_ALL}"
_GATEWAY = 'istio_requests_total{reporter="source", source_app="istio-ingressgateway"'
_BY_TENANT = "sum by (source_workload, destination_service_namespace)"
# As those who call it see it: what never reached a pod is among it.
_CALLED = 'istio_requests_total{reporter="source"'
_SERVICE_ERRORS = _requests(f'{_CALLED}, destination_service_namespace!="unknown", response_code=~"5.."', "5m")
_SERVICE_ALL = _requests(_CALLED, "5m")

SIGNALS = (
    Signal(
        alert="KunIstioControlPlaneDown",
        severity="critical",
        expr='count(up{job="istio-proxy"}) * ((sum(up{job="istiod"}) or vector(0)) == bool 0)',
        comparison=">",
        threshold=0,
        wait="5m",
        keep="5m",
        title=Text("istiod 全部不在", "No istiod is up"),
        description=Text("{value} 个代理没有控制面。", "{value} proxies have no control plane."),
        impact=Text(
            "新 Pod 注入失败、起不来；已有流量照旧，但扩缩容和发布不生效，证书到期后中断。",
            "New pods fail at injection and do not start; traffic goes on with old endpoints until certificates expire.",
        ),
        action=Text("kubectl -n istio-system get pods -l app=istiod", "kubectl -n istio-system get pods -l app=istiod"),
    ),
    Signal(
        alert="KunIstioConfigRejected",
        severity="warning",
        expr="sum by (type) (increase(pilot_total_xds_rejects[10m]))",
        comparison=">",
        threshold=0,
        wait="5m",
        title=Text("代理拒绝了 {type} 配置", "Proxies refuse configuration of type {type}"),
        description=Text("十分钟内被拒绝 {value} 次。", "Refused {value} times in ten minutes."),
        impact=Text(
            "这些代理停在旧配置上：新的路由和端点不生效。",
            "These proxies stay with what they had: new routes and endpoints do not take effect.",
        ),
        action=Text(
            "istioctl proxy-status 找出 STALE 的代理，再看最近改的 EnvoyFilter 和 VirtualService。",
            "Find the stale proxies by istioctl proxy-status, then look at the newest EnvoyFilter and VirtualService.",
        ),
    ),
    Signal(
        alert="KunIstioPushSlow",
        severity="warning",
        # Its greatest bucket but the last is 30 s, so that a quantile is never more.
        expr="histogram_quantile(0.99, sum by (job, le) (rate(pilot_proxy_convergence_time_bucket[5m])))",
        comparison=">",
        threshold=10,
        guard="and on (job) sum by (job) (rate(pilot_proxy_convergence_time_count[5m])) > 1",
        unit="seconds",
        wait="10m",
        title=Text("{job} 下发配置慢", "{job} is slow to push configuration"),
        description=Text(
            "百分之一的代理要等 {value} 以上才拿到变更。",
            "One proxy in a hundred waits more than {value} for a change.",
        ),
        impact=Text(
            "发布和摘除端点后的一段时间里有请求打到旧 Pod。",
            "After a rollout some requests still go to pods that are gone.",
        ),
        action=Text(
            "看 istiod 的 CPU 是否到顶，有没有用 Sidecar 资源缩小每个代理的配置。",
            "See whether istiod is at its CPU limit, and whether Sidecar resources keep each proxy's configuration small.",
        ),
    ),
    Signal(
        alert="KunIstioRootCertExpiring",
        severity="warning",
        expr="min by (job) (citadel_server_root_cert_expiry_timestamp) - time()",
        comparison="<",
        threshold=2592000,
        unit="seconds",
        wait="15m",
        keep="15m",
        title=Text("网格根证书快到期", "The mesh's root certificate expires soon"),
        description=Text("{job} 的根证书还有 {value}。", "The root certificate of {job} has {value} left."),
        impact=Text("到期后所有 mTLS 连接失败。", "When it expires every mTLS connection fails."),
        action=Text(
            "按 istio 的 plug-in CA 步骤换根证书；先让新旧两个根同时受信。",
            "Change the root by Istio's steps for a plugged-in CA; trust the old and the new root together first.",
        ),
    ),
    Signal(
        alert="KunIstioGatewayErrors",
        severity="critical",
        expr=(
            f'sum by (source_workload) (rate({_GATEWAY}, response_code=~"5.."}}[5m]))'
            f" / sum by (source_workload) (rate({_GATEWAY}}}[5m]))"
        ),
        comparison=">",
        threshold=0.05,
        # One tenant's service that fails is KunIstioServiceErrors and wakes nobody of the platform.
        guard=(
            f"and on (source_workload) sum by (source_workload) (rate({_GATEWAY}}}[5m])) > 1"
            f' and on (source_workload) count by (source_workload) ({_BY_TENANT} (rate({_GATEWAY}, response_code=~"5.."}}[5m]))'
            f" / {_BY_TENANT} (rate({_GATEWAY}}}[5m])) > 0.05) > 1"
        ),
        unit="ratio",
        wait="5m",
        keep="2m",
        title=Text("网关 {source_workload} 的 5xx 过多", "Gateway {source_workload} answers with too many 5xx"),
        description=Text(
            "{value} 的请求得到 5xx，而且不止一个命名空间。",
            "{value} of its requests get a 5xx, and not those of one namespace alone.",
        ),
        impact=Text("从外面来的用户看到错误。", "Users from outside see errors."),
        action=Text(
            "按服务和 response_flags 分开看：是几个服务，还是网关自己。",
            "Split by service and response_flags: some services, or the gateway itself.",
        ),
    ),
    Signal(
        alert="KunIstioServiceErrors",
        severity="warning",
        expr=_per_service(f"{_SERVICE_ERRORS} / {_SERVICE_ALL}"),
        comparison=">",
        threshold=0.05,
        guard=f"and on (namespace, destination_service_name) {_per_service(_SERVICE_ALL)} > 1",
        unit="ratio",
        wait="5m",
        keep="5m",
        title=Text(
            "{namespace} 的 {destination_service_name} 5xx 过多",
            "{destination_service_name} of {namespace} answers with too many 5xx",
        ),
        description=Text("调用它的请求有 {value} 得到 5xx。", "{value} of the requests to it get a 5xx."),
        impact=Text("用它的人和服务看到错误。", "People and services that use it see errors."),
        action=Text(
            "kubectl -n {namespace} get pods,endpoints；都好就看它的日志，刚发布过就回滚。",
            "kubectl -n {namespace} get pods,endpoints; if all is well read its log, and roll back what was just rolled out.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunIstioCanaryWorse",
        severity="warning",
        expr=_per_service(_CANARY_EXCESS),
        comparison=">",
        threshold=0.02,
        guard=f"and on (namespace, destination_service_name) {_per_service(_CANARY_ALL)} > 0.1",
        unit="ratio",
        wait="5m",
        keep="5m",
        title=Text(
            "{destination_service_name} 的灰度版本比稳定版差",
            "The canary of {destination_service_name} is worse than its stable version",
        ),
        description=Text(
            "{namespace} 的灰度版本 5xx 比例高出 {value}。",
            "In {namespace} the canary's share of 5xx is higher by {value}.",
        ),
        impact=Text("走到灰度版本的用户看到更多错误。", "Users who are sent to the canary see more errors."),
        action=Text(
            "把灰度权重调回 0，再看新版本的日志。",
            "Set the canary's weight back to 0, then read the new version's log.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunIstioCanaryNoTraffic",
        severity="info",
        expr=_per_service(_requests(_CANARY, "10m")),
        comparison="==",
        threshold=0,
        guard=f"and on (namespace, destination_service_name) {_per_service(_requests(_SEEN, '10m'))} > 1",
        wait="15m",
        title=Text(
            "{destination_service_name} 的灰度版本没有流量", "The canary of {destination_service_name} gets no traffic"
        ),
        description=Text(
            "{namespace} 的灰度版本在跑，稳定版有请求而它没有。",
            "In {namespace} the canary runs; the stable version gets requests and it does not.",
        ),
        impact=Text(
            "灰度没有在验证任何东西，自动放量的判断没有依据。",
            "The canary proves nothing, and an automatic rollout has nothing to judge by.",
        ),
        action=Text(
            "看 VirtualService 的权重和 DestinationRule 的 subset 标签。",
            "Look at the VirtualService's weights and the DestinationRule's subset labels.",
        ),
        owner="tenant",
    ),
)
