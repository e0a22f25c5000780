"""Cases of kunobs.catalogue.signals.workloads."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Flap, Level, Series

_CONDITION = "kube_node_status_condition"
_WAITING = "kube_pod_container_status_waiting_reason"
_HPA = "kube_horizontalpodautoscaler"
_DAY = 86400


def _ready(node: str, silent: float, fires: float) -> tuple[Series, ...]:
    """The condition Ready of a node, true or unknown, and one that is always false."""
    return (
        Series(f'{_CONDITION}{{node="{node}",condition="Ready",status="true"}}', silent, fires),
        Series(f'{_CONDITION}{{node="{node}",condition="Ready",status="false"}}', 0),
        Series(f'{_CONDITION}{{node="{node}",condition="Ready",status="unknown"}}', 1 - silent, 1 - fires),
        Series(f'{_CONDITION}{{node="{node}",condition="DiskPressure",status="true"}}', 0),
        Series(f'{_CONDITION}{{node="{node}",condition="DiskPressure",status="false"}}', 1),
    )


def _replicas(wanted: str, got: str, updated: str, kind: str) -> tuple[Series, ...]:
    """One that lacks a replica when it fires, one in the middle of a rollout, and one that is well."""

    def series(name: str, silent: Level, fires: Level, moves: Level) -> tuple[Series, ...]:
        labels = f'namespace="shop",{kind}="{name}"'
        return (
            Series(f"{wanted}{{{labels}}}", 3),
            Series(f"{got}{{{labels}}}", silent, fires),
            Series(f"{updated}{{{labels}}}", moves),
        )

    return (*series("web", 3, 2, 3), *series("moving", 2, 2, Flap(1, 2)), *series("well", 3, 3, 3))


def _hpa(name: str, current: tuple[float, float], limited: float, least: float = 2) -> tuple[Series, ...]:
    """An autoscaler that may have 20."""
    labels = f'namespace="shop",horizontalpodautoscaler="{name}"'
    return (
        Series(f"{_HPA}_status_current_replicas{{{labels}}}", *current),
        Series(f"{_HPA}_spec_max_replicas{{{labels}}}", 20),
        Series(f"{_HPA}_spec_min_replicas{{{labels}}}", least),
        Series(f'{_HPA}_status_condition{{{labels},condition="ScalingLimited",status="true"}}', limited),
        Series(f'{_HPA}_status_condition{{{labels},condition="ScalingLimited",status="false"}}', 1 - limited),
        Series(f'{_HPA}_status_condition{{{labels},condition="AbleToScale",status="true"}}', 1),
    )


CASES = {
    "KunNodesNotReady": Case(
        (
            *(series for node in range(7) for series in _ready(f"n{node}", 1, 1)),
            *(series for node in (7, 8) for series in _ready(f"n{node}", 0, 0)),
            *_ready("n9", 1, 0),
            Series('up{job="kubelet",instance="10.0.1.9:10250"}', 1, 0),
            Series('up{job="apiserver",instance="10.0.0.1:6443"}', 1),
        ),
        value=0.3,
    ),
    "KunNodeNotReady": Case(
        (
            *_ready("n1", 1, 0),
            *_ready("n2", 1, 1),
            *_ready("n3", 0, 0),
            Series('kube_node_spec_unschedulable{node="n1"}', 0),
            Series('kube_node_spec_unschedulable{node="n2"}', 0),
            Series('kube_node_spec_unschedulable{node="n3"}', 1),
        ),
        value=0,
        labels={"node": "n1"},
    ),
    "KunNodePressure": Case(
        (
            Series(f'{_CONDITION}{{node="n1",condition="DiskPressure",status="true"}}', 0, 1),
            Series(f'{_CONDITION}{{node="n1",condition="DiskPressure",status="false"}}', 1, 0),
            Series(f'{_CONDITION}{{node="n1",condition="MemoryPressure",status="true"}}', 0),
            Series(f'{_CONDITION}{{node="n1",condition="Ready",status="true"}}', 1),
            Series(f'{_CONDITION}{{node="n2",condition="PIDPressure",status="false"}}', 1),
        ),
        value=1,
        labels={"node": "n1", "condition": "DiskPressure"},
    ),
    # It waits only between two starts; some versions say 0 of what is not so, others nothing.
    "KunPodCrashLooping": Case(
        (
            Series(
                f'{_WAITING}{{namespace="shop",pod="web-1",container="app",uid="1",reason="CrashLoopBackOff"}}',
                0,
                Flap(1, 0),
            ),
            Series(
                f'{_WAITING}{{namespace="shop",pod="web-2",container="app",uid="2",reason="CrashLoopBackOff"}}', None, 1
            ),
            Series(f'{_WAITING}{{namespace="shop",pod="web-3",container="app",uid="3",reason="ContainerCreating"}}', 1),
            # While kube-state-metrics is rolled out, two say the same.
            Series(
                f'{_WAITING}{{namespace="shop",pod="web-2",container="app",uid="2",reason="CrashLoopBackOff",instance="next"}}',
                None,
                1,
            ),
        ),
        value=2,
        labels={"namespace": "shop", "container": "app"},
    ),
    "KunPodPendingLong": Case(
        (
            Series('kube_pod_status_phase{namespace="shop",pod="web-1",uid="1",phase="Pending"}', 0, 1),
            Series('kube_pod_status_phase{namespace="shop",pod="web-1",uid="1",phase="Running"}', 1, 0),
            Series('kube_pod_status_phase{namespace="shop",pod="done-1",uid="2",phase="Succeeded"}', 1),
        ),
        value=1,
        labels={"namespace": "shop", "pod": "web-1"},
    ),
    "KunDeploymentReplicasMissing": Case(
        _replicas(
            "kube_deployment_spec_replicas",
            "kube_deployment_status_replicas_available",
            "kube_deployment_status_replicas_updated",
            "deployment",
        ),
        value=1,
        labels={"namespace": "shop", "deployment": "web"},
    ),
    "KunStatefulSetStuck": Case(
        _replicas(
            "kube_statefulset_replicas",
            "kube_statefulset_status_replicas_ready",
            "kube_statefulset_status_replicas_updated",
            "statefulset",
        ),
        value=1,
        labels={"namespace": "shop", "statefulset": "web"},
    ),
    # A node is down, where one pod is missing for good reason.
    "KunDaemonSetStuck": Case(
        (
            Series('kube_daemonset_status_desired_number_scheduled{namespace="shop",daemonset="agent"}', 10),
            Series('kube_daemonset_status_number_available{namespace="shop",daemonset="agent"}', 9, 8),
            Series('kube_daemonset_status_updated_number_scheduled{namespace="shop",daemonset="agent"}', 10),
            Series('kube_daemonset_status_desired_number_scheduled{namespace="shop",daemonset="moving"}', 10),
            Series('kube_daemonset_status_number_available{namespace="shop",daemonset="moving"}', 8),
            Series('kube_daemonset_status_updated_number_scheduled{namespace="shop",daemonset="moving"}', Flap(3, 4)),
            *_ready("n1", 0, 0),
            *_ready("n2", 1, 1),
            # A second kube-state-metrics says the same.
            Series(f'{_CONDITION}{{node="n1",condition="Ready",status="unknown",instance="second"}}', 1),
        ),
        value=1,
        labels={"namespace": "shop", "daemonset": "agent"},
    ),
    "KunJobFailed": Case(
        (
            Series('kube_job_failed{namespace="shop",job_name="report",condition="true"}', 0, 1),
            Series('kube_job_failed{namespace="shop",job_name="report",condition="false"}', 0),
            Series('kube_job_status_start_time{namespace="shop",job_name="report"}', Ago(3600)),
            Series('kube_job_failed{namespace="shop",job_name="old",condition="true"}', 1),
            Series('kube_job_status_start_time{namespace="shop",job_name="old"}', Ago(_DAY + 600)),
            Series('kube_job_failed{namespace="shop",job_name="odd",condition="unknown"}', 1),
            Series('kube_job_status_start_time{namespace="shop",job_name="odd"}', Ago(3600)),
        ),
        value=1,
        labels={"namespace": "shop", "job_name": "report"},
    ),
    "KunHPAAtMax": Case(
        (
            *_hpa("web", (19, 20), limited=1),
            *_hpa("enough", (20, 20), limited=0),
            *_hpa("fixed", (20, 20), limited=1, least=20),
        ),
        value=1,
        labels={"namespace": "shop", "horizontalpodautoscaler": "web"},
    ),
}
