"""`log:` how much a process says on stderr."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kunobs.config.base import Section


class LogConfig(Section):
    """How much each process says on stderr, one JSON object a line."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="The least important lines to print. `debug` adds a line per batch and costs throughput.",
    )
