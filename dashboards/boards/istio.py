"""The Istio mesh: its control plane, its requests, and gray releases with stable and canary side by side."""

from __future__ import annotations

from dashboards.model import Board, Query, Row, Step, Variable, bars, heatmap, series, stat
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import SIGNALS

_T = 'destination_service_namespace=~"$namespace", destination_service_name=~"$service"'
# The side that serves, or each request would count twice.
_SERVED = f'istio_requests_total{{reporter="destination", {_T}'
_CANARY = f'{_SERVED}, destination_version="canary"'
_STABLE = f'{_SERVED}, destination_version!="canary"'
_ERROR = ', response_code=~"5.."'
_PLAIN = ', connection_security_policy="none"'
_NAMESPACE = "destination_service_namespace"
_SERVICE = "destination_service_namespace, destination_service_name"
_NAMED = "{{destination_service_namespace}}/{{destination_service_name}}"


def _rate(selector: str, by: str) -> str:
    return f"sum by ({by}) (rate({selector}}}[$__rate_interval]))"


def _share(part: str, of: str) -> str:
    """Of what gets requests; what has no such part has no series of it, and its share is 0."""
    return f"({part} or 0 * {of}) / ({of} > 0)"


_CANARIES = _rate(_CANARY, _SERVICE)
# The same services left and right: those whose canaries are busiest.
_SHOWN = f"and on ({_SERVICE}) topk(15, {_CANARIES})"

