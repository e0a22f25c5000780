"""For whoever is on call: what fires, whether the relay gets it out, who is silent, what is late."""

from __future__ import annotations

from dashboards.model import UP_DOWN, Board, Query, Row, Step, bars, series, stat, states, table
from kunobs.catalogue.signal import Text

_FIRING = 'ALERTS{alertstate="firing", severity=~"critical|warning|info"}'
_LIVE = 'topic!~".*kun[.]replay[.].*"'
_ANY = (Step(None, "green"), Step(1, "orange"))
_CHANNEL = (("0", Text("正常", "works"), "green"), ("1", Text("失败", "fails"), "red"))

BOARD = Board(
    "kun-oncall",
    Text("值班", "On call"),
    Text(
        "现在什么在响、消息发出去没有、谁没有心跳、什么晚了。",
        "What fires now, whether messages go out, whose heartbeat is missing, what is late.",
    ),
    (
        Row(
            Text("现在在响", "What fires"),
            (
                stat(
                    Text("在响的告警", "Alerts that fire"),
                    Text(
                        "Prometheus 里按严重程度的告警数；没有数字就是没有在响。",
                        "By severity, as Prometheus counts them; no number means that none fires.",
                    ),
                    f"sum by (severity) ({_FIRING})",
                    legend="{{severity}}",
                    width=8,
                    steps=_ANY,
                ),
                stat(
                    Text("开着的事件", "Open incidents"),
                    Text(
                        "中继把告警合成的事件，按严重程度；比告警少是正常的。",
                        "What the relay has made of the alerts, by severity; fewer than alerts is normal.",
                    ),
                    "max by (severity) (kunobs_noc_incidents)",
                    legend="{{severity}}",
                    width=8,
                ),
                stat(
                    Text("发晚的消息", "Messages are late by"),
                    Text(
                        "最旧的该发而未发的消息晚了多久；0 是没有。",
                        "How long the oldest message has been due; at 0 none is late.",
                    ),
                    "max(kunobs_noc_oldest_due_seconds)",
                    unit="seconds",
                    steps=(Step(None, "green"), Step(60, "yellow")),
                ),
                stat(
                    Text("告警风暴", "Alert storms"),
                    Text(
                        "大于 0 时新事件只上中继的看板，不单独叫人。",
                        "Above 0 new incidents stand on the relay's board only and call nobody of their own.",
                    ),
                    "max(kunobs_noc_storms)",
                    steps=_ANY,
                ),
                table(
                    Text("在响的种类", "Alerts by kind"),
                    Text(
                        "最多的 50 种，值是同种告警的条数；owner 说由平台还是租户处理。",
                        "The 50 most frequent, with the number of alerts that are alike; owner says whether platform or tenant acts.",
                    ),
                    Query(f"topk(50, sum by (severity, component, alertname, namespace, owner) ({_FIRING}))"),
                    width=16,
                ),
                bars(
                    Text("哪个系统在响", "Alerts by component"),
                    Text(
                        "告警最多的 15 个系统；只有一个时从它的看板看起。",
                        "The 15 systems with the most; where it is one alone, go on with its dashboard.",
                    ),
                    f"topk(15, sum by (component) ({_FIRING}))",
                    "{{component}}",
                ),
            ),
        ),
        Row(
            Text("中继", "The relay"),
            (
                states(
                    Text("中继在不在", "Relay up or down"),
                    Text(
                        "Prometheus 能不能抓到中继；中断时消息发不出去，直接看 Alertmanager。",
                        "Whether Prometheus can scrape the relay; while it is down no message goes out: look into Alertmanager.",
                    ),
                    'max by (instance) (up{job="kunobs-noc"})',
                    "{{instance}}",
                    UP_DOWN,
                    width=8,
                    height=8,
                ),
                series(
                    Text("进来的告警", "Alerts that came in"),
                    Text(
                        "每秒的告警按做了什么：opened 开新事件，joined 并入，resolved 解除。",
                        "Per second by what they did: opened an incident, joined one, resolved and so on.",
                    ),
                    Query("sum by (outcome) (rate(kunobs_noc_alerts_total[$__rate_interval]))", "{{outcome}}"),
                    unit="events/s",
                    stacked=True,
                ),
                series(
                    Text("收告警的回答", "Answers to posts of alerts"),
                    Text(
                        "每秒的请求按状态；5xx 是没写进盘，发送方会再发。",
                        "Posts per second by status; 5xx were not written to disk, the sender tries again.",
                    ),
                    Query("sum by (code) (rate(kunobs_noc_posts_total[$__rate_interval]))", "{{code}}"),
                    unit="requests/s",
                    stacked=True,
                ),
            ),
        ),
        Row(
            Text("告诉谁", "Who is told"),
            (
                series(
                    Text("发出的消息", "Messages sent"),
                    Text(
                        "每秒发给服务商的请求，按渠道和结果，前 15 名；retry 会再发，permanent 改走别的渠道。",
                        "Requests to providers per second by channel and outcome, the top 15; retry is sent again, permanent goes another way.",
                    ),
                    Query(
                        "topk(15, sum by (channel, outcome) (rate(kunobs_noc_attempts_total[$__rate_interval])))",
                        "{{channel}} {{outcome}}",
                    ),
                    unit="requests/s",
                ),
                states(
                    Text("渠道", "Channels"),
                    Text(
                        "中继判定失败的渠道；其间消息走别的渠道。",
                        "Those that the relay says fail; meanwhile messages go other ways.",
                    ),
                    "max by (channel) (kunobs_noc_failing)",
                    "{{channel}}",
                    _CHANNEL,
                    width=8,
                    height=8,
                ),
                series(
                    Text("在等的消息", "Messages that wait"),
                    Text(
                        "各渠道该发或正在发的请求，前 15 名；多了就是限流或风暴。",
                        "Requests of each channel that are due or under way, the top 15; many mean a rate limit or a storm.",
                    ),
                    Query("topk(15, max by (channel) (kunobs_noc_messages_waiting))", "{{channel}}"),
                ),
            ),
        ),
        Row(
            Text("谁没声音，什么晚了", "Who is silent, what is late"),
            (
                series(
                    Text("心跳", "Heartbeats"),
                    Text(
                        "按状态的心跳数；down 的 Prometheus 或 Alertmanager 发不出告警。",
                        "By state; a Prometheus or Alertmanager that is down raises no alerts.",
                    ),
                    Query("max by (state) (kunobs_noc_heartbeats)", "{{state}}"),
                    width=12,
                ),
                series(
                    Text("日志管道落后", "The log pipeline is behind by"),
                    Text(
                        "fanout 和 indexer 最旧的未完成日志的年龄，重放不算。",
                        "Age of the oldest log that fanout and indexer have not finished, replays left out.",
                    ),
                    Query(f"max(kunobs_fanout_lag_seconds{{{_LIVE}}})", "fanout"),
                    Query(f"max(kunobs_indexer_lag_seconds{{{_LIVE}}})", "indexer"),
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("落后最多的消费组", "Groups that are most behind"),
                    Text(
                        "最旧的未读消息的年龄，前 10 名；只有一个落后多半是租户的事。",
                        "Age of the oldest unread message, the top 10; a single one is mostly its tenant's.",
                    ),
                    Query(
                        "topk(10, max by (kafka_cluster, namespace, group) (kunobs_kafka_group_lag_seconds))",
                        "{{kafka_cluster}} {{namespace}} {{group}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("搜索里最不新鲜的", "Least fresh in the search"),
                    Text(
                        "命名空间的主题比它的索引新多少，前 10 名；很多一起涨就是 indexer 或 Elasticsearch。",
                        "How much newer a namespace's topic is than its index, the top 10; many that rise together: the indexer or Elasticsearch.",
                    ),
                    Query(
                        "topk(10, max by (namespace) (kunobs_logs_last_message_timestamp_seconds)"
                        " - max by (namespace) (kunobs_logs_last_event_timestamp_seconds))",
                        "{{namespace}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
            ),
        ),
    ),
    tags=("alerts",),
    refresh="30s",
)
