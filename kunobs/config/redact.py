"""The configuration as plain data for the landing page."""

from __future__ import annotations

from typing import Any

from kunobs.config.root import Config


def redacted(config: Config) -> dict[str, Any]:
    """The loaded sections as they would be written in the file, secrets as `<secret>`."""
    data: dict[str, Any] = config.model_dump(mode="json")
    return data
