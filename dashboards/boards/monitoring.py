"""Monitoring itself: what is scraped, the replicas of Prometheus and their rules, the Alertmanagers and what they send."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, Board, Query, Row, Step, Variable, bars, series, stat, states, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import SIGNALS

_J = 'job=~"$job"'
_P = 'instance=~"$prometheus"'
_RULES = f"{{{_P}}}[$__rate_interval]"
_WAY = "{{instance}} → {{alertmanager}}"
_ALONE = (("0", Text("没有", "none"), "red"), ("1", Text("只有自己", "alone"), "red"))

BOARD = Board(
    "kun-monitoring",
    Text("监控自身", "Monitoring itself"),
    Text(
        "采集目标、Prometheus 的副本和规则、Alertmanager 的集群和通知。",
        "Targets, the replicas of Prometheus and their rules, the Alertmanagers' cluster and notifications.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("Prometheus 副本", "Replicas of Prometheus"),
                    Text(
                        "这个 Prometheus 能采集到的副本数，它自己也算。",
                        "Those that this Prometheus can scrape, itself included.",
                    ),
                    'sum(up{job="prometheus"})',
                ),
                stat(
                    Text("看得见的 Alertmanager", "Alertmanagers in sight"),
                    Text(
                        "看见同伴最少的那个看见几个，它自己也算；应当是全部。",
                        "How many the one sees that sees the fewest, itself included; should be all of them.",
                    ),
                    "min(alertmanager_cluster_members)",
                ),
                stat(
                    Text("抓不到的目标", "Targets not scraped"),
                    Text(
                        "所选任务里上一次抓取失败的目标数。",
                        "Targets of the chosen jobs whose last scrape failed.",
                    ),
                    f"sum(1 - up{{{_J}}})",
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                stat(
                    Text("没加载的配置", "Configurations not loaded"),
                    Text(
                        "拒绝了新配置、还在用旧配置的 Prometheus 和 Alertmanager 数。",
                        "How many of Prometheus and the Alertmanagers refused their newest configuration and go on with an old one.",
                    ),
                    "sum(1 - (prometheus_config_last_reload_successful or alertmanager_config_last_reload_successful))",
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("每秒丢弃的告警", "Alerts dropped per second"),
                    Text(
                        "较差的副本没能送到任何 Alertmanager 的告警；大于 0 时只靠另一个副本，它也送不到就没人知道。",
                        "Alerts of the worse replica that reached no Alertmanager; above 0 only the other one tells of them, if it can.",
                    ),
                    f"max(rate(prometheus_notifications_dropped_total{{{_P}}}[$__rate_interval]))",
                    unit="events/s",
                ),
                stat(
                    Text("没听到的心跳", "Heartbeats not heard"),
                    Text(
                        "NOC 中继没有按时收到的心跳：整条路从规则到通知，由集群外面看。",
                        "Those that the NOC relay misses: the whole way from rule to notification, seen from outside the cluster.",
                    ),
                    'sum(max by (state) (kunobs_noc_heartbeats{state=~"late|down"}))',
                    steps=BAD_ABOVE_0,
                ),
            ),
        ),
        Row(
            Text("采集目标", "Targets"),
            (
                series(
                    Text("抓不到目标的任务", "Jobs with targets not scraped"),
                    Text(
                        "每个任务抓取失败的目标数，前 15 名；全好的不列。",
                        "How many targets of each job fail, the top 15; jobs without any are left out.",
                    ),
                    Query(f"topk(15, sum by (job) (1 - up{{{_J}}}) > 0)", "{{job}}"),
                    width=12,
                    stacked=True,
                ),
                table(
                    Text("现在抓不到的目标", "Who is not scraped now"),
                    Text(
                        "值是过去一小时里抓不到的份额，1 是整整一小时；最久的 20 个。",
                        "The value is the share of the last hour without metrics, 1 is all of it; the worst 20.",
                    ),
                    Query(f"topk(20, max by (job, instance) (1 - avg_over_time(up{{{_J}}}[1h]) and up{{{_J}}} == 0))"),
                    unit="ratio",
                ),
                series(
                    Text("最慢的抓取", "Slowest scrapes"),
                    Text(
                        "每个任务最慢的目标的抓取时间，前 15 名；到抓取超时为止，然后失败。",
                        "How long the slowest target of each job takes, the top 15; at the scrape's timeout it fails.",
                    ),
                    Query(f"topk(15, max by (job) (scrape_duration_seconds{{{_J}}}))", "{{job}}"),
                    unit="seconds",
                ),
                bars(
                    Text("样本最多的任务", "Jobs with the most samples"),
                    Text(
                        "一轮抓取经重写规则后留下的样本，前 15 名：谁占着 Prometheus 的内存。",
                        "What is left of one round of scrapes after relabelling, the top 15: who takes Prometheus' memory.",
                    ),
                    f"topk(15, sum by (job) (scrape_samples_post_metric_relabeling{{{_J}}}))",
                    "{{job}}",
                ),
                series(
                    Text("新序列最多的任务", "Jobs with the most new series"),
                    Text(
                        "每轮抓取新出现的序列，十五分钟平均，前 15 名；一直高是标签在变。",
                        "Series that are new in a round of scrapes, mean of 15 minutes, the top 15; when it stays high labels change all the time.",
                    ),
                    Query(
                        f"topk(15, sum by (job) (avg_over_time(scrape_series_added{{{_J}}}[15m])))",
                        "{{job}}",
                    ),
                ),
            ),
        ),
        Row(
            Text("Prometheus 的副本和规则", "Replicas of Prometheus and their rules"),
            (
                series(
                    Text("内存里的序列", "Series in memory"),
                    Text(
                        "每个副本的活跃序列；两条线应当重合，一起往上走就是内存要不够。",
                        "Those of each replica; the lines should be one, and when they rise together memory runs short.",
                    ),
                    Query(f"sum by (instance) (prometheus_tsdb_head_series{{{_P}}})", "{{instance}}"),
                    width=12,
                ),
                series(
                    Text("失败和漏掉的规则", "Rules failed and missed"),
                    Text(
                        "每秒算不出的规则和因太慢而漏掉的轮次，取较差的副本，各前 15 个规则组。",
                        "Rules per second that fail, and evaluations left out because a group is too slow, on the worse replica; the top 15 groups of each.",
                    ),
                    Query(
                        f"topk(15, max by (rule_group) (rate(prometheus_rule_evaluation_failures_total{_RULES})))",
                        Text("失败 {{rule_group}}", "failed {{rule_group}}"),
                    ),
                    Query(
                        f"topk(15, max by (rule_group) (rate(prometheus_rule_group_iterations_missed_total{_RULES})))",
                        Text("漏掉 {{rule_group}}", "missed {{rule_group}}"),
                    ),
                    unit="events/s",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("从告警到通知", "From alert to notification"),
            (
                series(
                    Text("发往 Alertmanager 的告警", "Alerts to Alertmanagers"),
                    Text(
                        "每个副本每秒送往每个 Alertmanager 的告警和出错的请求；各条发送线应当相近。",
                        "What each replica sends to each Alertmanager per second, and its requests that fail; the lines of what is sent should be alike.",
                    ),
                    *(
                        Query(
                            f"sum by (instance, alertmanager) (rate(prometheus_notifications_{name}_total{{{_P}}}[$__rate_interval]))",
                            Text(f"{word.zh} {_WAY}", f"{word.en} {_WAY}"),
                        )
                        for name, word in (("sent", Text("送出", "sent")), ("errors", Text("出错", "failed")))
                    ),
                    unit="events/s",
                ),
                states(
                    Text("Alertmanager 的集群", "The Alertmanagers' cluster"),
                    Text(
                        "每个 Alertmanager 看见的成员数，它自己也算；各行的数字应当相同。",
                        "Members that each Alertmanager sees, itself included; the number should be the same in all lines.",
                    ),
                    "min by (instance) (alertmanager_cluster_members)",
                    "{{instance}}",
                    _ALONE,
                    width=8,
                    height=8,
                ),
                series(
                    Text("通知", "Notifications"),
                    Text(
                        "所有 Alertmanager 每秒试过的通知，和失败的及其原因。",
                        "What all Alertmanagers together try to send per second, and what fails and why.",
                    ),
                    Query(
                        "sum by (integration) (rate(alertmanager_notifications_total[$__rate_interval])) > 0",
                        "{{integration}}",
                    ),
                    Query(
                        "sum by (integration, reason)"
                        " (rate(alertmanager_notifications_failed_total[$__rate_interval])) > 0",
                        Text("失败 {{integration}} {{reason}}", "failed {{integration}} {{reason}}"),
                    ),
                    unit="events/s",
                ),
            ),
        ),
        alert_row((*SIGNALS.get("monitoring", ()), *SIGNALS.get("prometheus", ()), *SIGNALS.get("alertmanager", ()))),
    ),
    variables=(
        Variable("job", "up", Text("任务", "Job")),
        Variable("prometheus", "prometheus_tsdb_head_series", Text("Prometheus", "Prometheus"), label="instance"),
    ),
    tags=("self",),
)
