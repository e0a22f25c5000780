"""Cases of kunobs.catalogue.signals.istio."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Level, Series

_SHOP = 'destination_service_namespace="shop",destination_service_name="cart"'
_QUIET = 'destination_service_namespace="shop",destination_service_name="quiet"'
_OUTSIDE = 'destination_service_namespace="unknown",destination_service_name="PassthroughCluster"'
_CART = {"namespace": "shop", "destination_service_name": "cart"}
_DAY = 86400


def _served(
    service: str, version: str, code: str, silent: Level, fires: Level, reporter: str = "destination"
) -> Series:
    labels = f'{service},destination_version="{version}",response_code="{code}",reporter="{reporter}"'
    return Series(f"istio_requests_total{{{labels}}}", silent, fires)


def _gateway(
    code: str,
    silent: Level,
    fires: Level,
    app: str = "istio-ingressgateway",
    reporter: str = "source",
    tenant: str = "shop",
    workload: str = "edge",
) -> Series:
    labels = f'source_workload="{workload}",destination_service_namespace="{tenant}"'
    labels += f',source_app="{app}",reporter="{reporter}",response_code="{code}"'
    return Series(f"istio_requests_total{{{labels}}}", silent, fires)


def _pushes(job: str, le: str, silent: float, fires: float) -> Series:
    return Series(f'pilot_proxy_convergence_time_bucket{{job="{job}",le="{le}"}}', silent, fires)


CASES = {
    "KunIstioControlPlaneDown": Case(
        (
            Series('up{job="istiod",instance="a"}', 0),
            Series('up{job="istiod",instance="b"}', 1, 0),
            Series('up{job="istio-proxy",instance="p1"}', 1),
            Series('up{job="istio-proxy",instance="p2"}', 1),
            Series('up{job="other",instance="o"}', 1),
        ),
        value=2,
    ),
    "KunIstioConfigRejected": Case(
        (
            Series('pilot_total_xds_rejects{job="istiod",instance="a",type="rds"}', 0, 0.05),
            Series('pilot_total_xds_rejects{job="istiod",instance="b",type="rds"}', 0, 0.05),
            Series('pilot_total_xds_rejects{job="istiod",instance="a",type="cds"}', 0),
        ),
        value=60,
        labels={"type": "rds"},
    ),
    "KunIstioPushSlow": Case(
        (
            _pushes("istiod", "5", 0, 0),
            _pushes("istiod", "10", 99.5, 90),
            _pushes("istiod", "20", 100, 100),
            _pushes("istiod", "+Inf", 100, 100),
            Series('pilot_proxy_convergence_time_count{job="istiod"}', 100),
            # Slow, and nearly nothing to push.
            _pushes("istiod-canary", "20", 0, 0),
            _pushes("istiod-canary", "30", 0.95, 0.95),
            _pushes("istiod-canary", "+Inf", 0.95, 0.95),
            Series('pilot_proxy_convergence_time_count{job="istiod-canary"}', 0.95),
        ),
        value=19,
        labels={"job": "istiod"},
    ),
    "KunIstioRootCertExpiring": Case(
        (
            Series(
                'citadel_server_root_cert_expiry_timestamp{job="istiod",instance="a"}', Ago(-31 * _DAY), Ago(-29 * _DAY)
            ),
            Series('citadel_server_root_cert_expiry_timestamp{job="istiod",instance="b"}', Ago(-31 * _DAY)),
            Series('citadel_server_root_cert_expiry_timestamp{job="istiod-canary"}', Ago(-3650 * _DAY)),
        ),
        value=29 * _DAY,
        labels={"job": "istiod"},
    ),
    "KunIstioGatewayErrors": Case(
        (
            *(_gateway("200", 7.6, 7, tenant=tenant) for tenant in ("shop", "bank")),
            *(_gateway("503", 2.4, 3, tenant=tenant) for tenant in ("shop", "bank")),
            _gateway("200", 80, 80, tenant="pay"),
            # The gateway's own report of what it received, and a client that has the workload's name.
            _gateway("503", 7, 7, reporter="destination"),
            _gateway("200", 0, 900, reporter="destination"),
            _gateway("503", 9, 9, app="batch"),
            _gateway("200", 0, 900, app="batch"),
            # One tenant's service fails; what others say is more.
            _gateway("503", 10, 10, workload="lone"),
            _gateway("200", 50, 50, workload="lone", tenant="bank"),
            _gateway("503", 9, 9, workload="lone", tenant="bank", reporter="destination"),
            _gateway("503", 9, 9, workload="lone", tenant="bank", app="batch"),
            # All of it fails, and it is too little to say so.
            *(_gateway("503", 0.47, 0.47, workload="night", tenant=tenant) for tenant in ("shop", "bank")),
            _gateway("200", 9, 9, workload="night", reporter="destination"),
            _gateway("200", 9, 9, workload="night", app="batch"),
        ),
        value=0.06,
        labels={"source_workload": "edge"},
    ),
    "KunIstioServiceErrors": Case(
        (
            _served(_SHOP, "stable", "200", 95.2, 94, "source"),
            _served(_SHOP, "stable", "503", 4.8, 6, "source"),
            # What its own proxies report.
            _served(_SHOP, "stable", "503", 7, 7),
            _served(_SHOP, "stable", "200", 0, 900),
            # Somewhere outside.
            _served(_OUTSIDE, "unknown", "503", 9, 9, "source"),
            # All of it fails, and it is too little to say so.
            _served(_QUIET, "stable", "503", 0.95, 0.95, "source"),
            _served(_QUIET, "stable", "200", 9, 9),
        ),
        value=0.06,
        labels=_CART,
    ),
    "KunIstioCanaryWorse": Case(
        (
            _served(_SHOP, "canary", "200", 9.708, 9.6),
            _served(_SHOP, "canary", "503", 0.292, 0.4),
            _served(_SHOP, "stable", "200", 89.1, 89.1),
            _served(_SHOP, "stable", "503", 0.9, 0.9),
            # What the callers report of the same requests.
            _served(_SHOP, "canary", "200", 7, 7, "source"),
            _served(_SHOP, "canary", "503", 3, 3, "source"),
            _served(_SHOP, "stable", "200", 60, 60, "source"),
            _served(_SHOP, "stable", "503", 30, 30, "source"),
            # All of it fails, and it is too little to say so.
            _served(_QUIET, "canary", "503", 0.095, 0.095),
            _served(_QUIET, "canary", "503", 0.095, 0.095, "source"),
            _served(_QUIET, "stable", "200", 5, 5),
        ),
        value=0.03,
        labels=_CART,
    ),
    "KunIstioCanaryNoTraffic": Case(
        (
            _served(_SHOP, "canary", "200", 0.01, 0),
            _served(_SHOP, "canary", "200", 5, 5, "source"),
            _served(_SHOP, "stable", "200", 5, 5),
            _served(_QUIET, "canary", "200", 0, 0),
            _served(_QUIET, "stable", "200", 0.95, 0.95),
            _served(_QUIET, "stable", "200", 5, 5, "source"),
        ),
        value=0,
        labels=_CART,
    ),
}
