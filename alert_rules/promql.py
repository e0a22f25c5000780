"""Questions about a parsed query that more than one part asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import promql_parser as promql

_NONE = timedelta()
# Prometheus 2.42 has it, 3.0 and the parser do not: a rule that uses it is to be read all the same.
_OLD = promql.Function(
    "holt_winters", [promql.ValueType.Matrix, promql.ValueType.Scalar, promql.ValueType.Scalar], promql.ValueType.Vector
)
promql.register_extra_functions([_OLD])


def nodes(expr: Any) -> Iterator[Any]:
    """The expression and all that is in it, from the top."""
    yield expr
    for child in children(expr):
        yield from nodes(child)


def children(expr: Any) -> list[Any]:
    """What an expression is made of."""
    match expr:
        case promql.BinaryExpr():
            return [expr.lhs, expr.rhs]
        case promql.AggregateExpr():
            return [expr.expr] if expr.param is None else [expr.param, expr.expr]
        case promql.Call():
            return list(expr.args)
        case promql.MatrixSelector():
            return [expr.vector_selector]
        case promql.SubqueryExpr() | promql.ParenExpr() | promql.UnaryExpr():
            return [expr.expr]
        case _:
            return []


def selectors(expr: Any) -> Iterator[Any]:
    """Every selector of series."""
    return (node for node in nodes(expr) if isinstance(node, promql.VectorSelector))


def lookback(expr: Any) -> float:
    """How many seconds before its evaluation a query reads: ranges, subqueries and offsets."""
    own = _NONE
    match expr:
        case promql.MatrixSelector():
            own = expr.range
        case promql.SubqueryExpr():
            own = (expr.range or _NONE) + (expr.offset or _NONE)
        case promql.VectorSelector():
            own = expr.offset or _NONE
    return own.total_seconds() + max((lookback(child) for child in children(expr)), default=0.0)
