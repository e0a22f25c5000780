"""Whether a cron expression can be read; the plain install has no reader and takes what has five fields."""

from __future__ import annotations

from datetime import UTC, datetime


def problem(expression: str) -> str:
    """What is wrong with it, empty when nothing is."""
    try:
        from cronsim import CronSim, CronSimError
    except ImportError:
        return "" if len(expression.split()) == 5 else "is no cron expression"
    try:
        next(CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        return f"is no cron expression: {error or 'it never comes'}"
    return ""
