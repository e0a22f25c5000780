"""What probes find: which services answer, over which family, how fast, and how long their certificates last."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, Board, Query, Row, Step, Variable, bars, series, stat, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import probes as signals

_LIMIT = {signal.alert: signal.threshold for signal in signals.SIGNALS}
_F = 'namespace=~"$namespace", module=~"$module"'
# The two sizes that search for a path MTU are not probes of a service.
_SERVICE = f'{_F}, module!~"icmp_.+"'
_OK = f"probe_success{{{_SERVICE}}}"
_ONE = "namespace, service, module"
_WHOSE = "{{namespace}}/{{service}} {{module}}"
_VALID = f"min by (namespace, service) (probe_ssl_earliest_cert_expiry{{{_F}}}) - time()"


def _share(family: str) -> str:
    """Of the probes of each service over a family, those that succeed."""
    return f'avg by (namespace, service) (avg_over_time(probe_success{{{_SERVICE}, ip_family="{family}"}}[10m]))'


BOARD = Board(
    "kun-probes",
    Text("拨测", "Probes"),
    Text(
        "从外面看服务：谁没有应答、哪个地址族不通、多慢、证书还有多久。",
        "Services as seen from outside: which do not answer, over which family, how slow, how long certificates last.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("成功的拨测", "Probes that succeed"),
                    Text(
                        "每个地址族的拨测里成功的份额；只有一族低，就是路由、NAT64 或隧道。",
                        "Share of each family's probes; where one family is low look at routes, NAT64 and tunnels.",
                    ),
                    f"avg by (ip_family) (probe_success{{{_F}}})",
                    unit="ratio",
                    legend="{{ip_family}}",
                    width=8,
                ),
                stat(
                    Text("没有应答的服务", "Services that do not answer"),
                    Text(
                        "某种拨测在所有地址上都失败的服务数。",
                        "Services of which some kind of probe fails on every address.",
                    ),
                    f"sum(max by (namespace, service) (max by ({_ONE}) ({_OK}) == bool 0))",
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("最早到期的证书", "First certificate to expire"),
                    Text(
                        "还有多久；低于 0 就已经过期。",
                        "In how long; below 0 it has expired.",
                    ),
                    f"min({_VALID})",
                    unit="seconds",
                    steps=(
                        Step(None, "red"),
                        Step(_LIMIT["KunCertificateNearlyExpired"], "orange"),
                        Step(_LIMIT["KunCertificateExpiring"], "green"),
                    ),
                ),
                stat(
                    Text("没有应答的 blackbox", "blackbox_exporters down"),
                    Text(
                        "抓取失败的 blackbox_exporter 数，不随上面的选择变；经它的拨测都没有结果。",
                        "Those that cannot be scraped, whatever is chosen above; probes through them have no result.",
                    ),
                    'sum(1 - up{job="blackbox"})',
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                stat(
                    Text("没跑的拨测", "Probes not run"),
                    Text(
                        "抓取失败的拨测所占份额，不随上面的选择变；这些服务没人看着。",
                        "Share whose scrape fails, whatever is chosen above; nobody watches these services.",
                    ),
                    '1 - avg(up{job="probes"})',
                    unit="ratio",
                    steps=(Step(None, "green"), Step(_LIMIT["KunProbesNotRun"], "orange")),
                ),
            ),
        ),
        Row(
            Text("按地址族和种类", "By family and kind"),
            (
                series(
                    Text("成功的份额", "Share that succeeds"),
                    Text(
                        "一族的各种拨测一起降，是网络；一种拨测在两族上一起降，是网关或 DNS。",
                        "All kinds of one family fall together: the network; one kind over both families: gateway or DNS.",
                    ),
                    Query(
                        f"avg by (ip_family, module) (probe_success{{{_F}}})",
                        "{{ip_family}} {{module}}",
                    ),
                    unit="ratio",
                    width=12,
                ),
                series(
                    Text("拨测要多久", "Time of probes"),
                    Text(
                        "每种拨测的中位数和 99%，失败的也算，它们多半用满超时。",
                        "Median and 99% of each kind; those that fail count and mostly take all of their timeout.",
                    ),
                    Query(f"quantile by (module) (0.5, probe_duration_seconds{{{_F}}})", "p50 {{module}}"),
                    Query(f"quantile by (module) (0.99, probe_duration_seconds{{{_F}}})", "p99 {{module}}"),
                    unit="seconds",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("慢在哪里", "Where time goes"),
            (
                series(
                    Text("HTTP 的各个阶段", "Phases of HTTP"),
                    Text(
                        "平均每个请求：resolve 慢看 DNS，connect 慢看网络，tls 和 processing 慢看服务自己。",
                        "Mean of a request: slow to resolve is DNS, slow to connect the network, tls and processing the service itself.",
                    ),
                    Query(f"avg by (phase) (probe_http_duration_seconds{{{_F}}})", "{{phase}}"),
                    unit="seconds",
                    stacked=True,
                ),
                series(
                    Text("HTTP 状态码", "HTTP status codes"),
                    Text(
                        "每种状态码的拨测数；0 是没有应答，503 多半是没有就绪的 Pod。",
                        "Probes by the status they got; 0 is no answer, 503 mostly that no pod is ready.",
                    ),
                    Query(f'count_values("code", probe_http_status_code{{{_F}}})', "{{code}}"),
                    stacked=True,
                ),
                bars(
                    Text("最慢的服务", "Slowest services"),
                    Text(
                        "10 分钟平均，每种拨测按最慢的地址，前 15 名。",
                        "Mean of 10 minutes, of each kind of probe on the slowest address, the top 15.",
                    ),
                    f"topk(15, max by ({_ONE}) (avg_over_time(probe_duration_seconds{{{_F}}}[10m])))",
                    _WHOSE,
                    unit="seconds",
                ),
            ),
        ),
        Row(
            Text("谁", "Who"),
            (
                series(
                    Text("最差的命名空间", "Namespaces that do worst"),
                    Text(
                        "每个命名空间的拨测里成功的份额，最低的 15 个；只有一个低就是租户自己的事。",
                        "Share of each namespace's probes that succeed, the lowest 15; where one is low it is a matter of that tenant.",
                    ),
                    Query(f"bottomk(15, avg by (namespace) ({_OK}))", "{{namespace}}"),
                    unit="ratio",
                    width=12,
                ),
                bars(
                    Text("两族不一致的服务", "Services whose families disagree"),
                    Text(
                        "10 分钟里两族成功份额之差，前 15 名；100% 是一族全通、另一族全不通。",
                        "Difference between the families' shares of success in 10 minutes, the top 15; 100%: one works and the other does not.",
                    ),
                    f"topk(15, abs({_share('ip4')} - {_share('ip6')}) > 0)",
                    "{{namespace}}/{{service}}",
                    unit="ratio",
                    width=12,
                ),
                table(
                    Text("一小时内失败过的", "Failed within an hour"),
                    Text(
                        "一小时里成功的份额，最低的 20 行，全部成功的不列。",
                        "Share of the hour in which they succeeded, the lowest 20; those that never failed are left out.",
                    ),
                    Query(
                        "bottomk(20, min by (namespace, service, module, ip_family)"
                        f" (avg_over_time(probe_success{{{_F}}}[1h])) < 1)"
                    ),
                    unit="ratio",
                ),
                table(
                    Text("最先到期的证书", "Certificates by expiry"),
                    Text(
                        "每个服务的证书链还有多久到期，最短的 20 个。",
                        "How long the chain of each service is still valid, the shortest 20.",
                    ),
                    Query(f"bottomk(20, {_VALID})"),
                    unit="seconds",
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(
        Variable("namespace", "probe_success", Text("命名空间", "Namespace")),
        Variable("module", "probe_success", Text("拨测种类", "Kind of probe")),
    ),
    tags=("network",),
)
