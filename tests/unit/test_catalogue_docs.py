"""docs/metrics.md is what the catalogue says."""

from __future__ import annotations

from kunobs.catalogue import CATALOGUE
from kunobs.catalogue.docs import render
from kunobs.catalogue.planned import METRICS as PLANNED
from kunobs.catalogue.types import Label, MetricSpec
from tests.support import REPOSITORY, run_python


def test_page_is_current() -> None:
    """The committed page equals what the command in its head prints."""
    page = (REPOSITORY / "docs" / "metrics.md").read_text()
    printed = run_python("-m", "kunobs.catalogue.docs")
    assert printed.returncode == 0, printed.stderr
    assert page == printed.stdout, "run: python -m kunobs.catalogue.docs > docs/metrics.md"


def test_page_names_every_metric_once() -> None:
    """Each metric of the catalogue has exactly one row, and each that is planned."""
    page = render()
    assert page.count("Planned: nothing emits it yet.") == len(PLANNED)
    assert [name for name in (*CATALOGUE, *PLANNED) if page.count(f"| `{name}` |") != 1] == []


def test_row_says_type_labels_values_and_origin() -> None:
    """A row holds what a person needs to write a query, and a bar in the help does not break the table."""
    spec = MetricSpec(
        "their_wait_seconds",
        "histogram",
        "Waits a | b.",
        labels=(Label("kind", ("x", "y")), Label("topic")),
        origin="third_party",
        evidence="their 1.0",
        buckets=(0.5, 1.0),
    )
    row = render({"theirs": (spec,)}).splitlines()[-1]
    assert row == (
        "| `their_wait_seconds` | histogram | `kind`: x, y<br>`topic`: any "
        "| Waits a \\| b. Buckets: 0.5, 1. Not ours: their 1.0. |"
    )


def test_planned_metric_says_so() -> None:
    """Nobody should alert on a metric that nothing emits yet."""
    spec = MetricSpec("kunobs_t_c", "gauge", "What it counts.", origin="planned")
    assert "Planned: nothing emits it yet." in render({"t": (spec,)})
