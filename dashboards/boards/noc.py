"""The NOC relay: alerts that come in, messages that go out, channels and heartbeats."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, Board, Query, Row, Step, Variable, bars, heatmap, series, stat, states, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import noc as signals

# Two relays hold the same incidents and heartbeats, each of its own or of one database: what is a state is made one first.
_I = 'instance=~"$instance"'
_C = f'{_I}, channel=~"$channel"'
_ATTEMPTS = f"rate(kunobs_noc_attempt_duration_seconds_bucket{{{_C}}}[$__rate_interval])"
_CHANNEL = (("0", Text("正常", "works"), "green"), ("1", Text("失败", "fails"), "red"))
_OLD = (Step(None, "green"), Step(60, "yellow"))
_ANY = (Step(None, "green"), Step(1, "orange"))

BOARD = Board(
    "kun-noc",
    Text("NOC 中继", "NOC relay"),
    Text(
        "告警进、消息出：收得下吗、发得出吗、哪个渠道慢、谁没有心跳。",
        "Alerts in, messages out: are they taken, do they leave, which channel is slow, whose heartbeat is missing.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("开着的事件", "Open incidents"),
                    Text("按严重程度的事件数，已认领的也算。", "Incidents by severity, those somebody took included."),
                    f"max by (severity) (kunobs_noc_incidents{{{_I}}})",
                    legend="{{severity}}",
                    width=8,
                ),
                stat(
                    Text("最旧的待发", "Oldest message due"),
                    Text(
                        "最旧的请求该发而未发多久；0 表示没有晚的。",
                        "How long the oldest request has been due; at 0 none is late.",
                    ),
                    f"max(kunobs_noc_oldest_due_seconds{{{_I}}})",
                    unit="seconds",
                    steps=_OLD,
                ),
                stat(
                    Text("坏掉的渠道", "Channels that fail"),
                    Text(
                        "中继判定失败的渠道数；消息会改走别的渠道。",
                        "Channels that the relay says fail; messages go other ways.",
                    ),
                    f"sum(max by (channel) (kunobs_noc_failing{{{_C}}}))",
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("没听到的心跳", "Heartbeats not heard"),
                    Text(
                        "晚了或停了的 Prometheus、Alertmanager 和任务。",
                        "Prometheus, Alertmanagers and jobs that are late or down.",
                    ),
                    f'sum(max by (state) (kunobs_noc_heartbeats{{state=~"late|down", {_I}}}))',
                    steps=_ANY,
                ),
                stat(
                    Text("告警风暴", "Alert storms"),
                    Text(
                        "开着的风暴；其间新事件不单独叫人。",
                        "Storms that are open; meanwhile new incidents call nobody of their own.",
                    ),
                    f"max(kunobs_noc_storms{{{_I}}})",
                    steps=_ANY,
                ),
            ),
        ),
        Row(
            Text("进来", "In"),
            (
                series(
                    Text("收到的请求", "Posts of alerts"),
                    Text(
                        "每秒的请求按回答的状态；503 是没有收下，发送方会再发，4xx 是发送方的错。",
                        "Per second by the status of the answer; 503 was not taken and is sent again, 4xx is the sender's fault.",
                    ),
                    Query(f"sum by (code) (rate(kunobs_noc_posts_total{{{_I}}}[$__rate_interval]))", "{{code}}"),
                    unit="requests/s",
                    width=12,
                    stacked=True,
                ),
                heatmap(
                    Text("回答要多久", "How soon posts are answered"),
                    Text(
                        "请求按到回答的时间分布，写盘在内；上移多半是磁盘慢。",
                        "Posts by the time to their answer, the write to disk included; a shift upwards is mostly a slow disk.",
                    ),
                    f"sum by (le) (increase(kunobs_noc_post_duration_seconds_bucket{{{_I}}}[$__rate_interval]))",
                ),
                series(
                    Text("告警做了什么", "What alerts did"),
                    Text(
                        "每秒的告警：开新事件、并入旧事件、重复、解除等；unknown 是没见过的解除。",
                        "Alerts per second: they opened an incident, joined one, repeated or resolved; unknown ended what nobody had told.",
                    ),
                    Query(f"sum by (outcome) (rate(kunobs_noc_alerts_total{{{_I}}}[$__rate_interval]))", "{{outcome}}"),
                    unit="events/s",
                    width=12,
                    stacked=True,
                ),
                series(
                    Text("副本的份额", "Share of copies"),
                    Text(
                        "另一个 Alertmanager 已送来的告警所占份额；上升说明它们互相听不到。",
                        "Of all alerts, those that another Alertmanager had sent already; when it rises they do not hear each other.",
                    ),
                    Query(
                        f'sum(rate(kunobs_noc_alerts_total{{outcome="copy", {_I}}}[$__rate_interval]))'
                        f" / sum(rate(kunobs_noc_alerts_total{{{_I}}}[$__rate_interval]))"
                    ),
                    unit="ratio",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("出去", "Out"),
            (
                series(
                    Text("发给服务商的请求", "Requests to providers"),
                    Text(
                        "每秒的请求按结果；retry 会再试，permanent 不再试。",
                        "Per second by how they went; retry is tried again, permanent is not.",
                    ),
                    Query(
                        f"sum by (outcome) (rate(kunobs_noc_attempts_total{{{_C}}}[$__rate_interval]))", "{{outcome}}"
                    ),
                    unit="requests/s",
                    stacked=True,
                ),
                series(
                    Text("请求的时间", "Time of a request"),
                    Text(
                        "服务商回答要多久，所有选中的渠道合计。",
                        "How long providers take to answer, all chosen channels together.",
                    ),
                    Query(f"histogram_quantile(0.5, sum by (le) ({_ATTEMPTS}))", "p50"),
                    Query(f"histogram_quantile(0.99, sum by (le) ({_ATTEMPTS}))", "p99"),
                    unit="seconds",
                ),
                series(
                    Text("在等的消息", "Messages that wait"),
                    Text(
                        "该发或正在发的请求，前 15 个渠道；一直升是服务商的限额不够。",
                        "Requests due or under way, the top 15 channels; a steady rise means a provider's limit is too small.",
                    ),
                    Query(f"topk(15, max by (channel) (kunobs_noc_messages_waiting{{{_C}}}))", "{{channel}}"),
                ),
            ),
        ),
        Row(
            Text("渠道和心跳", "Channels and heartbeats"),
            (
                states(
                    Text("渠道的状态", "State of each channel"),
                    Text(
                        "失败：中继自己的告警开着；tenant 代表租户自己的所有渠道。",
                        "fails: the relay's own alert about it is open; tenant stands for all of the tenants' own.",
                    ),
                    f"max by (channel) (kunobs_noc_failing{{{_C}}})",
                    "{{channel}}",
                    _CHANNEL,
                    height=8,
                ),
                table(
                    Text("一小时内没发成的请求", "Requests that failed in an hour"),
                    Text(
                        "按渠道和结果，最多的 20 行；原因在中继的日志里。",
                        "By channel and outcome, the largest 20; the relay's log says why.",
                    ),
                    Query(
                        "topk(20, sum by (channel, outcome)"
                        f' (increase(kunobs_noc_attempts_total{{outcome=~"partial|retry|permanent", {_C}}}[1h])))'
                    ),
                ),
                bars(
                    Text("最慢的渠道", "Slowest channels"),
                    Text(
                        "99% 的请求在这个时间内得到回答，前 15 名。",
                        "99% of the channel's requests are answered within it, the top 15.",
                    ),
                    f"topk(15, histogram_quantile(0.99, sum by (channel, le) ({_ATTEMPTS})))",
                    "{{channel}}",
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("心跳", "Heartbeats by state"),
                    Text(
                        "Prometheus、Alertmanager 和任务；late 快要叫人，down 已叫人，paused 被人停用。",
                        "Prometheus, Alertmanagers and jobs; late will soon call people, down did, paused was set aside by somebody.",
                    ),
                    Query(f"max by (state) (kunobs_noc_heartbeats{{{_I}}})", "{{state}}"),
                    width=12,
                    stacked=True,
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(
        Variable("instance", "kunobs_noc_storms", Text("中继", "Relay")),
        Variable("channel", "kunobs_noc_messages_waiting", Text("渠道", "Channel")),
    ),
    tags=("noc",),
)
