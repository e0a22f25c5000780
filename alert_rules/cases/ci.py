"""Cases of kunobs.catalogue.signals.ci."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Level, Series

_SHOP = {"namespace": "shop"}
_JOB = {"job": "kunobs-ci"}
_HOUR = 3600


def _jobs(status: str, *each_hour: float, namespace: str = "shop") -> Series:
    """Jobs that end so, each hour."""
    selector = f'kunobs_ci_jobs_total{{namespace="{namespace}",ci_stage="build",status="{status}"}}'
    return Series(selector, *(number / _HOUR for number in each_hour))


def _recovered(*each_hour: float, namespace: str = "shop", job: str = "kunobs-ci") -> Series:
    selector = f'kunobs_ci_jobs_recovered_total{{job="{job}",namespace="{namespace}"}}'
    return Series(selector, *(number / _HOUR for number in each_hour))


def _buckets(metric: str, labels: str, *bounds: tuple[str, tuple[float, ...]]) -> tuple[Series, ...]:
    """A histogram's buckets, how many there are of each in a second."""
    count = bounds[-1][1]
    return (
        *(Series(f'{metric}_bucket{{{labels},le="{le}"}}', *levels) for le, levels in bounds),
        Series(f'{metric}_bucket{{{labels},le="+Inf"}}', *count),
        Series(f"{metric}_count{{{labels}}}", *count),
    )


def _of(job: str, metric: str, *levels: Level, more: str = "") -> Series:
    return Series(f'{metric}{{job="{job}"{more}}}', *levels)


def _webhooks(outcome: str, *each_quarter: float) -> Series:
    selector = f'kunobs_ci_webhooks_total{{event="job",outcome="{outcome}"}}'
    return Series(selector, *(number / 900 for number in each_quarter))


def _deployments(namespace: str, tier: str, status: str, *each_half_hour: float) -> Series:
    selector = f'kunobs_ci_deployments_total{{namespace="{namespace}",tier="{tier}",status="{status}"}}'
    return Series(selector, *(number / 1800 for number in each_half_hour))


def _runner(metric: str, *each_hour: float, runner: str = "t1_Ab3", more: str = "") -> Series:
    selector = f'gitlab_runner_{metric}{{runner="{runner}"{more}}}'
    return Series(selector, *(number / _HOUR for number in each_hour))


_SYSTEM = ',failure_reason="runner_system_failure"'
_SCRIPT = ',failure_reason="script_failure"'

