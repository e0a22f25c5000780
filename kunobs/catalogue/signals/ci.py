"""Alerts on CI: GitLab's jobs, queues, image builds and deployments, what kunobs hears of them, and the runners themselves."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

SIGNALS = (
    Signal(
        alert="KunCiJobsFailing",
        severity="warning",
        expr=(
            'sum by (namespace) (rate(kunobs_ci_jobs_total{status="failed"}[1h])) '
            '/ sum by (namespace) (rate(kunobs_ci_jobs_total{status=~"failed|success"}[1h]))'
        ),
        comparison=">",
        threshold=0.5,
        guard='and on (namespace) sum by (namespace) (increase(kunobs_ci_jobs_total{status="failed"}[1h])) > 10',
        unit="ratio",
        wait="10m",
        title=Text("{namespace} 的构建大多失败", "Most jobs of {namespace} fail"),
        description=Text("过去一小时 {value} 的作业失败。", "{value} of the jobs of the last hour failed."),
        impact=Text("这个命名空间的发布多半卡住。", "Releases of this namespace are mostly stuck."),
        action=Text(
            "在 GitLab 里看最近失败的作业，先找共同的原因：依赖源、凭据、镜像。",
            "Look at the last failed jobs in GitLab for what they share: a mirror, a credential, an image.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunCiQueueSlow",
        severity="warning",
        expr="histogram_quantile(0.95, sum by (namespace, le) (rate(kunobs_ci_job_queue_seconds_bucket[30m])))",
        comparison=">",
        threshold=300,
        guard="and on (namespace) sum by (namespace) (increase(kunobs_ci_job_queue_seconds_count[30m])) > 10",
        unit="seconds",
        wait="10m",
        title=Text("{namespace} 的作业排队久", "Jobs of {namespace} queue for long"),
        description=Text(
            "过去 30 分钟有 5% 的作业排队超过 {value}。",
            "In the last 30 minutes 5% of its jobs queued for more than {value}.",
        ),
        impact=Text("每条流水线都慢这么多。", "Every pipeline gets that much slower."),
        action=Text(
            "看 runner 是否占满；占满就加 concurrent 或节点。",
            "See whether the runners are full; if so raise concurrent or add nodes.",
        ),
    ),
    Signal(
        alert="KunCiRunnersFull",
        severity="warning",
        expr="max by (runners) (kunobs_ci_runner_saturation_ratio)",
        comparison=">",
        threshold=0.95,
        guard="and on () sum(kunobs_ci_jobs_pending) > 0",
        unit="ratio",
        wait="15m",
        title=Text("runner {runners} 占满", "The runners {runners} are full"),
        description=Text("槽位用了 {value}，而有作业在等。", "{value} of their slots are in use, and jobs wait."),
        impact=Text("新作业都要排队。", "All new jobs queue."),
        action=Text(
            "看谁的作业最多、有没有卡住的，再加 concurrent。",
            "See whose jobs are most and whether some hang, then raise concurrent.",
        ),
    ),
    Signal(
        alert="KunCiJobWaiting",
        severity="warning",
        expr="max by (namespace) (kunobs_ci_oldest_pending_seconds)",
        comparison=">",
        threshold=900,
        guard="unless on () max(kunobs_ci_runner_saturation_ratio) > 0.95",
        unit="seconds",
        wait="5m",
        title=Text("{namespace} 有作业没有 runner 接", "No runner takes a job of {namespace}"),
        description=Text(
            "最久的作业已等了 {value}，而 runner 没有占满。",
            "The job that waits for longest has waited {value} though runners have room.",
        ),
        impact=Text("它的流水线停在这里，直到超时。", "Its pipeline stands still until it times out."),
        action=Text(
            "在 GitLab 里看该作业的 tags 有没有在线的 runner。",
            "See in GitLab whether a runner with the job's tags is online.",
        ),
    ),
    Signal(
        alert="KunCiJobsLost",
        severity="info",
        expr="max by (namespace) (kunobs_ci_jobs_lost)",
        comparison=">",
        threshold=0,
        wait="1h",
        title=Text("{namespace} 有作业没了下文", "Nothing was heard of jobs of {namespace} for long"),
        description=Text(
            "{value} 个作业很久没有消息，结束时多半没有通知到。",
            "{value} jobs were told to wait or run and not to end.",
        ),
        impact=Text("它们不再计入等待和运行。", "They count no more as waiting or running."),
        action=Text(
            "看该项目的 webhook 是否被 GitLab 停用。", "See whether GitLab has disabled the project's webhook."
        ),
    ),
    Signal(
        alert="KunCiImageBuildSlow",
        severity="warning",
        expr="histogram_quantile(0.95, sum by (namespace, le) (rate(kunobs_ci_image_build_seconds_bucket[6h])))",
        comparison=">",
        threshold=900,
        guard="and on (namespace) sum by (namespace) (increase(kunobs_ci_image_build_seconds_count[6h])) > 5",
        unit="seconds",
        wait="30m",
        title=Text("{namespace} 的镜像构建慢", "Images of {namespace} build slowly"),
        description=Text(
            "过去 6 小时有 5% 的构建超过 {value}。", "In the last 6 hours 5% of its builds took more than {value}."
        ),
        impact=Text("发布等在构建上，runner 也被占住。", "Releases wait for it, and it holds runners."),
        action=Text(
            "看 Kaniko 的缓存有没有命中，基础镜像是否太大。",
            "See whether Kaniko's cache hits, and whether the base image is too large.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunCiWebhookGap",
        severity="warning",
        expr="max by (job) (kunobs_ci_webhook_gap_seconds)",
        comparison=">",
        threshold=5400,
        guard="and on (job) sum by (job) (kunobs_ci_jobs_running) > 0",
        unit="seconds",
        wait="5m",
        title=Text("GitLab 不再发 webhook", "GitLab sends no webhooks any more"),
        description=Text(
            "{job} 已有 {value} 没收到 webhook，而有作业该在跑。",
            "{job} has got none for {value} though jobs should be running.",
        ),
        impact=Text(
            "CI 的指标停在那时，其他告警也看不到新情况。",
            "What is known of CI is that old, and its other alerts are blind.",
        ),
        action=Text(
            "看 GitLab 的 webhook 页有没有 Disabled，再发一次 Test。",
            "Look for Disabled on GitLab's page of webhooks, then send a Test.",
        ),
    ),
    Signal(
        alert="KunCiWebhooksMissed",
        severity="warning",
        expr=(
            "sum by (namespace) (rate(kunobs_ci_jobs_recovered_total[2h])) "
            "/ sum by (namespace) (rate(kunobs_ci_jobs_total[2h]))"
        ),
        comparison=">",
        threshold=0.5,
        guard="and on (namespace) sum by (namespace) (increase(kunobs_ci_jobs_recovered_total[2h])) > 5",
        unit="ratio",
        wait="15m",
        title=Text("{namespace} 的 webhook 没有送到", "Webhooks of {namespace} do not arrive"),
        description=Text(
            "{value} 的作业结束是从 API 补查到的。", "The end of {value} of its jobs was found by asking the API."
        ),
        impact=Text(
            "它的数字最多晚半小时，排队时间不完整。",
            "Its numbers come up to half an hour late, and queue times are missing.",
        ),
        action=Text(
            "给它的项目配上 webhook，或重新启用被停用的。",
            "Give its projects a webhook, or enable the one that is disabled.",
        ),
    ),
    Signal(
        alert="KunCiReconcileOld",
        severity="warning",
        expr="time() - max by (job) (kunobs_ci_reconciled_timestamp_seconds)",
        comparison=">",
        threshold=21600,
        guard="and on (job) sum by (job) (increase(kunobs_ci_jobs_recovered_total[5h])) > 0",
        unit="seconds",
        wait="1h",
        title=Text("CI 的补查做不完", "CI's reconcile does not get done"),
        description=Text(
            "{job} 上次完整的补查开始于 {value} 前，之后又发现了漏掉的作业。",
            "The last whole round of {job} began {value} ago, and missed jobs were found since.",
        ),
        impact=Text("漏掉的作业没有补全，成败和次数都偏少。", "Missed jobs stay missing, so all counts are too low."),
        action=Text(
            "看 token 的权限和 GitLab 的限流，项目多时调高 max_requests。",
            "Look at the token's rights and GitLab's rate limit; with many projects raise max_requests.",
        ),
    ),
    Signal(
        alert="KunCiWebhooksRefused",
        severity="warning",
        expr='round(sum by (outcome) (increase(kunobs_ci_webhooks_total{outcome=~"malformed|refused|unavailable"}[15m])))',
        comparison=">",
        threshold=3,
        title=Text("GitLab 的 webhook 被退回", "GitLab's webhooks are turned away"),
        description=Text(
            "15 分钟内有 {value} 个的结果是 {outcome}。", "{value} of the last 15 minutes ended as {outcome}."
        ),
        impact=Text(
            "这些事件没有计入；连续失败时 GitLab 会停用 webhook。",
            "They are not counted, and GitLab disables a webhook that fails on and on.",
        ),
        action=Text(
            "refused 时比对 secret_file，unavailable 时看 data 所在的磁盘。",
            "Compare secret_file for refused, look at the disk of data for unavailable.",
        ),
    ),
    Signal(
        alert="KunCiDeploymentsFailing",
        severity="warning",
        expr='round(sum by (namespace) (increase(kunobs_ci_deployments_total{tier="production",status="failed"}[30m])))',
        comparison=">",
        threshold=0,
        title=Text("{namespace} 的生产部署失败", "A deployment of {namespace} to production failed"),
        description=Text("30 分钟内失败了 {value} 次。", "{value} failed within 30 minutes."),
        impact=Text(
            "生产上可能是旧版本，或只更新了一半。", "Production may have the old version, or half of the new one."
        ),
        action=Text(
            "`kubectl -n {namespace} rollout status deploy/NAME`，需要时 `rollout undo`。",
            "`kubectl -n {namespace} rollout status deploy/NAME`, and `rollout undo` where it is needed.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunRunnerSystemFailures",
        severity="warning",
        expr=(
            'sum by (runner) (rate(gitlab_runner_failed_jobs_total{failure_reason="runner_system_failure"}[1h])) '
            "/ sum by (runner) (rate(gitlab_runner_jobs_total[1h]))"
        ),
        comparison=">",
        threshold=0.05,
        guard=(
            "and on (runner) sum by (runner) ("
            'increase(gitlab_runner_failed_jobs_total{failure_reason="runner_system_failure"}[1h])) > 3'
        ),
        unit="ratio",
        wait="10m",
        title=Text("runner {runner} 自身故障", "The runner {runner} itself fails"),
        description=Text(
            "过去一小时 {value} 的作业因 runner 系统故障而失败。",
            "{value} of its jobs of the last hour failed by a runner system failure.",
        ),
        impact=Text(
            "各命名空间的作业随机失败，和代码无关。", "Jobs of all namespaces fail at random, whatever their code."
        ),
        action=Text(
            "看失败作业最后几行：多半是起不了 Pod 或拉不到 helper 镜像。",
            "Read the last lines of such a job: mostly a pod that does not start or a helper image that is not pulled.",
        ),
    ),
    Signal(
        alert="KunRunnerCannotAsk",
        severity="warning",
        expr=("round(sum by (runner, runner_name) (increase(gitlab_runner_worker_health_check_failures_total[1h])))"),
        comparison=">",
        threshold=2,
        title=Text("runner {runner_name} 问不到作业", "The runner {runner_name} cannot ask for jobs"),
        description=Text(
            "{runner} 一小时内有 {value} 次请求失败。", "{value} requests of {runner} failed within an hour."
        ),
        impact=Text(
            "连续失败几次后它停问一小时，作业只能排队。",
            "After some in succession it asks no more for an hour, and jobs queue.",
        ),
        action=Text(
            "看 runner 日志里的状态码；GitLab 恢复后重启 runner。",
            "Read the status in the runner's log; restart the runner once GitLab is back.",
        ),
    ),
    Signal(
        alert="KunRunnerRequestsHeldBack",
        severity="info",
        expr="sum by (runner) (rate(gitlab_runner_request_concurrency_exceeded_total[15m])) * 60",
        comparison=">",
        threshold=6,
        guard="and on () max(kunobs_ci_oldest_pending_seconds) > 300",
        wait="15m",
        title=Text("runner {runner} 取作业太慢", "The runner {runner} is slow to fetch jobs"),
        description=Text(
            "每分钟有 {value} 次请求因 request_concurrency 没有发出，而有作业在等。",
            "{value} requests each minute are held back by request_concurrency while jobs wait.",
        ),
        impact=Text("有空位也接不了作业。", "It takes no jobs though it has room."),
        action=Text("在它的 config.toml 里调高 request_concurrency。", "Raise request_concurrency in its config.toml."),
    ),
)
