"""`rate_limit` of the web configuration: a token bucket over all requests."""

from __future__ import annotations

from kunobs.clock import SYSTEM_CLOCK, Clock


class RateLimit:
    """One request per `interval` seconds, `burst` of them at once; an interval of 0 allows everything."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._setting = (0.0, 0)
        self._tokens = 0.0
        self._filled = 0.0

    def allows(self, interval: float, burst: int) -> bool:
        """Take a token if there is one; other settings than last time start with a full bucket."""
        if not interval:
            return True
        now = self._clock.monotonic()
        if self._setting != (interval, burst):
            self._setting, self._tokens, self._filled = (interval, burst), float(burst), now
        self._tokens = min(float(burst), self._tokens + (now - self._filled) / interval)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
