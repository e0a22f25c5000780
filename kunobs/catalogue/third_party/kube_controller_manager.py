"""The controller manager of Kubernetes 1.34, from the source files that declare the metrics.

They are those of every program made with Kubernetes' libraries: the scheduler has leases, operators have queues.
"""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_SOURCE = "github.com/kubernetes/kubernetes@v1.34.0:staging/src/k8s.io/component-base/metrics/prometheus"
_lease = declared(f"{_SOURCE}/clientgo/leaderelection/metrics.go")
_queue = declared(f"{_SOURCE}/workqueue/metrics.go")

METRICS = (
    _lease(
        "leader_election_master_status",
        "gauge",
        "1 when the program holds the lease of this name, 0 when it waits.",
        "name",
    ),
    _queue(
        "workqueue_depth",
        "gauge",
        "Objects in a controller's queue; controller-runtime has labels controller and priority beside it.",
        "name",
    ),
    _queue(
        "workqueue_queue_duration_seconds",
        "histogram",
        "How long an object waited in a controller's queue; up to 10 seconds are told apart.",
        "name",
        unit="seconds",
    ),
)
