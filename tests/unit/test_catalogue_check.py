"""Nothing is emitted that the catalogue does not declare, and nothing is declared that no process emits."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Gauge

from exporters.known import KNOWN, build
from kunobs.catalogue import CATALOGUE, exporter
from kunobs.catalogue.check import never_created, undeclared_created
from kunobs.catalogue.metrics import Metrics
from kunobs.catalogue.types import MetricSpec
from kunobs.config import load_text
from kunobs.noc.metrics import NocMetrics
from kunobs.server.metrics import ServerMetrics
from kunobs.service import Lifecycle, process_metrics
from log_pipeline.metrics import FanoutMetrics, IndexerMetrics

# Every process; a new one gets a line here.
PARTS: dict[str, Callable[[Metrics], object]] = {
    "process": lambda metrics: process_metrics(metrics, Lifecycle(1.0)),
    "server": ServerMetrics,
    "fanout": FanoutMetrics,
    "indexer": IndexerMetrics,
    "noc": NocMetrics,
}
# Metrics of exporters are not created in a registry: their collectors declare and emit them.
EMITTED = {spec.name for spec in exporter.METRICS} | {
    name for known in KNOWN for name in build(known, load_text("version: 1\n")).families
}
HELP = "What it counts, in one sentence."
SPECS = {
    "kunobs_t_a_total": MetricSpec("kunobs_t_a_total", "counter", HELP),
    "kunobs_t_b": MetricSpec("kunobs_t_b", "gauge", HELP),
    "kunobs_t_c": MetricSpec("kunobs_t_c", "gauge", HELP, origin="planned"),
}


def test_no_process_emits_an_undeclared_metric() -> None:
    """What the processes register is in the catalogue, with that type; prometheus-client's own included."""
    assert undeclared_created(PARTS) == []


def test_no_declared_metric_is_forgotten() -> None:
    """Each metric declared as our own is created by some process."""
    assert never_created(PARTS, emitted=EMITTED) == []


def test_no_exporter_emits_an_undeclared_metric() -> None:
    """What the collectors of our exporters declare is what the catalogue does."""
    for name in KNOWN:
        families = build(name, load_text("version: 1\n")).families
        assert {spec.name for spec in families.values() if CATALOGUE.get(spec.name) != spec} == set(), name


def test_a_forgotten_metric_is_named() -> None:
    """Leaving out a process leaves its metrics uncreated, and they are listed by name."""
    without = {part: create for part, create in PARTS.items() if part != "indexer"}
    missing = never_created(without, emitted=EMITTED)
    assert "kunobs_indexer_window" in missing
    assert not [name for name in missing if not name.startswith("kunobs_indexer_")]


def test_planned_metrics_may_wait() -> None:
    """A planned metric is not missing; an own one is."""
    assert never_created({"t": lambda metrics: metrics.gauge("kunobs_t_b")}, SPECS) == ["kunobs_t_a_total"]


def test_a_metric_made_behind_the_catalogue_is_named() -> None:
    """Metrics created directly with the library are found: unknown ones, and known ones of another type."""

    def rogue(metrics: Metrics) -> None:
        Gauge("kunobs_t_rogue", "x", registry=metrics.registry)
        Counter("kunobs_t_b", "x", registry=metrics.registry)
        Gauge("kunobs_t_a_total", "x", registry=metrics.registry)

    assert undeclared_created({"t": rogue}, SPECS) == [
        "t: kunobs_t_a_total",
        "t: kunobs_t_b_total",
        "t: kunobs_t_rogue",
    ]


def test_a_metric_made_directly_but_as_declared_is_fine() -> None:
    """What is declared with that type may be created by a collector of its own."""
    parts = {"t": lambda metrics: Counter("kunobs_t_a", "x", registry=metrics.registry)}
    assert undeclared_created(parts, SPECS) == []
