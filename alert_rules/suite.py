"""The rule and test files of all alerts: one of each for every alert, for promtool evaluates all rules for every test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as promql

from alert_rules.case import Case
from alert_rules.cases import CASES
from alert_rules.model import Links, Rule, recording_of, rule_of, texts_of
from alert_rules.promql import selectors
from alert_rules.texts import rendered
from alert_rules.timeline import promtool_tests
from alert_rules.yaml import dump
from kunobs.catalogue.known import KNOWN
from kunobs.catalogue.planned import METRICS as PLANNED
from kunobs.catalogue.signal import Recording, Signal
from kunobs.catalogue.signals import RECORDINGS, SIGNALS
from kunobs.catalogue.types import MetricSpec

# Those that wait for their exporter have tests too.
_DECLARED: Mapping[str, MetricSpec] = {**PLANNED, **KNOWN}


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert with all that belongs to it."""

    system: str
    signal: Signal
    case: Case

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The recording rules that its query reads."""
        read = {one.name for one in selectors(promql.parse(self.signal.query))}
        return tuple(one for one in RECORDINGS.get(self.system, ()) if one.record in read)

    def rule(self, links: Links = Links()) -> Rule:  # noqa: B008 - frozen
        """As it is shipped."""
        return rule_of(self.system, self.signal, links)


def entries(signals: Mapping[str, tuple[Signal, ...]] = SIGNALS) -> Iterator[Entry]:
    """Every alert of the catalogue, in its order. KeyError names the one without a case."""
    for system, those in signals.items():
        for signal in those:
            yield Entry(system, signal, CASES[signal.alert])


def rule_file(name: str, rules: Iterable[Rule], recordings: Iterable[Recording] = ()) -> str:
    """A file of one group; recordings first, for a group is evaluated in its order."""
    documents = [*(recording_of(one) for one in recordings), *(rule.document() for rule in rules)]
    return dump({"groups": [{"name": name, "rules": documents}]})


def expected(entry: Entry, rule: Rule) -> dict[str, Any]:
    """The labels and annotations of the alert when its case fires."""
    signal, case = entry.signal, entry.case
    texts = texts_of(signal)
    shown = {name: rendered(text, signal.unit, case.labels, case.value) for name, text in texts.items()}
    others = {
        name: text.replace("{{ $labels.namespace }}", case.labels.get("namespace", ""))
        for name, text in rule.annotations.items()
        if name not in texts
    }
    # What the case says wins over a label that is a template.
    return {"exp_labels": {**rule.labels, **case.labels}, "exp_annotations": shown | others}


def unit_test_file(
    entry: Entry,
    rule: Rule,
    rule_files: Iterable[str],
    known: Mapping[str, MetricSpec] = _DECLARED,
    first: int | None = None,
) -> str:
    """The unit tests of one alert, or the first of them."""
    tests = promtool_tests(rule, entry.case, expected(entry, rule), known)[:first]
    return dump({"rule_files": list(rule_files), "evaluation_interval": f"{entry.case.step}m", "tests": tests})
