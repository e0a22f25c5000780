"""Cases of kunobs.catalogue.signals.operators."""

from __future__ import annotations

from alert_rules.case import Case, Series

_ONE = 'job="operators",instance="10.2.0.1:8080"'
_OTHER = 'job="operators",instance="10.2.0.2:8080"'
_ELSE = 'job="else",instance="10.2.0.3:8080"'
_TIME = "controller_runtime_reconcile_time_seconds"

CASES = {
    "KunOperatorDown": Case(
        (
            Series(f"up{{{_ONE}}}", 1, 0),
            Series(f"up{{{_OTHER}}}", 1),
            Series(f"up{{{_ELSE}}}", 0),
        ),
        value=0,
        labels={"instance": "10.2.0.1:8080"},
    ),
    "KunOperatorReconcileErrors": Case(
        (
            Series(f'controller_runtime_reconcile_errors_total{{{_ONE},controller="redis"}}', 0.098, 0.104),
            Series(f'controller_runtime_reconcile_total{{{_ONE},controller="redis",result="success"}}', 0.8),
            Series(f'controller_runtime_reconcile_total{{{_ONE},controller="redis",result="error"}}', 0.2),
            # Hardly anything to do, and half of it fails.
            Series(f'controller_runtime_reconcile_errors_total{{{_OTHER},controller="dashboard"}}', 0.01),
            Series(f'controller_runtime_reconcile_total{{{_OTHER},controller="dashboard",result="success"}}', 0.02),
        ),
        value=0.104,
        labels={"controller": "redis"},
    ),
    "KunOperatorReconcileSlow": Case(
        (
            Series(f'{_TIME}_bucket{{{_ONE},controller="redis",le="25.0"}}', 0.9),
            Series(f'{_TIME}_bucket{{{_ONE},controller="redis",le="30.0"}}', 1, 0.9895),
            Series(f'{_TIME}_bucket{{{_ONE},controller="redis",le="40.0"}}', 1),
            Series(f'{_TIME}_bucket{{{_ONE},controller="redis",le="+Inf"}}', 1),
            Series(f'{_TIME}_count{{{_ONE},controller="redis"}}', 1),
            Series(f'{_TIME}_bucket{{{_OTHER},controller="dashboard",le="40.0"}}', 0),
            Series(f'{_TIME}_bucket{{{_OTHER},controller="dashboard",le="+Inf"}}', 0.05),
            Series(f'{_TIME}_count{{{_OTHER},controller="dashboard"}}', 0.05),
        ),
        value=30 + 10 * 0.0005 / 0.0105,
        labels={"controller": "redis"},
    ),
    "KunOperatorQueueGrowing": Case(
        (
            Series(f'workqueue_depth{{{_ONE},name="redis"}}', 96, 104),
            Series(f'workqueue_depth{{{_OTHER},name="dashboard"}}', 2),
            Series(f'workqueue_depth{{{_ELSE},name="else"}}', 900),
        ),
        value=104,
        labels={"name": "redis"},
    ),
}
