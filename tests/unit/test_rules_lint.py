"""What `kunobs rules lint` says of broken rules, and that it says nothing of good ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alert_rules.lint.checks import lint, lint_paths
from alert_rules.lint.context import Settings
from alert_rules.lint.finding import Finding
from alert_rules.lint.source import parse
from kunobs.catalogue.types import Label, MetricSpec

KNOWN = {
    spec.name: spec
    for spec in (
        MetricSpec("requests_total", "counter", "Requests.", labels=(Label("code"), Label("path"))),
        MetricSpec("queue_length", "gauge", "Waiting.", labels=(Label("queue"),)),
        MetricSpec("used_ratio", "gauge", "Of the room.", unit="ratio", labels=(Label("queue"),)),
        MetricSpec("wait_seconds", "histogram", "Waited.", unit="seconds", labels=(Label("queue"),), buckets=(1.0,)),
        MetricSpec("mode", "gauge", "Mode.", labels=(Label("state", ("normal", "down")),)),
        MetricSpec("up", "gauge", "Scraped."),
    )
}
STRICT = Settings(known=KNOWN)


def found(expr: str, settings: Settings = STRICT, more: str = "", *, record: bool = False) -> list[Finding]:
    """The findings for one rule with this query; `more` is YAML of the same rule."""
    head = "record: job:x:sum" if record else "alert: A\n    annotations: {summary: x}"
    lines = "\n".join(f"      {line}" for line in expr.split("\n"))
    text = f"groups:\n- name: g\n  rules:\n  - {head}\n    expr: |\n{lines}\n{more}"
    rules, broken = parse("rules.yaml", text)
    assert not broken, broken[0].render()
    return lint(rules, settings)


def checks(expr: str, settings: Settings = STRICT, more: str = "") -> set[str]:
    """The names of the checks that found something."""
    return {one.check for one in found(expr, settings, more)}


@pytest.mark.parametrize(
    ("expr", "check", "problem"),
    [
        ("sum(", "syntax", "no PromQL"),
        ("requests_totl > 0", "name", "no metric requests_totl is known"),
        ('queue_length{que="a"} > 0', "name", "queue_length has no label que"),
        ("sum by (qeue) (queue_length) > 0", "name", "by (qeue): what is aggregated has no such label"),
        ('mode{state="donw"} == 1', "name", "state of mode is never 'donw'"),
        ("rate(queue_length[5m]) > 1", "rate-gauge", "rate() of queue_length, which is a gauge"),
        ("deriv(requests_total[5m]) > 1", "counter-as-gauge", "it jumps at every restart"),
        ("requests_total > 100", "counter", "the bare value of the counter requests_total"),
        ("sum by (code) (requests_total) > 100", "counter", "the bare value"),
        ("wait_seconds_count > 5", "counter", "the bare value of the counter wait_seconds_count"),
        ("rate(requests_total[30s]) > 1", "window", "over [30s] is less than 4 scrapes of 15 s"),
        ("rate(requests_total[5m])", "comparison", "it compares with nothing"),
        ("queue_length > bool 5", "comparison", "it compares with nothing"),
        ("sum(queue_length) or sum(used_ratio > 1)", "comparison", "it compares with nothing"),
        ("absent(up)", "absent", "absent() without `for`"),
        ("count(up) == 0", "never", "count() is never 0"),
        ("sum by (job) (absent(up)) > 1", "never", "absent() returns 1 or nothing"),
        ("rate(requests_total[5m]) < 0", "never", "rate() is never below 0"),
        ("max(used_ratio) > 90", "never", "is a ratio"),
        ("queue_length > 5 and queue_length < 3", "never", "both comparisons can never be true together"),
        ('mode{state="normal", state="down"} == 1', "matcher", "cannot be both"),
        ('requests_total{code!~".*"} unless up', "matcher", "matches no series at all"),
        ('sum(rate(requests_total{code=~"500"}[5m])) > 1', "matcher", "a regular expression of plain text"),
        ('sum(rate(requests_total{code=~"^5..$"}[5m])) > 1', "matcher", "anchored at both ends already"),
        ('max(mode{state=~"normal|dwn"}) > 0', "matcher", "state is never 'dwn'"),
        (
            "sum by (code, path) (rate(requests_total[5m])) / sum by (path) (rate(requests_total[5m])) > 1",
            "matching",
            "the two sides of / never match: one has code, the other cannot",
        ),
        ("queue_length > 1 and sum by (queue) (used_ratio) > 0", "matching", "one has instance, job, the other cannot"),
        (
            "sum by (queue) (queue_length) / on (path) sum by (queue) (used_ratio) > 1",
            "matching",
            "neither side of / has the label path",
        ),
        (
            "sum by (queue) (queue_length) / on (code) sum by (code) (rate(requests_total[5m])) > 1",
            "matching",
            "only one side of / has the label code",
        ),
        (
            "queue_length * on (used_ratio) used_ratio > 1",
            "matching",
            "used_ratio in on (…) is a metric, not a label",
        ),
        (
            "sum by (code, path) (rate(requests_total[5m])) / on (path) sum by (path) (rate(requests_total[5m])) > 1",
            "matching",
            "the left side of / has many series for one of the other",
        ),
        (
            "sum by (code, path) (rate(requests_total[5m])) / on (path) sum by (path, job) (rate(requests_total[5m])) > 1",
            "matching",
            "many-to-many",
        ),
        ('sum(rate(wait_seconds_bucket{le="1"}[5m])) > 1', "version", 'le="1" is le="1.0" in Prometheus 3'),
        ("holt_winters(queue_length[5m], 0.1, 0.1) > 1", "version", "not in Prometheus 3.0 any more"),
        ("limitk(2, queue_length) > 1", "version", "limitk() came with Prometheus 2.54"),
        ("max_over_time(queue_length[1m:1m]) > 1", "version", "a subquery of one step"),
        ("max_over_time(queue_length[15s]) > 1", "version", "a range of one scrape"),
    ],
)
def test_what_is_wrong_with_a_query(expr: str, check: str, problem: str) -> None:
    """The check, and what it says."""
    said = [one for one in found(expr) if one.check == check]
    assert said, found(expr)
    assert any(problem in one.problem for one in said), said
    assert all(one.fix for one in said)


@pytest.mark.parametrize(
    ("more", "check", "problem"),
    [
        ("    labels: {size: '{{ $value }}'}", "label-value", "label size holds the value"),
        ("    labels: {size: '{{ .Value }}'}", "label-value", "label size holds the value"),
        ("    for: 5 minutes", "duration", "'5 minutes' is no duration"),
        ("    keep_firing_for: 1x", "duration", "'1x' is no duration"),
    ],
)
def test_what_is_wrong_beside_the_query(more: str, check: str, problem: str) -> None:
    """Labels and durations."""
    assert any(one.check == check and problem in one.problem for one in found("max(queue_length) > 5", more=more))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ $value ", "{{ and }} do not pair"),
        ("{{ $label.queue }}", "there is no $label"),
        ("{{ $value | humanise }}", "there is no function humanise"),
        ("{{ $labels.path }}", "the query leaves no label path"),
    ],
)
def test_templates(text: str, problem: str) -> None:
    """What Prometheus would answer with an error, or with nothing."""
    more = f"    labels: {{team: '{text}'}}"
    assert any(problem in one.problem for one in found("sum by (queue) (queue_length) > 5", more=more))


@pytest.mark.parametrize(
    "text",
    [
        "{{ $value | humanizePercentage }} of {{ $labels.queue }}",
        '{{ with query "up" }}{{ . | first | value }}{{ end }}',
        '{{ range $i, $x := query "up" }}{{ $x.Labels.job }}{{ end }}',
        '{{ printf "%.2f" $value }} {{ $externalLabels.replica }} {{ if gt $value 5.0 }}many{{ else }}few{{ end }}',
    ],
)
def test_good_templates(text: str) -> None:
    """Nothing is said of what works; in an annotation the value may stand."""
    source = f"groups: [{{name: g, rules: [{{alert: A, expr: sum by (queue) (queue_length) > 5, annotations: {{summary: '{text}'}}}}]}}]"
    assert lint(parse("r.yaml", source)[0], STRICT) == []


@pytest.mark.parametrize(
    "expr",
    [
        "sum by (code) (rate(requests_total[5m])) / ignoring (code) group_left sum(rate(requests_total[5m])) > 0.5",
        'sum by (path) (rate(requests_total{code=~"5.."}[5m])) / sum by (path) (rate(requests_total[5m])) > 0.5',
        "histogram_quantile(0.99, sum by (queue, le) (rate(wait_seconds_bucket[5m]))) > 3",
        "rate(wait_seconds_sum[5m]) / rate(wait_seconds_count[5m]) > 3",
        "up == 0",
        "absent_over_time(up[10m])",
        "queue_length unless on (queue) used_ratio",
        "max by (queue) (queue_length) > 5 and on (queue) max by (queue) (used_ratio) > 0.9",
        "count by (code) (requests_total) > 5",
        "increase(requests_total[10m]) > 0 or changes(queue_length[10m]) > 4",
        "sum(requests_total) - sum(requests_total offset 1h) > 5",
        "predict_linear(queue_length[1h], 3600) > 100",
        'label_replace(sum by (queue) (queue_length), "name", "$1", "queue", "(.*)") > 5',
        "vector(1) > 0",
        "time() - max by (queue) (timestamp(queue_length)) > 600",
    ],
)
def test_good_queries(expr: str) -> None:
    """Nothing is said of what can fire."""
    assert found(expr) == []


def test_other_systems_metrics_are_not_unknown() -> None:
    """Without a catalogue names are believed, and their endings say what grows."""
    assert checks("sum by (x) (anything) > 1", Settings()) == set()
    assert checks("anything_total > 1", Settings()) == {"counter"}


def test_annotations_that_are_asked_for() -> None:
    """Each that is missing is named; without a wish any words will do."""
    text = "groups: [{name: g, rules: [{alert: A, expr: up == 0, annotations: {summary: x}}]}]"
    rules, _ = parse("r.yaml", text)
    assert [one.problem for one in lint(rules, Settings(annotations=("summary", "runbook_url")))] == [
        "it has no annotation runbook_url"
    ]
    bare, _ = parse("r.yaml", "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]")
    assert [one.check for one in lint(bare, Settings())] == ["annotation"]


def test_the_same_rule_twice_and_an_order_that_is_late() -> None:
    """Over files and within a group."""
    text = """
