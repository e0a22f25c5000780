"""`exporters:` what `kunobs exporter NAME…` observes."""

from __future__ import annotations

from pydantic import Field

from kunobs.config.base import Section
from kunobs.config.texts import Listen


class ExportersConfig(Section):
    """The exporters: where they listen and what each observes."""

    listen: Listen = Field(
        default="127.0.0.1:9520",
        description="Address of the HTTP server. 0.0.0.0:9520 lets Prometheus in. A process of its own for an "
        "exporter takes another one by --listen.",
    )
