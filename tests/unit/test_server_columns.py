"""Columns become the text that prometheus_client's own parser reads back as the same values, and bad rows are named."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from kunobs.catalogue.types import Label, MetricSpec
from kunobs.server import columns
from kunobs.server.columns import BadRowError, Columns, Comment, Distribution, Row, blocks, merged
from kunobs.server.negotiate import OPENMETRICS, TEXT, Format

GAUGE = MetricSpec("kunobs_t_doors", "gauge", "Doors \\ that are open.", labels=(Label("house"), Label("floor")))
BARE = MetricSpec("kunobs_t_heat_celsius", "gauge", "How warm it is.", unit="celsius")
COUNTER = MetricSpec("kunobs_t_read_bytes_total", "counter", "Bytes read.", unit="bytes", labels=(Label("house"),))
INFO = MetricSpec("kunobs_t_lift_info", "info", "The lift.", labels=(Label("maker"),))
WAIT = MetricSpec(
    "kunobs_t_wait_seconds", "histogram", "Time waited.", unit="seconds", labels=(Label("house"),), buckets=(0.5, 1.0)
)


def family(spec: MetricSpec, rows: list[Row]) -> Columns:
    """The rows as a family."""
    made = list(blocks(spec, rows))
    assert sum(count for count, _ in made) == len(rows)
    return Columns(spec, tuple(text for _, text in made), len(rows) * columns.series_of(spec))


def text(spec: MetricSpec, rows: list[Row], wanted: Format = TEXT) -> str:
    """The family's whole text."""
    return b"".join(family(spec, rows).text(wanted)).decode()


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8"), max_size=8),
            st.one_of(st.integers(-5, 99), st.text('\\"\n{},=én', max_size=6)),
            st.one_of(st.floats(), st.integers(-(10**18), 10**18)),
        ),
        max_size=30,
    )
)
def test_rows_survive_the_parser(rows: list[Row]) -> None:
    """Whatever the labels hold, the library's parser finds the same labels and values, in the same order."""
    (read,) = plain(text(GAUGE, rows))
    assert len(read.samples) == len(rows)
    for sample, (house, floor, value) in zip(read.samples, rows, strict=True):
        assert sample.labels == {"house": house, "floor": str(floor)}
        assert float(sample.value) == float(value) or (math.isnan(sample.value) and math.isnan(value))


