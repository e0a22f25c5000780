"""GitLab's runner, from its listen_address; newer versions than 17.0 add labels to some of these and take none away."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_SOURCE = "github.com/gitlabhq/gitlab-runner@v17.0.0"
_builds = declared(f"{_SOURCE}:commands/builds_helper.go")
_failures = declared(f"{_SOURCE}:helpers/prometheus/failures_collector.go")
_health = declared(f"{_SOURCE}:commands/health_helper.go")

METRICS = (
    _builds("gitlab_runner_jobs_total", "counter", "Jobs that the runner took.", "runner", "system_id"),
    _builds(
        "gitlab_runner_request_concurrency_exceeded_total",
        "counter",
        "Requests for a job that were not made because request_concurrency of them were under way.",
        "runner",
        "system_id",
    ),
    _failures("gitlab_runner_failed_jobs_total", "counter", "Failed jobs by reason.", "runner", "failure_reason"),
    _health(
        "gitlab_runner_worker_health_check_failures_total",
        "counter",
        "Requests for a job that failed; after some in succession the runner asks no more for unhealthy_interval.",
        "runner",
        "runner_name",
        "system_id",
    ),
)
