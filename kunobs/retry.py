"""When to try again: the one place that knows delays. Whether to try again is said where the answer is known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Exponential delays in seconds with jitter: `initial`, `initial * factor`, … up to `maximum`, for ever."""

    initial: float = 0.1
    factor: float = 2.0
    maximum: float = 30.0
    jitter: float = 0.2

    def delays(self, seed: int | None = None) -> Iterator[float]:
        """Endless delays; each is spread by ± `jitter` so that many processes do not knock at once."""
        rng = random.Random(seed)
        delay = self.initial
        while True:
            yield delay * (1 + self.jitter * (2 * rng.random() - 1))
            delay = min(delay * self.factor, self.maximum)
