"""The control plane: the API's requests, and what scheduler and controllers still have to do."""

from __future__ import annotations

from dashboards.model import Board, Query, Row, Step, Variable, bars, series, stat
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import apiserver, controlplane

_SIGNALS = (*apiserver.SIGNALS, *controlplane.SIGNALS)
_LIMIT = {signal.alert: signal.threshold for signal in _SIGNALS}
_A = 'job="apiserver"'
_R = f'{_A}, resource=~"$resource"'
_WRITES = 'verb=~"POST|PUT|PATCH|DELETE"'
_READS = 'verb=~"GET|LIST"'
_TOOK = "apiserver_request_sli_duration_seconds_bucket"
_LEASES = 'job=~"kube-scheduler|kube-controller-manager"'
# Those that stand by put every pod without a node into their active queue and leave it there.
_LEADER = 'leader_election_master_status{job="kube-scheduler"} == 1'


def _took(share: float, verbs: str) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({_TOOK}{{{_R}, {verbs}}}[$__rate_interval])))"


BOARD = Board(
    "kun-apiserver",
    Text("控制面", "Control plane"),
    Text(
        "apiserver 的请求、错误和快慢，它后面的 webhook，以及调度器和控制器的积压。",
        "Requests, errors and speed of the API, the webhooks behind it, and what scheduler and controllers have in their queues.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("应答的 apiserver", "Apiservers that answer"),
                    Text(
                        "采集得到的实例；0 时集群不能改变。",
                        "Instances that can be scraped; at 0 the cluster cannot change.",
                    ),
                    f"sum(up{{{_A}}})",
                    steps=(Step(None, "red"), Step(1, "green")),
                ),
                stat(
                    Text("失败的请求", "Requests that fail"),
                    Text(
                        "以 5xx 结束的份额，所有资源；客户端自己的错（4xx）不算。",
                        "Share that ends in a 5xx, of all resources; mistakes of clients (4xx) do not count.",
                    ),
                    f'1 - sum(rate(apiserver_request_total{{{_A}, code!~"5.."}}[$__rate_interval]))'
                    f" / sum(rate(apiserver_request_total{{{_A}}}[$__rate_interval]))",
                    unit="ratio",
                    steps=(Step(None, "green"), Step(_LIMIT["KunApiserverErrors"], "red")),
                ),
                stat(
                    Text("写请求的时间", "Time of a write"),
                    Text(
                        "所选资源 99% 的写请求在这个时间内完成，不算 webhook 和排队。",
                        "99% of the writes to the chosen resources are done within it, webhooks and queues not counted.",
                    ),
                    _took(0.99, _WRITES),
                    unit="seconds",
                    steps=(Step(None, "green"), Step(_LIMIT["KunApiserverSlow"], "orange")),
                ),
                stat(
                    Text("被要求等的请求", "Requests told to wait"),
                    Text(
                        "优先级与公平性每秒以 429 拒绝的请求；没有数字就是从未拒绝。",
                        "Those that priority and fairness answers with 429 each second; no number means that none ever was.",
                    ),
                    "sum(rate(apiserver_flowcontrol_rejected_requests_total[$__rate_interval]))",
                    unit="requests/s",
                ),
                stat(
                    Text("拿到的租约", "Leases that are held"),
                    Text(
                        "调度器和控制器管理器各有几个实例拿着租约；应当各是 1。",
                        "How many instances of scheduler and controller manager hold their lease; each should be 1.",
                    ),
                    f"min by (job) (sum by (job, name) (leader_election_master_status{{{_LEASES}}}))",
                    legend="{{job}}",
                    steps=(Step(None, "red"), Step(1, "green"), Step(2, "orange")),
                ),
                stat(
                    Text("找不到节点的 pod", "Pods without a node"),
                    Text(
                        "调度器试过、没有节点放得下的 pod。",
                        "Pods that the scheduler has tried and for which no node has room.",
                    ),
                    'sum(scheduler_pending_pods{queue="unschedulable"})',
                    steps=(Step(None, "green"), Step(_LIMIT["KunPodsUnschedulable"], "orange")),
                ),
            ),
        ),
        Row(
            Text("请求", "Requests"),
            (
                series(
                    Text("最多的请求", "Busiest requests"),
                    Text(
                        "每秒的请求按资源和动词，前 15 名；突然出现的一条就是谁在反复列出或写入。",
                        "Requests per second by resource and verb, the top 15; a new one among them: somebody lists or writes again and again.",
                    ),
                    Query(
                        f"topk(15, sum by (resource, verb) (rate(apiserver_request_total{{{_R}}}[$__rate_interval])))",
                        "{{verb}} {{resource}}",
                    ),
                    unit="requests/s",
                ),
                series(
                    Text("失败的请求按资源", "Failures by resource"),
                    Text(
                        "每秒的 5xx，前 15 名；只有一个资源多半是它的 webhook 或聚合 API，都有就是 etcd。",
                        "5xx per second, the top 15; a single resource is mostly its webhook or aggregated API, all of them are etcd.",
                    ),
                    Query(
                        "topk(15, sum by (resource, verb, code)"
                        f' (rate(apiserver_request_total{{{_R}, code=~"5.."}}[$__rate_interval])))',
                        "{{code}} {{verb}} {{resource}}",
                    ),
                    unit="requests/s",
                ),
                series(
                    Text("读和写的时间", "Time of reads and writes"),
                    Text(
                        "不算 webhook 和排队；写慢看 etcd，只有读慢是有人列出太多。",
                        "Webhooks and queues not counted; slow writes are etcd, slow reads alone are somebody who lists too much.",
                    ),
                    *(
                        Query(_took(share, verbs), Text(f"{name.zh} {word}", f"{name.en} {word}"))
                        for verbs, name in ((_READS, Text("读", "read")), (_WRITES, Text("写", "write")))
                        for share, word in ((0.5, "p50"), (0.99, "p99"))
                    ),
                    unit="seconds",
                ),
            ),
        ),
        Row(
            Text("谁造成的", "Who causes it"),
            (
                series(
                    Text("webhook 的拒绝", "Refused by webhooks"),
                    Text(
                        "每秒被拒绝的请求，前 15 名；calling_webhook_error 是叫不通它，no_error 是它说不。",
                        "Requests refused per second, the top 15; calling_webhook_error: it could not be called, no_error: it said no.",
                    ),
                    Query(
                        "topk(15, sum by (name, error_type)"
                        " (rate(apiserver_admission_webhook_rejection_count[$__rate_interval])))",
                        "{{name}} {{error_type}}",
                    ),
                    unit="requests/s",
                    width=12,
                ),
                bars(
                    Text("一小时内增加最多的对象", "Most new objects in an hour"),
                    Text(
                        "按资源，前 15 名；增加得多的会用掉 etcd 的配额和 apiserver 的内存。",
                        "By resource, the top 15; what grows fast uses up etcd's quota and the apiserver's memory.",
                    ),
                    "topk(15, max by (resource)"
                    ' (delta(apiserver_resource_objects{resource=~"$resource"}[1h])'
                    ' or on (job) delta(apiserver_storage_objects{resource=~"$resource"}[1h])))',
                    "{{resource}}",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("调度器和控制器", "Scheduler and controllers"),
            (
                series(
                    Text("等待调度的 pod", "Pods that wait for a node"),
                    Text(
                        "按队列：active 等着轮到，backoff 稍后再试，unschedulable 没有地方，gated 还不许调度。",
                        "By queue: active wait their turn, backoff are tried later, unschedulable have no room, gated may not be scheduled yet.",
                    ),
                    Query(f"sum by (queue) (scheduler_pending_pods and on (instance) {_LEADER})", "{{queue}}"),
                    stacked=True,
                ),
                series(
                    Text("一次调度的时间", "Time of an attempt"),
                    Text(
                        "找节点并绑定的时间，按结果；unschedulable 慢是约束太复杂，scheduled 慢多半是 apiserver。",
                        "To find a node and bind the pod, by result; slow unschedulable: hard constraints, slow scheduled: mostly the apiserver.",
                    ),
                    *(
                        Query(
                            f"histogram_quantile({share}, sum by (le, result)"
                            " (rate(scheduler_scheduling_attempt_duration_seconds_bucket[$__rate_interval])))",
                            f"{{{{result}}}} {word}",
                        )
                        for share, word in ((0.5, "p50"), (0.99, "p99"))
                    ),
                    unit="seconds",
                ),
            ),
        ),
        alert_row(_SIGNALS),
    ),
    variables=(Variable("resource", "apiserver_request_total", Text("资源", "Resource")),),
    tags=("kubernetes",),
)
