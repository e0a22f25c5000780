"""The server's own metrics as attributes."""

from __future__ import annotations

from kunobs.catalogue.metrics import Metrics


class ServerMetrics:
    """What the HTTP server counts; docs/metrics.md says what each means."""

    def __init__(self, metrics: Metrics) -> None:
        self.connections = metrics.gauge("kunobs_server_connections")
        self.dropped = metrics.counter("kunobs_server_connections_dropped_total")
        self.auth_failures = metrics.counter("kunobs_server_auth_failures_total")
        self.scrapes_refused = metrics.counter("kunobs_server_scrapes_refused_total")
        self.reload_successful = metrics.gauge("kunobs_server_web_config_reload_successful")
        self.last_reload = metrics.gauge("kunobs_server_web_config_last_reload_success_timestamp_seconds")
