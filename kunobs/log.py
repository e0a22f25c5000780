"""Structured logs: one JSON object a line on stderr, secrets hidden, a repeated error at most once per 30 s with a count."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

# structlog.dev loads rich and pygments, where they are installed, for a console that is not ours: 7 MB in every process.
_hides_rich = "rich" not in sys.modules
if _hides_rich:
    sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402

if _hides_rich:
    del sys.modules["rich"]

from kunobs.clock import SYSTEM_CLOCK, Clock  # noqa: E402

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_SECRET_WORDS = ("password", "secret", "api_key", "token", "authorization")

Logger = structlog.typing.FilteringBoundLogger


def _hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS) and event[key]:
            event[key] = "<secret>"
    return event


def setup(level: str = "info") -> None:
    """Send structured logs to stderr from `level` up; the last call wins."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _hide_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(part: str) -> Logger:
    """A logger whose lines carry `part`, the process or subsystem they come from."""
    logger: Logger = structlog.get_logger(part=part)
    return logger


class Repeats:
    """Remembers when each key was last logged, so that an outage is a line per `every` seconds, not per attempt."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, int]] = {}

    def due(self, key: str, every: float) -> int | None:
        """How often `key` occurred since its last line if one is due now, else None."""
        now = self._clock.monotonic()
        with self._lock:
            last, count = self._seen.get(key, (now - every, 0))
            if now - last < every:
                self._seen[key] = (last, count + 1)
                return None
            if len(self._seen) > 1000:
                self._seen.clear()
            self._seen[key] = (now, 0)
            return count + 1


_repeats = Repeats()


def repeated(log: Logger, key: str, event: str, *, every: float = 30.0, level: str = "warning", **fields: Any) -> None:
    """Log `event` now, or only count it when `key` was logged less than `every` seconds ago; `count` says how many."""
    count = _repeats.due(key, every)
    if count is not None:
        getattr(log, level)(event, count=count, **fields)
