"""What mutes what: an alert that explains others. Edges as data; Alertmanager's inhibit_rules are made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from alert_rules.suite import Entry, entries

_RANK = {"none": 0, "info": 1, "warning": 2, "critical": 3}


@dataclass(frozen=True, slots=True)
class Edge:
    """While `source` fires, `targets` with the same values of `equal` are not told."""

    source: str
    targets: tuple[str, ...]
    equal: tuple[str, ...]
    why: str


EXPLAINED: tuple[Edge, ...] = ()


def edges() -> tuple[Edge, ...]:
    """The declared ones, and those of alerts that ask the same at two thresholds."""
    return (*_levels(), *EXPLAINED)


def _levels() -> Iterator[Edge]:
    by_query: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries():
        signal = entry.signal
        by_query.setdefault((signal.expr, signal.comparison[0], signal.guard), []).append(entry)
    for same in by_query.values():
        for one, other in permutations(same, 2):
            if _RANK[one.signal.severity] > _RANK[other.signal.severity]:
                yield Edge(
                    one.signal.alert, (other.signal.alert,), tuple(sorted(one.case.labels)), "the same, and worse"
                )


def inhibit_rules() -> list[dict[str, Any]]:
    """As Alertmanager reads them."""
    return [
        {
            "source_matchers": [f'alertname="{edge.source}"'],
            "target_matchers": [f'alertname=~"{"|".join(edge.targets)}"'],
            "equal": list(edge.equal),
        }
        for edge in edges()
    ]


def cycle() -> tuple[str, ...]:
    """Alerts that mute each other in a circle, so that nobody would hear of any; empty when there is none."""
    graph: dict[str, set[str]] = {}
    for edge in edges():
        graph.setdefault(edge.source, set()).update(edge.targets)
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if name in path:
            return (*path[path.index(name) :], name)
        if name in done:
            return ()
        for target in sorted(graph.get(name, ())):
            found = walk(target, (*path, name))
            if found:
                return found
        done.add(name)
        return ()

    return next((found for name in sorted(graph) if (found := walk(name, ()))), ())
