"""The Kubernetes API server of 1.34 and its aggregator, from the source files that declare the metrics."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_SOURCE = "github.com/kubernetes/kubernetes@v1.34.0:staging/src/k8s.io"
_requests = declared(f"{_SOURCE}/apiserver/pkg/endpoints/metrics/metrics.go")
_flowcontrol = declared(f"{_SOURCE}/apiserver/pkg/util/flowcontrol/metrics/metrics.go")
_storage = declared(f"{_SOURCE}/apiserver/pkg/storage/etcd3/metrics/metrics.go")
_admission = declared(f"{_SOURCE}/apiserver/pkg/admission/metrics/metrics.go")
_x509 = declared(f"{_SOURCE}/apiserver/pkg/authentication/request/x509/x509.go")
_audit = declared(f"{_SOURCE}/apiserver/pkg/audit/metrics.go")
_aggregator = declared(f"{_SOURCE}/kube-aggregator/pkg/controllers/status/metrics/metrics.go")

METRICS = (
    _requests(
        "apiserver_request_total",
        "counter",
        "Requests, and how they ended.",
        "verb",
        "dry_run",
        "group",
        "version",
        "resource",
        "subresource",
        "scope",
        "component",
        "code",
    ),
    _requests(
        "apiserver_request_sli_duration_seconds",
        "histogram",
        "How long requests took, without their webhooks and their time in queues.",
        "verb",
        "group",
        "version",
        "resource",
        "subresource",
        "scope",
        "component",
        unit="seconds",
    ),
    _flowcontrol(
        "apiserver_flowcontrol_rejected_requests_total",
        "counter",
        "Requests that priority and fairness turned away.",
        "priority_level",
        "flow_schema",
        "reason",
    ),
    _storage(
        "apiserver_storage_objects",
        "gauge",
        "Stored objects by resource and group in one word, -1 when they could not be counted; before 1.34 and some time on.",
        "resource",
    ),
    _storage(
        "apiserver_resource_objects",
        "gauge",
        "Stored objects, -1 when they could not be counted; since 1.34.",
        "group",
        "resource",
    ),
    _admission(
        "apiserver_admission_webhook_rejection_count",
        "counter",
        "Requests that a webhook refused, or that were refused because it could not be called.",
        "name",
        "type",
        "operation",
        "error_type",
        "rejection_code",
    ),
    _x509(
        "apiserver_client_certificate_expiration_seconds",
        "histogram",
        "How long the client certificates of requests are still valid.",
        unit="seconds",
    ),
    _audit("apiserver_audit_error_total", "counter", "Audit events that a plugin could not record.", "plugin"),
    _aggregator(
        "aggregator_unavailable_apiservice",
        "gauge",
        "1 while an APIService is unavailable, else 0.",
        "name",
    ),
)
