"""The label values that queries ask for, so that the world has series for them."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterable

import promql_parser as promql

Wanted = dict[str, dict[str, set[str]]]
"""metric -> label -> values."""
_PLAIN = re.compile(r"[\w ./:+@-]+")


def values(queries: Iterable[str]) -> Wanted:
    """Of equalities, and of the branches of regular expressions; all metrics of one query get them, for they must meet."""
    found: Wanted = defaultdict(lambda: defaultdict(set))
    for query in queries:
        metrics: set[str] = set()
        asked: dict[str, set[str]] = defaultdict(set)

        def visit(node: object, metrics: set[str] = metrics, asked: dict[str, set[str]] = asked) -> bool:
            if isinstance(node, promql.VectorSelector) and node.name:
                metrics.add(node.name)
                for one in node.matchers.matchers:
                    if str(one.op) == "MatchOp.Equal" and one.value:
                        asked[one.name].add(one.value)
                    elif str(one.op) == "MatchOp.Re":
                        asked[one.name] |= {part for part in _branches(one.value, one.name) if part}
            return True

        # One that is no PromQL asks for nothing; its verdict will be an error.
        with contextlib.suppress(ValueError):
            promql.walk(promql.parse(query), visit)
        for metric in metrics:
            for label, wished in asked.items():
                found[metric][label] |= wished
    return found


def _branches(expression: str, label: str) -> Iterable[str]:
    """`5..|200|sit.*` -> 500, 200, sit0; what is no plain word with dots for digits or an open end is left out."""
    for branch in expression.strip("()").split("|"):
        # Of jobs there are no others than the catalogue's.
        if re.fullmatch(r"[\w-]+\.[*+]", branch) and label != "job":
            yield branch[:-2] + "0"
            continue
        bare = branch.replace("\\.", ".")
        if re.fullmatch(r"[0-9]\.\.", branch):
            yield branch.replace("..", "00")
        elif _PLAIN.fullmatch(bare) and "." not in branch.replace("\\.", ""):
            yield bare
