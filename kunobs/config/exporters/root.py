"""`exporters:` what `kunobs exporter NAME…` observes."""

from __future__ import annotations

from pydantic import Field

from kunobs.config.base import Section, section
from kunobs.config.exporters.ci import CiConfig
from kunobs.config.exporters.kafka import KafkaExporterConfig
from kunobs.config.exporters.logs import LogsConfig
from kunobs.config.exporters.redis import RedisConfig
from kunobs.config.exporters.registry import RegistryConfig
from kunobs.config.texts import Listen


class ExportersConfig(Section):
    """The exporters: where they listen and what each observes."""

    listen: Listen = Field(
        default="127.0.0.1:9520",
        description="Address of the HTTP server. 0.0.0.0:9520 lets Prometheus in. A process of its own for an "
        "exporter takes another one by --listen.",
    )
    kafka: KafkaExporterConfig = section(KafkaExporterConfig)
    logs: LogsConfig = section(LogsConfig)
    ci: CiConfig = section(CiConfig)
    redis: RedisConfig = section(RedisConfig)
    registry: RegistryConfig = section(RegistryConfig)
