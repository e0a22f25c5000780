"""Every metric we emit or query: one file per observed system, declared as data.

    types      MetricSpec and Label
    leg        what fanout and indexer have in common
    fanout, indexer, kafka, logs, noc, process, server, exporter, ci, redis, registry   the declarations
    metrics    Metrics: the only way to create one of them
    planned    what waits for an exporter that there is not yet
    topn       bounded counters per namespace
    lint, check, docs   promtool's rules, "nothing undeclared, nothing forgotten", docs/metrics.md

Nothing is scanned: a new file of metrics gets a line in `SYSTEMS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kunobs.catalogue import ci, exporter, fanout, indexer, kafka, logs, noc, process, redis, registry, server
from kunobs.catalogue.types import MetricSpec

SYSTEMS: Mapping[str, tuple[MetricSpec, ...]] = {
    "process": process.METRICS,
    "server": server.METRICS,
    "fanout": fanout.METRICS,
    "indexer": indexer.METRICS,
    "noc": noc.METRICS,
    "exporter": exporter.METRICS,
    "kafka": kafka.METRICS,
    "logs": logs.METRICS,
    "ci": ci.METRICS,
    "redis": redis.METRICS,
    "registry": registry.METRICS,
}


def by_name(specs: Iterable[MetricSpec]) -> dict[str, MetricSpec]:
    """The specs by metric name; ValueError when a name is declared twice."""
    found: dict[str, MetricSpec] = {}
    for spec in specs:
        if spec.name in found:
            raise ValueError(f"{spec.name} is declared twice")
        found[spec.name] = spec
    return found


CATALOGUE: Mapping[str, MetricSpec] = by_name(spec for system in SYSTEMS.values() for spec in system)