groups:
- name: g
  rules:
  - alert: A
    expr: job:x:sum > 1
    annotations: {summary: x}
  - record: job:x:sum
    expr: sum by (job) (up)
  - alert: A
    expr: job:x:sum  >  1
    annotations: {summary: other words}
"""
    said = lint(parse("r.yaml", text)[0], STRICT)
    assert [(one.check, one.line) for one in said] == [("order", 6), ("duplicate", 10)]
    assert "r.yaml:5" in said[1].problem


def test_a_finding_shows_the_spot() -> None:
    """File, line, column, the line itself, and a caret under what is meant."""
    (one,) = found("sum by (path) (\n  rate(requests_totl[5m])\n) > 1")
    assert one.render() == (
        "rules.yaml:8:14: A: no metric requests_totl is known [name]\n"
        "    8 |         rate(requests_totl[5m])\n"
        "      |              ^^^^^^^^^^^^^\n"
        "        fix: did you mean requests_total?"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("groups: [", "no YAML"),
        ("- a\n- b\n", "there are no groups"),
        ("groups: 5", "there are no groups"),
        ("groups: [5]", "a group is no mapping"),
        ("groups: [{name: g, rules: 5}]", "a group is no mapping with rules"),
        ("groups: [{name: g, rules: [5]}]", "rule 1 of the group is no mapping"),
        ("groups: [{name: g, rules: [{expr: up}]}]", "neither an alert nor a recording rule"),
        ("groups: [{name: g, rules: [{alert: A, record: b, expr: up}]}]", "or both"),
        ("groups: [{name: g, rules: [{alert: A}]}]", "it has no expr"),
        ("groups: [{name: g, rules: [{alert: A, expr: [1]}]}]", "it has no expr"),
        ("groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: [a]}]}]", "its labels are no mapping"),
        ("groups: [{name: g, rules: [{alert: A, expr: up == 0, fro: 5m}]}]", "unknown key fro"),
        ("groups: [{name: g, name: h, rules: []}]", "no YAML"),
        ("groups: [{name: g, labels: {a: b}, rules: []}]", "not known to Prometheus 2.42"),
        ("a: &a [*a]", "there are no groups"),
        ("{{{{", "no YAML"),
    ],
)
def test_files_that_hold_no_rules(text: str, problem: str) -> None:
    """What a file is instead is said, and nothing raises."""
    _, said = parse("r.yaml", text)
    assert any(problem in one.problem for one in said), said
    assert all(one.render() for one in said)


@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    """No file raises."""
    rules, said = parse("r.yaml", text)
    for one in said + lint(rules, STRICT):
        assert one.render().count("\n") == 3


@given(st.text("abc_{}()[]=~!\"'\\ ,:+-*/<>0159mbyonrateupsum", max_size=60))
def test_any_query_is_answered(expr: str) -> None:
    """Nor does any query."""
    import json

    rules, said = parse("r.yaml", json.dumps({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": expr}]}]}))
    assert not said
    lint(rules, STRICT)


def test_files_and_folders(tmp_path: Path) -> None:
    """A folder is searched, the operator's PrometheusRule is read, what cannot be read is told."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.yaml").write_text(
        "groups: [{name: g, rules: [{alert: A, expr: up == 0, annotations: {s: x}}]}]"
    )
    (tmp_path / "a" / "crd.yml").write_text(
        "kind: PrometheusRule\nspec: {groups: [{name: g, rules: [{alert: B, expr: up == 0, annotations: {s: x}}]}]}"
    )
    (tmp_path / "a" / "notes.txt").write_text("groups: [")
    count, said = lint_paths([tmp_path / "a"], STRICT)
    assert (count, said) == (2, [])
    count, said = lint_paths([tmp_path / "missing.yaml"], STRICT)
    assert count == 0
    assert "cannot be read: No such file or directory" in said[0].problem
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in lint_paths([tmp_path / "binary.yaml"], STRICT)[1][0].problem
