"""Istio: istiod's own metrics and what its proxies count of requests."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_pushes = declared("github.com/istio/istio@1.29.6:pilot/pkg/xds/monitoring.go")
_answers = declared("github.com/istio/istio@1.29.6:pkg/xds/monitoring.go")
_authority = declared("github.com/istio/istio@1.29.6:security/pkg/server/ca/monitoring.go")
_proxy = declared("github.com/istio/proxy@1.29.6:source/extensions/filters/http/istio_stats/istio_stats.cc")

METRICS = (
    _pushes("pilot_proxy_convergence_time", "histogram", "Seconds from a change to its arrival at a proxy."),
    _answers("pilot_total_xds_rejects", "counter", "Configurations that a proxy refused.", "type"),
    _authority("citadel_server_root_cert_expiry_timestamp", "gauge", "When the mesh's root certificate expires."),
    _proxy(
        "istio_requests_total",
        "counter",
        "Requests that a proxy has handled.",
        "reporter",
        "source_workload",
        "source_workload_namespace",
        "source_principal",
        "source_app",
        "source_version",
        "source_canonical_service",
        "source_canonical_revision",
        "source_cluster",
        "destination_workload",
        "destination_workload_namespace",
        "destination_principal",
        "destination_app",
        "destination_version",
        "destination_service",
        "destination_service_name",
        "destination_service_namespace",
        "destination_canonical_service",
        "destination_canonical_revision",
        "destination_cluster",
        "request_protocol",
        "response_code",
        "grpc_response_status",
        "response_flags",
        "connection_security_policy",
    ),
)
