"""Every alert of the catalogue: its words, its query, its case and its runbook belong together."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import promql_parser as promql
import pytest

from alert_rules import runbooks
from alert_rules.cases import CASES
from alert_rules.lint.checks import lint
from alert_rules.lint.context import Context, Settings
from alert_rules.lint.shapes import shape
from alert_rules.lint.source import parse
from alert_rules.model import Links
from alert_rules.mutate import mutants
from alert_rules.promql import selectors
from alert_rules.suite import Entry, entries, rule_file
from alert_rules.texts import places
from alert_rules.timeline import minutes
from kunobs.catalogue.jobs import JOBS
from kunobs.catalogue.known import KNOWN
from kunobs.catalogue.planned import METRICS as PLANNED
from kunobs.catalogue.planned import waiting
from kunobs.catalogue.signal import page_of
from kunobs.catalogue.signals import RECORDINGS
from kunobs.catalogue.signals.slo import OBJECTIVES
from tests.support import REPOSITORY

ALL = list(entries())
WAITING = list(entries(waiting(KNOWN)))
LINKS = Links("https://runbooks.example", "https://grafana.example", "https://kibana.example/?q={namespace}")
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
HEADINGS = [
    "## 含义 · Meaning",
    "## 影响 · Impact",
    "## 查询 · Queries",
    "## 处理 · Mitigation",
    "## 误报 · False alarms",
]
RECORDED = frozenset(one.record for of in RECORDINGS.values() for one in of)
STRICT = Settings(
    recorded=RECORDED,
    known=KNOWN,
    scrape_interval=30,
    annotations=("summary", "description", "impact", "summary_zh", "runbook_url"),
)
# Only of them may a query name what nothing emits yet.
PLANS = replace(STRICT, known={**KNOWN, **PLANNED})
each = pytest.mark.parametrize("entry", [*ALL, *WAITING], ids=lambda one: one.signal.alert)
each_made = pytest.mark.parametrize("entry", ALL, ids=lambda one: one.signal.alert)


def strict(entry: Entry) -> Settings:
    """The settings for its query."""
    return PLANS if entry in WAITING else STRICT


def test_every_alert_has_a_case_and_every_case_an_alert() -> None:
    """100 % covered, and no name twice."""
    names = [one.signal.alert for one in (*ALL, *WAITING)]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert set(names) == set(CASES)


@each
def test_a_rule_has_nothing_that_lint_finds(entry: Entry) -> None:
    """By the strictest settings: known metrics, scrapes every 30 s, all annotations."""
    text = rule_file("g", [entry.rule(LINKS)])
    said = lint(parse("rule", text)[0], strict(entry))
    assert not said, "\n".join(one.render() for one in said)


@each
def test_an_expression_stands_for_itself(entry: Entry) -> None:
    """A panel shows it alone, so its comparison must not take hold of a part of it."""
    signal = entry.signal
    compared = promql.parse(f"{signal.expr} {signal.comparison} {signal.threshold:.15g}")
    assert compared.lhs.prettify() == promql.parse(signal.expr).prettify()


@each
def test_both_languages_name_the_same(entry: Entry) -> None:
    """And only labels that the alert has."""
    signal = entry.signal
    left = shape(promql.parse(signal.query), Context(None, None, strict(entry)))  # type: ignore[arg-type]
    for text in (signal.title, signal.description, signal.impact, signal.action):
        assert places(text.zh) == places(text.en), text
        if text is signal.action and text.zh == text.en:
            # A command is the same in every language.
            continue
        assert text.zh.strip()
        assert re.search("[\u4e00-\u9fff]", text.zh), text
        assert not re.search("[\u4e00-\u9fff]", text.en), text
        assert places(text.en) - {"value"} <= set(entry.case.labels), (text, entry.case.labels)
        if left.exact and left.possible is not None:
            assert places(text.en) - {"value"} <= left.possible | dict(signal.labels).keys()


@each
def test_jobs_are_those_that_are_scraped(entry: Entry) -> None:
    """A job that no scrape configuration has would never be up or down."""
    for selector in selectors(promql.parse(entry.signal.query)):
        for matcher in selector.matchers.matchers:
            if matcher.name == "job" and str(matcher.op) == "MatchOp.Equal":
                assert matcher.value in JOBS


@each
def test_no_label_of_a_replica_stays(entry: Entry) -> None:
    """The two Prometheus of a pair must send one alert and not two."""
    assert (
        not {"replica", "prometheus", "prometheus_replica"} & set(entry.case.labels)
        or entry.signal.alert == "KunWatchdog"
    )


@each
def test_mutants_are_different_rules(entry: Entry) -> None:
    """Every one parses and says something else."""
    made = list(mutants(entry.signal))
    assert len({broken.query + broken.wait for _, broken in made}) == len(made)
    for _, broken in made:
        promql.parse(broken.query)
        assert (broken.query, broken.wait) != (entry.signal.query, entry.signal.wait)


@each
def test_a_warning_waits(entry: Entry) -> None:
    """A blip of one scrape tells nobody, unless the query itself looks back."""
    signal = entry.signal
    looks_back = any(f"[{n}" in signal.query for n in "123456789")
    assert minutes(signal.wait) >= 1 or looks_back or signal.keep or signal.severity == "none"


@pytest.mark.parametrize(
    "entry", [one for one in ALL if one.signal.severity == "critical"], ids=lambda one: one.signal.alert
)
def test_what_wakes_somebody_has_a_page(entry: Entry) -> None:
    """With all headings, both languages below each, and queries."""
    text = (RUNBOOKS / page_of(entry.system, entry.signal)).read_text()
    assert text.startswith(f"# {entry.signal.alert}\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == HEADINGS
    for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]:
        assert re.search("[\u4e00-\u9fff]", part), part
        assert re.search("[A-Za-z]{4,}", part.replace("promql", "")), part
    assert "```promql" in text


def test_no_page_is_left_over() -> None:
    """A page of an alert that there is no more misleads."""
    pages = {path.name for path in RUNBOOKS.glob("Kun*.md")}
    assert pages == {page_of(one.system, one.signal) for one in ALL if one.signal.severity == "critical"}


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("Kun*.md")), ids=lambda path: path.stem)
def test_queries_of_runbooks_are_known(page: object) -> None:
    """They parse, and name metrics and labels that there are."""
    text = page.read_text()  # type: ignore[attr-defined]
    queries = re.findall(r"```promql\n(.*?)```", text, re.DOTALL)
    assert queries
    for query in queries:
        rules, broken = parse(
            "q", json.dumps({"groups": [{"name": "g", "rules": [{"record": "a:b:c", "expr": query}]}]})
        )
        said = [one for one in lint(rules, STRICT) if one.check in ("syntax", "name", "matching", "rate-gauge")]
        assert not broken
        assert not said, "\n".join(one.render() for one in said)


def test_the_pages_that_are_made_are_current() -> None:
    """`make docs` writes them."""
    for name, text in runbooks.pages().items():
        assert (RUNBOOKS / name).read_text() == text, f"{name}: run make docs"


@each_made
def test_a_runbook_link_leads_somewhere(entry: Entry) -> None:
    """To a page, and on it to a heading, as a browser finds it."""
    page, _, anchor = page_of(entry.system, entry.signal).partition("#")
    text = (RUNBOOKS / page).read_text()
    headings = {line[3:].strip().lower() for line in text.splitlines() if line.startswith("## ")}
    assert not anchor or anchor in headings


def test_recording_rules_have_nothing_that_lint_finds() -> None:
    """Names as level:metric:operations, windows, known metrics."""
    for system, recordings in RECORDINGS.items():
        said = lint(parse(system, rule_file(system, (), recordings))[0], STRICT)
        assert not said, "\n".join(one.render() for one in said)


@pytest.mark.parametrize("target", [0.0, 1.0, 0.93, -1.0])
def test_an_objective_that_could_never_alert_is_refused(target: float) -> None:
    """14.4 times a budget of 7 % is more than everything."""
    with pytest.raises(ValueError, match=r"could never fire|a target is between 0 and 1"):
        replace(OBJECTIVES[0], target=target)
