"""The configuration of every Alertmanager of the cluster: all to the relays, the Watchdog fast, and what mutes what."""

from __future__ import annotations

from typing import Any

from alert_rules.inhibitions import inhibit_rules
from alert_rules.yaml import dump
from kunobs.config.monitoring import MonitoringConfig

WATCHDOG = "KunWatchdog"
GROUP_BY = ["alertname", "component", "namespace"]


def alertmanager_files(config: MonitoringConfig) -> dict[str, str]:
    """`alertmanager.yml`, the same for all."""
    return {"alertmanager.yml": dump(document(config))}


def document(config: MonitoringConfig) -> dict[str, Any]:
    """As Alertmanager 0.25 and newer read it."""
    return {
        "route": {
            "receiver": "noc",
            "group_by": GROUP_BY,
            "group_wait": "15s",
            "group_interval": "1m",
            # The relay remembers; this is for one that was lost on the way.
            "repeat_interval": "1h",
            "routes": [
                {
                    "matchers": [f'alertname="{WATCHDOG}"'],
                    "receiver": "noc",
                    "group_by": ["prometheus"],
                    "group_wait": "0s",
                    "group_interval": "1m",
                    "repeat_interval": "50s",
                },
            ],
        },
        "inhibit_rules": inhibit_rules(),
        "receivers": [{"name": "noc", "webhook_configs": [_webhook(config, relay) for relay in config.relays]}],
    }


def _webhook(config: MonitoringConfig, relay: str) -> dict[str, Any]:
    return {
        "url": f"{relay.rstrip('/')}/v1/alertmanager/{config.integration}",
        "send_resolved": True,
        "max_alerts": 0,
        "http_config": {"authorization": {"type": "Bearer", "credentials_file": config.token_file}},
    }
