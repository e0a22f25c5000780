"""Broken copies of a rule, each of which some unit test must notice: comparison, threshold, matchers, waiting time, guard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from alert_rules.timeline import minutes
from kunobs.catalogue.signal import Comparison, Signal

# Only a matcher has an operator between a name and a string.
_MATCHER = re.compile(r'([a-zA-Z_]\w*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*")')
_FLIPPED: dict[Comparison, Comparison] = {">": "<", ">=": "<", "<": ">", "<=": ">", "==": "!=", "!=": "=="}


def mutants(signal: Signal) -> Iterator[tuple[str, Signal]]:
    """(what is broken, the signal); an equal one is left out."""
    yield "comparison flipped", replace(signal, comparison=_FLIPPED[signal.comparison])
    for name, threshold in _thresholds(signal):
        yield name, replace(signal, threshold=threshold)
    if minutes(signal.wait) > 1:
        yield "for left out", replace(signal, wait="0m")
    if signal.guard:
        yield "guard left out", replace(signal, guard="")
    for part in ("expr", "guard"):
        text = getattr(signal, part)
        for found in _MATCHER.finditer(text):
            left = _without(text, found)
            yield f"{found[1]} left out", replace(signal, expr=left) if part == "expr" else replace(signal, guard=left)


def _thresholds(signal: Signal) -> Iterator[tuple[str, float]]:
    if signal.threshold == 0:
        # Twice nothing is nothing.
        yield "threshold 1e6 above", 1e6
        yield "threshold 1e6 below", -1e6
    else:
        yield "threshold doubled", signal.threshold * 2
        yield "threshold halved", signal.threshold / 2


def _without(text: str, matcher: re.Match[str]) -> str:
    """The text without this matcher and the comma that is then too many."""
    before, after = text[: matcher.start()].rstrip(), text[matcher.end() :].lstrip()
    if after.startswith(","):
        return before + after[1:].lstrip()
    return before.removesuffix(",") + after
