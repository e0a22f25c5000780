"""From boards and a running Prometheus to pages that need nothing else: data, script and style are in them."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from dashboards.layout import below, placed
from dashboards.model import Board, Panel, said
from dashboards.prove.blocks import Server
from dashboards.prove.macros import filled

SPAN, STEP = 5400, 60
MOST = 12
"""Series of a panel; the rest are counted."""
_WORDS = {
    "zh": ("预览", "这是 kunobs 画的预览，不是 Grafana；数据是编的。", "全部看板"),
    "en": ("preview", "Drawn by kunobs, not by Grafana; the data are made up.", "All dashboards"),
}


def pages(server: Server, boards: Iterable[Board], language: str, end: int) -> dict[str, str]:
    """File name -> HTML, and index.html."""
    boards = list(boards)
    made = {f"{board.uid}.html": _page(server, board, language, end) for board in boards}
    links = "".join(
        f'<li><a href="{board.uid}.html">{html.escape(said(board.title, language))}</a> '
        f"<span>{html.escape(said(board.description, language))}</span></li>"
        for board in boards
    )
    made["index.html"] = _frame(_WORDS[language][2], language, f"<ul class=boards>{links}</ul>", "")
    return made


def _page(server: Server, board: Board, language: str, end: int) -> str:
    rows = []
    y = 0
    for row in board.rows:
        rows.append({"row": said(row.title, language), "y": y})
        grids = []
        for panel, grid in placed(row.panels, y + 1):
            grids.append(grid)
            rows.append(grid | _panel(server, board, panel, language, end))
        y = below(grids, y + 1)
    # `<` would end the script, whatever a label holds.
    data = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return _frame(said(board.title, language), language, "<main id=board></main>", data)


def _panel(server: Server, board: Board, panel: Panel, language: str, end: int) -> dict[str, Any]:
    series: list[dict[str, Any]] = []
    for query in panel.queries:
        text = filled(query.expr, board)
        found = server.ask("query_range", query=text, start=end - SPAN, end=end, step=STEP)["result"]
        series += [named_series(one, said(query.legend, language), end) for one in found]
    series.sort(key=lambda one: -max((value for value in one["values"] if value is not None), default=0))
    return {
        "title": said(panel.title, language),
        "description": said(panel.description, language),
        "kind": panel.kind,
        "unit": panel.unit,
        "stacked": panel.stacked,
        "steps": [[step.value, step.colour] for step in panel.steps],
        "states": [[value, said(text, language), colour] for value, text, colour in panel.states],
        "start": end - SPAN,
        "step": STEP,
        "series": series[:MOST],
        "more": max(0, len(series) - MOST),
    }


def named_series(found: Mapping[str, Any], legend: str, end: int) -> dict[str, Any]:
    """A series of Prometheus' answer with its name and its values on the grid of the page; None where there is none."""
    labels = {name: value for name, value in found["metric"].items() if name != "__name__"}
    name = legend
    for label, value in labels.items():
        name = name.replace(f"{{{{{label}}}}}", value)
    if not legend:
        # The target is a name where there is no other.
        own = [value for label, value in sorted(labels.items()) if label not in ("job", "instance")]
        name = " ".join(own) or labels.get("instance", "")
    values: list[float | None] = [None] * (SPAN // STEP + 1)
    for at, value in found["values"]:
        values[(int(at) - (end - SPAN)) // STEP] = None if value in ("NaN", "+Inf", "-Inf") else round(float(value), 6)
    return {"name": name[:80], "labels": labels, "values": values}


def _frame(title: str, language: str, body: str, data: str) -> str:
    static = resources.files("dashboards.preview") / "static"
    style = "".join((static / name).read_text() for name in ("uPlot.min.css", "preview.css"))
    word, notice, others = _WORDS[language]
    script = ""
    if data:
        code = (static / "uPlot.iife.min.js").read_text() + (static / "preview.js").read_text()
        script = f'<script type="application/json" id="data">{data}</script><script>{code}</script>'
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)} · {word}</title><style>{style}</style>"
        f'<header><h1>{html.escape(title)}</h1><p>{notice}</p><a href="index.html">{others}</a></header>{body}{script}</html>\n'
    )
