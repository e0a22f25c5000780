"""The configuration of each Prometheus of a pair, and of the pairs that take the tenants' targets when one is outgrown.

The two of a pair differ in one external label, which no alert carries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alert_rules.yaml import dump
from kunobs.config.monitoring import MonitoringConfig
from kunobs.config.quantities import format_duration
from kunobs.generate.discovery import scrape_configs

REPLICA = "replica"
SHARD = "shard"


def prometheus_files(config: MonitoringConfig) -> dict[str, str]:
    """`prometheus-a.yml`, `prometheus-b.yml`, …, `prometheus-tenants-0-a.yml`, … and the flags that each is started with."""
    files = {f"{name}.yml": dump(_one(config, replica, shard)) for name, replica, shard in servers(config)}
    files["flags.txt"] = "".join(f"{flag}\n" for flag in flags(config))
    return files


def servers(config: MonitoringConfig) -> Iterator[tuple[str, str, int | None]]:
    """(name, replica, shard of the tenants' targets; None: the platform's own)."""
    for shard in (None, *range(config.tenants.shards)):
        for replica in config.replicas:
            yield f"prometheus-{'' if shard is None else f'tenants-{shard}-'}{replica}", replica, shard


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


def _one(config: MonitoringConfig, replica: str, shard: int | None) -> dict[str, Any]:
    labels = {"cluster": config.cluster, REPLICA: replica}
    if shard is not None:
        labels[SHARD] = f"tenants-{shard}"
    made: dict[str, Any] = {
        "global": {
            "scrape_interval": format_duration(config.scrape_interval),
            "scrape_timeout": format_duration(min(config.scrape_interval, 10.0)),
            "evaluation_interval": format_duration(config.evaluation_interval),
            "external_labels": labels,
        },
        "rule_files": list(_rules(config, shard)),
        "alerting": {
            # Both replicas' alerts are one alert to the Alertmanagers; the Watchdog says in a label of its own whose it is.
            "alert_relabel_configs": [{"regex": f"{REPLICA}|{SHARD}", "action": "labeldrop"}],
            # Prometheus 2.42 waits for one that hangs with each 64 alerts, and until then tells the others nothing either.
            "alertmanagers": [{"timeout": "3s", "static_configs": [{"targets": list(config.alertmanagers)}]}],
        },
        "scrape_configs": list(scrape_configs(config, shard)),
    }
    if not config.alertmanagers:
        del made["alerting"]["alertmanagers"]
    if config.remote_write.kind != "none":
        made["remote_write"] = [_remote_write(config)]
    return made


def _rules(config: MonitoringConfig, shard: int | None) -> Iterator[str]:
    yield from config.rules if shard is None else config.tenants.shard_rules
    if config.tenants.files and (shard is not None or not config.tenants.shards):
        # All shards read all tenants' rules: where a namespace has no series there is nothing to evaluate.
        yield f"{config.tenants.files}/rules/*.yaml"


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
