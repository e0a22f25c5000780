"""Every panel of every dashboard shows data in a real Prometheus, and nothing where there is nothing.

PROVE=1 writes docs/proof/panels.json.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from dashboards.boards import BOARDS
from dashboards.model import Board, Panel, Query
from dashboards.prove.run import verdicts
from kunobs.catalogue.signal import Text
from tests.platform.prometheus import tool
from tests.support import REPOSITORY

pytestmark = pytest.mark.platform


def test_every_panel_shows_data() -> None:
    """All of them, with their negative controls."""
    found = verdicts(tool("promtool"), tool("prometheus"), BOARDS, 0)
    assert len(found) == sum(bool(panel.queries) for board in BOARDS for panel in board.panels)
    if os.environ.get("PROVE"):
        proof = {
            f"{one.board}/{one.panel}": {"verdict": one.word, "negative_control": "empty" if one.control else "data"}
            for one in found
        }
        (REPOSITORY / "docs" / "proof" / "panels.json").write_text(json.dumps(proof, indent=1) + "\n")
    bad = [one for one in found if one.word != "ok" or not one.control]
    assert not bad, "\n".join(map(str, bad))


@pytest.mark.parametrize(
    ("query", "word", "control"),
    [
        ("sum(rate(kunobs_noc_posts_total[$__rate_interval]))", "ok", True),
        ("sum(up) * 0", "constant", True),
        ('kunobs_noc_incidents{severity="nobody"}', "empty", True),
        ("sum(rate(nobody_total[5m])) or vector(0)", "constant", False),
        ("sum(rate(kunobs_noc_posts_total))", "error", True),
        ("kunobs_noc_storms * on (instance) kunobs_noc_incidents", "error", True),
        ("vector(time())", "ok", False),
    ],
)
def test_the_verdicts_can_be_bad(query: str, word: str, control: bool) -> None:
    """A panel that never shows anything, shows always the same, or shows something out of nothing is told from a good one."""
    board = Board("kun-t", Text("测", "t"), Text("测", "t"), (), ())
    panel = Panel("series", Text("测", "t"), Text("测", "t"), (Query(query),))
    row = replace(BOARDS[0].rows[0], panels=(panel,))
    (found,) = verdicts(tool("promtool"), tool("prometheus"), (replace(board, rows=(row,)),), 0)
    assert (found.word, found.control) == (word, control), found
