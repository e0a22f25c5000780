"""A clock that tests own: waiting costs no time."""

from __future__ import annotations

import threading


class FakeClock:
    """Stands still until `sleep` or `advance` moves it; `slept` lists every wait in seconds. Safe between threads."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._lock = threading.Lock()
        self._now = start
        self._monotonic = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        with self._lock:
            return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Return at once, `seconds` later."""
        with self._lock:
            self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass; ValueError for a step back, which `jump` is for."""
        if seconds < 0:
            raise ValueError("time does not run backwards: use jump() for a wall clock that is set back")
        with self._lock:
            self._now += seconds
            self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock, forwards or back, as NTP or a person does; the monotonic clock does not notice."""
        with self._lock:
            self._now += seconds
