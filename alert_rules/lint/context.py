"""What a check is given: a rule, its parsed query, and what is known of metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alert_rules.lint.source import LintRule
from kunobs.catalogue.types import MetricSpec

_PARTS = ("_bucket", "_sum", "_count")


@dataclass(frozen=True)
class Settings:
    """How strict to be."""

    known: Mapping[str, MetricSpec] | None = None
    """Every metric that may be named; None for rules about other systems, whose names say what they are."""
    recorded: frozenset[str] = frozenset()
    """Recording rules of all files."""
    scrape_interval: float = 15.0
    annotations: tuple[str, ...] = ()
    """Those that every alert must have; none: any text will do."""


@dataclass(frozen=True)
class Context:
    """One rule."""

    rule: LintRule
    query: Any
    settings: Settings = field(default_factory=Settings)

    def spec(self, metric: str | None) -> MetricSpec | None:
        """The declaration of a metric, of a histogram's series too; None when there is none or nothing is known."""
        known = self.settings.known
        if known is None or metric is None:
            return None
        if metric in known:
            return known[metric]
        for part in _PARTS:
            base = known.get(metric.removesuffix(part)) if metric.endswith(part) else None
            if base is not None and base.type in ("histogram", "summary"):
                return base
        return None

    def counter(self, metric: str | None) -> bool:
        """True for what only grows: by the catalogue, else by its name."""
        if metric is None or ":" in metric:
            return False
        spec = self.spec(metric)
        if spec is not None:
            return spec.type == "counter" or (spec.type in ("histogram", "summary") and metric != spec.name)
        return self.settings.known is None and metric.endswith(("_total", "_bucket"))

    def gauge(self, metric: str | None) -> bool:
        """True only when the catalogue says so: a name cannot."""
        spec = self.spec(metric)
        return spec is not None and spec.type in ("gauge", "info")
