"""Queries of the runbooks, asked of a real Prometheus that has every metric: none is refused, and each page shows something."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dashboards.boards import BOARDS
from dashboards.model import Board, Panel, Query, Row
from dashboards.prove.run import END, served
from dashboards.prove.world import SPAN
from kunobs.catalogue.signal import Text
from tests.platform.prometheus import tool
from tests.support import REPOSITORY

pytestmark = pytest.mark.platform
PAGES = sorted((REPOSITORY / "docs" / "runbooks").glob("*.md"))


def queries(page: Path) -> list[str]:
    """Those in ```promql blocks."""
    return re.findall(r"```promql\n(.*?)```", page.read_text(), re.DOTALL)


def test_every_query_is_answered() -> None:
    """Over the last hour and a half of the world; what only a fire would show may be empty, a whole page may not."""
    text = Text("查", "asked")
    panels = tuple(Panel("series", text, text, tuple(map(Query, queries(page)))) for page in PAGES if queries(page))
    asked = replace(Board("kun-x", text, text, ()), rows=(Row(text, panels),))
    silent = []
    with served(tool("promtool"), tool("prometheus"), (*BOARDS, asked)) as server:
        for page in PAGES:
            found = 0
            for query in queries(page):
                answer = server.ask("query_range", query=query, start=END - SPAN + 1800, end=END, step=60)
                found += len(answer["result"])
            if queries(page) and not found:
                silent.append(page.name)
    assert len(PAGES) > 60
    assert silent == []
