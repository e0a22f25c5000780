"""Which lines a person asked for: globs for pod and container, a regular expression for the message."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass

from kunobs.client.event import Event
from kunobs.client.terminal import clean_line, columns
from kunobs.errors import UsageError

Matcher = Callable[[str], object]


def compile_pattern(text: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """A regular expression; UsageError that points at the place where it goes wrong."""
    try:
        return re.compile(text, re.IGNORECASE if ignore_case else 0)
    except (re.error, RecursionError, OverflowError) as error:
        place = getattr(error, "pos", None)
        plain = place is not None and clean_line(text) == text
        shown = f"\n  {text}\n  {' ' * columns(text[:place])}^" if plain else f": {text!r}"
        hint = f"to find the text as it stands: --grep '{re.escape(text)}'"
        raise UsageError(f"--grep is no regular expression: {getattr(error, 'msg', error)}{shown}", hint=hint) from None


def _glob(text: str) -> Matcher | None:
    return re.compile(fnmatch.translate(text)).fullmatch if text else None


@dataclass(frozen=True)
class Selection:
    """Keeps the events that match every given condition; empty texts and None are no condition."""

    pod: str = ""
    container: str = ""
    grep: re.Pattern[str] | None = None

    def chooser(self) -> Callable[[Event], bool]:
        """A fast function of the conditions that were given."""
        pod, container = _glob(self.pod), _glob(self.container)
        grep = self.grep.search if self.grep is not None else None

        def wanted(event: Event) -> bool:
            if pod is not None and pod(event.pod) is None:
                return False
            if container is not None and container(event.container) is None:
                return False
            return grep is None or grep(event.message) is not None

        return wanted
