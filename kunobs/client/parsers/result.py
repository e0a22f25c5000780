"""What every parser answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST = 1024 * 1024
"""Characters of a line that a parser looks at; a longer line has the problem `too_long`."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a line says. True when it was understood; `fields` keeps what could be read even when it was not."""

    format: str
    """json, logfmt, regex or access."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    rest: str = ""
    """Text that is no part of any field."""
    problem: str = ""
    """Why the line is not of this format, in one word; empty when it is."""

    def __bool__(self) -> bool:
        return not self.problem


Parser = Callable[[str], Parsed]
