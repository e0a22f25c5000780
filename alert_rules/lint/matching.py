"""Two sides of an operator: labels that can never be equal, and many on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser as promql

from alert_rules.lint.context import Context
from alert_rules.lint.finding import Finding
from alert_rules.lint.shapes import Shape, shape
from alert_rules.promql import nodes, selectors

_SETS = ("and", "or", "unless")


def check(context: Context) -> Iterator[Finding]:
    """`matching`."""
    for node in nodes(context.query):
        if isinstance(node, promql.BinaryExpr):
            left, right = shape(node.lhs, context), shape(node.rhs, context)
            if not left.scalar and not right.scalar:
                yield from _sides(context, node, left, right)


def _sides(context: Context, node: Any, left: Shape, right: Shape) -> Iterator[Finding]:
    modifier = node.modifier
    matching = modifier.matching if modifier is not None else None
    operator = str(node.op)
    if matching is None:
        if operator != "or":
            yield from _all_labels(context, operator, left, right)
        return
    labels = frozenset(matching.labels)
    on = matching.type == promql.LabelModifierType.Include
    if on:
        yield from _on(context, operator, labels, left, right)
    elif operator != "or":
        yield from _ignoring(context, operator, labels, left, right)
    card = str(modifier.card).rpartition(".")[2]
    if operator not in _SETS and card == "OneToOne" and on:
        yield from _cardinality(context, operator, labels, left, right)


def _all_labels(context: Context, operator: str, left: Shape, right: Shape) -> Iterator[Finding]:
    """Every label must be equal."""
    only = _never(left, right)
    if only:
        yield context.rule.at(
            "matching",
            f"the two sides of {operator} never match: one has {', '.join(sorted(only))}, the other cannot",
            "say on which labels they match: on (…), and group_left where one side has more of them",
            operator if operator.isalpha() else f" {operator} ",
        )


def _never(left: Shape, right: Shape) -> frozenset[str]:
    """Labels that keep them from ever being equal."""
    if left.exact and right.exact and left.possible is not None and right.possible is not None:
        return left.possible ^ right.possible
    found = frozenset(label for label in left.certain if right.exact and right.lacks(label))
    return found | frozenset(label for label in right.certain if left.exact and left.lacks(label))


def _on(context: Context, operator: str, labels: frozenset[str], left: Shape, right: Shape) -> Iterator[Finding]:
    metrics = {one.name for one in selectors(context.query)}
    for label in sorted(labels):
        lacking = [side for side in (left, right) if side.lacks(label) and (side.exact or context.settings.known)]
        if label in metrics:
            problem = f"{label} in on (…) is a metric, not a label"
        elif len(lacking) == 2:
            problem = f"neither side of {operator} has the label {label}"
        elif len(lacking) == 1:
            problem = f"only one side of {operator} has the label {label}: they never match"
        else:
            continue
        yield context.rule.at("matching", problem, "name labels that both sides keep", label)


def _ignoring(context: Context, operator: str, labels: frozenset[str], left: Shape, right: Shape) -> Iterator[Finding]:
    only = _never(left, right) - labels
    if only:
        problem = f"the two sides of {operator} never match: one has {', '.join(sorted(only))}, the other cannot"
        yield context.rule.at(
            "matching", problem, f"ignore it too: ignoring ({', '.join(sorted(labels | only))})", "ignoring"
        )


def _cardinality(context: Context, operator: str, on: frozenset[str], left: Shape, right: Shape) -> Iterator[Finding]:
    more = [side.exact and side.possible is not None and bool(side.possible - on) for side in (left, right)]
    if all(more):
        problem = f"both sides of {operator} have more labels than on ({', '.join(sorted(on))}): many-to-many"
        yield context.rule.at("matching", problem, "aggregate one side to these labels", "on")
    elif any(more) and all(side.exact for side in (left, right)):
        side = "left" if more[0] else "right"
        problem = f"the {side} side of {operator} has many series for one of the other"
        yield context.rule.at("matching", problem, f"on ({', '.join(sorted(on))}) group_{side}", "on")
