"""The scheduler of Kubernetes 1.34, from the source file that declares the metrics."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_scheduler = declared("github.com/kubernetes/kubernetes@v1.34.0:pkg/scheduler/metrics/metrics.go")

METRICS = (
    _scheduler("scheduler_pending_pods", "gauge", "Pods that are not scheduled, by the queue they are in.", "queue"),
    _scheduler(
        "scheduler_scheduling_attempt_duration_seconds",
        "histogram",
        "How long it took to look for a node and to bind the pod to it.",
        "result",
        "profile",
        unit="seconds",
    ),
)
