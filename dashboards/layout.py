"""Places of panels: from left to right as long as they fit, rows below each other, nothing on top of anything."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards.model import WIDTH, Panel

Grid = dict[str, int]


def placed(panels: tuple[Panel, ...], y: int) -> Iterator[tuple[Panel, Grid]]:
    """(panel, its place) from the height `y` on."""
    x = height = 0
    for panel in panels:
        if x + panel.width > WIDTH:
            x, y, height = 0, y + height, 0
        yield panel, {"h": panel.height, "w": panel.width, "x": x, "y": y}
        x, height = x + panel.width, max(height, panel.height)


def below(grids: list[Grid], y: int) -> int:
    """The first free height under these, not above `y`."""
    return max([y, *(grid["y"] + grid["h"] for grid in grids)])