CASES = {
    "KunCiJobsFailing": Case(
        (
            *(_jobs("failed", 49, 60), _jobs("success", 51, 40), _jobs("canceled", 100)),
            # Most of a few.
            *(_jobs("failed", 9, namespace="bank"), _jobs("success", 3, namespace="bank")),
        ),
        value=0.6,
        labels=_SHOP,
    ),
    "KunCiQueueSlow": Case(
        (
            *_buckets(
                "kunobs_ci_job_queue_seconds",
                'namespace="shop",ci_stage="build"',
                ("120", (0,)),
                ("300", (0.0965, 0.0905)),
                ("600", (0.1,)),
            ),
            *_buckets(
                "kunobs_ci_job_queue_seconds",
                'namespace="bank",ci_stage="build"',
                ("300", (0,)),
                ("600", (9 / 1800,)),
            ),
        ),
        # 0.095 of 0.1 lie within it.
        value=300 + 300 * (0.095 - 0.0905) / (0.1 - 0.0905),
        labels=_SHOP,
    ),
    "KunCiRunnersFull": Case(
        (
            # They are full all the time, which matters once jobs wait.
            Series('kunobs_ci_runner_saturation_ratio{runners="shared"}', 0.96),
            Series('kunobs_ci_runner_saturation_ratio{runners="gpu"}', 0.94),
            Series('kunobs_ci_jobs_pending{namespace="shop",ci_stage="build"}', 0, 1),
        ),
        value=0.96,
        labels={"runners": "shared"},
    ),
    "KunCiJobWaiting": Case(
        (
            # It waits all the time, first because the runners are full.
            Series('kunobs_ci_oldest_pending_seconds{namespace="shop"}', 940),
            Series('kunobs_ci_oldest_pending_seconds{namespace="bank"}', 880),
            Series('kunobs_ci_runner_saturation_ratio{runners="shared"}', 0.96, 0.94),
        ),
        value=940,
        labels=_SHOP,
    ),
    "KunCiJobsLost": Case(
        (
            Series('kunobs_ci_jobs_lost{namespace="shop"}', 0, 2),
            Series('kunobs_ci_jobs_lost{namespace="bank"}', 0),
        ),
        value=2,
        labels=_SHOP,
    ),
    "KunCiImageBuildSlow": Case(
        (
            *_buckets(
                "kunobs_ci_image_build_seconds",
                'namespace="shop"',
                ("600", (0,)),
                ("900", (0.0965, 0.071)),
                ("1800", (0.1,)),
            ),
            *_buckets(
                "kunobs_ci_image_build_seconds",
                'namespace="bank"',
                ("900", (0,)),
                ("1800", (4 / 21600,)),
            ),
        ),
        value=900 + 900 * (0.095 - 0.071) / (0.1 - 0.071),
        labels=_SHOP,
    ),
    "KunCiWebhookGap": Case(
        (
            _of("kunobs-ci", "kunobs_ci_webhook_gap_seconds", 5300, 5600),
            _of("kunobs-ci", "kunobs_ci_jobs_running", 2, more=',namespace="shop",ci_stage="test"'),
            # At night.
            _of("kunobs-ci-lab", "kunobs_ci_webhook_gap_seconds", 30_000),
            _of("kunobs-ci-lab", "kunobs_ci_jobs_running", 0, more=',namespace="lab",ci_stage="test"'),
        ),
        value=5600,
        labels=_JOB,
    ),
    "KunCiWebhooksMissed": Case(
        (
            *(_jobs("success", 100), _recovered(49, 70)),
            *(_jobs("success", 2, namespace="bank"), _recovered(2, namespace="bank")),
        ),
        value=0.7,
        labels=_SHOP,
    ),
    "KunCiReconcileOld": Case(
        (
            _of("kunobs-ci", "kunobs_ci_reconciled_timestamp_seconds", Ago(21_000), Ago(22_500)),
            _recovered(3),
            # Nothing was missed since, so none was needed.
            _of("kunobs-ci-lab", "kunobs_ci_reconciled_timestamp_seconds", Ago(90_000)),
            _recovered(0, namespace="lab", job="kunobs-ci-lab"),
        ),
        value=22_500,
        labels=_JOB,
        window=6,
    ),
    "KunCiWebhooksRefused": Case(
        (_webhooks("refused", 3, 5), _webhooks("too_large", 40), _webhooks("kept", 400), _webhooks("malformed", 1)),
        value=5,
        labels={"outcome": "refused"},
    ),
    "KunCiDeploymentsFailing": Case(
        (
            _deployments("shop", "production", "failed", 0, 2),
            _deployments("shop", "production", "success", 3),
            _deployments("bank", "staging", "failed", 3),
        ),
        value=2,
        labels=_SHOP,
    ),
    "KunRunnerSystemFailures": Case(
        (
            *(_runner("jobs_total", 100), _runner("failed_jobs_total", 4.8, 7, more=_SYSTEM)),
            _runner("failed_jobs_total", 40, more=_SCRIPT),
            # One of a few.
            *(_runner("jobs_total", 10, runner="t2"), _runner("failed_jobs_total", 1, runner="t2", more=_SYSTEM)),
            _runner("failed_jobs_total", 5, runner="t2", more=_SCRIPT),
        ),
        value=0.07,
        labels={"runner": "t1_Ab3"},
    ),
    "KunRunnerCannotAsk": Case(
        (
            _runner("worker_health_check_failures_total", 2, 4, more=',runner_name="shared-1"'),
            _runner("worker_health_check_failures_total", 0, runner="t2", more=',runner_name="shared-2"'),
        ),
        value=4,
        labels={"runner": "t1_Ab3", "runner_name": "shared-1"},
    ),
    "KunRunnerRequestsHeldBack": Case(
        (
            # It polls like this all the time, which matters once jobs wait.
            _runner("request_concurrency_exceeded_total", 0.12 * _HOUR),
            _runner("request_concurrency_exceeded_total", 0.095 * _HOUR, runner="t2"),
            Series('kunobs_ci_oldest_pending_seconds{namespace="shop"}', 290, 310),
        ),
        value=7.2,
        labels={"runner": "t1_Ab3"},
    ),
}
