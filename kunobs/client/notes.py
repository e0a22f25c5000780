"""What a tenant's program should hear about, through the standard `logging`, which it has set up as it likes."""

from __future__ import annotations

import logging

from kunobs.log import Repeats

# structlog, which kunobs' own processes use, would print to stdout in a program that has not configured it.
_log = logging.getLogger("kunobs.client")
_repeats = Repeats()


def note(text: str, *values: object) -> None:
    """Log a warning."""
    _log.warning(text, *values)


def note_repeated(key: str, text: str, *values: object) -> None:
    """Log a warning, at most every 30 s for one `key`, with how often it occurred."""
    count = _repeats.due(key, 30.0)
    if count is not None:
        _log.warning(text + (f" ({count} times)" if count > 1 else ""), *values)
