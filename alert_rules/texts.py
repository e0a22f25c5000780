"""Texts of signals for Prometheus (`{{ $labels.topic }}`) and, with values filled in, as Prometheus will show them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_PLACE = re.compile(r"\{([a-z_]+)\}")
# Prometheus' template functions by the unit of the value.
_FUNCTIONS = {"seconds": "humanizeDuration", "bytes": "humanize1024", "ratio": "humanizePercentage", "": "humanize"}
_AFTER = {"bytes": "B"}


def places(text: str) -> set[str]:
    """The labels that a text names, and `value`."""
    return set(_PLACE.findall(text))


def template(text: str, unit: str) -> str:
    """The text as an annotation of a rule."""

    def filled(found: re.Match[str]) -> str:
        if found[1] == "value":
            return f"{{{{ $value | {_FUNCTIONS[unit]} }}}}{_AFTER.get(unit, '')}"
        return f"{{{{ $labels.{found[1]} }}}}"

    return _PLACE.sub(filled, text)


def rendered(text: str, unit: str, labels: Mapping[str, str], value: float) -> str:
    """The text as Prometheus shows it for this alert."""
    shown = humanized(value, unit) + _AFTER.get(unit, "")
    return _PLACE.sub(lambda found: shown if found[1] == "value" else labels.get(found[1], ""), text)


def humanized(value: float, unit: str) -> str:
    """What Prometheus' template function for the unit makes of a value (prometheus/prometheus v2.42.0, template/template.go)."""
    if unit == "ratio":
        return f"{_short(value * 100)}%"
    if unit == "seconds":
        return _duration(value)
    base = 1024 if unit == "bytes" else 1000
    small = abs(value) <= 1 if unit == "bytes" else abs(value) < 1
    if value == 0 or not math.isfinite(value) or (unit == "bytes" and small):
        return _short(value)
    if small:
        return _scaled(value, ["m", "u", "n", "p", "f", "a", "z", "y"])
    prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"]
    prefix = ""
    for prefix_next in prefixes:
        if abs(value) < base:
            break
        prefix, value = prefix_next + ("i" if base == 1024 else ""), value / base
    return _short(value) + prefix


def _scaled(value: float, prefixes: list[str]) -> str:
    prefix = ""
    for prefix_next in prefixes:
        if abs(value) >= 1:
            break
        prefix, value = prefix_next, value * 1000
    return _short(value) + prefix


def _duration(value: float) -> str:
    if not math.isfinite(value) or value == 0:
        return f"{_short(value)}s" if value == 0 else _short(value)
    if abs(value) < 1:
        return _scaled(value, ["m", "u", "n", "p", "f", "a", "z", "y"]) + "s"
    sign, whole = "-" if value < 0 else "", int(abs(value))
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{sign}{_short(abs(value))}s"


def _short(value: float) -> str:
    """Go's %.4g."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    # Go writes an exponent with two digits as well, so nothing else differs.
    return f"{value:.4g}"
