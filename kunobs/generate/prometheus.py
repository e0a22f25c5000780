"""The configuration of each Prometheus of a pair: they differ in one external label, which no alert carries."""

from __future__ import annotations

from typing import Any

from alert_rules.yaml import dump
from kunobs.config.monitoring import MonitoringConfig
from kunobs.config.quantities import format_duration
from kunobs.generate.discovery import scrape_configs

REPLICA = "replica"


def prometheus_files(config: MonitoringConfig) -> dict[str, str]:
    """`prometheus-a.yml`, `prometheus-b.yml`, … and the flags that each is started with."""
    files = {f"prometheus-{replica}.yml": dump(_one(config, replica)) for replica in config.replicas}
    files["flags.txt"] = "".join(f"{flag}\n" for flag in flags(config))
    return files


def flags(config: MonitoringConfig) -> list[str]:
    """Of every replica; `--config.file` is its own."""
    storage = config.storage
    return [
        f"--storage.tsdb.path={storage.path}",
        f"--storage.tsdb.retention.time={format_duration(storage.retention)}",
        f"--storage.tsdb.retention.size={storage.retention_size}B",
        # What was in memory is not read again from the log of writes: a restart takes seconds.
        "--enable-feature=memory-snapshot-on-shutdown",
        "--web.enable-lifecycle",
    ]


def _one(config: MonitoringConfig, replica: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "global": {
            "scrape_interval": format_duration(config.scrape_interval),
            "scrape_timeout": format_duration(min(config.scrape_interval, 10.0)),
            "evaluation_interval": format_duration(config.evaluation_interval),
            "external_labels": {"cluster": config.cluster, REPLICA: replica},
        },
        "rule_files": list(config.rules),
        "alerting": {
            # Both replicas' alerts are one alert to the Alertmanagers; the Watchdog has its replica in a label of its own.
            "alert_relabel_configs": [{"regex": REPLICA, "action": "labeldrop"}],
            "alertmanagers": [{"static_configs": [{"targets": list(config.alertmanagers)}]}],
        },
        "scrape_configs": list(scrape_configs(config)),
    }
    if not config.alertmanagers:
        del made["alerting"]["alertmanagers"]
    if config.remote_write.kind != "none":
        made["remote_write"] = [_remote_write(config)]
    return made


def _remote_write(config: MonitoringConfig) -> dict[str, Any]:
    made: dict[str, Any] = {"url": config.remote_write.url, "queue_config": {"capacity": 20_000, "max_shards": 20}}
    drop = {"regex": REPLICA, "action": "labeldrop"}
    if config.remote_write.kind == "victoriametrics":
        # Equal series of two replicas are one there; it keeps a sample of each interval.
        made["write_relabel_configs"] = [drop]
    elif config.remote_write.kind == "mimir":
        made["write_relabel_configs"] = [
            {"source_labels": [REPLICA], "target_label": "__replica__"},
            drop,
        ]
    return made
