"""Metrics of `kunobs exporter ci`: GitLab's jobs, pipelines and deployments, told by its webhooks and kept in SQLite."""

from __future__ import annotations

from kunobs.catalogue.types import Label, MetricSpec

JOB_STATUSES = ("success", "failed", "canceled")
PIPELINE_STATUSES = ("success", "failed", "canceled")
DEPLOYMENT_STATUSES = ("success", "failed", "canceled")
# environment_tier of GitLab; "none" where a webhook does not name one.
TIERS = ("production", "staging", "testing", "development", "other", "none")
EVENTS = ("job", "pipeline", "deployment", "other")
OUTCOMES = ("kept", "unchanged", "ignored", "malformed", "refused", "too_large", "unavailable")
API_OUTCOMES = ("ok", "limited", "denied", "failed", "unanswered")
QUEUE_SECONDS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
DURATION_SECONDS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)
IMAGE_SECONDS = (15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
PIPELINE_SECONDS = (30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0)

_BOUND = "exporters.ci bounds namespaces and stages; what is over is other."
_NAMESPACE = (Label("namespace"),)
_STAGE = (Label("namespace"), Label("ci_stage"))

JOBS = MetricSpec(
    "kunobs_ci_jobs_total",
    "counter",
    f"Finished jobs by GitLab's build_status, each counted once however often it is told; a retry is a job of its own. {_BOUND}",
    labels=(*_STAGE, Label("status", JOB_STATUSES)),
)
QUEUE = MetricSpec(
    "kunobs_ci_job_queue_seconds",
    "histogram",
    f"How long a job waited for a runner: build_queued_duration, once for each job that began to run. {_BOUND}",
    unit="seconds",
    labels=_STAGE,
    buckets=QUEUE_SECONDS,
)
RUN = MetricSpec(
    "kunobs_ci_job_duration_seconds",
    "histogram",
    f"How long a job ran, whatever its end: build_duration, else from build_started_at to build_finished_at. {_BOUND}",
    unit="seconds",
    labels=_STAGE,
    buckets=DURATION_SECONDS,
)
IMAGE_BUILD = MetricSpec(
    "kunobs_ci_image_build_seconds",
    "histogram",
    "build_duration of successful jobs whose name and stage fit exporters.ci.build_job and build_stage: Kaniko's build and "
    "push with the checkout before it.",
    unit="seconds",
    labels=_NAMESPACE,
    buckets=IMAGE_SECONDS,
)
RUNNING = MetricSpec(
    "kunobs_ci_jobs_running",
    "gauge",
    "Jobs whose last build_status is running or canceling, without those counted in kunobs_ci_jobs_lost.",
    labels=_STAGE,
)
PENDING = MetricSpec(
    "kunobs_ci_jobs_pending",
    "gauge",
    "Jobs whose last build_status is pending: they wait for a runner. Without those counted in kunobs_ci_jobs_lost.",
    labels=_STAGE,
)
OLDEST = MetricSpec(
    "kunobs_ci_oldest_pending_seconds",
    "gauge",
    "How long the job waits that is pending for longest, from build_queued_duration; 0 when none waits.",
    unit="seconds",
    labels=_NAMESPACE,
)
LOST = MetricSpec(
    "kunobs_ci_jobs_lost",
    "gauge",
    "Jobs pending or running of which nothing was heard for exporters.ci.lost_after: their end was probably not told.",
    labels=_NAMESPACE,
)
RECOVERED = MetricSpec(
    "kunobs_ci_jobs_recovered_total",
    "counter",
    "Finished jobs that the reconcile found in GitLab's API before any webhook told of their end; kunobs_ci_jobs_total has them too.",
    labels=_NAMESPACE,
)
RUNNER_RUNNING = MetricSpec(
    "kunobs_ci_runner_jobs_running",
    "gauge",
    "Running jobs by the entry of exporters.ci.runners that fits their runner.description, else by runner.runner_type.",
    labels=(Label("runners"),),
)
SATURATION = MetricSpec(
    "kunobs_ci_runner_saturation_ratio",
    "gauge",
    "Running jobs of an entry of exporters.ci.runners divided by its slots, which GitLab does not know: "
    "they are the concurrent of the runner's config.toml, repeated in kunobs.yaml.",
    unit="ratio",
    labels=(Label("runners"),),
)
PIPELINES = MetricSpec(
    "kunobs_ci_pipelines_total",
    "counter",
    "Ends of pipelines by object_attributes.status; one whose job is retried ends again, with a later finished_at.",
    labels=(*_NAMESPACE, Label("status", PIPELINE_STATUSES)),
)
PIPELINE_RUN = MetricSpec(
    "kunobs_ci_pipeline_duration_seconds",
    "histogram",
    "object_attributes.duration of pipelines at each of their ends: time in which at least one job ran.",
    unit="seconds",
    labels=_NAMESPACE,
    buckets=PIPELINE_SECONDS,
)
DEPLOYMENTS = MetricSpec(
    "kunobs_ci_deployments_total",
    "counter",
    "Ended deployments by status and environment_tier of GitLab's deployment events.",
    labels=(*_NAMESPACE, Label("tier", TIERS), Label("status", DEPLOYMENT_STATUSES)),
)
WEBHOOKS = MetricSpec(
    "kunobs_ci_webhooks_total",
    "counter",
    "Webhooks since the process began by object_kind and what came of them: kept changed something, unchanged told nothing "
    "new, ignored is of a kind that is not counted; the others were not answered by 200.",
    labels=(Label("event", EVENTS), Label("outcome", OUTCOMES)),
)
GAP = MetricSpec(
    "kunobs_ci_webhook_gap_seconds",
    "gauge",
    "Time since the last job, pipeline or deployment webhook, also one before a restart; absent when there was none yet.",
    unit="seconds",
)
API_REQUESTS = MetricSpec(
    "kunobs_ci_api_requests_total",
    "counter",
    "Requests to GitLab's API since the process began: ok, limited (429), denied (401, 403, 404), failed (another answer), "
    "unanswered.",
    labels=(Label("outcome", API_OUTCOMES),),
)
RECONCILED = MetricSpec(
    "kunobs_ci_reconciled_timestamp_seconds",
    "gauge",
    "When the last complete reconcile over all known projects began; absent when there was none yet.",
    unit="seconds",
)

METRICS: tuple[MetricSpec, ...] = (
    JOBS,
    QUEUE,
    RUN,
    IMAGE_BUILD,
    RUNNING,
    PENDING,
    OLDEST,
    LOST,
    RECOVERED,
    RUNNER_RUNNING,
    SATURATION,
    PIPELINES,
    PIPELINE_RUN,
    DEPLOYMENTS,
    WEBHOOKS,
    GAP,
    API_REQUESTS,
    RECONCILED,
)
