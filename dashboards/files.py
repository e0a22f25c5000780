"""All dashboards as files: `kun-kafka.json`, …"""

from __future__ import annotations

from dataclasses import replace

from dashboards.board import text
from dashboards.boards import BOARDS
from dashboards.model import Board, Link, Panel
from dashboards.panels import LANGUAGES
from kunobs.catalogue.links import NAMESPACE, log_search
from kunobs.catalogue.signal import Text, page_of
from kunobs.catalogue.signals import SIGNALS
from kunobs.errors import UsageError

_PAGES = {signal.alert: page_of(system, signal) for system, signals in SIGNALS.items() for signal in signals}


def dashboard_files(language: str, runbooks: str = "", logs: str = "") -> dict[str, str]:
    """Name -> JSON; `logs` is a search with `{namespace}` in it. UsageError for a language that there is not, or no search."""
    if language not in LANGUAGES:
        raise UsageError(f"no language {language!r}", hint=f"--language {' or '.join(LANGUAGES)}")
    return {f"{board.uid}.json": text(_linked(board, runbooks, log_search(logs)), language) for board in BOARDS}


def _linked(board: Board, runbooks: str, logs: str) -> Board:
    """Each alert's panel leads to its runbook, and to the logs of the namespaces that are chosen above it."""
    search = ""
    if logs and any(variable.name == "namespace" for variable in board.variables):
        search = logs.replace(NAMESPACE, "${namespace}")
    rows = tuple(
        replace(row, panels=tuple(_with_links(panel, runbooks, search) for panel in row.panels)) for row in board.rows
    )
    return replace(board, rows=rows)


def _with_links(panel: Panel, runbooks: str, search: str) -> Panel:
    page = _PAGES.get(panel.title.en.partition(" ")[0])
    if page is None:
        return panel
    links: tuple[Link, ...] = (Link(Text("处理手册", "Runbook"), f"{runbooks}/{page}"),) if runbooks else ()
    links += (Link(Text("日志", "Logs"), search),) if search else ()
    return replace(panel, links=links)
