"""Metrics are created only by declared names, once, and with every known series from the first scrape."""

from __future__ import annotations

import math

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kunobs.catalogue import CATALOGUE
from kunobs.catalogue.metrics import Metrics, UndeclaredLabel, UndeclaredMetric
from kunobs.catalogue.types import Label, MetricSpec

HELP = "What it counts, in one sentence."
SPECS = {
    spec.name: spec
    for spec in (
        MetricSpec(
            "kunobs_t_moves_total", "counter", HELP, labels=(Label("a", ("x", "y")), Label("b", ("1", "2", "3")))
        ),
        MetricSpec("kunobs_t_lag", "gauge", HELP, labels=(Label("topic"), Label("kind", ("old", "new")))),
        MetricSpec("kunobs_t_wait_seconds", "histogram", HELP, unit="seconds", buckets=(0.5, 2.0)),
        MetricSpec("kunobs_t_build_info", "info", HELP, labels=(Label("version"),)),
        MetricSpec("kunobs_t_later_total", "counter", HELP, origin="planned"),
        MetricSpec("their_total", "counter", HELP, origin="third_party", evidence="their source"),
    )
}


@pytest.fixture
def metrics() -> Metrics:
    """A catalogue of this test's own over a fresh registry."""
    return Metrics(CollectorRegistry(), "t", catalogue=SPECS)


def series(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What a scrape shows, read by the library's own parser, without creation times."""
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_undeclared_name_is_refused_with_the_nearest(metrics: Metrics) -> None:
    """A typo names the metric that was meant."""
    with pytest.raises(UndeclaredMetric, match="kunobs_t_move_total is not declared") as caught:
        metrics.counter("kunobs_t_move_total")
    assert caught.value.hint == "did you mean kunobs_t_moves_total?"
    assert series(metrics) == {}


def test_undeclared_name_without_a_neighbour_says_where_to_declare(metrics: Metrics) -> None:
    """A name that resembles nothing is told where names are declared."""
    with pytest.raises(UndeclaredMetric) as caught:
        metrics.gauge("qqq")
    assert "kunobs/catalogue/" in caught.value.hint


@pytest.mark.parametrize(("name", "origin"), [("kunobs_t_later_total", "planned"), ("their_total", "third_party")])
def test_what_is_not_ours_is_refused(metrics: Metrics, name: str, origin: str) -> None:
    """A planned metric and another program's cannot be emitted."""
    with pytest.raises(UndeclaredMetric, match=origin):
        metrics.counter(name)


def test_wrong_type_is_refused(metrics: Metrics) -> None:
    """A counter asked for as a gauge is an error that says how to ask."""
    with pytest.raises(UndeclaredMetric, match="is a counter, not a gauge") as caught:
        metrics.gauge("kunobs_t_moves_total")
    assert caught.value.hint == "call metrics.counter('kunobs_t_moves_total')"


def test_same_name_is_the_same_object(metrics: Metrics) -> None:
    """Whoever asks on the same registry gets the same object; another registry has its own."""
    first = metrics.counter("kunobs_t_moves_total")
    assert metrics.counter("kunobs_t_moves_total") is first
    assert Metrics(metrics.registry, "other", catalogue=SPECS).counter("kunobs_t_moves_total") is first
    assert Metrics(CollectorRegistry(), catalogue=SPECS).counter("kunobs_t_moves_total") is not first


def test_closed_counter_exists_at_zero(metrics: Metrics) -> None:
    """Every combination of closed labels is there before anything happened."""
    metrics.counter("kunobs_t_moves_total")
    name = "kunobs_t_moves_total"
    assert series(metrics) == {
        (name, (("a", "x"), ("b", "1"))): 0,
        (name, (("a", "x"), ("b", "2"))): 0,
        (name, (("a", "x"), ("b", "3"))): 0,
        (name, (("a", "y"), ("b", "1"))): 0,
        (name, (("a", "y"), ("b", "2"))): 0,
        (name, (("a", "y"), ("b", "3"))): 0,
    }


def test_open_label_has_no_series_of_its_own(metrics: Metrics) -> None:
    """A label with an open set begins empty, and its closed neighbour is still checked."""
    gauge = metrics.gauge("kunobs_t_lag")
    assert series(metrics) == {}
    gauge.labels("any topic", "old").set(3)
    with pytest.raises(UndeclaredLabel, match="kind='older'"):
        gauge.labels("any topic", "older")
    assert series(metrics) == {("kunobs_t_lag", (("kind", "old"), ("topic", "any topic"))): 3}


@pytest.mark.parametrize("how", ["positional", "keywords"])
def test_label_outside_the_set_is_refused(metrics: Metrics, how: str) -> None:
    """A value that is not declared raises and leaves no series behind."""
    counter = metrics.counter("kunobs_t_moves_total")
    before = series(metrics)
    with pytest.raises(UndeclaredLabel) as caught:
        counter.labels("z", "1") if how == "positional" else counter.labels(b="1", a="z")
    assert "x, y" in caught.value.hint
    assert series(metrics) == before


def test_wrong_number_of_labels_is_refused(metrics: Metrics) -> None:
    """A missing label is an error even where the given ones are fine."""
    with pytest.raises((UndeclaredLabel, ValueError)):
        metrics.counter("kunobs_t_moves_total").labels("x")


def test_histogram_has_the_declared_buckets(metrics: Metrics) -> None:
    """Buckets come from the declaration and exist at 0."""
    metrics.histogram("kunobs_t_wait_seconds").observe(1)
    assert series(metrics) == {
        ("kunobs_t_wait_seconds_bucket", (("le", "0.5"),)): 0,
        ("kunobs_t_wait_seconds_bucket", (("le", "2.0"),)): 1,
        ("kunobs_t_wait_seconds_bucket", (("le", "+Inf"),)): 1,
        ("kunobs_t_wait_seconds_count", ()): 1,
        ("kunobs_t_wait_seconds_sum", ()): 1,
    }


def test_info_has_its_declared_name(metrics: Metrics) -> None:
    """The scrape shows the name as declared, not a doubled suffix."""
    metrics.info("kunobs_t_build_info").info({"version": "1"})
    assert series(metrics) == {("kunobs_t_build_info", (("version", "1"),)): 1}


def test_every_own_metric_can_be_created_under_its_name() -> None:
    """For the whole catalogue: the scrape has the declared names, and closed sets have all their series at 0."""
    metrics = Metrics(CollectorRegistry(), "all")
    own = [spec for spec in CATALOGUE.values() if spec.origin == "own"]
    for spec in own:
        getattr(metrics, spec.type)(spec.name)
    assert metrics.created() == {spec.name for spec in own}
    shown = series(metrics)
    for spec in own:
        if spec.type in ("counter", "gauge") and all(label.values is not None for label in spec.labels):
            expected = math.prod(len(label.values or ()) for label in spec.labels)
            assert [value for (name, _), value in shown.items() if name == spec.name] == [0] * expected
