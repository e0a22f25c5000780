"""Every third-party metric is on the page that was scraped from its program, or names a source file at a version."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kunobs.catalogue import SYSTEMS, by_name
from kunobs.catalogue.third_party import THIRD_PARTY
from kunobs.catalogue.types import MetricSpec
from tests.support import REPOSITORY

EVIDENCE = REPOSITORY / "kunobs" / "catalogue" / "evidence"
SOURCE = re.compile(r"github\.com/[\w.-]+/[\w.-]+@[\w.+-]+:[\w./-]+")
SPECS = [spec for specs in THIRD_PARTY.values() for spec in specs]
# prometheus_client calls an untyped family unknown.
TYPES = {"unknown": "untyped"}


def scraped() -> Iterator[tuple[str, str, str, frozenset[str]]]:
    """(file, family, type, its label names) of all evidence."""
    for file in sorted(EVIDENCE.glob("*.prom")):
        for family in text_string_to_metric_families(file.read_text()):
            labels = frozenset(name for sample in family.samples for name in sample.labels) - {"le", "quantile"}
            name = family.name + (
                "_total" if family.type == "counter" and family.samples[0].name.endswith("_total") else ""
            )
            yield file.name, name, TYPES.get(family.type, family.type), labels


PAGES = {(file, name): (kind, labels) for file, name, kind, labels in scraped()}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_metric_is_on_its_page(spec: MetricSpec) -> None:
    """With the type and exactly the labels that are declared."""
    if SOURCE.fullmatch(spec.evidence):
        return
    kind, labels = PAGES[spec.evidence, spec.name]
    assert (kind, labels) == (spec.type, frozenset(spec.label_names))


def test_nothing_is_declared_twice() -> None:
    """Neither by two programs nor by us."""
    by_name([*SPECS, *(spec for specs in SYSTEMS.values() for spec in specs if spec.origin == "own")])


def test_no_evidence_is_left_over() -> None:
    """A family that no declaration names does not stay in a file."""
    assert {name for _, name in PAGES} == {spec.name for spec in SPECS if not SOURCE.fullmatch(spec.evidence)}
    assert {file for file, _ in PAGES} == {spec.evidence for spec in SPECS if not SOURCE.fullmatch(spec.evidence)}
