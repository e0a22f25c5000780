"""Cases of kunobs.catalogue.signals.apiserver."""

from __future__ import annotations

from alert_rules.case import Case, Series

_ONE = 'job="apiserver",instance="10.0.0.1:6443"'
_OTHER = 'job="apiserver",instance="10.0.0.2:6443"'
_ELSE = 'job="else",instance="10.0.0.9:443"'
_SLI = "apiserver_request_sli_duration_seconds_bucket"
_COUNT = "apiserver_request_sli_duration_seconds_count"
_CERTIFICATE = "apiserver_client_certificate_expiration_seconds_bucket"

CASES = {
    "KunApiserverDown": Case(
        (
            Series(f"up{{{_ONE}}}", 0),
            Series(f"up{{{_OTHER}}}", 1, 0),
            Series(f"up{{{_ELSE}}}", 0),
            Series('up{job="etcd",instance="10.0.0.1:2379"}', 1),
            Series('etcd_server_has_leader{job="etcd",instance="10.0.0.1:2379"}', 1),
        ),
        value=0,
        labels={"job": "apiserver"},
    ),
    "KunApiserverReplicaMissing": Case(
        (
            Series(f"up{{{_ONE}}}", 1),
            Series(f"up{{{_OTHER}}}", 1, 0),
            Series('up{job="apiserver",instance="10.0.0.3:6443"}', 1, None),
            Series('up{job="etcd",instance="10.0.0.1:2379"}', 1),
        ),
        value=2,
        window=6,
    ),
    # What another job counts is in neither of the two sums.
    "KunApiserverErrors": Case(
        (
            Series(f'apiserver_request_total{{{_ONE},verb="GET",resource="pods",code="200"}}', 960, 900),
            Series(f'apiserver_request_total{{{_ONE},verb="GET",resource="pods",code="503"}}', 20, 30),
            Series(f'apiserver_request_total{{{_OTHER},verb="PUT",resource="leases",code="500"}}', 28),
            Series(f'apiserver_request_total{{{_ELSE},verb="GET",resource="nodes",code="500"}}', 2),
            Series(f'apiserver_request_total{{{_ELSE},verb="GET",resource="nodes",code="200"}}', 998),
            Series('etcd_server_has_leader{job="etcd",instance="10.0.0.1:2379"}', 1),
            Series(
                'apiserver_admission_webhook_rejection_count{job="apiserver",name="quota.example.com",type="validating",'
                'operation="CREATE",error_type="calling_webhook_error",rejection_code="0"}',
                0.01,
            ),
        ),
        value=58 / 958,
    ),
    "KunApiserverSlow": Case(
        (
            Series(f'{_SLI}{{{_ONE},verb="PATCH",resource="pods",le="0.8"}}', 95, 95),
            Series(f'{_SLI}{{{_ONE},verb="PATCH",resource="pods",le="1.0"}}', 100, 98.8),
            Series(f'{_SLI}{{{_ONE},verb="PATCH",resource="pods",le="1.25"}}', 100),
            Series(f'{_SLI}{{{_ONE},verb="PATCH",resource="pods",le="+Inf"}}', 100),
            # Lists of everything may be slow, and others' PATCH is not ours.
            Series(f'{_SLI}{{{_ONE},verb="LIST",resource="pods",le="10.0"}}', 0),
            Series(f'{_SLI}{{{_ONE},verb="LIST",resource="pods",le="+Inf"}}', 1),
            Series(f'{_COUNT}{{{_ONE},verb="LIST",resource="pods"}}', 1),
            Series(f'{_SLI}{{{_ELSE},verb="PATCH",resource="pods",le="0.8"}}', 0),
            Series(f'{_SLI}{{{_ELSE},verb="PATCH",resource="pods",le="10.0"}}', 1000),
            Series(f'{_SLI}{{{_ELSE},verb="PATCH",resource="pods",le="+Inf"}}', 1000),
            Series(f'{_COUNT}{{{_ONE},verb="PATCH",resource="pods"}}', 100),
            # Slow, but eleven in a minute, whatever others have.
            Series(f'{_SLI}{{{_ONE},verb="DELETE",resource="pods",le="1.0"}}', 0),
            Series(f'{_SLI}{{{_ONE},verb="DELETE",resource="pods",le="10.0"}}', 0.19),
            Series(f'{_SLI}{{{_ONE},verb="DELETE",resource="pods",le="+Inf"}}', 0.19),
            Series(f'{_COUNT}{{{_ONE},verb="DELETE",resource="pods"}}', 0.19),
            Series(f'{_COUNT}{{{_ELSE},verb="DELETE",resource="pods"}}', 5),
        ),
        value=1.0416666,
        labels={"verb": "PATCH"},
    ),
    "KunApiserverRejecting": Case(
        (
            Series(
                f'apiserver_flowcontrol_rejected_requests_total{{{_ONE},priority_level="workload-low",'
                'flow_schema="service-accounts",reason="queue-full"}',
                0.5,
                0.6,
            ),
            Series(
                f'apiserver_flowcontrol_rejected_requests_total{{{_OTHER},priority_level="workload-low",'
                'flow_schema="service-accounts",reason="time-out"}',
                0.45,
            ),
            Series(
                f'apiserver_flowcontrol_rejected_requests_total{{{_ONE},priority_level="global-default",'
                'flow_schema="global-default",reason="time-out"}',
                0.45,
            ),
        ),
        value=1.05,
        labels={"flow_schema": "service-accounts", "priority_level": "workload-low"},
    ),
    "KunApiserverObjectsMany": Case(
        (
            Series(f'apiserver_resource_objects{{{_ONE},group="",resource="events"}}', 149000, 152000),
            Series(f'apiserver_resource_objects{{{_OTHER},group="",resource="events"}}', 148000),
            Series(f'apiserver_resource_objects{{{_ONE},group="",resource="pods"}}', 13000),
            # An older one knows only these.
            Series(f'apiserver_storage_objects{{{_ELSE},resource="widgets.example.com"}}', 40),
        ),
        value=152000,
        labels={"resource": "events"},
    ),
    "KunAdmissionWebhookFailing": Case(
        (
            Series(
                f'apiserver_admission_webhook_rejection_count{{{_ONE},name="quota.example.com",type="validating",'
                'operation="CREATE",error_type="calling_webhook_error",rejection_code="0"}',
                0.048,
                0.056,
            ),
            # It said no, which is its work.
            Series(
                f'apiserver_admission_webhook_rejection_count{{{_ONE},name="quota.example.com",type="validating",'
                'operation="CREATE",error_type="no_error",rejection_code="403"}',
                3,
            ),
        ),
        value=0.056,
        labels={"name": "quota.example.com"},
    ),
    "KunClientCertificateExpiring": Case(
        (
            Series(f'{_CERTIFICATE}{{{_ONE},le="345600.0"}}', 0),
            Series(f'{_CERTIFICATE}{{{_ONE},le="604800.0"}}', 0.98, 1.1),
            Series(f'{_CERTIFICATE}{{{_ONE},le="2.592e+06"}}', 100),
            Series(f'{_CERTIFICATE}{{{_ONE},le="+Inf"}}', 100),
            Series(f'{_CERTIFICATE}{{{_ELSE},le="1800.0"}}', 1),
            Series(f'{_CERTIFICATE}{{{_ELSE},le="+Inf"}}', 1),
        ),
        value=345600 + 259200 / 1.1,
        labels={"job": "apiserver"},
    ),
    "KunAuditFailing": Case(
        (
            Series(f'apiserver_audit_error_total{{{_ONE},plugin="log"}}', 0.05, 0.06),
            Series(f'apiserver_audit_error_total{{{_OTHER},plugin="log"}}', 0.045),
            Series(f'apiserver_audit_error_total{{{_ONE},plugin="webhook"}}', 0),
        ),
        value=0.105,
        labels={"plugin": "log"},
    ),
    "KunApiserviceUnavailable": Case(
        (
            Series(f'aggregator_unavailable_apiservice{{{_ONE},name="v1beta1.metrics.k8s.io"}}', 0, 1),
            Series(f'aggregator_unavailable_apiservice{{{_OTHER},name="v1beta1.metrics.k8s.io"}}', 0),
            Series(f'aggregator_unavailable_apiservice{{{_ONE},name="v1.apps"}}', 0),
        ),
        value=1,
        labels={"name": "v1beta1.metrics.k8s.io"},
    ),
}
