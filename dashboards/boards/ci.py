"""GitLab's jobs: what waits, what runs, what fails, how long images take, and whether GitLab still tells us."""

from __future__ import annotations

from dashboards.model import Board, Query, Row, Step, Variable, bars, heatmap, series, stat, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import ci as signals

_LIMIT = {signal.alert: signal.threshold for signal in signals.SIGNALS}
_N = 'namespace=~"$namespace"'


def _quantiles(metric: str) -> tuple[Query, Query]:
    """p50 and p99 of a histogram over all chosen namespaces."""
    buckets = f"sum by (le) (rate({metric}_bucket{{{_N}}}[$__rate_interval]))"
    return (
        Query(f"histogram_quantile(0.5, {buckets})", "p50"),
        Query(f"histogram_quantile(0.99, {buckets})", "p99"),
    )


BOARD = Board(
    "kun-ci",
    Text("CI/CD", "CI/CD"),
    Text(
        "GitLab 的作业、流水线、镜像构建和部署，来自它的 webhook。",
        "GitLab's jobs, pipelines, image builds and deployments, as its webhooks tell them.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("在跑的作业", "Jobs running"),
                    Text("正在 runner 上执行的作业数。", "Jobs that a runner works on now."),
                    f"sum(kunobs_ci_jobs_running{{{_N}}})",
                ),
                stat(
                    Text("在等的作业", "Jobs waiting"),
                    Text("等待 runner 的作业数。", "Pending jobs that no runner has taken yet."),
                    f"sum(kunobs_ci_jobs_pending{{{_N}}})",
                ),
                stat(
                    Text("等得最久", "Longest wait"),
                    Text(
                        "等待最久的作业已等了多久；没有作业在等时为 0。",
                        "How long the job waits that has waited longest; 0 when none waits.",
                    ),
                    f"max(kunobs_ci_oldest_pending_seconds{{{_N}}})",
                    unit="seconds",
                    steps=(Step(None, "green"), Step(300, "yellow"), Step(_LIMIT["KunCiJobWaiting"], "orange")),
                ),
                stat(
                    Text("最满的 runner", "Fullest runners"),
                    Text(
                        "最忙的一组 runner 已用的槽位份额；不随命名空间变。",
                        "Share of the slots in use of the busiest group of runners; whatever namespace is chosen.",
                    ),
                    "max(kunobs_ci_runner_saturation_ratio)",
                    unit="ratio",
                    steps=(Step(None, "green"), Step(0.8, "yellow"), Step(_LIMIT["KunCiRunnersFull"], "orange")),
                ),
                stat(
                    Text("没有下文的作业", "Jobs lost"),
                    Text(
                        "在等或在跑、但很久没有消息的作业；多半是它的结束没有通知到。",
                        "Pending or running jobs of which nothing was heard for long; most likely their end was not told.",
                    ),
                    f"sum(kunobs_ci_jobs_lost{{{_N}}})",
                    steps=(Step(None, "green"), Step(1, "yellow")),
                ),
                stat(
                    Text("距上个 webhook", "Since the last webhook"),
                    Text(
                        "夜里安静是正常的；白天很久没有，就是 GitLab 不再通知。",
                        "A quiet night is normal; a long time by day means that GitLab tells nothing any more.",
                    ),
                    "max(kunobs_ci_webhook_gap_seconds)",
                    unit="seconds",
                ),
            ),
        ),
        Row(
            Text("完成的工作", "Work done"),
            (
                series(
                    Text("结束的作业", "Jobs ended"),
                    Text(
                        "每秒结束的作业，按结果；重试算新作业。",
                        "Jobs per second by how they ended; a retry is a new job.",
                    ),
                    Query(f"sum by (status) (rate(kunobs_ci_jobs_total{{{_N}}}[$__rate_interval]))", "{{status}}"),
                    unit="events/s",
                    width=12,
                    stacked=True,
                ),
                series(
                    Text("结束的流水线", "Pipelines ended"),
                    Text(
                        "每秒结束的流水线，按结果；重试了作业的会再结束一次。",
                        "Pipelines per second by how they ended; one whose job is retried ends once more.",
                    ),
                    Query(f"sum by (status) (rate(kunobs_ci_pipelines_total{{{_N}}}[$__rate_interval]))", "{{status}}"),
                    unit="events/s",
                    width=12,
                    stacked=True,
                ),
                series(
                    Text("等 runner 的时间", "Time in the queue"),
                    Text("作业从可以运行到开始运行。", "From when a job could run until a runner began with it."),
                    *_quantiles("kunobs_ci_job_queue_seconds"),
                    unit="seconds",
                ),
                series(
                    Text("作业的运行时间", "Time of a job"),
                    Text("从开始到结束，不论结果。", "From its begin to its end, whatever that was."),
                    *_quantiles("kunobs_ci_job_duration_seconds"),
                    unit="seconds",
                ),
                series(
                    Text("构建镜像的时间", "Time of an image build"),
                    Text(
                        "成功的 Kaniko 作业，含检出和推送。",
                        "Of Kaniko's jobs that succeeded, with the checkout before and the push after.",
                    ),
                    *_quantiles("kunobs_ci_image_build_seconds"),
                    unit="seconds",
                ),
            ),
        ),
        Row(
            Text("排队和通知", "Queue and webhooks"),
            (
                series(
                    Text("谁在等", "Who waits"),
                    Text("各命名空间在等的作业数，前 15 名。", "Pending jobs of each namespace, the top 15."),
                    Query(f"topk(15, sum by (namespace) (kunobs_ci_jobs_pending{{{_N}}}))", "{{namespace}}"),
                    stacked=True,
                ),
                heatmap(
                    Text("等待时间的分布", "Spread of the waits"),
                    Text(
                        "开始运行的作业按等了多久分布；上移说明 runner 不够。",
                        "Jobs that began, by how long they had waited; when it moves up there are too few runners.",
                    ),
                    f"sum by (le) (increase(kunobs_ci_job_queue_seconds_bucket{{{_N}}}[$__rate_interval]))",
                    width=8,
                ),
                series(
                    Text("GitLab 的通知和 API", "Webhooks and API of GitLab"),
                    Text(
                        "每秒收到的 webhook 和发出的 API 请求，按结果；malformed、refused、too_large、unavailable 是没收下的。",
                        "Webhooks and requests to the API per second by outcome; malformed, refused, too_large and unavailable were not taken.",
                    ),
                    Query(
                        "sum by (outcome) (rate(kunobs_ci_webhooks_total[$__rate_interval]))",
                        "webhook {{outcome}}",
                    ),
                    Query(
                        "sum by (outcome) (rate(kunobs_ci_api_requests_total[$__rate_interval]))",
                        "API {{outcome}}",
                    ),
                    unit="requests/s",
                ),
            ),
        ),
        Row(
            Text("谁的", "Whose"),
            (
                bars(
                    Text("失败的作业", "Failed jobs"),
                    Text(
                        "所选时间内失败的作业数，前 15 个命名空间。",
                        "Jobs that failed within the chosen time, the top 15 namespaces.",
                    ),
                    f'topk(15, sum by (namespace) (increase(kunobs_ci_jobs_total{{{_N}, status="failed"}}[$__range])))',
                    "{{namespace}}",
                    width=12,
                ),
                table(
                    Text("部署", "Deployments"),
                    Text(
                        "所选时间内结束的部署，按命名空间、环境层级和结果。",
                        "Deployments that ended within the chosen time, by namespace, tier and status.",
                    ),
                    Query(
                        "topk(30, round(sum by (namespace, tier, status)"
                        f" (increase(kunobs_ci_deployments_total{{{_N}}}[$__range]))) > 0)"
                    ),
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(Variable("namespace", "kunobs_ci_jobs_running", Text("命名空间", "Namespace")),),
    tags=("ci",),
)
