"""Alerts on Prometheus itself: targets that nobody else watches, its replicas, its rules and its storage."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

# Jobs of which every single target has an alert elsewhere.
_WATCHED = "alertmanager|blackbox|etcd|kubelet|kunobs-exporter|kunobs-noc|node|operators|probes|prometheus"
# Those and the jobs that have an alert elsewhere for when all of their targets are down.
_TOLD = f"{_WATCHED}|apiserver|coredns|istiod|kube-controller-manager|kube-scheduler|kunobs-fanout|kunobs-indexer"
# Jobs that tenants' pods and Services make, which may be none.
_TENANTS = "istio-proxy|probes|tenants"


def _increase(window: str, *metrics: str) -> str:
    """Of all these together, on each Prometheus."""
    return f"sum by (instance) ({' + '.join(f'increase({metric}[{window}])' for metric in metrics)})"


SIGNALS = (
    Signal(
        alert="KunWatchdog",
        severity="none",
        expr="vector(1)",
        comparison="==",
        threshold=1,
        title=Text("一个 Prometheus 在报平安", "A Prometheus says that it lives"),
        description=Text("这条告警一直触发，停了才是出事。", "This always fires; that it stops is the alarm."),
        impact=Text("没有它，没人知道告警这条路断了。", "Without it nobody knows that the way of alerts is cut."),
        action=Text("在中继的心跳里看哪个副本不响了。", "See which replica is silent in the relay's heartbeats."),
        # The external label is dropped on the way to the Alertmanagers, this one is not.
        labels=(
            (
                "prometheus",
                "{{ with $externalLabels.shard }}{{ . }}-{{ end }}{{ $externalLabels.replica }}",
            ),
        ),
    ),
    Signal(
        alert="KunTargetDown",
        severity="info",
        expr=f'avg by (job) (up{{job!~"{_WATCHED}"}})',
        comparison="<",
        threshold=0.9,
        unit="ratio",
        wait="15m",
        title=Text("{job} 的一部分采集目标不在", "Some targets of {job} are down"),
        description=Text("只有 {value} 的目标能采集。", "Only {value} of its targets can be scraped."),
        impact=Text(
            "少了的目标没有指标，靠这些指标的告警和图是瞎的。",
            "There are no metrics of the others: their alerts and panels are blind.",
        ),
        action=Text("在 Prometheus 的 /targets 页看它们的错误。", "Read their errors on Prometheus' page /targets."),
    ),
    Signal(
        alert="KunTargetsAllDown",
        severity="warning",
        # What discovery does not find any more has no `up`; within the day it had.
        expr=(
            f'(sum by (job) (up{{job!~"{_TENANTS}"}})'
            f' or 0 * max_over_time(count by (job) (up{{job!~"{_TENANTS}"}})[1d:10m]))'
        ),
        comparison="==",
        threshold=0,
        guard=f'unless on (job) count by (job) (up{{job=~"{_TOLD}"}})',
        wait="15m",
        title=Text("{job} 的采集目标一个都不在", "No target of {job} is up"),
        description=Text(
            "能采集的目标有 {value} 个，而一天内有过。",
            "It has {value} targets that can be scraped, and had some within a day.",
        ),
        impact=Text(
            "没有它的任何指标：靠这些指标的告警全是哑的。",
            "There are none of its metrics: all alerts on them are silent.",
        ),
        action=Text(
            "看 Prometheus 的 /targets 和 /service-discovery：程序停了，还是 Service、标签、密码改了；有意撤掉的，一天后自行恢复。",
            "See /targets and /service-discovery of Prometheus: the program stopped, or a Service, label or password was changed;"
            " after a wanted removal it ends by itself within a day.",
        ),
    ),
    Signal(
        alert="KunPrometheusReplicaMissing",
        severity="warning",
        expr='clamp_min(count by (job) (up{job=~"prometheus(-tenants-[0-9]+)?"}), 2) - on (job) sum by (job) (up)',
        comparison=">",
        threshold=0,
        wait="10m",
        title=Text("Prometheus 少了一个副本", "A replica of Prometheus is missing"),
        description=Text("{job} 有 {value} 个不在。", "{value} of {job} are not up."),
        impact=Text(
            "冗余少了，全坏就没有告警；它不在的这段时间没有历史。",
            "There is less redundancy, and without any there are no alerts; it has no history of the time it is away.",
        ),
        action=Text(
            "kubectl -n monitoring get pods -o wide，看它的节点和 HostPath 盘。",
            "kubectl -n monitoring get pods -o wide; look at its node and its HostPath disk.",
        ),
    ),
    Signal(
        alert="KunPrometheusConfigReloadFailed",
        severity="warning",
        expr="min by (instance) (prometheus_config_last_reload_successful)",
        comparison="==",
        threshold=0,
        wait="10m",
        title=Text(
            "Prometheus {instance} 没能加载新配置", "Prometheus {instance} could not load its new configuration"
        ),
        description=Text("它用上一份配置继续跑。", "It goes on with the one before."),
        impact=Text(
            "新的规则和采集目标不生效；重启后它起不来。",
            "New rules and targets do not take effect, and after a restart it will not start.",
        ),
        action=Text(
            "promtool check config /etc/prometheus/prometheus.yml",
            "promtool check config /etc/prometheus/prometheus.yml",
        ),
    ),
    Signal(
        alert="KunPrometheusNotIngesting",
        severity="warning",
        expr="sum by (instance) (rate(prometheus_tsdb_head_samples_appended_total[5m]))",
        comparison="==",
        threshold=0,
        wait="10m",
        title=Text("Prometheus {instance} 不再写入样本", "Prometheus {instance} appends no samples"),
        description=Text(
            "它在线，但五分钟里没有写入一个样本。", "It is up, and has appended no sample in five minutes."
        ),
        impact=Text(
            "它上面的告警和图都停了；由另一个副本发现。", "Its alerts and panels stand still; its sibling has noticed."
        ),
        action=Text(
            "看它的日志和磁盘：多半是磁盘满或没有采集目标。",
            "Look at its log and disk: mostly the disk is full or it has no targets.",
        ),
    ),
    Signal(
        alert="KunPrometheusReplicasDiverge",
        severity="warning",
        expr=(
            '1 - min by (job) (sum by (job, instance) (prometheus_tsdb_head_series{job=~"prometheus(-tenants-[0-9]+)?"}))'
            " / max by (job) (sum by (job, instance) (prometheus_tsdb_head_series))"
        ),
        comparison=">",
        threshold=0.1,
        unit="ratio",
        # A replica that has been away lacks the series that ended meanwhile, until the head is cut.
        wait="3h",
        title=Text("Prometheus 的两个副本不一致", "The replicas of Prometheus differ"),
        description=Text(
            "{job} 中一个比另一个少 {value} 的序列。", "One of {job} has {value} fewer series than the other."
        ),
        impact=Text(
            "同一张图在两个副本上不同；少的那个可能漏报。",
            "The same panel differs between them, and the one with fewer may miss alerts.",
        ),
        action=Text(
            "比较两边 /targets 的目标数和失败的目标。", "Compare the targets and failed targets of both on /targets."
        ),
    ),
    Signal(
        alert="KunPrometheusSeriesGrowing",
        severity="warning",
        expr=(
            "sum by (instance) (prometheus_tsdb_head_series)"
            " / sum by (instance) (quantile_over_time(0.1, prometheus_tsdb_head_series[1d]))"
        ),
        comparison=">",
        threshold=1.5,
        wait="30m",
        title=Text("Prometheus {instance} 的序列猛增", "The series of Prometheus {instance} grow fast"),
        description=Text("是过去一天低位的 {value} 倍。", "There are {value} times as many as at the day's low."),
        impact=Text(
            "内存跟着涨，会被 OOM 杀掉，重启还要重放 WAL。",
            "Its memory grows with them until it is killed, and then it replays its WAL.",
        ),
        action=Text(
            "topk(10, scrape_series_added) 找出是哪个任务，再限制它的标签。",
            "Find the job by topk(10, scrape_series_added), then limit its labels.",
        ),
    ),
    Signal(
        alert="KunPrometheusRuleFailures",
        severity="warning",
        expr="sum by (instance, rule_group) (increase(prometheus_rule_evaluation_failures_total[5m]))",
        comparison=">",
        threshold=0,
        wait="10m",
        keep="5m",
        title=Text("规则组 {rule_group} 算不出来", "Rules of group {rule_group} fail"),
        description=Text("{instance} 上五分钟失败 {value} 次。", "{value} failures in five minutes on {instance}."),
        impact=Text("这些规则的告警不会响。", "The alerts of these rules will not fire."),
        action=Text(
            "在 /rules 页看错误；多半是两边标签对不上。",
            "Read the error on /rules; mostly the labels of two sides do not match.",
        ),
    ),
    Signal(
        alert="KunPrometheusRulesMissed",
        severity="warning",
        expr="sum by (instance, rule_group) (increase(prometheus_rule_group_iterations_missed_total[10m]))",
        comparison=">",
        threshold=0,
        wait="15m",
        keep="5m",
        title=Text("规则组 {rule_group} 算得太慢", "Rule group {rule_group} is too slow"),
        description=Text(
            "{instance} 上十分钟漏了 {value} 轮。", "{instance} missed {value} evaluations in ten minutes."
        ),
        impact=Text("这组的告警来得晚，记录规则有空洞。", "Its alerts come late and its recorded series have holes."),
        action=Text(
            "在 /rules 页看哪条最慢，拆组或改写。",
            "See the slowest rule on /rules; split the group or rewrite the rule.",
        ),
    ),
    Signal(
        alert="KunPrometheusDiscoveryFailing",
        severity="warning",
        expr="sum by (instance, mechanism) (increase(prometheus_sd_refresh_failures_total[10m]))",
        comparison=">",
        threshold=5,
        wait="10m",
        keep="5m",
        title=Text("Prometheus 的 {mechanism} 服务发现失败", "Service discovery by {mechanism} fails"),
        description=Text(
            "{instance} 上十分钟失败 {value} 次。", "It failed {value} times in ten minutes on {instance}."
        ),
        impact=Text(
            "目标列表停在旧的：新 Pod 没有指标，走了的 Pod 报错。",
            "Its list of targets is old: new pods have no metrics, gone ones look down.",
        ),
        action=Text("从 Prometheus 的 Pod 里访问服务发现的地址。", "Ask the discovery's address from Prometheus' pod."),
    ),
    Signal(
        alert="KunPrometheusLimitsExceeded",
        severity="warning",
        expr=_increase(
            "15m",
            "prometheus_target_scrapes_exceeded_sample_limit_total",
            "prometheus_target_scrapes_exceeded_body_size_limit_total",
            "prometheus_target_scrape_pool_exceeded_target_limit_total",
            "prometheus_target_scrape_pool_exceeded_label_limits_total",
        ),
        comparison=">",
        threshold=0,
        wait="5m",
        keep="15m",
        title=Text("Prometheus {instance} 因超限丢弃采集", "Prometheus {instance} drops scrapes over a limit"),
        description=Text(
            "十五分钟里 {value} 次超过样本、大小、目标或标签的上限。",
            "{value} times in 15 minutes over a limit of samples, size, targets or labels.",
        ),
        impact=Text("超限的目标整个没有指标。", "A target over its limit has no metrics at all."),
        action=Text(
            "在 /targets 页找报 limit exceeded 的目标，让它少暴露，或调高上限。",
            "Find the targets with “limit exceeded” on /targets: have them expose less, or raise the limit.",
        ),
    ),
    Signal(
        alert="KunPrometheusDuplicateSamples",
        severity="info",
        expr=_increase("15m", "prometheus_target_scrapes_sample_duplicate_timestamp_total"),
        comparison=">",
        threshold=0,
        wait="15m",
        title=Text("有目标重复暴露同一序列", "Targets expose the same series twice"),
        description=Text(
            "{instance} 十五分钟里丢了 {value} 个样本。", "{instance} dropped {value} samples in 15 minutes."
        ),
        impact=Text("留下哪个值是随机的。", "Which of the values stays is a matter of luck."),
        action=Text(
            "在它的日志里找 duplicate timestamp，看是哪个目标。",
            "Look in its log for “duplicate timestamp” and the target.",
        ),
    ),
    Signal(
        alert="KunPrometheusStorageFailing",
        severity="warning",
        expr=_increase(
            "30m",
            "prometheus_tsdb_compactions_failed_total",
            "prometheus_tsdb_reloads_failures_total",
            "prometheus_tsdb_head_truncations_failed_total",
            "prometheus_tsdb_checkpoint_creations_failed_total",
        ),
        comparison=">",
        threshold=0,
        wait="10m",
        title=Text("Prometheus {instance} 整理数据块失败", "Prometheus {instance} cannot compact its blocks"),
        description=Text("半小时里失败 {value} 次。", "{value} failures in half an hour."),
        impact=Text(
            "内存和 WAL 一直涨，旧数据不再删除。", "Memory and WAL grow without end, and old data is not deleted."
        ),
        action=Text(
            "看日志里 compact 的错误和 HostPath 盘的剩余空间。",
            "Look for the compaction's error in its log and at the HostPath disk's space.",
        ),
    ),
    Signal(
        alert="KunPrometheusWALFailing",
        severity="warning",
        expr=_increase(
            "1h",
            "prometheus_tsdb_wal_corruptions_total",
            "prometheus_tsdb_wal_writes_failed_total",
            "prometheus_tsdb_wal_truncations_failed_total",
        ),
        comparison=">",
        threshold=0,
        title=Text("Prometheus {instance} 的 WAL 坏了", "The WAL of Prometheus {instance} is damaged"),
        description=Text("一小时里损坏或写失败 {value} 次。", "{value} corruptions or failed writes in an hour."),
        impact=Text(
            "最近几小时的样本可能丢失；另一个副本还有。", "Samples of the last hours may be lost; its sibling has them."
        ),
        action=Text(
            "看 dmesg 有没有盘的错误；盘好就不用管。",
            "Look at dmesg for errors of the disk; with none there is nothing to do.",
        ),
    ),
    Signal(
        alert="KunPrometheusStorageNearLimit",
        severity="info",
        expr=("max by (instance) (prometheus_tsdb_storage_blocks_bytes / (prometheus_tsdb_retention_limit_bytes > 0))"),
        comparison=">",
        threshold=0.9,
        unit="ratio",
        wait="1h",
        title=Text(
            "Prometheus {instance} 的数据快到大小上限", "The blocks of Prometheus {instance} near their size limit"
        ),
        description=Text("数据块占了上限的 {value}。", "Its blocks take {value} of their limit."),
        impact=Text(
            "到上限后按大小删旧块，历史比保留时间短。",
            "At the limit old blocks are deleted, and history is shorter than the retention time.",
        ),
        action=Text(
            "扩大盘和 retention.size，或缩短 retention.time。",
            "Enlarge the disk and retention.size, or shorten retention.time.",
        ),
    ),
    Signal(
        alert="KunPrometheusRemoteWriteBehind",
        severity="warning",
        # What was never sent has no such time: then it is that of the configuration.
        expr=(
            "time() - min by (instance, remote_name) (prometheus_remote_storage_queue_highest_sent_timestamp_seconds"
            " or 0 * prometheus_remote_storage_shards"
            " + on (job, instance) group_left () prometheus_config_last_reload_success_timestamp_seconds)"
        ),
        comparison=">",
        threshold=300,
        unit="seconds",
        wait="15m",
        title=Text("远程写 {remote_name} 落后", "Remote write {remote_name} is behind"),
        description=Text(
            "{instance} 最近送出的样本是 {value} 前的。", "The newest sample that {instance} has sent is {value} old."
        ),
        impact=Text(
            "长期存储里的数据是旧的；落后超过 WAL 的两小时就丢。",
            "Long-term storage is old; what is more than the WAL's two hours behind is lost.",
        ),
        action=Text(
            "看接收端是否慢，再看分片数是否到了 max_shards。",
            "See whether the receiver is slow, then whether the shards are at max_shards.",
        ),
    ),
    Signal(
        alert="KunPrometheusRemoteWriteFailing",
        severity="warning",
        expr=(
            "sum by (instance, remote_name) (rate(prometheus_remote_storage_samples_failed_total[5m]))"
            " / sum by (instance, remote_name) (rate(prometheus_remote_storage_samples_total[5m]))"
        ),
        comparison=">",
        threshold=0.01,
        unit="ratio",
        wait="15m",
        title=Text("远程写 {remote_name} 丢样本", "Remote write {remote_name} loses samples"),
        description=Text(
            "{instance} 送出的样本有 {value} 被拒绝且不再重试。",
            "{value} of what {instance} sends is refused and not tried again.",
        ),
        impact=Text("长期存储里永远缺这些样本。", "Long-term storage will never have these samples."),
        action=Text(
            "在日志里找 non-recoverable error，多半是乱序或超限。",
            "Look for “non-recoverable error” in its log: mostly order or limits.",
        ),
    ),
)
