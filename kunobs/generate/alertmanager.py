"""The configuration of every Alertmanager of the cluster: all to the relays, the Watchdog fast, and what mutes what.

Tenants that have an integration of their own at the relay get their alerts there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alert_rules.inhibitions import inhibit_rules
from alert_rules.yaml import dump
from kunobs.config.monitoring import MonitoringConfig

WATCHDOG = "KunWatchdog"
GROUP_BY = ["cluster", "alertname", "component", "namespace"]


def alertmanager_files(config: MonitoringConfig, tenants: Mapping[str, str] | None = None) -> dict[str, str]:
    """`alertmanager.yml`, the same for all; `tenants` are integrations by namespace."""
    return {"alertmanager.yml": dump(document(config, tenants))}


def document(config: MonitoringConfig, tenants: Mapping[str, str] | None = None) -> dict[str, Any]:
    """As Alertmanager 0.25 and newer read it."""
    own = dict(sorted((tenants or {}).items()))
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
                    "group_by": ["cluster", "prometheus"],
                    "group_wait": "0s",
                    "group_interval": "1m",
                    "repeat_interval": "50s",
                },
                *(
                    {"matchers": ['owner="tenant"', f'namespace="{namespace}"'], "receiver": f"tenant-{namespace}"}
                    for namespace in own
                ),
            ],
        },
        "inhibit_rules": inhibit_rules(),
        "receivers": [
            _receiver(config, "noc", config.integration, config.token_file),
            *(
                _receiver(config, f"tenant-{namespace}", integration, f"{config.tenants.tokens}/{namespace}")
                for namespace, integration in own.items()
            ),
        ],
    }


def _receiver(config: MonitoringConfig, name: str, integration: str, token_file: str) -> dict[str, Any]:
    hooks = [
        {
            "url": f"{relay.rstrip('/')}/v1/alertmanager/{integration}",
            "send_resolved": True,
            "max_alerts": 0,
            "http_config": {"authorization": {"type": "Bearer", "credentials_file": token_file}},
        }
        for relay in config.relays
    ]
    return {"name": name, "webhook_configs": hooks}
