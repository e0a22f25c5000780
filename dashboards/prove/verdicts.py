"""What each panel shows in the world, and that it shows nothing where there is nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from dashboards.model import Board, Panel
from dashboards.prove.blocks import Server
from dashboards.prove.macros import filled
from dashboards.prove.world import SPAN, STEP

Word = Literal["error", "empty", "constant", "ok"]
_ORDER: tuple[Word, ...] = ("error", "empty", "constant", "ok")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one panel: its worst query's. `control` is ok when it is empty without any series."""

    board: str
    panel: str
    word: Word
    control: bool
    series: int
    """The most that a query returned."""
    why: str = ""


def prove(server: Server, boards: Iterable[Board], end: int) -> Iterator[Verdict]:
    """Every panel with a query, in the order of the boards."""
    for board in boards:
        for panel in board.panels:
            if panel.queries:
                yield _panel(server, board, panel, end)


def _panel(server: Server, board: Board, panel: Panel, end: int) -> Verdict:
    words: list[tuple[Word, str]] = []
    most, control = 0, True
    for query in panel.queries:
        text = filled(query.expr, board)
        try:
            found = _range(server, text, end - SPAN + 1800, end)
            # A day before the world began.
            control = control and not _range(server, text, end - SPAN - 90_000, end - SPAN - 86_400)
        except ValueError as error:
            words.append(("error", str(error)))
            continue
        most = max(most, len(found))
        words.append((_word(found, (SPAN - 1800) // (2 * STEP) + 1), text))
    word, why = min(words, key=lambda one: _ORDER.index(one[0]))
    return Verdict(board.uid, panel.title.en, word, control, most, "" if word == "ok" and control else why)


def _range(server: Server, query: str, start: int, end: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.ask("query_range", query=query, start=start, end=end, step=2 * STEP)["result"]
    return found


def _word(found: list[dict[str, Any]], points: int) -> Word:
    values = [[value for _, value in one["values"] if value != "NaN"] for one in found]
    if not any(values):
        return "empty"
    # Something moves: a value, or a series that is not always there.
    moved = any(len(set(each)) > 1 or len(each) < points for each in values)
    return "ok" if moved else "constant"
