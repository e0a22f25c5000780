"""Alerts on the way of alerts: from Prometheus to the Alertmanagers, their cluster, and whether what they send arrives."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

_FAILED = "sum by (integration) (increase(alertmanager_notifications_failed_total[15m]))"
_FAILED_SHARE = f"{_FAILED} / sum by (integration) (increase(alertmanager_notifications_total[15m]))"

SIGNALS = (
    Signal(
        alert="KunPrometheusNoAlertmanager",
        severity="warning",
        expr="min by (instance) (prometheus_notifications_alertmanagers_discovered)",
        comparison="==",
        threshold=0,
        wait="10m",
        title=Text("Prometheus {instance} 找不到 Alertmanager", "Prometheus {instance} knows no Alertmanager"),
        description=Text("它的服务发现里一个都没有。", "Its service discovery finds none."),
        impact=Text("它的告警没有人收到；另一个副本还在发。", "Nobody gets its alerts; its sibling still sends."),
        action=Text(
            "看 alerting.alertmanagers 的配置和 Endpoints。", "Look at alerting.alertmanagers and the endpoints."
        ),
    ),
    Signal(
        alert="KunPrometheusNotificationErrors",
        severity="warning",
        expr=(
            "sum by (instance, alertmanager) (rate(prometheus_notifications_errors_total[5m])) / ("
            "sum by (instance, alertmanager) (rate(prometheus_notifications_errors_total[5m]))"
            " + sum by (instance, alertmanager) (rate(prometheus_notifications_sent_total[5m])))"
        ),
        comparison=">",
        # 2.42 counts an error once for up to 64 alerts, and what failed as sent too; from 3.10 on that is not sent.
        threshold=0.01,
        unit="ratio",
        wait="15m",
        title=Text("发往 {alertmanager} 的告警出错", "Alerts to {alertmanager} fail"),
        description=Text(
            "{instance} 发送时至少 {value} 出错。", "At least {value} of what {instance} sends there fails."
        ),
        impact=Text(
            "若其他 Alertmanager 也这样，告警就到不了人。",
            "If the other Alertmanagers fail as well, alerts reach nobody.",
        ),
        action=Text("curl -s {alertmanager} 看它是否应答。", "See whether it answers: curl -s {alertmanager}"),
    ),
    Signal(
        alert="KunPrometheusNotificationsDropped",
        severity="warning",
        # From 3.10 on each Alertmanager has a count of its own: where one takes them, nothing is lost.
        expr="min by (instance) (increase(prometheus_notifications_dropped_total[5m]))",
        comparison=">",
        threshold=0,
        # At its start it may drop some, before it has found an Alertmanager.
        wait="10m",
        keep="10m",
        title=Text("Prometheus {instance} 丢弃告警", "Prometheus {instance} drops alerts"),
        description=Text(
            "五分钟里 {value} 条一个 Alertmanager 都没送到。", "{value} alerts in five minutes reached no Alertmanager."
        ),
        impact=Text("这个副本的告警到不了人。", "The alerts of this replica reach nobody."),
        action=Text(
            "看 Alertmanager 是否在线，Prometheus 到它们的网络是否通。",
            "See whether the Alertmanagers are up and can be reached from Prometheus.",
        ),
    ),
    Signal(
        alert="KunAlertmanagerReplicaMissing",
        severity="warning",
        expr='clamp_min(count by (job) (up{job="alertmanager"}), 2) - on (job) sum by (job) (up)',
        comparison=">",
        threshold=0,
        wait="10m",
        title=Text("Alertmanager 少了一个副本", "A replica of Alertmanager is missing"),
        description=Text("{job} 有 {value} 个不在。", "{value} of {job} are not up."),
        impact=Text(
            "冗余少了，全坏就没有人收到告警。", "There is less redundancy, and without any nobody gets any alert."
        ),
        action=Text("kubectl -n monitoring get pods -o wide", "kubectl -n monitoring get pods -o wide"),
    ),
    Signal(
        alert="KunAlertmanagerConfigReloadFailed",
        severity="warning",
        expr="min by (instance) (alertmanager_config_last_reload_successful)",
        comparison="==",
        threshold=0,
        wait="10m",
        title=Text(
            "Alertmanager {instance} 没能加载新配置", "Alertmanager {instance} could not load its new configuration"
        ),
        description=Text("它用上一份配置继续跑。", "It goes on with the one before."),
        impact=Text(
            "新的路由和接收人不生效；重启后它起不来。",
            "New routes and receivers do not take effect, and after a restart it will not start.",
        ),
        action=Text(
            "amtool check-config /etc/alertmanager/alertmanager.yml",
            "amtool check-config /etc/alertmanager/alertmanager.yml",
        ),
    ),
    Signal(
        alert="KunAlertmanagerConfigDiffers",
        severity="warning",
        expr='count by (job) (count_values by (job) ("config_hash", alertmanager_config_hash))',
        comparison=">",
        threshold=1,
        wait="20m",
        title=Text("各个 Alertmanager 的配置不同", "The Alertmanagers have different configurations"),
        description=Text("{job} 里有 {value} 份不同的配置。", "{job} has {value} different ones."),
        impact=Text(
            "同一条告警走哪条路由，取决于哪个先发。", "Which way an alert goes depends on which of them sends first."
        ),
        action=Text(
            "比较它们 /#/status 页上的配置，重新加载旧的那个。",
            "Compare the configurations on /#/status and reload the old one.",
        ),
    ),
    Signal(
        alert="KunAlertmanagerClusterSplit",
        severity="warning",
        expr=('count by (job) (up{job="alertmanager"} == 1) - min by (job) (alertmanager_cluster_members)'),
        comparison=">",
        threshold=0,
        wait="15m",
        title=Text("Alertmanager 集群分裂", "The Alertmanager cluster is split"),
        description=Text(
            "{job} 中有一个少看见 {value} 个在线的同伴。", "One of {job} sees {value} fewer peers than are up."
        ),
        impact=Text(
            "同一条告警会通知多次，静默只在一边有效。",
            "Alerts are sent more than once, and silences hold on one side only.",
        ),
        action=Text("看它们之间的 TCP 和 UDP 9094 是否通。", "See whether TCP and UDP 9094 pass between them."),
    ),
    Signal(
        alert="KunAlertmanagerPeersFailed",
        severity="info",
        expr="max by (instance) (alertmanager_cluster_failed_peers)",
        comparison=">",
        threshold=0,
        wait="30m",
        title=Text("Alertmanager {instance} 有失联的同伴", "Alertmanager {instance} has lost peers"),
        description=Text("{value} 个同伴连不上。", "{value} peers cannot be reached."),
        impact=Text(
            "若它们还在跑，通知会重复；换过 IP 的旧同伴六小时后自动忘掉。",
            "If they run, notifications repeat; a peer that only changed its address is forgotten after six hours.",
        ),
        action=Text(
            "amtool cluster show --alertmanager.url=http://localhost:9093",
            "amtool cluster show --alertmanager.url=http://localhost:9093",
        ),
    ),
    Signal(
        alert="KunAlertmanagerNotificationsFailing",
        severity="warning",
        expr=_FAILED_SHARE,
        comparison=">",
        threshold=0.05,
        guard=f"and on (integration) {_FAILED} > 2",
        unit="ratio",
        wait="5m",
        keep="10m",
        title=Text("{integration} 通知部分失败", "Some notifications by {integration} fail"),
        description=Text(
            "十五分钟里 {value} 的通知没有送达。", "{value} of the notifications of 15 minutes did not arrive."
        ),
        impact=Text("这些告警晚到或没人收到。", "These alerts come late or to nobody."),
        action=Text(
            "在 Alertmanager 的日志里找 Notify attempt failed。",
            "Look for “Notify attempt failed” in Alertmanager's log.",
        ),
    ),
    Signal(
        alert="KunAlertmanagerDeliveryDown",
        severity="critical",
        expr=_FAILED_SHARE,
        comparison=">",
        threshold=0.9,
        guard=f"and on (integration) {_FAILED} > 2",
        unit="ratio",
        wait="5m",
        keep="10m",
        title=Text("{integration} 通知几乎全部失败", "Nearly all notifications by {integration} fail"),
        description=Text(
            "十五分钟里 {value} 的通知没有送达。", "{value} of the notifications of 15 minutes did not arrive."
        ),
        impact=Text("走这条路的告警没有人收到。", "Nobody gets the alerts that go this way."),
        action=Text(
            "看接收端是否在线，凭据是否过期。",
            "See whether the receiver is up and whether its credentials have expired.",
        ),
    ),
)
