"""A query that can read the series of one namespace only: every selector of it is given the matcher.

What this parser and Prometheus might read differently is refused, not guessed. The text that is returned is written anew from what
was parsed, was parsed again, and every selector in it has the matcher.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql

from alert_rules.promql import nodes, selectors

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_OPERATORS = (
    (promql.MatchOp.Equal, "="),
    (promql.MatchOp.NotEqual, "!="),
    (promql.MatchOp.Re, "=~"),
    (promql.MatchOp.NotRe, "!~"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Refused(ValueError):
    """Why a query cannot be bound to a namespace; `text` is the part of it that is wrong, where there is one."""

    def __init__(self, problem: str, fix: str, text: str = "") -> None:
        super().__init__(problem)
        self.fix = fix
        self.text = text


def enforced(query: str, label: str, value: str) -> str:
    """The query on one line with `label="value"` in every selector. Refused says why it cannot be."""
    try:
        parsed = promql.parse(query)
    except ValueError as error:
        raise Refused(f"no PromQL: {error}", "try it in Prometheus' own page") from None
    for refused in _refused(parsed, label, value):
        raise refused
    try:
        text = _line(promql.transform(parsed, post_visit=lambda node: _bound(node, label, value)))
        again = promql.parse(text)
        same = _line(_without(again, label)) == _line(_without(parsed, label))
    except ValueError:
        same = False
    if not same or not all(_has(one, label, value) for one in selectors(again)):
        raise Refused("it cannot be written down again as it was", "write it in a simpler way")
    return text


def _line(expr: Any) -> str:
    """As text; the parser breaks long ones, and no string in it has a line's end."""
    return " ".join(line.strip() for line in expr.prettify().splitlines())


def _refused(parsed: Any, label: str, value: str) -> Iterator[Refused]:
    for node in nodes(parsed):
        if isinstance(node, promql.VectorSelector):
            yield from _refused_selector(node, label, value)
        elif isinstance(node, promql.StringLiteral) and _CONTROL.search(node.val):
            yield Refused("a string holds a control character", "leave it out")
        elif isinstance(node, promql.Call) and node.func.name == "info":
            yield Refused("info() reads series that no selector names", "join with target_info yourself", "info")


def _refused_selector(selector: Any, label: str, value: str) -> Iterator[Refused]:
    if selector.matchers.or_matchers:
        yield Refused("matchers with `or` are not known to Prometheus", "use a regular expression: =~", " or ")
    names = [selector.name] if selector.name is not None else []
    for one in selector.matchers.matchers:
        names.append(one.value if one.name == "__name__" and one.op == promql.MatchOp.Equal else one.name)
        if _CONTROL.search(one.value):
            yield Refused(f"the matcher of {one.name} holds a control character", "leave it out")
        if one.name == label and (one.op != promql.MatchOp.Equal or one.value != value):
            fix = f'leave it out: {label}="{value}" is added to every selector'
            yield Refused(f"it asks for another {label}", fix, label)
    for name in names:
        if not _NAME.fullmatch(name):
            yield Refused(f"{name!r} is no name that Prometheus 2.42 reads", "letters, digits, _ and :")


def _bound(node: Any, label: str, value: str) -> Any:
    if not isinstance(node, promql.VectorSelector) or _has(node, label, value):
        return None
    own = promql.Matcher(promql.MatchOp.Equal, label, value)
    return _with(node, [*node.matchers.matchers, own])


def _with(selector: Any, matchers: list[Any]) -> Any:
    """The selector with these matchers and no others."""
    bare: Any = promql.parse("x")
    bare.offset, bare.at = selector.offset, selector.at
    # The parser's own text of a matcher leaves quotes in its value as they are: `a="b\"} or other{c="` would be two selectors.
    inside = ",".join(one.name + _sign(one.op) + _quoted(one.value) for one in matchers)
    return promql.parse(f"{selector.name or ''}{{{inside}}}{str(bare).removeprefix('x').removeprefix('{}')}")


def _sign(op: Any) -> str:
    return next(sign for one, sign in _OPERATORS if one == op)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _has(selector: Any, label: str, value: str) -> bool:
    return any(
        one.name == label and one.op == promql.MatchOp.Equal and one.value == value
        for one in selector.matchers.matchers
    )


def _without(expr: Any, label: str) -> Any:
    """The query without matchers of the label."""

    def bare(node: Any) -> Any:
        if not isinstance(node, promql.VectorSelector):
            return None
        others = [one for one in node.matchers.matchers if one.name != label]
        if node.name is None and not others:
            # There is no selector of everything.
            others = [promql.Matcher(promql.MatchOp.Re, "__name__", ".+")]
        return _with(node, others)

    return promql.transform(expr, post_visit=bare)
