"""Cases of kunobs.catalogue.signals.exporters."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Series

_AT = "10.0.0.1:9520"
_COLLECTOR = {"instance": _AT, "exporter": "kafka", "collector": "public"}
_OF_KAFKA = f'instance="{_AT}",exporter="kafka",collector="public"'
_OF_REDIS = f'instance="{_AT}",exporter="redis",collector="topology"'
_OF_CANARY = f'instance="{_AT}",exporter="logs",collector="canary"'
_PROCESS = f'job="kunobs-exporter",instance="{_AT}"'
_OTHER = 'job="node",instance="10.0.0.1:9100"'
_OF_PROCESS = {"job": "kunobs-exporter", "instance": _AT}


CASES = {
    "KunExporterDown": Case(
        (
            Series(f"up{{{_PROCESS}}}", 1, 0),
            Series('up{job="kunobs-exporter",instance="10.0.0.2:9520"}', 1),
            Series(f"up{{{_OTHER}}}", 0),
        ),
        value=0,
        labels={"instance": _AT},
    ),
    "KunExporterCollectorFails": Case(
        (
            Series(f"kunobs_exporter_collector_success{{{_OF_KAFKA}}}", 1, 0),
            Series(f"kunobs_exporter_collector_stuck_seconds{{{_OF_KAFKA}}}", 0),
            Series(f"kunobs_exporter_collector_success{{{_OF_REDIS}}}", 0),
            Series(f"kunobs_exporter_collector_stuck_seconds{{{_OF_REDIS}}}", 700),
            Series(f"kunobs_exporter_collector_success{{{_OF_CANARY}}}", 0),
            Series(f"kunobs_exporter_collector_stuck_seconds{{{_OF_CANARY}}}", 0),
        ),
        value=0,
        labels=_COLLECTOR,
    ),
    "KunExporterCollectorStuck": Case(
        (
            Series(f"kunobs_exporter_collector_stuck_seconds{{{_OF_KAFKA}}}", 295, 315),
            Series(f"kunobs_exporter_collector_stuck_seconds{{{_OF_REDIS}}}", 0),
        ),
        value=315,
        labels=_COLLECTOR,
    ),
    "KunExporterSeriesDropped": Case(
        (
            Series(f"kunobs_exporter_series_dropped{{{_OF_KAFKA}}}", 0, 12),
            Series(f"kunobs_exporter_series_dropped{{{_OF_REDIS}}}", 0),
        ),
        value=12,
        labels=_COLLECTOR,
    ),
    "KunExporterSlow": Case(
        (
            Series(f"kunobs_exporter_collector_duration_seconds{{{_OF_KAFKA}}}", 6.8, 7.2),
            Series(f"kunobs_exporter_collector_success{{{_OF_KAFKA}}}", 1),
            Series(f"kunobs_exporter_collector_duration_seconds{{{_OF_REDIS}}}", 9.5),
            Series(f"kunobs_exporter_collector_success{{{_OF_REDIS}}}", 0),
        ),
        value=7.2,
        labels=_COLLECTOR,
    ),
    "KunServerConnectionsFull": Case(
        (
            Series(f'kunobs_server_connections_dropped_total{{{_PROCESS},reason="evicted"}}', 0.01),
            Series(f'kunobs_server_connections_dropped_total{{{_PROCESS},reason="full"}}', 0.001, 0.0015),
            Series(f'kunobs_server_connections_dropped_total{{{_PROCESS},reason="request_timeout"}}', 0.1),
        ),
        value=10.35,
        labels=_OF_PROCESS,
    ),
    "KunServerClientsRefused": Case(
        (
            Series(f"kunobs_server_auth_failures_total{{{_PROCESS}}}", 0.006),
            Series(f'kunobs_server_connections_dropped_total{{{_PROCESS},reason="tls_handshake"}}', 0.003),
            Series(f'kunobs_server_connections_dropped_total{{{_PROCESS},reason="client_san"}}', 0.002, 0.0025),
            Series(f'kunobs_server_connections_dropped_total{{{_PROCESS},reason="evicted"}}', 0.1),
        ),
        value=20.7,
        labels=_OF_PROCESS,
    ),
    "KunServerScrapesRefused": Case(
        (Series(f"kunobs_server_scrapes_refused_total{{{_PROCESS}}}", 0.0033, 0.0035),),
        value=3.15,
        labels=_OF_PROCESS,
    ),
    "KunServerWebConfigBroken": Case(
        (Series(f"kunobs_server_web_config_reload_successful{{{_PROCESS}}}", 1, 0),),
        value=0,
        labels=_OF_PROCESS,
    ),
    "KunProcessFilesRunOut": Case(
        (
            Series(f"process_open_fds{{{_PROCESS}}}", 810, 830),
            Series(f"process_max_fds{{{_PROCESS}}}", 1024),
            Series(f"process_open_fds{{{_OTHER}}}", 1000),
            Series(f"process_max_fds{{{_OTHER}}}", 1024),
        ),
        value=830 / 1024,
        labels=_OF_PROCESS,
    ),
    "KunProcessRestarts": Case(
        (
            Series(f"process_start_time_seconds{{{_PROCESS}}}", Ago(930), Ago(870)),
            Series(f"process_start_time_seconds{{{_OTHER}}}", Ago(300)),
        ),
        value=870,
        labels=_OF_PROCESS,
    ),
}
