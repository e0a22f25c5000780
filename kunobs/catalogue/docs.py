"""docs/metrics.md, made from the catalogue: `python -m kunobs.catalogue.docs > docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from kunobs.catalogue import SYSTEMS
from kunobs.catalogue.planned import PLANNED
from kunobs.catalogue.types import Label, MetricSpec

HEAD = """# Metrics

Made from `kunobs/catalogue/` by `python -m kunobs.catalogue.docs > docs/metrics.md`; a test fails when it is
out of date.

Every series of a metric whose labels have listed values exists from the first scrape, at 0. `any` marks a
label whose values come from outside; the text says what bounds them.
"""

ALL: Mapping[str, tuple[MetricSpec, ...]] = {
    **SYSTEMS,
    **{f"{exporter}, planned": one.metrics for exporter, one in PLANNED.items() if one.metrics},
}


def render(systems: Mapping[str, tuple[MetricSpec, ...]] = ALL) -> str:
    """The whole page as Markdown."""
    return HEAD + "".join(f"\n## {system}\n\n{_table(specs)}" for system, specs in systems.items())


def _table(specs: tuple[MetricSpec, ...]) -> str:
    lines = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    lines += [f"| `{spec.name}` | {spec.type} | {_labels(spec)} | {_meaning(spec)} |" for spec in specs]
    return "\n".join(lines) + "\n"


def _labels(spec: MetricSpec) -> str:
    return "<br>".join(_label(label) for label in spec.labels)


def _label(label: Label) -> str:
    return f"`{label.name}`: {'any' if label.values is None else ', '.join(label.values)}"


def _meaning(spec: MetricSpec) -> str:
    return " ".join(_sentences(spec)).replace("|", "\\|")


def _sentences(spec: MetricSpec) -> Iterator[str]:
    yield spec.help
    if spec.buckets:
        yield f"Buckets: {', '.join(f'{bucket:g}' for bucket in spec.buckets)}."
    if spec.origin == "third_party":
        yield f"Not ours: {spec.evidence}."
    if spec.origin == "planned":
        yield "Planned: nothing emits it yet."


if __name__ == "__main__":
    sys.stdout.write(render())
