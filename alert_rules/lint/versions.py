"""What Prometheus 2.42 and 3.x understand differently: a rule must mean the same in both."""

from __future__ import annotations

import re
from collections.abc import Iterator

import promql_parser as promql

from alert_rules.lint.context import Context
from alert_rules.lint.finding import Finding
from alert_rules.promql import nodes, selectors

# Functions and aggregations by the release that brought them, or took them (https://github.com/prometheus/prometheus/blob/main/CHANGELOG.md).
_NEWER = {
    "sort_by_label": "2.49", "sort_by_label_desc": "2.49", "histogram_avg": "2.52", "histogram_stddev": "2.48",
    "histogram_stdvar": "2.48", "limitk": "2.54", "limit_ratio": "2.54", "info": "3.0", "mad_over_time": "2.51",
    "double_exponential_smoothing": "3.0", "ts_of_max_over_time": "3.5", "ts_of_min_over_time": "3.5",
    "ts_of_last_over_time": "3.5", "first_over_time": "3.7", "ts_of_first_over_time": "3.7", "step": "3.6", "range": "3.6",
    "min_of": "3.6", "max_of": "3.6",
}  # fmt: skip
_GONE = {"holt_winters": "3.0"}
_INTEGER = re.compile(r"[0-9]+")


def check(context: Context) -> Iterator[Finding]:
    """`version`."""
    for selector in selectors(context.query):
        for one in selector.matchers.matchers:
            if (
                one.name in ("le", "quantile")
                and _INTEGER.fullmatch(one.value)
                and str(one.op) in ("MatchOp.Equal", "MatchOp.NotEqual")
            ):
                problem = f'{one.name}="{one.value}" is {one.name}="{one.value}.0" in Prometheus 3'
                yield context.rule.at("version", problem, f'{one.name}=~"{one.value}(\\\\.0)?"', f'"{one.value}"')
    for node in nodes(context.query):
        name = (
            node.func.name
            if isinstance(node, promql.Call)
            else str(node.op)
            if isinstance(node, promql.AggregateExpr)
            else ""
        )
        if name in _NEWER:
            yield context.rule.at(
                "version", f"{name}() came with Prometheus {_NEWER[name]}", "say it with what 2.42 has", name
            )
        if name in _GONE:
            problem = f"{name}() is not in Prometheus {_GONE[name]} any more"
            yield context.rule.at("version", problem, "leave it out, or keep a rule for each version", name)
        if isinstance(node, promql.SubqueryExpr) and node.step is not None and (node.range or node.step) <= node.step:
            problem = "a subquery of one step holds one point in Prometheus 3, whose ranges are open at the left"
            yield context.rule.at("version", problem, "a range of several steps", ":")
        if isinstance(node, promql.MatrixSelector) and node.range.total_seconds() <= context.settings.scrape_interval:
            problem = "a range of one scrape holds nothing half of the time in Prometheus 3, whose ranges are open at the left"
            yield context.rule.at("version", problem, "a range of several scrapes", "[")
