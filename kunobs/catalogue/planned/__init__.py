"""What waits for an exporter of ours that there is not yet: a file for each, with its metrics and the alerts on them.

Nothing is generated of it. Who writes the exporter moves METRICS into a file of `kunobs/catalogue/`, no longer `planned`,
with a line in `SYSTEMS`; the alerts that read nothing else then are in `SIGNALS`, and tests ask for their panels and pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kunobs.catalogue import by_name
from kunobs.catalogue.planned import filebeat, ipam, nat64, s3
from kunobs.catalogue.signal import Signal
from kunobs.catalogue.types import MetricSpec

# Metrics of ours in a query, of a histogram's series the histogram.
_READ = re.compile(r"\b(kunobs_\w+?)(?:_bucket|_sum|_count)?\b")


@dataclass(frozen=True, slots=True)
class Planned:
    """Of one exporter."""

    metrics: tuple[MetricSpec, ...]
    signals: tuple[Signal, ...]


PLANNED: Mapping[str, Planned] = {
    "filebeat": Planned(filebeat.METRICS, filebeat.SIGNALS),
    "nat64": Planned(nat64.METRICS, nat64.SIGNALS),
    "s3": Planned(s3.METRICS, s3.SIGNALS),
    "ipam": Planned(ipam.METRICS, ipam.SIGNALS),
}
"""By the exporter's name, which is the observed system's too."""
METRICS: Mapping[str, MetricSpec] = by_name(spec for one in PLANNED.values() for spec in one.metrics)


def ready(known: Mapping[str, MetricSpec]) -> dict[str, tuple[Signal, ...]]:
    """The alerts whose every metric of ours is known, by system; a system with none is left out."""
    return _those(known, waits=False)


def waiting(known: Mapping[str, MetricSpec]) -> dict[str, tuple[Signal, ...]]:
    """The others."""
    return _those(known, waits=True)


def _those(known: Mapping[str, MetricSpec], *, waits: bool) -> dict[str, tuple[Signal, ...]]:
    found = {
        system: tuple(signal for signal in one.signals if (set(_READ.findall(signal.query)) <= known.keys()) != waits)
        for system, one in PLANNED.items()
    }
    return {system: signals for system, signals in found.items() if signals}
