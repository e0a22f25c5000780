"""A limit on guesses: a token bucket for each name or address, and no more buckets than fit."""

from __future__ import annotations

import threading
from collections import OrderedDict

from kunobs.clock import Clock
from kunobs.server.rate import RateLimit

_KEYS = 10_000


class Throttle:
    """`burst` tries at once, then one in `interval` seconds, for each key; safe between threads."""

    def __init__(self, clock: Clock, burst: int, interval: float) -> None:
        self._clock, self._burst, self._interval = clock, burst, interval
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, RateLimit] = OrderedDict()

    def allows(self, key: str) -> bool:
        """Spend a try; False where there is none."""
        key = key[:200]
        with self._lock:
            bucket = self._buckets.setdefault(key, RateLimit(self._clock))
            self._buckets.move_to_end(key)
            if len(self._buckets) > _KEYS:
                self._buckets.popitem(last=False)
            return bucket.allows(self._interval, self._burst)

    def forgive(self, key: str) -> None:
        """Whoever it was has shown that they may: tries so far do not count."""
        with self._lock:
            self._buckets.pop(key[:200], None)
