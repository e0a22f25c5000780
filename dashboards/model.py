"""Dashboards as data: what is asked, how it is shown, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kunobs.catalogue.signal import Text

Kind = Literal["series", "stat", "table", "bars", "states", "heatmap"]
States = tuple[tuple[str, str | Text, str], ...]
"""(value, what it stands for, colour) of a number that stands for a state."""
WIDTH = 24
SCRAPE = 30
"""Seconds between scrapes, for which `$__rate_interval` is made: four of them."""


def said(words: str | Text, language: str) -> str:
    """In this language; a bare string is the same in all."""
    found: str = words if isinstance(words, str) else getattr(words, language)
    return found


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, with `$variables` and `$__rate_interval`; `legend` names a series: `{{topic}}`.

    A bare string where it holds placeholders and names only: what has a word of a language in it is a Text.
    """

    expr: str
    legend: str | Text = ""


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on the colour."""

    value: float | None
    colour: str


@dataclass(frozen=True, slots=True)
class Link:
    """Where a panel leads."""

    title: Text
    url: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `width` of 24 columns, `height` in rows of 30 pixels."""

    kind: Kind
    title: Text
    description: Text
    queries: tuple[Query, ...] = ()
    unit: str = ""
    width: int = 8
    height: int = 8
    steps: tuple[Step, ...] = ()
    links: tuple[Link, ...] = ()
    stacked: bool = False
    states: States = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading, side by side as long as they fit."""

    title: Text
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above the panels: the values of a label of a metric, several of them or all."""

    name: str
    metric: str
    title: Text
    label: str = ""
    """Of the metric; else the variable's name."""
    constant: str = ""
    """The one value that it has, where there is nothing to choose."""


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. Its uid never changes: alerts and bookmarks lead to it."""

    uid: str
    title: Text
    description: Text
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    tags: tuple[str, ...] = ()
    refresh: str = "1m"
    span: str = "now-3h"

    @property
    def panels(self) -> Sequence[Panel]:
        """All of them, row by row."""
        return [panel for row in self.rows for panel in row.panels]


def series(title: Text, description: Text, *queries: Query, unit: str = "", width: int = 8, height: int = 8,
           stacked: bool = False, steps: tuple[Step, ...] = ()) -> Panel:  # fmt: skip
    """Lines over time."""
    return Panel("series", title, description, queries, unit, width, height, steps, stacked=stacked)


def stat(title: Text, description: Text, expr: str, *, unit: str = "", legend: str | Text = "", width: int = 4, height: int = 4,
         steps: tuple[Step, ...] = ()) -> Panel:  # fmt: skip
    """One number, or one for each series."""
    return Panel("stat", title, description, (Query(expr, legend),), unit, width, height, steps)


def table(title: Text, description: Text, *queries: Query, unit: str = "", width: int = 12, height: int = 8) -> Panel:
    """The labels of series and their last values."""
    return Panel("table", title, description, queries, unit, width, height)


def bars(title: Text, description: Text, expr: str, legend: str | Text, *, unit: str = "", width: int = 8, height: int = 8,
         steps: tuple[Step, ...] = ()) -> Panel:  # fmt: skip
    """The last value of each series as a bar, for the largest few."""
    return Panel("bars", title, description, (Query(expr, legend),), unit, width, height, steps)


def states(title: Text, description: Text, expr: str, legend: str | Text, states: States, *,
           width: int = 12, height: int = 6) -> Panel:  # fmt: skip
    """A number that stands for a state, over time."""
    return Panel("states", title, description, (Query(expr, legend),), "", width, height, states=states)


def heatmap(
    title: Text, description: Text, expr: str, *, unit: str = "seconds", width: int = 12, height: int = 8
) -> Panel:
    """A histogram over time: `sum by (le) (increase(x_bucket[$__rate_interval]))`."""
    return Panel("heatmap", title, description, (Query(expr, "{{le}}"),), unit, width, height)


UP_DOWN: States = (("0", Text("中断", "down"), "red"), ("1", Text("正常", "up"), "green"))
BAD_ABOVE_0 = (Step(None, "green"), Step(1, "red"))
