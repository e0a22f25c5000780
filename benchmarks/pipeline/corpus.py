"""Seeded Filebeat lines of 1.7 KB on average, every one with a natural id of its own."""

from __future__ import annotations

from functools import partial
from typing import Any

from kunobs.testing.events import EventGenerator, Line
from kunobs.testing.fleet import Container

SEED = 7
NAMESPACES = 60
MEAN = 1700
_TOLERANCE = 0.05
# As with fewer node labels in `add_resource_metadata`: whole, an average line would have 1.9 KB.
_DROPPED = (
    "node_kubernetes_io/instance-type",
    "node-role_kubernetes_io/worker",
    "topology_kubernetes_io/region",
    "topology_kubernetes_io/zone",
)


def corpus(count: int, *, warm: int = 10, namespaces: int = NAMESPACES) -> tuple[list[Line], list[Line]]:
    """(lines to warm up with: `warm` or more of each namespace, `count` lines to measure with); the same at every call."""
    generator = EventGenerator(SEED, namespaces, shares={})
    for container in generator.fleet.containers:
        container.blocks = partial(_blocks, container)  # type: ignore[method-assign]
    first = [line for _ in range(warm) for line in generator.opening()]
    lines = generator.lines(count)
    mean = sum(len(line.value) for line in lines) / count
    assert abs(mean - MEAN) <= MEAN * _TOLERANCE, f"lines of {mean:.0f} bytes on average"
    assert len({line.value for line in lines}) == count
    return first, lines


def _blocks(container: Container) -> dict[str, Any]:
    blocks = Container.blocks(container)
    labels = blocks["kubernetes"]["node"]["labels"]
    for name in _DROPPED:
        del labels[name]
    return blocks
