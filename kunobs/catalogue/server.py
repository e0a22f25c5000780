"""Metrics of the HTTP server that every process has."""

from __future__ import annotations

from kunobs.catalogue.types import Label, MetricSpec

DROP_REASONS = ("evicted", "full", "request_timeout", "write_timeout", "tls_handshake", "client_san")

METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "kunobs_server_connections",
        "gauge",
        "Open connections, those in their TLS handshake included.",
    ),
    MetricSpec(
        "kunobs_server_connections_dropped_total",
        "counter",
        "Connections the server ended: evicted (the longest silent one, to make room), full (all were busy), "
        "request_timeout (no whole request), write_timeout (answer not read), tls_handshake, client_san.",
        labels=(Label("reason", DROP_REASONS),),
    ),
    MetricSpec(
        "kunobs_server_auth_failures_total",
        "counter",
        "Requests answered 401: no, wrong or malformed basic auth.",
    ),
    MetricSpec(
        "kunobs_server_scrapes_refused_total",
        "counter",
        "Scrapes answered 503 because too many were still running.",
    ),
    MetricSpec(
        "kunobs_server_web_config_reload_successful",
        "gauge",
        "1 when the web configuration file in force is the one on disk, 0 when the last good one is kept.",
    ),
    MetricSpec(
        "kunobs_server_web_config_last_reload_success_timestamp_seconds",
        "gauge",
        "When the web configuration in force was loaded, as a Unix timestamp.",
        unit="seconds",
    ),
)
