"""Operators made with controller-runtime, from the source file that declares the metrics."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_controller = declared(
    "github.com/kubernetes-sigs/controller-runtime@v0.22.0:pkg/internal/controller/metrics/metrics.go"
)

METRICS = (
    _controller(
        "controller_runtime_reconcile_total", "counter", "Reconciles, and how they ended.", "controller", "result"
    ),
    _controller("controller_runtime_reconcile_errors_total", "counter", "Reconciles that failed.", "controller"),
    _controller(
        "controller_runtime_reconcile_time_seconds",
        "histogram",
        "How long reconciles took.",
        "controller",
        unit="seconds",
    ),
)
