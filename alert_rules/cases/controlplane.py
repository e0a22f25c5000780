"""Cases of kunobs.catalogue.signals.controlplane."""

from __future__ import annotations

from alert_rules.case import Case, Series

_SCHEDULER = 'job="kube-scheduler",instance="10.0.0.1:10259"'
_STANDBY = 'job="kube-scheduler",instance="10.0.0.2:10259"'
_MANAGER = 'job="kube-controller-manager",instance="10.0.0.1:10257"'
_ELSE = 'job="else",instance="10.0.0.9:8080"'
_ATTEMPT = "scheduler_scheduling_attempt_duration_seconds"
_QUEUE = "workqueue_queue_duration_seconds"


def _down(job: str, port: int) -> Case:
    """Both instances are gone, one with its pod; the other one alone would not matter."""
    return Case(
        (
            Series(f'up{{job="{job}",instance="10.0.0.1:{port}"}}', 1, 0),
            Series(f'up{{job="{job}",instance="10.0.0.2:{port}"}}', 0, None),
            Series(f"up{{{_ELSE}}}", 0),
            Series('up{job="apiserver",instance="10.0.0.1:6443"}', 1),
            Series('kube_pod_status_phase{namespace="shop",pod="web-1",uid="1",phase="Pending"}', 0, 1),
            Series('kube_deployment_spec_replicas{namespace="shop",deployment="web"}', 3),
            Series('kube_deployment_status_replicas_available{namespace="shop",deployment="web"}', 3, 2),
        ),
        value=0,
        labels={"job": job},
        window=6,
    )


CASES = {
    "KunSchedulerDown": _down("kube-scheduler", 10259),
    "KunControllerManagerDown": _down("kube-controller-manager", 10257),
    "KunControlPlaneNoLeader": Case(
        (
            Series(f'leader_election_master_status{{{_SCHEDULER},name="kube-scheduler"}}', 1, 0),
            Series(f'leader_election_master_status{{{_STANDBY},name="kube-scheduler"}}', 0),
            Series(f'leader_election_master_status{{{_MANAGER},name="kube-controller-manager"}}', 1),
            Series(f'leader_election_master_status{{{_ELSE},name="else"}}', 0),
            Series(f"up{{{_SCHEDULER}}}", 1),
            Series('apiserver_request_total{job="apiserver",verb="PUT",resource="leases",code="200"}', 50),
        ),
        value=0,
        labels={"job": "kube-scheduler", "name": "kube-scheduler"},
    ),
    "KunPodsUnschedulable": Case(
        (
            Series(f'scheduler_pending_pods{{{_SCHEDULER},queue="unschedulable"}}', 49, 52),
            Series(f'scheduler_pending_pods{{{_STANDBY},queue="unschedulable"}}', 0),
            Series(f'scheduler_pending_pods{{{_SCHEDULER},queue="gated"}}', 300),
        ),
        value=52,
    ),
    "KunSchedulerBacklog": Case(
        (
            Series(f'scheduler_pending_pods{{{_SCHEDULER},queue="active"}}', 195, 210),
            Series(f'scheduler_pending_pods{{{_STANDBY},queue="active"}}', 240),
            Series(f'scheduler_pending_pods{{{_SCHEDULER},queue="unschedulable"}}', 40),
            Series(f'leader_election_master_status{{{_SCHEDULER},name="kube-scheduler"}}', 1),
            Series(f'leader_election_master_status{{{_STANDBY},name="kube-scheduler"}}', 0),
            Series(f'leader_election_master_status{{{_STANDBY},name="descheduler"}}', 1),
        ),
        value=210,
    ),
    "KunSchedulingSlow": Case(
        (
            Series(
                f'{_ATTEMPT}_bucket{{{_SCHEDULER},profile="default-scheduler",result="scheduled",le="0.512"}}', 18, 10
            ),
            Series(f'{_ATTEMPT}_bucket{{{_SCHEDULER},profile="default-scheduler",result="scheduled",le="1.024"}}', 20),
            Series(f'{_ATTEMPT}_bucket{{{_SCHEDULER},profile="default-scheduler",result="scheduled",le="+Inf"}}', 20),
            Series(f'{_ATTEMPT}_count{{{_SCHEDULER},profile="default-scheduler",result="scheduled"}}', 20),
            # What does not fit may take as long as it likes.
            Series(
                f'{_ATTEMPT}_bucket{{{_SCHEDULER},profile="default-scheduler",result="unschedulable",le="0.512"}}', 0
            ),
            Series(
                f'{_ATTEMPT}_bucket{{{_SCHEDULER},profile="default-scheduler",result="unschedulable",le="16.384"}}', 30
            ),
            Series(
                f'{_ATTEMPT}_bucket{{{_SCHEDULER},profile="default-scheduler",result="unschedulable",le="+Inf"}}', 30
            ),
            # Slow, but only one pod in twenty seconds.
            Series(f'{_ATTEMPT}_bucket{{{_SCHEDULER},profile="batch",result="scheduled",le="1.024"}}', 0),
            Series(f'{_ATTEMPT}_bucket{{{_SCHEDULER},profile="batch",result="scheduled",le="+Inf"}}', 0.05),
            Series(f'{_ATTEMPT}_count{{{_SCHEDULER},profile="batch",result="scheduled"}}', 0.05),
            Series(f'{_ATTEMPT}_count{{{_SCHEDULER},profile="batch",result="unschedulable"}}', 5),
        ),
        value=0.512 + 0.512 * 0.98,
        labels={"profile": "default-scheduler"},
    ),
    "KunControllerQueueDeep": Case(
        (
            Series(f'workqueue_depth{{{_MANAGER},name="endpoint_slice"}}', 990, 1020),
            Series(f'workqueue_depth{{{_MANAGER},name="job"}}', 3),
            Series(f'workqueue_depth{{{_ELSE},name="else"}}', 5000),
        ),
        value=1020,
        labels={"name": "endpoint_slice"},
    ),
    "KunControllerQueueSlow": Case(
        (
            Series(f'{_QUEUE}_bucket{{{_MANAGER},name="endpoint_slice",le="1.0"}}', 0.9825, 0.981),
            Series(f'{_QUEUE}_bucket{{{_MANAGER},name="endpoint_slice",le="10.0"}}', 1),
            Series(f'{_QUEUE}_bucket{{{_MANAGER},name="endpoint_slice",le="+Inf"}}', 1),
            Series(f'{_QUEUE}_count{{{_MANAGER},name="endpoint_slice"}}', 1),
            # Slow, but hardly anything happens there.
            Series(f'{_QUEUE}_bucket{{{_MANAGER},name="serviceaccount",le="10.0"}}', 0),
            Series(f'{_QUEUE}_bucket{{{_MANAGER},name="serviceaccount",le="+Inf"}}', 0.05),
            Series(f'{_QUEUE}_count{{{_MANAGER},name="serviceaccount"}}', 0.05),
            Series(f'{_QUEUE}_count{{{_ELSE},name="serviceaccount"}}', 5),
            Series(f'{_QUEUE}_bucket{{{_ELSE},name="endpoint_slice",le="10.0"}}', 0),
            Series(f'{_QUEUE}_bucket{{{_ELSE},name="endpoint_slice",le="+Inf"}}', 9),
        ),
        value=1 + 9 * 0.009 / 0.019,
        labels={"name": "endpoint_slice"},
    ),
}
