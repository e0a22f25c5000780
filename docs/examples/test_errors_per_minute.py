"""A program's test without a broker: the real LogConsumer on a topic in memory. Run it with pytest."""

# ruff: noqa: S101
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from errors_per_minute import run

from kunobs.testing import MemoryTopic, log_event

START = datetime(2026, 11, 1, 3, 18, 27, tzinfo=UTC)


def test_counts_errors_by_minute(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors of three formats are counted in the minute of their lines, and everything is committed."""
    topic = MemoryTopic("team-pay")
    topic.append(
        log_event('{"level":"error","msg":"x"}', pod="a", time=START),
        log_event("03:18:27 [main] ERROR boom", pod="a", time=START),
        log_event("level=info msg=fine", pod="a", time=START),
        log_event("level=error msg=bad", pod="b", time=START + timedelta(minutes=1)),
    )
    with topic.consumer("errors", idle=1) as events:
        run(events)
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-01T03:18:00+00:00 {'a': 2}",
        "2026-11-01T03:19:00+00:00 {'b': 1}",
    ]
    assert topic.committed("errors") == {0: 4}
