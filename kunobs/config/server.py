"""`server:` the HTTP server that every process has."""

from __future__ import annotations

from pydantic import Field

from kunobs.config.base import Section, Whole
from kunobs.config.quantities import Duration
from kunobs.config.texts import ReadableFile


class ServerConfig(Section):
    """The HTTP server of every process: /metrics, health and the landing page."""

    web_config_file: ReadableFile = Field(
        default="",
        description="TLS and basic auth, in the format of Prometheus' exporter-toolkit. Empty: plain HTTP "
        "without a password, so keep `listen` on an address you trust.",
    )
    max_connections: Whole = Field(
        default=512,
        ge=1,
        le=65536,
        description="Connections at once. Above it the one silent longest is closed, or, when all are being answered, the new one.",
    )
    idle_timeout: Duration = Field(
        default=60.0,
        ge=1,
        le=3600,
        description="A connection without a request is closed after this. Longer than the scrape interval "
        "lets Prometheus keep its connection.",
    )
