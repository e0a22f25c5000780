"""A panel's query as Grafana would send it: every variable at "All"."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dashboards.model import SCRAPE, Board

# As Grafana computes it for a panel of three hours.
RATE_INTERVAL = f"{4 * SCRAPE}s"
_MACROS = {"__rate_interval": RATE_INTERVAL, "__interval": "1m", "__range": "3h", "__range_s": "10800"}
_VARIABLE = re.compile(r"\$(?:\{([a-zA-Z_]\w*)(?::\w+)?\}|([a-zA-Z_]\w*))")


def names(query: str) -> list[str]:
    """The variables that a query uses, without Grafana's own."""
    found = [one[1] or one[2] for one in _VARIABLE.finditer(query)]
    return [name for name in found if name not in _MACROS]


def filled(query: str, board: Board) -> str:
    """The query with all variables at "All". KeyError names one that the board does not have."""
    known = {variable.name: ".*" for variable in board.variables} | _MACROS

    def value(found: re.Match[str]) -> str:
        return known[found[1] or found[2]]

    return _VARIABLE.sub(value, query)


def used(boards: Iterable[Board]) -> Iterable[str]:
    """Every query of all boards, filled in."""
    for board in boards:
        for panel in board.panels:
            for query in panel.queries:
                yield filled(query.expr, board)