@pytest.mark.parametrize("careful", [False, True])
def test_fast_and_careful_are_one(careful: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows without anything to escape become the same lines on both ways."""
    rows: list[Row] = [("north", 1, 2), ("süd", "attic", 0.25), ("", -1, -3.5e-9)]
    if careful:
        monkeypatch.setattr(columns, "_plain", lambda *_: False)
    assert "".join(b.decode() for _, b in blocks(GAUGE, rows)) == (
        'kunobs_t_doors{house="north",floor="1"} 2\n'
        'kunobs_t_doors{house="süd",floor="attic"} 0.25\n'
        'kunobs_t_doors{house="",floor="-1"} -3.5e-09\n'
    )


def test_what_prometheus_spells_in_its_own_way() -> None:
    """Infinity and not-a-number, in rows that are otherwise plain."""
    rows: list[Row] = [("a", 1, math.inf), ("b", 1, -math.inf), ("c", 1, math.nan)]
    assert [line.split()[-1] for line in text(GAUGE, rows).splitlines()[2:]] == ["+Inf", "-Inf", "NaN"]


@pytest.mark.parametrize("value", [1.5e308, 10**400, -(10**400)])
def test_numbers_whose_sum_is_too_large(value: float) -> None:
    """They are finite each, and told as they are."""
    assert [line.split()[-1] for line in text(GAUGE, [("a", 1, value), ("a", 2, value), ("a", 3, 0.5)]).splitlines()[2:]] == [
        str(value), str(value), "0.5",
    ]  # fmt: skip


def test_a_lone_surrogate_is_no_reason_to_fail() -> None:
    """A label that cannot be UTF-8 is shown with a question mark."""
    assert 'house="a?"' in text(GAUGE, [("a\ud800", 1, 1)])


@pytest.mark.parametrize(
    ("spec", "row", "problem"),
    [
        (GAUGE, ("a", 1), r"is no row"),
        (GAUGE, ("a", 1, 2, 3), r"is no row"),
        (GAUGE, ["a", 1, 2], r"is no row"),
        (GAUGE, ("a", None, 2), r"floor=None is no label value"),
        (GAUGE, ("a", True, 2), r"floor=True is no label value"),
        (GAUGE, ("a", 1.5, 2), r"floor=1.5 is no label value"),
        (GAUGE, ("a", b"x", 2), r"floor=b'x' is no label value"),
        (GAUGE, ("a", ["x"], 2), r"floor=\['x'\] is no label value"),
        (GAUGE, ("a", 1.0, 2), r"floor=1.0 is no label value"),
        (GAUGE, ("a", 1, None), r"has no number at its end"),
        (GAUGE, ("a", 1, "2"), r"has no number at its end"),
        (GAUGE, ("a", 1, True), r"has no number at its end"),
        (WAIT, ("a", 3.0), r"no Distribution of 3 counts"),
        (WAIT, ("a", Distribution((1, 2), 3.0)), r"no Distribution of 3 counts"),
    ],
)
def test_a_row_that_does_not_fit_is_named(spec: MetricSpec, row: Row, problem: str) -> None:
    """The family, the row and the wanted form, among rows that are fine."""
    good: Row = ("ok", Distribution((1, 0, 0), 0.1)) if spec is WAIT else ("ok", 1, 1)
    with pytest.raises(BadRowError, match=problem) as refused:
        list(blocks(spec, [good, row, good]))
    assert str(refused.value).startswith(spec.name)
    assert refused.value.hint


def test_openmetrics_names_and_units() -> None:
    """Its HELP and TYPE lack the suffix its samples have, units are told, and the library's strict parser agrees."""
    parts = [family(BARE, [(21.5,)]), family(COUNTER, [("a", 5)]), family(INFO, [("acme", 1)])]
    parts.append(family(WAIT, [("a", Distribution((1, 2, 4), 9.5))]))
    whole = b"".join(b"".join(part.text(OPENMETRICS)) for part in parts).decode() + "# EOF\n"
    read = {found.name: found for found in openmetrics(whole)}
    assert {name: (found.type, found.unit) for name, found in read.items()} == {
        "kunobs_t_heat_celsius": ("gauge", "celsius"),
        "kunobs_t_read_bytes": ("counter", "bytes"),
        "kunobs_t_lift": ("info", ""),
        "kunobs_t_wait_seconds": ("histogram", "seconds"),
    }
    assert [(s.name, s.labels.get("le"), s.value) for s in read["kunobs_t_wait_seconds"].samples] == [
        ("kunobs_t_wait_seconds_bucket", "0.5", 1.0),
        ("kunobs_t_wait_seconds_bucket", "1.0", 3.0),
        ("kunobs_t_wait_seconds_bucket", "+Inf", 7.0),
        ("kunobs_t_wait_seconds_sum", None, 9.5),
        ("kunobs_t_wait_seconds_count", None, 7.0),
    ]


def test_text_has_a_gauge_for_an_info() -> None:
    """Text 0.0.4 has no info type."""
    assert text(INFO, [("acme", 1)]) == (
        '# HELP kunobs_t_lift_info The lift.\n# TYPE kunobs_t_lift_info gauge\nkunobs_t_lift_info{maker="acme"} 1\n'
    )


def test_help_is_escaped() -> None:
    """A backslash in a help stays one."""
    assert r"Doors \\ that are open." in text(GAUGE, [])


def test_families_of_one_name_become_one_group() -> None:
    """Two collectors of one family: one HELP, all lines together, in the place of the first."""
    one, other, more = family(COUNTER, [("a", 1)]), family(BARE, [(1,)]), family(COUNTER, [("b", 2)])
    first, second = merged([one, other, more])
    assert (first.spec, first.series, second.spec) == (COUNTER, 2, BARE)
    assert b"".join(first.text(TEXT)).decode().splitlines()[2:] == [
        'kunobs_t_read_bytes_total{house="a"} 1',
        'kunobs_t_read_bytes_total{house="b"} 2',
    ]


def test_a_comment_is_never_help_or_type() -> None:
    """Whatever it says, parsers pass it by; OpenMetrics, which knows no comments, is spared."""
    comment = Comment(("HELP x y", "two\nlines"))
    assert b"".join(comment.text(TEXT)) == b"## | HELP x y\n## | two lines\n"
    assert list(plain(b"".join(comment.text(TEXT)).decode())) == []
    assert list(comment.text(OPENMETRICS)) == []


def test_many_rows_come_in_blocks() -> None:
    """A generator is taken 2,000 rows at a time, each block before the next is asked for."""
    taken = 0

    def rows() -> object:
        nonlocal taken
        for n in range(4500):
            taken = n + 1
            yield ("a", n, 1)

    made = []
    for count, _ in blocks(GAUGE, rows()):  # type: ignore[arg-type]
        made.append((count, taken))
    assert made == [(2000, 2000), (2000, 4000), (500, 4500)]
