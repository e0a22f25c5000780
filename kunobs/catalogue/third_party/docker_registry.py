"""Docker's registry (distribution) with http.debug.prometheus enabled."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_made = declared("docker_registry-2.8.2.prom")

METRICS = (
    _made("registry_http_requests_total", "counter", "Requests by route and answer.", "code", "handler", "method"),
    _made(
        "registry_storage_action_seconds",
        "histogram",
        "How long calls of the storage driver took.",
        "action",
        "driver",
        unit="seconds",
    ),
)
