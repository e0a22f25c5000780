"""What a metric of the catalogue is: name, type, unit, labels and meaning, and how we know that it exists."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MetricType = Literal["counter", "gauge", "histogram", "info", "summary", "untyped"]
"""The last two only of other programs."""
Origin = Literal["own", "third_party", "planned"]


@dataclass(frozen=True, slots=True)
class Label:
    """A label; `values` is every value it can have, None where the set is open (help says what bounds it)."""

    name: str
    values: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One family; `unit` is a base unit or empty, `evidence` the fixture or source of one we do not emit."""

    name: str
    type: MetricType
    help: str
    unit: str = ""
    labels: tuple[Label, ...] = ()
    origin: Origin = "own"
    evidence: str = ""
    buckets: tuple[float, ...] = ()
    attached: tuple[str, ...] = ()
    """Labels that the program does not write and our scrape configuration gives its targets, beside job and instance."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label names in the order `.labels(…)` takes values."""
        return tuple(label.name for label in self.labels)

    @property
    def closed(self) -> dict[str, frozenset[str]]:
        """The labels whose every value is known."""
        return {label.name: frozenset(label.values) for label in self.labels if label.values is not None}

    def combinations(self) -> Iterator[tuple[str, ...]]:
        """Every combination of label values; none when there is no label or a set is open."""
        if self.labels and all(label.values is not None for label in self.labels):
            yield from itertools.product(*(label.values or () for label in self.labels))
