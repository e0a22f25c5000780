"""Which labels the series of an expression can have, and which they surely have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import promql_parser as promql

from alert_rules.lint.context import Context

TARGET = frozenset({"job", "instance"})


@dataclass(frozen=True, slots=True)
class Shape:
    """`possible` is None where nothing is known; `exact` when an aggregation has left these labels and no other."""

    possible: frozenset[str] | None = None
    certain: frozenset[str] = frozenset()
    exact: bool = False
    scalar: bool = False

    def lacks(self, label: str) -> bool:
        """It can never have this label."""
        return self.possible is not None and label not in self.possible


SCALAR = Shape(frozenset(), exact=True, scalar=True)
EMPTY = Shape(frozenset(), exact=True)


def shape(expr: Any, context: Context) -> Shape:
    """Of any expression."""
    match expr:
        case promql.NumberLiteral() | promql.StringLiteral():
            return SCALAR
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return shape(expr.expr, context)
        case promql.MatrixSelector():
            return shape(expr.vector_selector, context)
        case promql.VectorSelector():
            return _selector(expr, context)
        case promql.AggregateExpr():
            return _aggregate(expr, context)
        case promql.Call():
            return _call(expr, context)
        case promql.BinaryExpr():
            return _binary(expr, context)
    return Shape()


def _selector(expr: Any, context: Context) -> Shape:
    equal = {one.name for one in expr.matchers.matchers if str(one.op) == "MatchOp.Equal" and one.value}
    empty = {one.name for one in expr.matchers.matchers if str(one.op) == "MatchOp.Equal" and not one.value}
    recorded = expr.name is None or ":" in expr.name
    certain = frozenset(equal - {"__name__"}) | (frozenset() if recorded else TARGET)
    spec = context.spec(expr.name)
    possible: frozenset[str] | None = None
    if spec is not None:
        possible = frozenset((*spec.label_names, *spec.attached)) | TARGET
        if spec.type == "histogram" and expr.name.endswith("_bucket"):
            possible |= {"le"}
            certain |= {"le"}
        if spec.type == "summary" and expr.name == spec.name:
            possible |= {"quantile"}
        possible -= empty
    return Shape(possible, certain - empty)


def _aggregate(expr: Any, context: Context) -> Shape:
    inner = shape(expr.expr, context)
    name = str(expr.op)
    if name in ("topk", "bottomk", "limitk", "limit_ratio"):
        return replace(inner, scalar=False)
    if expr.modifier is None:
        return EMPTY
    labels = frozenset(expr.modifier.labels)
    if expr.modifier.type == promql.AggModifierType.By:
        possible = labels if inner.possible is None else labels & inner.possible
        return Shape(possible, inner.certain & labels, exact=True)
    left = None if inner.possible is None else inner.possible - labels
    return Shape(left, inner.certain - labels, inner.exact)


def _call(expr: Any, context: Context) -> Shape:
    name = expr.func.name
    if name in ("vector", "absent", "absent_over_time"):
        if name == "vector" or not expr.args:
            return EMPTY
        inner = expr.args[0]
        selector = inner.vector_selector if isinstance(inner, promql.MatrixSelector) else inner
        if not isinstance(selector, promql.VectorSelector):
            return EMPTY
        equal = {one.name for one in selector.matchers.matchers if str(one.op) == "MatchOp.Equal" and one.value}
        return Shape(frozenset(equal - {"__name__"}), frozenset(equal - {"__name__"}), exact=True)
    if str(expr.func.return_type) == "ValueType.Scalar":
        return SCALAR
    vectors = [arg for arg in expr.args if not isinstance(arg, (promql.NumberLiteral, promql.StringLiteral))]
    if not vectors:
        return EMPTY
    inner = shape(vectors[-1] if name.startswith("histogram_") else vectors[0], context)
    if name in ("label_replace", "label_join"):
        made = getattr(expr.args[1], "val", "")
        return replace(inner, possible=None if inner.possible is None else inner.possible | {made})
    if name.startswith("histogram_"):
        possible = None if inner.possible is None else inner.possible - {"le"}
        return replace(inner, possible=possible, certain=inner.certain - {"le"})
    return inner


def _binary(expr: Any, context: Context) -> Shape:
    left, right = shape(expr.lhs, context), shape(expr.rhs, context)
    if left.scalar or right.scalar:
        return right if left.scalar else left
    if str(expr.op) in ("and", "unless"):
        return left
    if str(expr.op) == "or":
        both = None if left.possible is None or right.possible is None else left.possible | right.possible
        return Shape(both, left.certain & right.certain, left.exact and right.exact)
    modifier = expr.modifier
    matching = modifier.matching if modifier is not None else None
    card = str(modifier.card).rpartition(".")[2] if modifier is not None else "OneToOne"
    if card in ("ManyToOne", "OneToMany"):
        many = left if card == "ManyToOne" else right
        extra = frozenset(modifier.group_labels or ())
        return replace(many, possible=None if many.possible is None else many.possible | extra)
    if matching is None:
        return left
    labels = frozenset(matching.labels)
    if matching.type == promql.LabelModifierType.Include:
        return Shape(labels, left.certain & labels, exact=True)
    possible = None if left.possible is None else left.possible - labels
    return Shape(possible, left.certain - labels, left.exact)
