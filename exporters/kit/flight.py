"""One collector: collected once for all who ask at a time, given up at its deadline, and not begun again while it is stuck."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from exporters.kit.budget import Budget
from exporters.kit.context import Context
from exporters.kit.exporter import Collector, Limits
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import KunobsError
from kunobs.log import get_logger, repeated
from kunobs.server.columns import Columns

Params = tuple[tuple[str, tuple[str, ...]], ...]
# Answers of one collector that are kept for the next who asks the same within min_interval.
KEPT = 4

_log = get_logger("exporter")


@dataclass(frozen=True)
class Asked:
    """What is asked of a collector: the level of detail and the values of the parameters it reads."""

    detail: str = ""
    params: Params = ()


@dataclass(frozen=True)
class Result:
    """What a collection brought. `stuck` is how long it has outlived its deadline, `age` how long ago it began, in seconds."""

    families: tuple[Columns, ...] = ()
    success: bool = False
    seconds: float = 0.0
    age: float = 0.0
    stuck: float = 0.0
    dropped: int = 0
    lines: tuple[str, ...] = ()


class _Run:
    """A collection under way or ended; guarded by its Flight's lock."""

    def __init__(self, asked: Asked, context: Context, began: float) -> None:
        self.asked, self.context, self.began = asked, context, began
        self.error: BaseException | None = None
        # When it ended, or was given up, and what there was of it then.
        self.over: float | None = None
        self.given_up = False
        self.families: tuple[Columns, ...] = ()
        self.dropped = 0
        self.lines: tuple[str, ...] = ()


class Flight:
    """A collector and its collections; safe between threads. One collection at a time, so never more than one thread."""

    def __init__(self, exporter: str, collector: Collector, limits: Limits, clock: Clock = SYSTEM_CLOCK) -> None:
        self.exporter, self.collector = exporter, collector
        self._limits, self._clock = limits, clock
        self._shared = max(limits.min_interval, collector.min_interval)
        self._budget = Budget(limits.series, limits.bytes)
        self._changed = threading.Condition()
        self._run: _Run | None = None
        self._kept: dict[Asked, _Run] = {}

    def begin(self, asked: Asked, deadline: float) -> Callable[[], Result]:
        """Start a collection unless one runs or a fresh one is there, without waiting; what it returns waits for the result.

        `deadline` is monotonic: by then the result is what there is of the collection.
        """
        with self._changed:
            fresh = self._fresh(asked)
            if fresh is None and self._run is not None and self._run.given_up:
                stuck = self._unfinished(self._run, asked)
                return lambda: stuck
            return partial(self._wait, fresh or self._run or self._start(asked, deadline), asked, deadline)

    def _wait(self, run: _Run, asked: Asked, deadline: float) -> Result:
        """The result of this run; when it is of something else that was asked, of the one after it."""
        with self._changed:
            while run.asked != asked or run.over is None:
                now = self._clock.monotonic()
                if run.over is not None and self._run is run:
                    return self._unfinished(run, asked)
                if run.over is not None:
                    run = self._fresh(asked) or self._run or self._start(asked, deadline)
                elif now >= run.context.deadline:
                    run.given_up = True
                    self._end(run)
                elif now >= deadline:
                    return self._unfinished(run, asked)
                else:
                    self._changed.wait(min(deadline, run.context.deadline) - now)
            return self._result(run)

    def _fresh(self, asked: Asked) -> _Run | None:
        """The last collection of the same, unless it is too old; what nobody may be shown any more is not held either."""
        now = self._clock.monotonic()
        for old in [a for a, kept in self._kept.items() if now - (kept.over or now) >= self._shared]:
            del self._kept[old]
        return self._kept.get(asked)

    def _start(self, asked: Asked, deadline: float) -> _Run:
        now = self._clock.monotonic()
        context = Context(
            self.collector.families,
            min(deadline, now + self._limits.timeout),
            self._budget,
            params=dict(asked.params),
            details=self.collector.details,
            detail=asked.detail,
            clock=self._clock,
        )
        run = self._run = _Run(asked, context, now)
        name = f"kunobs-{self.exporter}-{self.collector.name}"
        threading.Thread(target=self._collect, args=(run,), name=name, daemon=True).start()
        return run

    def _collect(self, run: _Run) -> None:
        try:
            self.collector.collect(run.context)
        except BaseException as error:  # noqa: BLE001 - what a collector raises costs its own families
            run.error = error
        with self._changed:
            self._run = None
            if not run.given_up:
                self._end(run)
            self._changed.notify_all()

    def _end(self, run: _Run) -> None:
        """Take what there is of a collection and keep it for who asks the same within min_interval."""
        run.over = self._clock.monotonic()
        emitted, lines = run.context.close()
        families, run.dropped = self._budget.fit(emitted)
        run.families = tuple(families)
        run.lines = (*lines, *self._told(run))
        self._kept.pop(run.asked, None)
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[run.asked] = run

    def _told(self, run: _Run) -> tuple[str, ...]:
        """Why it failed, for the log and for ?debug=true."""
        names: dict[str, Any] = {"exporter": self.exporter, "collector": self.collector.name}
        if run.given_up:
            seconds = round(run.context.deadline - run.began, 3)
            event = "a collector ran out of time"
            repeated(_log, f"{self.exporter} {self.collector.name} late", event, **names, deadline_seconds=seconds)
            return (f"ran out of time after {seconds} s; what it had emitted by then is shown",)
        if run.error is None:
            return ()
        hint = run.error.hint if isinstance(run.error, KunobsError) else ""
        text = f"{type(run.error).__name__}: {run.error}"[:500]
        key = f"{self.exporter} {self.collector.name} {type(run.error).__name__}"
        unexpected = None if isinstance(run.error, (KunobsError, OSError)) else run.error
        repeated(_log, key, "a collector failed", **names, error=text, hint=hint, exc_info=unexpected)
        return (f"failed: {text}", *([f"hint: {hint}"] if hint else []))

    def _result(self, run: _Run) -> Result:
        now = self._clock.monotonic()
        return Result(
            run.families,
            success=run.error is None and not run.given_up,
            seconds=(run.over or now) - run.began,
            age=now - run.began,
            stuck=self._stuck(now),
            dropped=run.dropped,
            lines=run.lines,
        )

    def _unfinished(self, run: _Run, asked: Asked) -> Result:
        """The asker's time is up before the collection's, or an earlier one is stuck."""
        now = self._clock.monotonic()
        stuck = self._stuck(now)
        why = f"an earlier collection is stuck for {stuck:.1f} s; no other is begun" if stuck else "still running"
        if run.asked != asked or run.given_up:
            return Result(stuck=stuck, lines=(why,))
        emitted, lines = run.context.so_far()
        families, dropped = self._budget.fit(emitted)
        seconds = now - run.began
        return Result(tuple(families), False, seconds, seconds, stuck, dropped, (*lines, why))

    def _stuck(self, now: float) -> float:
        return now - self._run.context.deadline if self._run is not None and self._run.given_up else 0.0
