"""Durations ("100ms", "7d") as seconds and sizes ("8MiB", "500MB") as bytes."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

from kunobs.config.base import wrong

_SECONDS = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
_BYTES = {"B": 1} | {
    f"{letter}{infix}B": base**power
    for infix, base in (("i", 1024), ("", 1000))
    for power, letter in enumerate("KMGT", start=1)
}
DURATION_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,6})?(ms|s|m|h|d)$"
SIZE_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,6})?(B|[KMGT]i?B)$"
_DURATION_HINT = "write a number and a unit: 100ms, 10s, 5m, 1h or 7d"
_SIZE_HINT = "write bytes, or a number and a unit: 8MiB (1024 x 1024) or 500MB (1000 x 1000)"
WRITTEN = "written"


def _quantity(text: str, pattern: str, units: dict[str, Fraction] | dict[str, int]) -> Fraction | None:
    found = re.match(pattern, text, re.ASCII)
    if found is None or text.endswith("\n"):
        return None
    unit = text.lstrip("0123456789.")
    return Fraction(text.removesuffix(unit)) * units[unit]


def parse_duration(text: str) -> float:
    """Seconds of "100ms", "10s", "5m", "1h" or "7d"; ValueError for anything else."""
    seconds = _quantity(text, DURATION_PATTERN, _SECONDS)
    if seconds is None:
        raise ValueError(f"{text!r} is not a duration; {_DURATION_HINT}")
    return float(seconds)


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back: 0.1 -> "100ms", 604800 -> "7d"."""
    exact = Fraction(str(seconds))
    for unit in ("d", "h", "m", "s"):
        if exact and exact % _SECONDS[unit] == 0:
            return f"{exact // _SECONDS[unit]}{unit}"
    milliseconds = f"{float(exact * 1000):.6f}".rstrip("0").rstrip(".")
    return f"{milliseconds}ms" if exact else "0s"


def parse_size(text: str) -> int:
    """Bytes of "8MiB", "500MB" or "10B"; ValueError for anything else or a fraction of a byte."""
    size = _quantity(text, SIZE_PATTERN, _BYTES)
    if size is None or size.denominator != 1:
        raise ValueError(f"{text!r} is not a size; {_SIZE_HINT}")
    return int(size)


def format_size(size: int) -> str:
    """The largest unit that divides `size`: 8388608 -> "8MiB", 500000000 -> "500MB", 1001 -> "1001B"."""
    for unit in ("TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "KB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"


def _read_duration(value: object, info: ValidationInfo) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and info.context != WRITTEN:
        return float(value)  # type: ignore[arg-type]
    if number:
        raise wrong(value, "has no unit", f"write {value}s for seconds, or {value}ms")
    if not isinstance(value, str):
        raise wrong(value, "is not a duration", _DURATION_HINT)
    try:
        return parse_duration(value)
    except ValueError:
        raise wrong(value, "is not a duration", _DURATION_HINT) from None


def _read_size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise wrong(value, "is not a size", _SIZE_HINT)
    try:
        return parse_size(value)
    except ValueError:
        near = _near_unit(value)
        raise wrong(value, "is not a size", f"write {near}" if near else _SIZE_HINT) from None


def _near_unit(text: str) -> str:
    """`8mb` -> `8MB`, `8Mi` -> `8MiB`: what a Kubernetes or Elasticsearch user writes from habit."""
    found = re.fullmatch(r"([0-9]{1,15})\s*([kmgt])(i?)b?", text, re.ASCII | re.IGNORECASE)
    return f"{found[1]}{found[2].upper()}{found[3].lower()}B" if found else ""


Duration = Annotated[
    float,
    BeforeValidator(_read_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
Size = Annotated[
    int,
    BeforeValidator(_read_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": SIZE_PATTERN}]}),
]