BOARD = Board(
    "kun-istio",
    Text("Istio 和灰度发布", "Istio and gray releases"),
    Text(
        "服务网格：控制面、请求和错误，稳定版与灰度版并排比较。",
        "The service mesh: control plane, requests and errors, and stable versions beside their canaries.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("istiod", "istiod"),
                    Text(
                        "能采集到的 istiod 数；一个都没有时新 Pod 注入不了。",
                        "Those that can be scraped; without any, new pods get no proxy.",
                    ),
                    'sum(up{job="istiod"})',
                    steps=(Step(None, "red"), Step(1, "green")),
                ),
                stat(
                    Text("抓不到的代理", "Proxies not scraped"),
                    Text(
                        "上一次抓取失败的代理数；它们的请求不在下面的图里。",
                        "Proxies whose last scrape failed; their requests are not in the panels below.",
                    ),
                    'sum(1 - up{job="istio-proxy"})',
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                stat(
                    Text("每秒请求", "Requests per second"),
                    Text("所选服务的代理收到的请求。", "What the proxies of the chosen services take in."),
                    f"sum(rate({_SERVED}}}[$__rate_interval]))",
                    unit="requests/s",
                ),
                stat(
                    Text("5xx 的份额", "Share of 5xx"),
                    Text(
                        "所选服务的请求里以 5xx 回答的部分。",
                        "Part of the requests to the chosen services that is answered with a 5xx.",
                    ),
                    _share(_rate(_SERVED + _ERROR, ""), _rate(_SERVED, "")),
                    unit="ratio",
                ),
                stat(
                    Text("灰度版每秒请求", "Canary requests per second"),
                    Text(
                        "所选服务的灰度版收到的请求；灰度版的 version 标签是 canary。",
                        "What the canaries of the chosen services take in; a canary is what has the label version=canary.",
                    ),
                    f"sum(rate({_CANARY}}}[$__rate_interval]))",
                    unit="requests/s",
                ),
                stat(
                    Text("根证书还剩", "Root certificate has left"),
                    Text(
                        "网格根证书到期前的时间；到期后所有 mTLS 连接失败。",
                        "Time until the mesh's root certificate expires; then every mTLS connection fails.",
                    ),
                    "min(citadel_server_root_cert_expiry_timestamp) - time()",
                    unit="seconds",
                ),
            ),
        ),
        Row(
            Text("请求", "Requests"),
            (
                series(
                    Text("请求最多的命名空间", "Namespaces with the most requests"),
                    Text(
                        "每秒到达各命名空间服务的请求，前 15 名。",
                        "Requests per second to the services of each namespace, the top 15.",
                    ),
                    Query(
                        f"topk(15, {_rate(_SERVED, _NAMESPACE)})",
                        "{{destination_service_namespace}}",
                    ),
                    unit="requests/s",
                    stacked=True,
                ),
                series(
                    Text("错误最多的服务", "Services with the most errors"),
                    Text(
                        "每秒以 5xx 回答的请求，前 15 名；是服务或它自己的代理回答的。",
                        "Requests per second answered with a 5xx, the top 15; the services or their own proxies said so.",
                    ),
                    Query(f"topk(15, {_rate(_SERVED + _ERROR, _SERVICE)})", _NAMED),
                    unit="requests/s",
                ),
                series(
                    Text("没有好好到达的请求", "Requests that did not get through"),
                    Text(
                        "发起方的代理给出的原因，前 15 名：UF 连不上，UH 没有健康后端，UO 过载，NR 没有路由，DC 客户端断开。",
                        "Why, by the caller's proxy, the top 15: UF no connection, UH no healthy backend, UO overload, NR no route, DC the client left.",
                    ),
                    Query(
                        "topk(15, sum by (response_flags, destination_service_namespace) (rate("
                        f'istio_requests_total{{reporter="source", response_flags!="-", {_T}}}[$__rate_interval])))',
                        "{{response_flags}} {{destination_service_namespace}}",
                    ),
                    unit="requests/s",
                ),
            ),
        ),
        Row(
            Text("灰度发布：左稳定版，右灰度版", "Gray releases: stable left, canary right"),
            (
                series(
                    Text("稳定版的请求", "Requests to stable versions"),
                    Text(
                        "有灰度的服务里其他版本每秒的请求，灰度最忙的 15 个服务。",
                        "Requests per second to all other versions of the 15 services whose canaries are busiest.",
                    ),
                    Query(f"{_rate(_STABLE, _SERVICE)} {_SHOWN}", _NAMED),
                    unit="requests/s",
                ),
                series(
                    Text("灰度版的请求", "Requests to canaries"),
                    Text(
                        "同样这些服务的灰度版每秒的请求；0 是灰度在跑而没有流量。",
                        "Requests per second to the canaries of the same services; at 0 a canary runs without traffic.",
                    ),
                    Query(f"topk(15, {_CANARIES})", _NAMED),
                    unit="requests/s",
                ),
                bars(
                    Text("灰度的份额", "The canaries' share"),
                    Text(
                        "实际走到灰度版的请求份额，前 15 名；应当与 VirtualService 的权重相近。",
                        "Part of the requests that really goes to the canary, the top 15; should be near the VirtualService's weight.",
                    ),
                    f"topk(15, {_CANARIES} / ({_rate(_SERVED, _SERVICE)} > 0))",
                    _NAMED,
                    unit="ratio",
                ),
                series(
                    Text("稳定版的 5xx", "5xx of stable versions"),
                    Text(
                        "有灰度的服务里其他版本 5xx 的份额，同样的 15 个服务。",
                        "Share of 5xx in what the other versions answer, for the same 15 services.",
                    ),
                    Query(
                        f"{_share(_rate(_STABLE + _ERROR, _SERVICE), _rate(_STABLE, _SERVICE))} {_SHOWN}",
                        _NAMED,
                    ),
                    unit="ratio",
                    width=12,
                ),
                series(
                    Text("灰度版的 5xx", "5xx of canaries"),
                    Text(
                        "灰度版 5xx 的份额；比左边高就是新版本差，请求少时一个错误就很高。",
                        "Share of 5xx in what canaries answer; above the left the new version is worse, with few requests one error is much.",
                    ),
                    Query(
                        f"{_share(_rate(_CANARY + _ERROR, _SERVICE), _CANARIES)} {_SHOWN}",
                        _NAMED,
                    ),
                    unit="ratio",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("控制面和加密", "Control plane and encryption"),
            (
                heatmap(
                    Text("配置多久到代理", "From a change to the proxies"),
                    Text(
                        "从变更到代理收下配置的时间分布；往上移就是 istiod 跟不上。",
                        "How long changes take to be with a proxy; when it moves up istiod does not keep up.",
                    ),
                    "sum by (le) (increase(pilot_proxy_convergence_time_bucket[$__rate_interval]))",
                ),
                series(
                    Text("没有加密的请求", "Requests in plain text"),
                    Text(
                        "没有走 mTLS 的请求份额，前 15 个命名空间；来自网格之外的也算。",
                        "Share of the requests that come without mTLS, the top 15 namespaces; those from outside the mesh count.",
                    ),
                    Query(
                        f"topk(15, {_rate(_SERVED + _PLAIN, _NAMESPACE)} / ({_rate(_SERVED, _NAMESPACE)} > 0))",
                        "{{destination_service_namespace}}",
                    ),
                    unit="ratio",
                    width=12,
                ),
            ),
        ),
        alert_row(SIGNALS["istio"]),
    ),
    variables=(
        Variable(
            "namespace", "istio_requests_total", Text("命名空间", "Namespace"), label="destination_service_namespace"
        ),
        Variable("service", "istio_requests_total", Text("服务", "Service"), label="destination_service_name"),
    ),
    tags=("network", "tenants"),
)
