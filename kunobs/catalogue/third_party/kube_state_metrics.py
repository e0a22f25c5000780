"""kube-state-metrics 2.13, from its documentation of each kind of object."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_DOCS = "github.com/kubernetes/kube-state-metrics@v2.13.0:docs/metrics"
_namespace = declared(f"{_DOCS}/cluster/namespace-metrics.md")
_node = declared(f"{_DOCS}/cluster/node-metrics.md")
_quota = declared(f"{_DOCS}/policy/resourcequota-metrics.md")
_daemonset = declared(f"{_DOCS}/workload/daemonset-metrics.md")
_deployment = declared(f"{_DOCS}/workload/deployment-metrics.md")
_hpa = declared(f"{_DOCS}/workload/horizontalpodautoscaler-metrics.md")
_job = declared(f"{_DOCS}/workload/job-metrics.md")
_pod = declared(f"{_DOCS}/workload/pod-metrics.md")
_statefulset = declared(f"{_DOCS}/workload/statefulset-metrics.md")

_DAEMONSET = ("daemonset", "namespace")
_DEPLOYMENT = ("deployment", "namespace")
_HPA = ("horizontalpodautoscaler", "namespace")
_JOB = ("job_name", "namespace")
_STATEFULSET = ("statefulset", "namespace")

METRICS = (
    _namespace("kube_namespace_status_phase", "gauge", "1 for the phase a namespace is in.", "namespace", "phase"),
    _node("kube_node_spec_unschedulable", "gauge", "1 when a node is cordoned, else 0.", "node"),
    _node("kube_node_status_allocatable", "gauge", "What a node has for pods.", "node", "resource", "unit"),
    _node(
        "kube_node_status_condition",
        "gauge",
        "1 for the status that a condition of a node has.",
        "node",
        "condition",
        "status",
    ),
    _quota(
        "kube_resourcequota",
        "gauge",
        "What a quota allows (hard) and what is taken of it (used).",
        "resourcequota",
        "namespace",
        "resource",
        "type",
    ),
    _daemonset(
        "kube_daemonset_status_desired_number_scheduled", "gauge", "Nodes that should have a pod of it.", *_DAEMONSET
    ),
    _daemonset(
        "kube_daemonset_status_number_available", "gauge", "Nodes that have an available pod of it.", *_DAEMONSET
    ),
    _daemonset(
        "kube_daemonset_status_updated_number_scheduled", "gauge", "Nodes with a pod of its newest form.", *_DAEMONSET
    ),
    _deployment("kube_deployment_spec_replicas", "gauge", "Replicas it should have.", *_DEPLOYMENT),
    _deployment("kube_deployment_status_replicas_available", "gauge", "Replicas that are available.", *_DEPLOYMENT),
    _deployment("kube_deployment_status_replicas_updated", "gauge", "Replicas of its newest form.", *_DEPLOYMENT),
    _deployment(
        "kube_deployment_status_condition",
        "gauge",
        "1 for the status that a condition of it has.",
        *_DEPLOYMENT,
        "condition",
        "status",
    ),
    _hpa("kube_horizontalpodautoscaler_status_current_replicas", "gauge", "Replicas there are.", *_HPA),
    _hpa("kube_horizontalpodautoscaler_spec_max_replicas", "gauge", "Replicas there may be.", *_HPA),
    _hpa("kube_horizontalpodautoscaler_spec_min_replicas", "gauge", "Replicas there must be.", *_HPA),
    _hpa(
        "kube_horizontalpodautoscaler_status_condition",
        "gauge",
        "1 for the status that a condition of it has.",
        *_HPA,
        "condition",
        "status",
    ),
    _job("kube_job_failed", "gauge", "1 for the status of its condition Failed; no series before.", *_JOB, "condition"),
    _job("kube_job_status_start_time", "gauge", "When it began, as a Unix timestamp.", *_JOB, unit="seconds"),
    _pod(
        "kube_pod_container_status_waiting_reason",
        "gauge",
        "1 for why a container waits; no series while it does not.",
        "container",
        "pod",
        "namespace",
        "reason",
        "uid",
    ),
    _pod("kube_pod_status_phase", "gauge", "1 for the phase a pod is in.", "pod", "namespace", "phase", "uid"),
    _statefulset("kube_statefulset_replicas", "gauge", "Replicas it should have.", *_STATEFULSET),
    _statefulset("kube_statefulset_status_replicas_ready", "gauge", "Replicas that are ready.", *_STATEFULSET),
    _statefulset("kube_statefulset_status_replicas_updated", "gauge", "Replicas of its newest form.", *_STATEFULSET),
)
