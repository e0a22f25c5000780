"""Alerts on the NOC relay: whether alerts get in and messages get out. Its own outage is told by whoever misses its ping."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

SIGNALS = (
    Signal(
        alert="KunNocDown",
        severity="critical",
        expr='max by (instance) (up{job="kunobs-noc"})',
        comparison="==",
        threshold=0,
        wait="3m",
        keep="5m",
        title=Text("NOC 中继 {instance} 不在了", "The NOC relay {instance} is gone"),
        description=Text("抓取它失败，up 为 {value}。", "It cannot be scraped, up is {value}."),
        impact=Text(
            "告警到不了人；Alertmanager 会重发，直到它回来。",
            "Alerts reach nobody; Alertmanager sends them again until it is back.",
        ),
        action=Text(
            "到它的机器上：systemctl status kunobs-noc; journalctl -u kunobs-noc -n 50。",
            "On its machine: systemctl status kunobs-noc; journalctl -u kunobs-noc -n 50.",
        ),
    ),
    Signal(
        alert="KunNocPostsRefused",
        severity="critical",
        expr=(
            'sum by (instance) (rate(kunobs_noc_posts_total{code=~"5.."}[5m]))'
            " / sum by (instance) (rate(kunobs_noc_posts_total[5m]))"
        ),
        comparison=">",
        threshold=0.5,
        unit="ratio",
        guard="and on (instance) sum by (instance) (increase(kunobs_noc_posts_total[5m])) > 5",
        wait="5m",
        title=Text("NOC 中继 {instance} 不收告警", "The NOC relay {instance} takes no alerts"),
        description=Text("{value} 的告警请求被答以 5xx。", "{value} of the posts of alerts were answered 5xx."),
        impact=Text(
            "新告警进不来，叫不到人；发送方会重试，但有的会放弃。",
            "New alerts do not get in and call nobody; senders try again, some give up.",
        ),
        action=Text(
            "问它为什么：curl -s http://{instance}/-/ready；多半是磁盘满或数据库不通。",
            "Ask it why: curl -s http://{instance}/-/ready; mostly its disk is full or its database away.",
        ),
    ),
    Signal(
        alert="KunNocMessagesLate",
        severity="critical",
        expr="max by (instance) (kunobs_noc_oldest_due_seconds)",
        comparison=">",
        threshold=300,
        unit="seconds",
        # A tenant's own receiver that hangs is no reason to wake the platform.
        guard='and on (instance) sum by (instance) (kunobs_noc_messages_waiting{channel!="tenant"}) > 0',
        wait="3m",
        keep="5m",
        title=Text("NOC 中继 {instance} 的消息发不出去", "Messages of the NOC relay {instance} do not go out"),
        description=Text("最旧的消息该发而未发已有 {value}。", "The oldest message has been due for {value}."),
        impact=Text("值班的人没被叫到。", "People on call are not told."),
        action=Text(
            "打开 /board 看开着的事件，直接打电话；再看它的日志里哪个渠道在等。",
            "Open /board, call people about what is open yourself, then see in its log which channel waits.",
        ),
    ),
    Signal(
        alert="KunNocChannelFailing",
        severity="warning",
        expr='max by (instance, channel) (kunobs_noc_failing{channel!="tenant"})',
        comparison=">",
        threshold=0,
        wait="5m",
        keep="5m",
        title=Text("渠道 {channel} 坏了", "The channel {channel} fails"),
        description=Text(
            "中继 {instance} 判定它失败，标志为 {value}。",
            "The relay {instance} says that it fails, its mark is {value}.",
        ),
        impact=Text(
            "消息改走别的渠道，会慢；没有别的渠道的人收不到。",
            "Messages go other ways and later; who has no other way gets none.",
        ),
        action=Text("问服务商：kunobs noc check --online。", "Ask the providers: kunobs noc check --online."),
    ),
    Signal(
        alert="KunNocAttemptsFailing",
        severity="warning",
        expr=(
            'sum by (instance, channel) (rate(kunobs_noc_attempts_total{channel!="tenant",outcome=~"retry|permanent"}[30m]))'
            " / sum by (instance, channel) (rate(kunobs_noc_attempts_total[30m]))"
        ),
        comparison=">",
        threshold=0.2,
        unit="ratio",
        guard=(
            "and on (instance, channel) sum by (instance, channel) (increase(kunobs_noc_attempts_total[30m])) > 10"
            " unless on (instance, channel) max by (instance, channel) (kunobs_noc_failing) == 1"
        ),
        keep="5m",
        title=Text("渠道 {channel} 常发不出去", "Many messages of the channel {channel} fail"),
        description=Text(
            "半小时内 {value} 的请求失败（中继 {instance}）。",
            "{value} of its requests failed in half an hour (relay {instance}).",
        ),
        impact=Text("消息重试或改走别的渠道，会慢。", "Messages are tried again or go other ways, and come later."),
        action=Text(
            "在中继日志里找 an attempt failed 的原因：限流、密钥过期或收件人已离职。",
            "Look for 'an attempt failed' in the relay's log: rate limits, an expired secret, or people who left.",
        ),
    ),
    Signal(
        alert="KunNocMessagesWaiting",
        severity="warning",
        expr='max by (instance, channel) (kunobs_noc_messages_waiting{channel!="tenant"})',
        comparison=">",
        threshold=100,
        wait="10m",
        title=Text("渠道 {channel} 排队", "Messages queue up for the channel {channel}"),
        description=Text("中继 {instance} 上有 {value} 条在等。", "{value} wait on the relay {instance}."),
        impact=Text(
            "不紧急的消息会合并、变晚。", "What is not critical is gathered into fewer messages, and comes later."
        ),
        action=Text(
            "看是不是告警太多：kunobs_noc_incidents；或服务商的限额太小。",
            "See whether there are too many alerts: kunobs_noc_incidents; or the provider's limit is too small.",
        ),
    ),
    Signal(
        alert="KunNocPostsSlow",
        severity="warning",
        expr="histogram_quantile(0.99, sum by (instance, le) (rate(kunobs_noc_post_duration_seconds_bucket[10m])))",
        comparison=">",
        threshold=2,
        unit="seconds",
        guard="and on (instance) sum by (instance) (increase(kunobs_noc_post_duration_seconds_count[10m])) > 20",
        wait="10m",
        title=Text("NOC 中继 {instance} 收告警慢", "The NOC relay {instance} takes alerts slowly"),
        description=Text(
            "99% 的请求在 {value} 内得到回答，其中包括写盘。",
            "99% of the posts are answered within {value}, the write to disk included.",
        ),
        impact=Text(
            "发送方会超时重发；再慢就收不进来。",
            "Senders run into their time-outs and send again; slower still, nothing gets in.",
        ),
        action=Text(
            "看这台机器的磁盘延迟：iostat -x 5。",
            "Look at the latency of its machine's disk: iostat -x 5.",
        ),
    ),
    Signal(
        alert="KunNocHeartbeatsDown",
        severity="info",
        expr='max by (instance) (kunobs_noc_heartbeats{state="down"})',
        comparison=">",
        threshold=0,
        wait="5m",
        title=Text("有心跳停了", "Heartbeats are down"),
        description=Text(
            "中继 {instance} 没听到 {value} 个心跳。", "The relay {instance} does not hear {value} heartbeats."
        ),
        impact=Text(
            "某个 Prometheus、Alertmanager 或任务没有动静；中继已自行叫人。",
            "A Prometheus, an Alertmanager or a job is silent; the relay itself calls people about it.",
        ),
        action=Text("看是哪些：kunobs noc heartbeats list。", "See which: kunobs noc heartbeats list."),
    ),
    Signal(
        alert="KunNocReloadFailed",
        severity="warning",
        expr='sum by (instance) (increase(kunobs_noc_reloads_total{result="failed"}[15m]))',
        comparison=">",
        threshold=0,
        keep="15m",
        title=Text(
            "NOC 中继 {instance} 的新配置没有生效", "The NOC relay {instance} did not take its new configuration"
        ),
        description=Text(
            "15 分钟内 {value} 次重载失败，旧配置还在用。",
            "{value} reloads failed in 15 minutes, the old configuration is in force.",
        ),
        impact=Text("改过的值班、渠道和路由不起作用。", "Changes of schedules, channels and routes have no effect."),
        action=Text(
            "看错在哪里：kunobs noc check -c /etc/kunobs/kunobs.yaml；改好后 kunobs noc reload。",
            "See what is wrong: kunobs noc check -c /etc/kunobs/kunobs.yaml; once it is mended kunobs noc reload.",
        ),
    ),
    Signal(
        alert="KunNocStormLong",
        severity="warning",
        expr="max by (instance) (kunobs_noc_storms)",
        comparison=">",
        threshold=0,
        wait="2h",
        title=Text("告警风暴两小时没有结束", "A storm of alerts has lasted for two hours"),
        description=Text("中继 {instance} 上有 {value} 场风暴。", "{value} storms are open on the relay {instance}."),
        impact=Text(
            "新事件只上看板，不单独叫人。", "New incidents stand on the board only and call nobody of their own."
        ),
        action=Text(
            "打开 /board 处理或静默源头：kunobs noc silence add MATCHERS --for 2h --comment WHY。",
            "Open /board, mend what it comes from or silence it: kunobs noc silence add MATCHERS --for 2h --comment WHY.",
        ),
    ),
)
