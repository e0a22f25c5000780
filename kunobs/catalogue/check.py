"""Two ways a catalogue lies: a metric exists that it does not declare, or none creates one it does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry

from kunobs.catalogue import CATALOGUE
from kunobs.catalogue.metrics import Metrics
from kunobs.catalogue.types import MetricSpec

Parts = Mapping[str, Callable[[Metrics], object]]
# The suffix a family's name lacks in prometheus_client's registry.
_SUFFIX = {"counter": "_total", "info": "_info"}


def undeclared_created(parts: Parts, catalogue: Mapping[str, MetricSpec] = CATALOGUE) -> list[str]:
    """`part: metric` for every family of a part that the catalogue does not declare with that type."""
    found = []
    for part, create in parts.items():
        for family in _build(part, create, catalogue).registry.collect():
            name = family.name + _SUFFIX.get(family.type, "")
            spec = catalogue.get(name)
            if spec is None or spec.type != family.type:
                found.append(f"{part}: {name}")
    return sorted(found)


def never_created(
    parts: Parts, catalogue: Mapping[str, MetricSpec] = CATALOGUE, emitted: Iterable[str] = ()
) -> list[str]:
    """The metrics declared as our own that no part creates and that are not among `emitted`, those of exporters."""
    created = set(emitted)
    for part, create in parts.items():
        created |= _build(part, create, catalogue).created()
    return sorted(name for name, spec in catalogue.items() if spec.origin == "own" and name not in created)


def _build(part: str, create: Callable[[Metrics], object], catalogue: Mapping[str, MetricSpec]) -> Metrics:
    metrics = Metrics(CollectorRegistry(), part, catalogue=catalogue)
    create(metrics)
    return metrics
