"""Promtool's series and moments: what a case becomes minute by minute."""

from __future__ import annotations

import pytest

from alert_rules.case import Ago, Case, Flap, Series
from alert_rules.model import Rule
from alert_rules.promql import lookback
from alert_rules.timeline import minutes, promtool_tests
from kunobs.catalogue.types import MetricSpec

KNOWN = {
    "queue": MetricSpec("queue", "gauge", "Waiting."),
    "done_total": MetricSpec("done_total", "counter", "Done."),
    "took_seconds": MetricSpec("took_seconds", "histogram", "Took."),
}


def made(
    expr: str, *series: Series, wait: str = "2m", keep: str = "", window: int | None = None
) -> list[dict[str, object]]:
    """The four tests of such an alert."""
    return promtool_tests(Rule("A", expr, wait, keep), Case(series, 1.0, window=window), {"exp_labels": {}}, KNOWN)


def values(test: dict[str, object]) -> list[str]:
    """Of its series, expanded."""
    out: list[str] = []
    for part in test["input_series"][0]["values"].split():  # type: ignore[index]
        number, _, times = part.partition("x")
        if not times:
            out.append(part)
            continue
        if number == "_":
            out += ["_"] * int(times)
            continue
        start, _, growth = number.rpartition("+")
        first, each = (float(start), float(growth)) if start else (float(number), 0.0)
        out += [f"{first + n * each:g}" for n in range(int(times) + 1)]
    return out


def moments(test: dict[str, object]) -> dict[int, int]:
    """Minute -> alerts that are expected."""
    return {int(one["eval_time"][:-1]): len(one["exp_alerts"]) for one in test["alert_rule_test"]}  # type: ignore[index,attr-defined]


def test_a_gauge_through_all_phases() -> None:
    """Just below, above for long enough, below again; silent, silent before `for`, firing, silent."""
    fires, silent, restart, through = made("queue > 4", Series("queue", 4, 5))
    assert values(fires) == ["4"] * 5 + ["5"] * 12 + ["4"] * 10
    assert moments(fires) == {4: 0, 6: 0, 16: 1, 26: 0}
    assert set(values(silent)) == {"4"}
    assert set(moments(silent).values()) == {0}
    assert max(moments(silent)) == len(values(silent)) - 1
    assert values(restart)[5] == "stale"
    assert values(through) == ["4"] * 5 + ["5"] * 12 + ["stale"] + ["5"] * 12
    assert set(moments(through).values()) == {1}


def test_a_counter_grows_and_begins_again() -> None:
    """Rates are per second; a restart sets it to 0."""
    fires, _, restart, _ = made("rate(done_total[5m]) > 1", Series("done_total", 1, 2))
    grown = [float(value) for value in values(fires)]
    assert grown[:10] == [60.0 * n for n in range(1, 11)]
    assert grown[10] - grown[9] == 120
    assert [float(value) for value in values(restart)[11:13]] == [60, 120]


@pytest.mark.parametrize("suffix", ["_bucket", "_sum", "_count"])
def test_parts_of_a_histogram_grow(suffix: str) -> None:
    """Though the family's type is none of a counter."""
    assert values(made("queue > 1", Series(f"took_seconds{suffix}", 1))[0])[:2] == ["60", "120"]


def test_moments_flaps_and_nothing() -> None:
    """What is no plain level."""
    assert values(made("queue > 1", Series("queue", Ago(30)))[0])[:3] == ["-30", "30", "90"]
    assert values(made("queue > 1", Series("queue", Flap(1, 0)))[0])[:4] == ["0", "1", "0", "1"]
    assert values(made("queue > 1", Series("queue", None, 3))[0])[:6] == ["_"] * 5 + ["3"]


def test_an_unknown_metric_is_named() -> None:
    """Nobody could say whether it grows."""
    with pytest.raises(ValueError, match="the catalogue has no nobody"):
        made("nobody > 1", Series("nobody", 1))


def test_windows_lengthen_the_phases() -> None:
    """A range must be full of what is meant; a case may say that a change shows at once."""
    assert len(values(made("rate(done_total[1h]) > 1", Series("done_total", 1, 2))[1])) > 180
    assert len(values(made("rate(done_total[1h]) > 1", Series("done_total", 1, 2), window=2)[1])) < 40


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("queue", 0), ("rate(x[5m])", 300), ("rate(x[5m] offset 1h)", 3900), ("max_over_time(rate(x[5m])[1d:1m])", 86700),
        ("rate(x[5m]) / rate(x[1h])", 3600), ("x offset 10m - x", 600),
    ],
)  # fmt: skip
def test_how_far_a_query_looks_back(query: str, seconds: float) -> None:
    """Ranges, subqueries and offsets add up."""
    import promql_parser

    assert lookback(promql_parser.parse(query)) == seconds


@pytest.mark.parametrize(("text", "whole"), [("0m", 0), ("90s", 2), ("5m", 5), ("1h30m", 90), ("1d", 1440), ("30s", 1)])
def test_durations_in_minutes(text: str, whole: int) -> None:
    """Rounded up."""
    assert minutes(text) == whole
