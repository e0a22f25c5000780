"""The kubelet of Kubernetes 1.34, from the source files that declare the metrics."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_SOURCE = "github.com/kubernetes/kubernetes@v1.34.0:"
_kubelet = declared(f"{_SOURCE}pkg/kubelet/metrics/metrics.go")
_volume = declared(f"{_SOURCE}pkg/kubelet/metrics/collectors/volume_stats.go")
_server = declared(f"{_SOURCE}pkg/kubelet/certificate/kubelet.go")
_client = declared(f"{_SOURCE}cmd/kubelet/app/server.go")

_CLAIM = ("namespace", "persistentvolumeclaim")

METRICS = (
    _kubelet(
        "kubelet_pleg_relist_duration_seconds", "histogram", "How long it took to list all containers.", unit="seconds"
    ),
    _kubelet(
        "kubelet_runtime_operations_total", "counter", "What was asked of the container runtime.", "operation_type"
    ),
    _kubelet(
        "kubelet_runtime_operations_errors_total",
        "counter",
        "What the container runtime answered with an error.",
        "operation_type",
    ),
    _kubelet(
        "kubelet_pod_start_sli_duration_seconds",
        "histogram",
        "From a pod's creation until its containers run, without pulling images and init containers.",
        unit="seconds",
    ),
    _kubelet(
        "kubelet_evictions", "counter", "Pods that the kubelet evicted, by what had run short.", "eviction_signal"
    ),
    _volume("kubelet_volume_stats_available_bytes", "gauge", "What is free of a volume.", *_CLAIM, unit="bytes"),
    _volume("kubelet_volume_stats_capacity_bytes", "gauge", "How large a volume is.", *_CLAIM, unit="bytes"),
    _volume("kubelet_volume_stats_inodes_free", "gauge", "Inodes of a volume that are free.", *_CLAIM),
    _volume("kubelet_volume_stats_inodes", "gauge", "Inodes of a volume.", *_CLAIM),
    _client(
        "kubelet_certificate_manager_client_ttl_seconds",
        "gauge",
        "How long the kubelet's client certificate is still valid, infinite without one.",
        unit="seconds",
    ),
    _server(
        "kubelet_certificate_manager_server_ttl_seconds",
        "gauge",
        "How long the kubelet's serving certificate is still valid, infinite without one.",
        unit="seconds",
    ),
)
