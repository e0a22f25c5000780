"""What happened in this process: counts that begin anew with it, safe between threads."""

from __future__ import annotations

import threading
from collections import Counter


class Tally:
    """Counts by labels."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, ...]] = Counter()

    def add(self, *labels: str) -> None:
        """One more."""
        with self._lock:
            self._counts[labels] += 1

    def counts(self) -> dict[tuple[str, ...], int]:
        """By labels; what never happened is not there."""
        with self._lock:
            return dict(self._counts)
