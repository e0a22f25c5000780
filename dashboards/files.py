"""All dashboards as files: `kun-kafka.json`, …"""

from __future__ import annotations

from dataclasses import replace

from dashboards.board import text
from dashboards.boards import BOARDS
from dashboards.model import Board, Link, Panel
from dashboards.panels import LANGUAGES
from kunobs.catalogue.signal import Text, page_of
from kunobs.catalogue.signals import SIGNALS
from kunobs.errors import UsageError

_PAGES = {signal.alert: page_of(system, signal) for system, signals in SIGNALS.items() for signal in signals}


def dashboard_files(language: str, runbooks: str = "") -> dict[str, str]:
    """Name -> JSON. UsageError for a language that there is not."""
    if language not in LANGUAGES:
        raise UsageError(f"no language {language!r}", hint=f"--language {' or '.join(LANGUAGES)}")
    return {f"{board.uid}.json": text(_linked(board, runbooks), language) for board in BOARDS}


def _linked(board: Board, runbooks: str) -> Board:
    """Each alert's panel leads to its runbook."""
    if not runbooks:
        return board
    rows = tuple(replace(row, panels=tuple(_with_link(panel, runbooks) for panel in row.panels)) for row in board.rows)
    return replace(board, rows=rows)


def _with_link(panel: Panel, runbooks: str) -> Panel:
    page = _PAGES.get(panel.title.en.partition(" ")[0])
    if page is None:
        return panel
    return replace(panel, links=(Link(Text("处理手册", "Runbook"), f"{runbooks}/{page}"),))
