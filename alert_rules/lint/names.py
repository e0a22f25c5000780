"""Metrics and labels that the catalogue does not know, with the nearest that it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

import promql_parser as promql

from alert_rules.lint.context import Context
from alert_rules.lint.finding import Finding
from alert_rules.lint.shapes import shape
from alert_rules.promql import nodes
from kunobs.catalogue.planned import PLANNED

_WAITS = {spec.name: exporter for exporter, one in PLANNED.items() for spec in one.metrics}


def check(context: Context) -> Iterator[Finding]:
    """`name`; says nothing where no catalogue is given."""
    if context.settings.known is None:
        return
    for node in nodes(context.query):
        if isinstance(node, promql.VectorSelector):
            yield from _selector(context, node)
        elif isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            yield from _aggregate(context, node)


def _selector(context: Context, node: Any) -> Iterator[Finding]:
    known, recorded = context.settings.known or {}, context.settings.recorded
    if node.name is None:
        yield context.rule.at("name", "a selector without a metric's name", "name the metric", "{")
        return
    spec = context.spec(node.name)
    if spec is None:
        if node.name in _WAITS:
            exporter = _WAITS[node.name]
            yield context.rule.at(
                "name", f"{node.name} is planned: nothing emits it", f"it waits for the exporter {exporter}", node.name
            )
        elif node.name not in recorded:
            near = _nearest(node.name, [*known, *recorded])
            yield context.rule.at("name", f"no metric {node.name} is known", near, node.name)
        return
    shown = shape(node, context).possible or frozenset()
    for matcher in node.matchers.matchers:
        if matcher.name not in shown and matcher.value:
            near = _nearest(matcher.name, shown)
            yield context.rule.at("name", f"{node.name} has no label {matcher.name}", near, matcher.name)
        values = spec.closed.get(matcher.name)
        if values and str(matcher.op) == "MatchOp.Equal" and matcher.value and matcher.value not in values:
            near = _nearest(matcher.value, values)
            yield context.rule.at(
                "name", f"{matcher.name} of {node.name} is never {matcher.value!r}", near, matcher.value
            )


def _aggregate(context: Context, node: Any) -> Iterator[Finding]:
    inner = shape(node.expr, context).possible
    if inner is None or node.modifier.type != promql.AggModifierType.By:
        return
    for label in node.modifier.labels:
        if label not in inner:
            near = _nearest(label, inner)
            yield context.rule.at("name", f"by ({label}): what is aggregated has no such label", near, label)


def _nearest(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, sorted(names), 1, 0.5)
    return f"did you mean {near[0]}?" if near else f"known are: {', '.join(sorted(names)[:8]) or 'none'}"
