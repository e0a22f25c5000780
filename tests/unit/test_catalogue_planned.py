"""What waits for an exporter: nothing is generated of it, until its metrics are known, and then by itself."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from alert_rules import runbooks
from alert_rules.files import rule_files
from alert_rules.inhibitions import edges
from alert_rules.lint.checks import lint
from alert_rules.lint.context import Settings
from alert_rules.lint.source import parse
from alert_rules.model import Links
from dashboards.files import dashboard_files
from kunobs.catalogue import SYSTEMS, by_name, planned
from kunobs.catalogue.known import KNOWN
from kunobs.catalogue.planned import METRICS, PLANNED, ready, waiting
from kunobs.catalogue.signals import SIGNALS
from kunobs.catalogue.types import MetricSpec
from kunobs.cli import main
from tests.support import run_python

WAITING = waiting(KNOWN)
ALERTS = {signal.alert for signals in WAITING.values() for signal in signals}


def test_nothing_is_generated_of_it() -> None:
    """No rule, test, panel, page, inhibition names an alert or a metric that waits."""
    assert ALERTS
    assert not ALERTS & {signal.alert for signals in SIGNALS.values() for signal in signals}
    files = [
        rule_files(Links("https://r.example", "https://d.example"), tests=True),
        rule_files(Links(), bundle=True),
        *(dashboard_files(language, "https://r.example") for language in ("zh", "en")),
        runbooks.pages(),
    ]
    made = "".join(text for each in files for name_and_text in each.items() for text in name_and_text) + repr(edges())
    assert "KunKafkaDiskFull" in made
    assert [name for name in (*ALERTS, *METRICS) if name in made] == []


@pytest.mark.parametrize("exporter", WAITING)
def test_an_exporter_that_emits_its_metrics_brings_their_alerts(exporter: str) -> None:
    """Those and no others, with rules and tests; one metric too few, and what reads it waits."""
    own = by_name(PLANNED[exporter].metrics)
    joined = ready({**KNOWN, **own})
    assert joined == ready(KNOWN) | {exporter: WAITING[exporter]}
    assert waiting({**KNOWN, **own}) == {name: signals for name, signals in WAITING.items() if name != exporter}
    files = rule_files(Links(), tests=True, signals=SIGNALS | joined)
    for signal in WAITING[exporter]:
        assert {f"rules/{signal.alert}.yaml", f"tests/{signal.alert}.test.yaml"} <= files.keys()
        read = own.keys() & set(re.findall(r"\w+", signal.query))
        assert read, f"{signal.alert} waits for nothing"
        for name in read:
            without = {**KNOWN, **own}
            del without[name]
            assert signal not in ready(without).get(exporter, ())


def test_a_histogram_is_known_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its series have other names."""
    signal = replace(
        next(iter(PLANNED.values())).signals[0], expr="sum(rate(kunobs_t_wait_seconds_bucket[5m]))", guard=""
    )
    monkeypatch.setattr(planned, "PLANNED", {"t": planned.Planned((), (signal,))})
    assert ready({}) == {}
    assert ready(by_name([MetricSpec("kunobs_t_wait_seconds", "histogram", "Waits.")])) == {"t": (signal,)}


@pytest.mark.parametrize("origin", ["own", "planned"])
@pytest.mark.parametrize("exporter", WAITING)
def test_they_join_by_themselves(exporter: str, origin: str) -> None:
    """A file of metrics with a line in SYSTEMS is all it takes, unless it says that they are planned; nobody touches the alerts."""
    code = f"""
from dataclasses import replace
import kunobs.catalogue
from kunobs.catalogue.planned import PLANNED
own = tuple(replace(spec, origin="{origin}") for spec in PLANNED["{exporter}"].metrics)
kunobs.catalogue.SYSTEMS = {{**kunobs.catalogue.SYSTEMS, "{exporter}": own}}
from alert_rules.suite import entries
print(*(entry.signal.alert for entry in entries() if entry.system == "{exporter}"))
"""
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [signal.alert for signal in WAITING[exporter] if origin == "own"]


def test_names_are_free() -> None:
    """Of metrics, alerts and systems that there are; each metric is its exporter's by its name."""
    assert not METRICS.keys() & KNOWN.keys()
    assert not WAITING.keys() & (SIGNALS.keys() | SYSTEMS.keys())
    for exporter, one in PLANNED.items():
        for spec in one.metrics:
            assert spec.origin == "planned"
            assert spec.name.startswith(f"kunobs_{exporter}_")


def test_lint_says_what_it_waits_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever writes a rule on it learns that it would never fire; of a metric of nobody, as before."""
    name = next(iter(METRICS))
    file = tmp_path / "rules.yaml"
    file.write_text(f"groups: [{{name: g, rules: [{{record: 'a:b:c', expr: max({name})}}]}}]")
    assert main(["rules", "lint", "--known", str(file)]) == 3
    said = capsys.readouterr().out
    assert f"{name} is planned: nothing emits it [name]" in said
    assert f"fix: it waits for the exporter {name.split('_')[1]}" in said
    rules, _ = parse("r", file.read_text().replace(name, f"{name}s"))
    assert [one.problem for one in lint(rules, Settings(known=KNOWN))] == [f"no metric {name}s is known"]
