"""A panel for each alert: what it watches, with a line where it fires."""

from __future__ import annotations

from dashboards.model import Panel, Query, Row, Step
from kunobs.catalogue.signal import Signal, Text

MOST = 15
_COLOURS = {"critical": "red", "warning": "orange", "info": "blue", "none": "text"}


def alert_row(signals: tuple[Signal, ...]) -> Row:
    """The panels of these signals, three in a line."""
    return Row(
        Text("告警所看的", "What the alerts watch"),
        tuple(alert_panel(signal) for signal in signals if signal.severity != "none"),
        collapsed=False,
    )


def alert_panel(signal: Signal) -> Panel:
    """The expression without its comparison, and the threshold as a line."""
    return Panel(
        "series",
        Text(f"{signal.alert} · {plain(signal.title.zh)}", f"{signal.alert} · {plain(signal.title.en)}"),
        Text(f"{signal.impact.zh} {signal.action.zh}", f"{signal.impact.en} {signal.action.en}"),
        (Query(shown(signal)),),
        signal.unit,
        steps=_steps(signal),
    )


def shown(signal: Signal) -> str:
    """The worst of many: a panel of 13,000 pods shows nothing and costs much."""
    if "by (" not in signal.expr:
        return signal.expr
    lowest, highest = f"bottomk({MOST}, {signal.expr})", f"topk({MOST}, {signal.expr})"
    if signal.comparison == "!=":
        return f"{lowest} or {highest}"
    # What should not be 0 is worst where it is least.
    return lowest if signal.comparison in ("<", "<=", "==") else highest


def plain(text: str) -> str:
    """A title whose placeholders are words, for a panel has all series."""
    return text.replace("{", "").replace("}", "")


def _steps(signal: Signal) -> tuple[Step, ...]:
    colour = _COLOURS[signal.severity]
    if signal.comparison in (">", ">="):
        return Step(None, "green"), Step(signal.threshold, colour)
    if signal.comparison in ("<", "<="):
        return Step(None, colour), Step(signal.threshold, "green")
    if signal.comparison == "==":
        return Step(None, "green"), Step(signal.threshold, colour), Step(signal.threshold + 1e-9, "green")
    return Step(None, colour), Step(signal.threshold, "green"), Step(signal.threshold + 1e-9, colour)
