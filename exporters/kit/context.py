"""What a collector is given: how long it has, what was asked for, and where its rows go."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from exporters.kit.budget import Budget, Emitted
from kunobs.catalogue.types import MetricSpec
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import KunobsError
from kunobs.server.columns import Row

# Lines of ?debug=true that a collection keeps.
MAX_LINES = 200


class DeadlineError(KunobsError):
    """The collection's time is up: nobody waits for what the collector would still bring."""


class UndeclaredFamilyError(KunobsError):
    """A collector emits what it did not declare, or the same family twice."""


class Context:
    """One collection. Families may be emitted from several threads of the collector, each family once and whole."""

    def __init__(
        self,
        families: Iterable[MetricSpec],
        deadline: float,
        budget: Budget,
        *,
        params: Mapping[str, tuple[str, ...]] | None = None,
        details: tuple[str, ...] = (),
        detail: str = "",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.deadline = deadline
        """Monotonic time, in seconds, at which the answer goes out with what is there."""
        self.params = params or {}
        """The values of those request parameters that the collector reads."""
        self.detail = detail or (details[0] if details else "")
        """The level that is asked for."""
        self._declared = frozenset(families)
        self._details = details
        self._budget, self._clock = budget, clock
        self._lock = threading.Lock()
        self._emitted: list[Emitted] = []
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._closed = False

    @property
    def remaining(self) -> float:
        """Seconds left; DeadlineError when there are none. Give it to whatever waits: `requests.get(url, timeout=ctx.remaining)`."""
        left = self.deadline - self._clock.monotonic()
        if left <= 0 or self._closed:
            raise DeadlineError("the collection's time is up")
        return left

    def wants(self, detail: str) -> bool:
        """True when the level is asked for, so that what only it needs need not be fetched."""
        return self._details.index(detail) <= self._details.index(self.detail)

    def emit(self, spec: MetricSpec, rows: Iterable[Row], *, detail: str = "") -> None:
        """Give a whole family: tuples of the label values in their declared order, and the value. Rows may be a generator.

        It is part of the answer once this returns, whatever happens to the collector afterwards. `detail` is the level
        it belongs to: one that nobody asked for is left out, and over the budget the finest goes first. Raises
        UndeclaredFamilyError, BadRowError, and DeadlineError once nobody waits any more.
        """
        if spec not in self._declared:
            raise UndeclaredFamilyError(
                f"{spec.name} is emitted but not declared", hint="add it to Collector(families=)"
            )
        if detail and not self.wants(detail):
            return
        level = self._details.index(detail) if detail else 0
        emitted = self._budget.take(spec, rows, level, self._check)
        with self._lock:
            self._check()
            if any(one.spec.name == spec.name for one in self._emitted):
                raise UndeclaredFamilyError(f"{spec.name} is emitted twice", hint="gather its rows and emit them once")
            self._emitted.append(emitted)

    def log(self, event: str, **fields: Any) -> None:
        """A line for ?debug=true; never a secret."""
        text = " ".join([event, *(f"{key}={value!r:.200}" for key, value in fields.items())])
        self._lines.append(text[:1000])

    def so_far(self) -> tuple[list[Emitted], list[str]]:
        """The families emitted by now, and the lines."""
        with self._lock:
            return list(self._emitted), list(self._lines)

    def close(self) -> tuple[list[Emitted], list[str]]:
        """The families so far and the lines; what the collector emits from now on raises."""
        with self._lock:
            self._closed = True
        return self.so_far()

    def _check(self) -> None:
        if self._closed:
            raise DeadlineError("the collection's time is up")
