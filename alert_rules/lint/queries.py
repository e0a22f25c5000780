"""Checks of a query by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql

from alert_rules.lint.context import Context
from alert_rules.lint.finding import Finding
from alert_rules.promql import children, nodes, selectors

RATES = frozenset({"rate", "irate", "increase"})
_OF_GAUGES = frozenset({"delta", "idelta", "deriv", "predict_linear", "holt_winters", "double_exponential_smoothing"})
_COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
_COUNTING = frozenset({"count", "group", "count_values"})
# What only asks whether there is something, or when.
_PRESENCE = frozenset(
    {"absent", "absent_over_time", "timestamp", "changes", "resets", "count_over_time", "present_over_time"}
)
_META = re.compile(r"[\\.^$*+?()\[\]{}|]")
SCRAPES = 4


def windows(context: Context) -> Iterator[Finding]:
    """`window`: too short for a rate to have two points when a scrape is missed."""
    least = SCRAPES * context.settings.scrape_interval
    for node in nodes(context.query):
        if (
            isinstance(node, promql.Call)
            and node.func.name in RATES
            and isinstance(node.args[0], promql.MatrixSelector)
        ):
            seconds = node.args[0].range.total_seconds()
            if seconds < least:
                shown = f"[{promql.display_duration(node.args[0].range)}]"
                problem = f"{node.func.name}() over {shown} is less than {SCRAPES} scrapes of {context.settings.scrape_interval:g} s"
                yield context.rule.at("window", problem, f"[{_minutes(least)}] or more", shown)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g}m" if seconds % 60 == 0 else f"{seconds:g}s"


def gauges(context: Context) -> Iterator[Finding]:
    """`rate-gauge`, and the other way round `counter-as-gauge`."""
    for node in nodes(context.query):
        if not isinstance(node, promql.Call) or not node.args or not isinstance(node.args[0], promql.MatrixSelector):
            continue
        metric, function = node.args[0].vector_selector.name, node.func.name
        if function in RATES and context.gauge(metric):
            yield context.rule.at(
                "rate-gauge", f"{function}() of {metric}, which is a gauge",
                "deriv() or delta() for its slope, avg_over_time() for its level, changes() for how often it moved",
                f"{function}(",
            )  # fmt: skip
        elif function in _OF_GAUGES and context.counter(metric):
            problem = f"{function}() of {metric}, which is a counter: it jumps at every restart"
            yield context.rule.at("counter-as-gauge", problem, "take rate() or increase() of it", f"{function}(")


def counters(context: Context) -> Iterator[Finding]:
    """`counter`: its bare value says only how long the process has lived."""
    yield from _counters(context, context.query, frozenset())


def _counters(context: Context, node: Any, excused: frozenset[str]) -> Iterator[Finding]:
    """`excused` are the metrics whose bare value is meant here."""
    match node:
        case promql.VectorSelector():
            if node.name and context.counter(node.name) and node.name not in excused and "*" not in excused:
                problem = f"the bare value of the counter {node.name}"
                yield context.rule.at("counter", problem, f"rate({node.name}[5m]) or increase(…)", node.name)
            return
        case promql.MatrixSelector():
            return
        case promql.Call() if node.func.name in _PRESENCE:
            return
        case promql.AggregateExpr() if str(node.op) in _COUNTING:
            return
        case promql.BinaryExpr() if str(node.op) in ("unless", "and"):
            # The right side only asks whether there is such a series.
            yield from _counters(context, node.lhs, excused)
            yield from _counters(context, node.rhs, excused | ({"*"} if _bare(node.rhs) else frozenset()))
            return
        case promql.BinaryExpr() if str(node.op) == "-":
            # Today's value less an earlier one, or a counter less its own part.
            excused |= {"*"}
        case promql.BinaryExpr() if str(node.op) == "/" and _same_family(node):
            excused |= {"*"}
    for child in children(node):
        yield from _counters(context, child, excused)


def _bare(node: Any) -> bool:
    return isinstance(node, (promql.VectorSelector, promql.ParenExpr)) and not isinstance(
        getattr(node, "expr", None), promql.BinaryExpr
    )


def _same_family(node: Any) -> bool:
    """x_sum / x_count: an average over the life of the process, which may be meant."""
    names = [one.name or "" for one in selectors(node)]
    return len(names) == 2 and {name.rpartition("_")[2] for name in names} == {"sum", "count"}


def comparison(context: Context) -> Iterator[Finding]:
    """`comparison`: without one an alert fires for every series there is."""
    if not context.rule.alerting or context.rule.labels.get("severity") == "none":
        return
    if not _filters(context.query):
        yield context.rule.at(
            "comparison", "it compares with nothing, so it fires for every series that the query returns",
            "add `> 0` or what it should be compared with", context.rule.expr.strip(),
        )  # fmt: skip


def _filters(node: Any) -> bool:
    match node:
        case promql.BinaryExpr():
            if str(node.op) in _COMPARISONS:
                return not (node.modifier is not None and node.modifier.return_bool)
            if str(node.op) == "unless":
                return True
            if str(node.op) == "or":
                return _filters(node.lhs) and _filters(node.rhs)
            return _filters(node.lhs) or _filters(node.rhs)
        case promql.Call() if node.func.name in ("absent", "absent_over_time"):
            return True
        case promql.Call() if node.func.name == "vector":
            return False
        case promql.VectorSelector():
            # ALERTS is there only while something fires, a recording rule may hold the comparison.
            return node.name is not None and (node.name.startswith("ALERTS") or ":" in node.name)
    return any(_filters(child) for child in children(node))


def absent(context: Context) -> Iterator[Finding]:
    """`absent`: one missed scrape is no absence."""
    rule = context.rule
    if rule.alerting and not rule.wait:
        for node in nodes(context.query):
            if isinstance(node, promql.Call) and node.func.name == "absent":
                problem = "absent() without `for` fires at the first missed scrape, and at every start of Prometheus"
                yield rule.at(
                    "absent",
                    problem,
                    f"for: {_minutes(2 * max(30.0, context.settings.scrape_interval))} or more",
                    "absent(",
                )


def never(context: Context) -> Iterator[Finding]:
    """`never`: what cannot be true, whatever the series are."""
    for node in nodes(context.query):
        if not isinstance(node, promql.BinaryExpr) or str(node.op) not in _COMPARISONS:
            continue
        problem = _never(context, node)
        if problem:
            yield context.rule.at(
                "never", problem, "compare with what it can be; see absent() for nothing at all", str(node.op)
            )
    for node in nodes(context.query):
        if isinstance(node, promql.BinaryExpr) and str(node.op) == "and" and _contradicts(node):
            yield context.rule.at(
                "never", "both comparisons can never be true together", "one of them is turned round", "and"
            )


def _never(context: Context, node: Any) -> str:
    number = _number(node.rhs)
    inner = _unwrapped(node.lhs)
    operator = str(node.op)
    if number is None:
        return ""
    nothing = (
        (operator == "==" and number <= 0) or (operator == "<" and number <= 1) or (operator == "<=" and number < 1)
    )
    if isinstance(inner, promql.AggregateExpr) and str(inner.op) == "count" and nothing:
        return "count() is never 0: where there is nothing to count it returns nothing"
    not_one = (
        (operator == "==" and number != 1) or (operator == ">" and number >= 1) or (operator == "<" and number <= 1)
    )
    if isinstance(inner, promql.Call) and inner.func.name in ("absent", "absent_over_time") and not_one:
        return "absent() returns 1 or nothing"
    if isinstance(inner, promql.Call) and inner.func.name in RATES and operator == "<" and number <= 0:
        return f"{inner.func.name}() is never below 0"
    spec = context.spec(inner.name) if isinstance(inner, promql.VectorSelector) else None
    if spec is not None and spec.unit == "ratio" and operator in (">", ">=") and number > 1:
        return f"{spec.name} is a ratio, from 0 to 1"
    return ""


def _contradicts(node: Any) -> bool:
    sides = [_unparenthesised(side) for side in (node.lhs, node.rhs)]
    if not all(isinstance(side, promql.BinaryExpr) and str(side.op) in _COMPARISONS for side in sides):
        return False
    left, right = sides
    if left.lhs.prettify() != right.lhs.prettify():
        return False
    low, high = _bounds(left), _bounds(right)
    return low is not None and high is not None and max(low[0], high[0]) > min(low[1], high[1])


def _bounds(node: Any) -> tuple[float, float] | None:
    number = _number(node.rhs)
    if number is None:
        return None
    infinite = float("inf")
    return {
        ">": (number, infinite), ">=": (number, infinite), "<": (-infinite, number), "<=": (-infinite, number),
        "==": (number, number),
    }.get(str(node.op))  # fmt: skip


def _number(node: Any) -> float | None:
    node = _unparenthesised(node)
    if isinstance(node, promql.UnaryExpr):
        inner = _number(node.expr)
        return None if inner is None else -inner
    return float(node.val) if isinstance(node, promql.NumberLiteral) else None


def _unparenthesised(node: Any) -> Any:
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    return node


def _unwrapped(node: Any) -> Any:
    """Below parentheses and aggregations that keep what a value can be."""
    node = _unparenthesised(node)
    while isinstance(node, promql.AggregateExpr) and str(node.op) in ("max", "min", "avg", "sum"):
        node = _unparenthesised(node.expr)
    return node


def matchers(context: Context) -> Iterator[Finding]:
    """`matcher`: selectors that no series can meet, and regular expressions that are none."""
    for node in selectors(context.query):
        equal: dict[str, str] = {}
        for one in node.matchers.matchers:
            operator = str(one.op).rpartition(".")[2]
            written = f'"{one.value}"'
            if operator == "Equal":
                if equal.setdefault(one.name, one.value) != one.value:
                    problem = f"{one.name} cannot be both {equal[one.name]!r} and {one.value!r}"
                    yield context.rule.at("matcher", problem, f'{one.name}=~"{equal[one.name]}|{one.value}"', written)
            elif operator in ("Re", "NotRe"):
                yield from _regex(context, node, one, operator, written)


def _regex(context: Context, node: Any, one: Any, operator: str, written: str) -> Iterator[Finding]:
    if operator == "NotRe" and one.value in (".*", "(.*)"):
        yield context.rule.at(
            "matcher", f'{one.name}!~".*" matches no series at all', "leave out what was not meant", written
        )
        return
    if one.value.startswith("^") or (one.value.endswith("$") and not one.value.endswith("\\$")):
        bare = one.value.removeprefix("^").removesuffix("$")
        yield context.rule.at("matcher", "a matcher is anchored at both ends already", f'"{bare}"', written)
        return
    if one.value and not _META.search(one.value):
        sign = "=" if operator == "Re" else "!="
        yield context.rule.at(
            "matcher", "a regular expression of plain text", f'{one.name}{sign}"{one.value}"', written
        )
        return
    spec = context.spec(node.name)
    values = spec.closed.get(one.name) if spec is not None else None
    if values:
        yield from _branches(context, one, values, written)


def _branches(context: Context, one: Any, values: frozenset[str], written: str) -> Iterator[Finding]:
    """Every branch must meet one of the values that a label can have."""
    for branch in one.value.split("|") if "(" not in one.value else (one.value,):
        try:
            met = any(re.fullmatch(branch, value) for value in values)
        except re.error:
            continue
        if not met:
            yield context.rule.at(
                "matcher", f"{one.name} is never {branch!r}", f"it is one of {', '.join(sorted(values))}", written
            )
