"""What each tenant takes of what all share: quota, series, logs and probes."""

from __future__ import annotations

from dashboards.model import Board, Query, Row, Step, Variable, bars, series, stat
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import tenancy as signals

_LIMIT = {signal.alert: signal.threshold for signal in signals.SIGNALS}
_N = 'namespace=~"$namespace"'
# Of what the scrapes themselves bring, a pod's address is all that tells tenants apart.
_T = 'job="tenants"'
_ONE = "namespace, resourcequota, resource"


def _quota(kind: str, more: str = "") -> str:
    """Each resource of each quota: what it allows (hard) or what is taken of it (used)."""
    return f'max by ({_ONE}) (kube_resourcequota{{type="{kind}", {more}{_N}}})'


_USED = f"max by (namespace, resource) ({_quota('used')} / ({_quota('hard')} > 0))"
_CPU = 'resource="requests.cpu", '
_LOGS = f"kunobs_fanout_namespace_bytes_total{{{_N}}}[$__rate_interval]"
_STORE = "kunobs_logs_store_bytes"
_PROBES = f'probe_success{{namespace!="", {_N}}}'

BOARD = Board(
    "kun-tenancy",
    Text("租户的份额", "Tenants' shares"),
    Text(
        "每个命名空间占多少大家共用的东西：配额、序列、日志和探测；谁快到上限，谁拖累别人。",
        "What each namespace takes of what all share: quota, series, logs and probes; who is near a limit and who burdens the others.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("许诺出去的", "Promised to tenants"),
                    Text(
                        "所有配额之和占节点所有的份额；超过 100% 时，都用足就放不下。",
                        "All quotas together as a share of what the nodes have; above 100% there is no room once all is used.",
                    ),
                    'sum by (resource) (kube_resourcequota{type="hard", '
                    r'resource=~"requests\\.cpu|requests\\.memory"})'
                    " / sum by (resource) (label_replace("
                    'kube_node_status_allocatable{resource=~"cpu|memory"}, "resource", "requests.$1", "resource", "(.*)"))',
                    unit="ratio",
                    legend="{{resource}}",
                    width=8,
                    steps=(Step(None, "green"), Step(_LIMIT["KunQuotaOvercommit"], "blue")),
                ),
                stat(
                    Text("快用完的配额", "Quotas nearly used up"),
                    Text(
                        "用到告警线以上的配额项数；用完后新的 pod 或卷被拒绝。",
                        "Resources of quotas that are used beyond where alerts fire; when used up, new pods or volumes are refused.",
                    ),
                    f"sum({_USED} > bool {_LIMIT['KunQuotaAlmostFull']})",
                    steps=(Step(None, "green"), Step(1, "yellow")),
                ),
                stat(
                    Text("采集失败的 pod", "Pods that cannot be scraped"),
                    Text(
                        "要求采集而采不到的租户 pod；超过限额的也在其中。",
                        "Pods of tenants that ask to be scraped and cannot be; those above a limit are among them.",
                    ),
                    f"sum(1 - up{{{_T}}})",
                    steps=(Step(None, "green"), Step(1, "yellow")),
                ),
                stat(
                    Text("租户的样本", "Samples of tenants"),
                    Text(
                        "一轮采集里租户的 pod 带来的样本，约等于它们的序列数。",
                        "What tenants' pods bring in one round of scrapes, about as many as they have series.",
                    ),
                    f"sum(scrape_samples_post_metric_relabeling{{{_T}}})",
                ),
                stat(
                    Text("租户的日志", "Logs of tenants"),
                    Text("所选命名空间每秒写入的字节。", "Bytes that the chosen namespaces write per second."),
                    f"sum(rate({_LOGS}))",
                    unit="bytes/s",
                ),
            ),
        ),
        Row(
            Text("配额", "Quotas"),
            (
                bars(
                    Text("用得最满的配额", "Fullest quotas"),
                    Text("已用的份额，前 15 名。", "What part of each is used, the top 15."),
                    f"topk(15, {_USED})",
                    "{{namespace}} {{resource}}",
                    unit="ratio",
                    width=12,
                    steps=(Step(None, "green"), Step(_LIMIT["KunQuotaAlmostFull"], "orange")),
                ),
                bars(
                    Text("占着没用的 CPU 配额", "CPU quota held and not used"),
                    Text(
                        "requests.cpu 的上限减已用，前 15 名；节点不够时先问这些命名空间。",
                        "Limit less use of requests.cpu, the top 15; when nodes run short, ask these namespaces first.",
                    ),
                    f"topk(15, sum by (namespace) ({_quota('hard', _CPU)} - {_quota('used', _CPU)}))",
                    "{{namespace}}",
                    unit="cores",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("序列和探测", "Series and probes"),
            (
                series(
                    Text("样本最多的 pod", "Pods with most samples"),
                    Text(
                        "租户的 pod 每次采集带来的样本，前 15 名；按地址查：kubectl get pods -A -o wide。",
                        "Samples that each scrape of a tenant's pod brings, the top 15; kubectl get pods -A -o wide finds the address.",
                    ),
                    Query(
                        f"topk(15, sum by (instance) (scrape_samples_post_metric_relabeling{{{_T}}}))",
                        "{{instance}}",
                    ),
                ),
                bars(
                    Text("一小时内最多的新序列", "Most new series in an hour"),
                    Text(
                        "租户的 pod，前 15 名；样本不多而新序列多，是标签里有请求号或用户号。",
                        "Of tenants' pods, the top 15; with few samples and many new series, a label holds ids of requests or users.",
                    ),
                    f"topk(15, sum by (instance) (sum_over_time(scrape_series_added{{{_T}}}[1h])))",
                    "{{instance}}",
                ),
                series(
                    Text("被限额挡住的采集", "Scrapes stopped by a limit"),
                    Text(
                        "一个 Prometheus 每秒因样本、大小或标签过多而整次作废的采集，所有任务；上面的采集失败说明是谁。",
                        "Scrapes per second that one Prometheus dropped for their samples, size or labels, of all jobs; the pods that cannot be scraped say whose.",
                    ),
                    Query(
                        "max(rate(prometheus_target_scrapes_exceeded_sample_limit_total[$__rate_interval]))",
                        Text("样本", "samples"),
                    ),
                    Query(
                        "max(rate(prometheus_target_scrapes_exceeded_body_size_limit_total[$__rate_interval]))",
                        Text("大小", "size"),
                    ),
                    Query(
                        "max(rate(prometheus_target_scrape_pool_exceeded_label_limits_total[$__rate_interval]))",
                        Text("标签", "labels"),
                    ),
                    unit="events/s",
                ),
                bars(
                    Text("探测最多的命名空间", "Namespaces with most probes"),
                    Text(
                        "目标数，前 15 名；每个目标每轮都占 blackbox_exporter 的时间。",
                        "Targets, the top 15; each takes time of blackbox_exporter in every round.",
                    ),
                    f"topk(15, count by (namespace) ({_PROBES}))",
                    "{{namespace}}",
                    width=12,
                ),
                series(
                    Text("探测占用的时间", "Time that probes take"),
                    Text(
                        "每轮探测加起来的时间，前 15 名；目标不多而时间多，是在等超时。",
                        "Time of all probes of a round, the top 15; few targets that take long are waiting for their timeout.",
                    ),
                    Query(
                        f'topk(15, sum by (namespace) (probe_duration_seconds{{namespace!="", {_N}}}))',
                        "{{namespace}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("日志", "Logs"),
            (
                series(
                    Text("谁写得最多", "Who writes most"),
                    Text(
                        "每秒的字节，前 15 名；_other 是排不上名的命名空间之和。",
                        "Bytes per second, the top 15; _other is the sum of the namespaces that are not among the busiest.",
                    ),
                    Query(f"topk(15, sum by (namespace) (rate({_LOGS})))", "{{namespace}}"),
                    unit="bytes/s",
                    width=12,
                    stacked=True,
                ),
                bars(
                    Text("占 Elasticsearch 的份额", "Share of Elasticsearch"),
                    Text(
                        "命名空间的日志占所有日志的磁盘的份额，前 15 名。",
                        "What part of the disk of all logs a namespace's take, the top 15.",
                    ),
                    f"topk(15, max by (namespace) ({_STORE}{{{_N}}})"
                    f" / on () group_left () sum(max by (namespace) ({_STORE})))",
                    "{{namespace}}",
                    unit="ratio",
                    width=12,
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(Variable("namespace", "kube_namespace_status_phase", Text("命名空间", "Namespace")),),
    tags=("tenants",),
)
