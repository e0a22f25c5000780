"""From a case to promtool's unit tests: just below the threshold, above it for long enough, and below it again.

One that always fires has no series and is only seen to fire. A test of each: `fires` (silent just below, silent before `for`, fires, resolves), `silent` (never, for all the time that it
would need to fire), `restart_silent` and `restart_firing` (the target is gone for a scrape and its counters begin at 0).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import promql_parser as promql

from alert_rules.case import Ago, Case, Flap, Level, Series
from alert_rules.model import Rule
from alert_rules.promql import lookback
from kunobs.catalogue.types import MetricSpec

MINUTE = 60
# Between two phases, so that nothing depends on the very minute of a change.
SLACK = 5
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
Expected = Mapping[str, Any]


@dataclass
class _Track:
    """A series step by step, in promtool's notation; a step is so many seconds."""

    counter: bool
    step: int
    parts: list[str] = field(default_factory=list)
    steps: int = 0
    value: float = 0.0

    def phase(self, level: Level, steps: int) -> None:
        """Go on like this for so long."""
        if steps <= 0:
            return
        start = self.steps * self.step
        match level:
            case None:
                self.parts.append(f"_x{steps}")
            case Ago(seconds):
                self.parts.append(f"{_number(start - seconds)}+{self.step}x{steps - 1}")
            case Flap(one, other):
                self.parts += [_number(one if at % 2 else other) for at in range(steps)]
            case _ if self.counter:
                growth = level * self.step
                self.parts.append(f"{_number(self.value + growth)}+{_number(growth)}x{steps - 1}")
                self.value += growth * steps
            case _:
                self.parts.append(f"{_number(level)}x{steps - 1}")
        self.steps += steps

    def restart(self) -> None:
        """The target is not there for a scrape, and forgets."""
        self.parts.append("stale")
        self.steps += 1
        self.value = 0.0


def _number(value: float) -> str:
    return f"{value:.15g}"


def minutes(duration: str) -> int:
    """`90s`, `5m`, `1h30m` in whole minutes, rounded up."""
    seconds, digits = 0, ""
    for letter in duration:
        if letter.isdigit():
            digits += letter
        else:
            seconds, digits = seconds + int(digits) * _UNITS[letter], ""
    return math.ceil(seconds / MINUTE)


def promtool_tests(rule: Rule, case: Case, expected: Expected, known: Mapping[str, MetricSpec]) -> list[dict[str, Any]]:
    """promtool's tests; `expected` are labels and annotations of the one alert."""
    window = case.window if case.window is not None else math.ceil(lookback(promql.parse(rule.expr)) / MINUTE)
    window, wait, keep = (
        math.ceil(each / case.step) for each in (window, minutes(rule.wait), minutes(rule.keep or "0m"))
    )
    before, during, after = window + SLACK, window + wait + 2 * SLACK, window + keep + 2 * SLACK
    whole = before + during + after

    def test(
        name: str, phases: Callable[[_Track, Series], None], checks: Mapping[int, list[Expected]]
    ) -> dict[str, Any]:
        tracks = []
        for series in case.series:
            track = _Track(_counts(series, case, known), case.step * MINUTE)
            phases(track, series)
            tracks.append({"series": series.selector, "values": " ".join(track.parts)})
        evals = [
            {"eval_time": f"{at * case.step}m", "alertname": rule.alert, "exp_alerts": alerts}
            for at, alerts in sorted(checks.items())
        ]
        made = {
            "name": f"{rule.alert}: {name}",
            "interval": f"{case.step}m",
            "input_series": tracks,
            "alert_rule_test": evals,
        }
        return made | ({"external_labels": dict(case.external)} if case.external else {})

    def fires(track: _Track, series: Series) -> None:
        track.phase(series.silent, before)
        track.phase(series.firing, during)
        track.phase(series.silent, after)

    def silent(track: _Track, series: Series) -> None:
        track.phase(series.silent, whole)

    def restart_silent(track: _Track, series: Series) -> None:
        track.phase(series.silent, before)
        track.restart()
        track.phase(series.silent, during + after)

    def restart_firing(track: _Track, series: Series) -> None:
        track.phase(series.silent, before)
        track.phase(series.firing, during)
        track.restart()
        track.phase(series.firing, during)

    alert = [expected]
    if not case.series:
        return [test("always fires", fires, {0: alert, 1: alert, whole: alert})]
    # Its condition became true after `before` at the earliest.
    early: dict[int, list[Expected]] = {before + wait - 1: []} if wait > 1 else {}
    return [
        test("fires and resolves", fires, {before - 1: [], **early, before + during - 1: alert, whole - 1: []}),
        test("stays silent just below", silent, {at: [] for at in _spread(whole)}),
        test("a restart does not fire it", restart_silent, {at: [] for at in _spread(whole)}),
        test("fires through a restart", restart_firing, {before + during - 1: alert, before + 2 * during: alert}),
    ]


def _spread(whole: int) -> Iterator[int]:
    """Five moments, the last one at the end."""
    yield from sorted({max(1, whole * part // 5 - 1) for part in range(1, 6)})


def _counts(series: Series, case: Case, known: Mapping[str, MetricSpec]) -> bool:
    """True for what only grows."""
    name = series.selector.partition("{")[0]
    if name in case.counters:
        return True
    if name in known:
        return known[name].type == "counter"
    for suffix in ("_bucket", "_sum", "_count"):
        base = known.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
        if base is not None and base.type == "histogram":
            return True
    raise ValueError(f"{series.selector}: the catalogue has no {name}")
