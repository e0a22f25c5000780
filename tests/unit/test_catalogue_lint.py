"""The catalogue's declarations keep Prometheus' naming rules, and the linter sees every rule broken."""

from __future__ import annotations

import pytest

from kunobs.catalogue import CATALOGUE, by_name
from kunobs.catalogue.lint import lint
from kunobs.catalogue.planned import METRICS as PLANNED
from kunobs.catalogue.types import Label, MetricSpec

HELP = "What it counts, in one sentence."


@pytest.mark.parametrize("spec", [*CATALOGUE.values(), *PLANNED.values()], ids=lambda spec: spec.name)
def test_declaration_is_clean(spec: MetricSpec) -> None:
    """No declaration breaks a naming rule."""
    assert lint(spec) == []


GOOD = [
    MetricSpec("kunobs_x_events_total", "counter", HELP),
    MetricSpec("kunobs_x_size_bytes", "gauge", HELP, unit="bytes", labels=(Label("topic"), Label("kind", ("a", "b")))),
    MetricSpec("kunobs_x_duration_seconds", "histogram", HELP, unit="seconds", buckets=(0.1, 1.0)),
    MetricSpec("kunobs_x_info", "info", HELP, labels=(Label("version"),)),
    MetricSpec("redis_up", "gauge", HELP, origin="third_party", evidence="redis_exporter 1.45"),
    MetricSpec("kunobs_x_namespace_events_total", "counter", HELP, labels=(Label("namespace"),)),
]
BAD = [
    (MetricSpec("kunobs_x_Events_total", "counter", HELP), "snake_case"),
    (MetricSpec("x_events_total", "counter", HELP), "does not begin with kunobs_"),
    (MetricSpec("kunobs_x_events", "counter", HELP), "_total belongs to counters"),
    (MetricSpec("kunobs_x_events_total", "gauge", HELP), "_total belongs to counters"),
    (MetricSpec("kunobs_x_info", "gauge", HELP), "_info belongs to info"),
    (MetricSpec("kunobs_x_build", "info", HELP), "_info belongs to info"),
    (MetricSpec("kunobs_x_event_count", "gauge", HELP), "histogram's own series"),
    (MetricSpec("kunobs_x_gauge_now", "gauge", HELP), "name of a metric type"),
    (MetricSpec("kunobs_x_kind_size", "gauge", HELP, labels=(Label("kind"),)), "repeats its label kind"),
    (MetricSpec("kunobs_x_lag_minutes", "gauge", HELP), "minutes is not a base unit"),
    (MetricSpec("kunobs_x_lag_ms", "gauge", HELP), "ms is not a base unit"),
    (MetricSpec("kunobs_x_lag_minutes", "gauge", HELP, unit="minutes"), "minutes is not a base unit"),
    (MetricSpec("kunobs_x_lag", "gauge", HELP, unit="seconds"), "does not end with its unit seconds"),
    (MetricSpec("kunobs_x_lag_seconds", "gauge", HELP), "no unit is declared"),
    (MetricSpec("kunobs_x_commit_timestamp", "gauge", HELP), "_timestamp_seconds"),
    (MetricSpec("kunobs_x_y", "gauge", HELP, labels=(Label("a"), Label("a"))), "declared twice"),
    (MetricSpec("kunobs_x_y", "gauge", HELP, labels=(Label("podName"),)), "podName is not snake_case"),
    (MetricSpec("kunobs_x_y", "gauge", HELP, labels=(Label("cluster"),)), "clashes with a target label"),
    (MetricSpec("kunobs_x_y", "gauge", HELP, labels=(Label("le"),)), "clashes with a target label"),
    (MetricSpec("kunobs_x_y", "gauge", HELP, labels=(Label("kind", ()),)), "has no values"),
    (MetricSpec("kunobs_x_y", "gauge", HELP, labels=(Label("kind", ("a", "a")),)), "or one twice"),
    (MetricSpec("kunobs_x_y", "gauge", "No period at the end"), "ends with a period"),
    (MetricSpec("kunobs_x_y", "gauge", "Two\nlines of help."), "ends with a period"),
    (MetricSpec("kunobs_x_y", "gauge", HELP, origin="third_party"), "names its evidence"),
    (MetricSpec("kunobs_x_y", "gauge", HELP, evidence="somewhere"), "names its evidence"),
    (MetricSpec("kunobs_x_y", "gauge", HELP, buckets=(1.0,)), "has buckets"),
    (MetricSpec("kunobs_x_y_seconds", "histogram", HELP, unit="seconds"), "has buckets"),
    (MetricSpec("kunobs_x_y_seconds", "histogram", HELP, unit="seconds", buckets=(2.0, 1.0)), "not ascending"),
]


@pytest.mark.parametrize("spec", GOOD, ids=lambda spec: spec.name)
def test_good_declaration_passes(spec: MetricSpec) -> None:
    """The linter has nothing against what is right."""
    assert lint(spec) == []


@pytest.mark.parametrize(("spec", "problem"), BAD, ids=[problem for _, problem in BAD])
def test_bad_declaration_is_found(spec: MetricSpec, problem: str) -> None:
    """Each rule speaks when it is broken, and names the metric."""
    found = lint(spec)
    assert any(problem in line and line.startswith(spec.name) for line in found), found


def test_one_name_is_declared_once() -> None:
    """Two files cannot declare the same metric."""
    spec = GOOD[0]
    with pytest.raises(ValueError, match="kunobs_x_events_total is declared twice"):
        by_name([spec, spec])
