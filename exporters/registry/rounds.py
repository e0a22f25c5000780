"""The two rounds of a region: all tags within one time, all digests within another; what differs is read again between."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from exporters.registry.errors import RegistryError
from exporters.registry.pacer import Cursor, Pacer
from exporters.registry.state import Site, State, Task
from kunobs.clock import Clock
from kunobs.log import get_logger, repeated
from kunobs.retry import Backoff

# A request; a page of a catalog, for which a registry walks through its storage.
TIMEOUT, CATALOG_TIMEOUT = 10.0, 60.0
IDLE = 0.5
# A round is planned to be over before its time is.
EARLY, SLACK = 0.95, 2.0
CATALOG: Task = ("", "")
_log = get_logger("registry")


class Reads(Protocol):
    """What a round asks of a region; exporters.registry.client.Client is one."""

    def catalog(self, timeout: float, most: int) -> list[str]: ...
    def tags(self, repository: str, timeout: float, most: int) -> list[str] | None: ...
    def digest(self, repository: str, tag: str, timeout: float) -> bytes: ...


class Round:
    """What both have: a pace, retries, and a pause when the region is in trouble. `step` is called by one thread."""

    def __init__(self, site: Site, state: State, client: Reads, most: int, clock: Clock) -> None:
        self._site, self._state, self._client, self._clock = site, state, client, clock
        self._most = most
        self._pacer = Pacer(most)
        self._cursor = Cursor()
        self._again: deque[Task] = deque()
        self._delays: Iterator[float] | None = None
        self._beside = False
        self._lock = threading.Lock()
        self._began: float | None = None

    def step(self, run: Callable[[Callable[[], None]], object]) -> float:
        """Hand the next request to `run` if its time has come; else the seconds until it may have."""
        now = self._clock.monotonic()
        wait = self._pacer.wait(now)
        if wait > 0:
            return wait
        rate = self._rate()
        turn = self._pacer.turn(now, rate) if rate else IDLE
        # What is to be read again takes at most every second place while the round has something to do.
        task = self._retry() or (self._due() if turn > 0 or not self._beside else None)
        self._beside = task is not None
        if task is not None:
            self._pacer.spend(now)
        elif turn > 0:
            return turn
        else:
            task = self._next(now)
            if task is None:
                return IDLE
            self._pacer.spend(now, rate)
        run(lambda: self._perform(task))
        return 0.0

    def _perform(self, task: Task) -> None:
        """In a thread of its own perhaps."""
        what = "catalog" if task == CATALOG else "head" if task[1] else "tags"
        result = "ok"
        try:
            self._read(task)
        except RegistryError as error:
            result = "throttled" if error.throttled else "failed"
            self._trouble(task, what, error)
        except Exception as error:  # noqa: BLE001 - the round goes on whatever one answer does
            result = "failed"
            self._trouble(task, what, RegistryError(f"{what}: {type(error).__name__}: {error}"), error)
        else:
            self._delays = None
        with self._state.lock:
            self._site.requests[what, result] += 1

    def _trouble(self, task: Task, what: str, error: RegistryError, unexpected: Exception | None = None) -> None:
        now = self._clock.monotonic()
        with self._lock:
            # Several that were under way fail at once; that is one failure.
            if error.site_wide and (error.after is not None or not self._pacer.held(now)):
                self._delays = self._delays or Backoff(initial=1.0).delays()
                self._pacer.hold(now + (next(self._delays) if error.after is None else error.after))
        self._failed(task, error)
        key = f"{self._site.name} {what} {str(error)[:60]}"
        event = "a registry could not be read"
        repeated(_log, key, event, site=self._site.name, error=str(error), hint=error.hint, exc_info=unexpected)

    def _retry(self) -> Task | None:
        return self._again.popleft() if self._again else None

    def _failed(self, task: Task, error: RegistryError) -> None:
        """Try it again when it was not the task's own fault."""
        if error.site_wide:
            self._again.append(task)

    def _rate(self) -> float:
        raise NotImplementedError

    def _due(self) -> Task | None:
        raise NotImplementedError

    def _next(self, now: float) -> Task | None:
        raise NotImplementedError

    def _read(self, task: Task) -> None:
        raise NotImplementedError


class TagRound(Round):
    """The catalog, then each repository's tags: all within `interval` seconds."""

    def __init__(self, site: Site, state: State, client: Reads, most: int, clock: Clock, *, interval: float) -> None:
        super().__init__(site, state, client, most, clock)
        self._interval = interval
        self._catalog_pending = False
        self._catalog_took = 0.0

    def _rate(self) -> float:
        repositories = len(self._state.repositories)
        left = max(self._interval * EARLY - self._catalog_took, self._interval * 0.1)
        # The catalog is a request too.
        return min(self._most, (repositories + 1) / left)

    def _due(self) -> Task | None:
        return self._state.due(self._site.name, heads=False)

    def _next(self, now: float) -> Task | None:
        if self._catalog_pending:
            return None
        name = self._cursor.next_name(self._state.repositories) if self._began is not None else None
        if name is not None:
            return name, ""
        if self._began is not None and self._state.repositories:
            self._site.list_round = now - self._began
        self._began = now
        self._catalog_pending = True
        self._cursor.begin()
        return CATALOG

    def _read(self, task: Task) -> None:
        started = self._clock.monotonic()
        if task == CATALOG:
            found = self._client.catalog(CATALOG_TIMEOUT, self._state.max_repositories)
            self._state.catalog(self._site.name, found)
            self._catalog_took = self._clock.monotonic() - started
            self._catalog_pending = False
        else:
            tags = self._client.tags(task[0], TIMEOUT, self._state.max_tags)
            self._state.listed(self._site.name, task[0], tags or (), started)

    def _failed(self, task: Task, error: RegistryError) -> None:
        super()._failed(task, error)
        if task == CATALOG and not error.site_wide:
            # The round goes on with the repositories that are known.
            self._catalog_pending = False


class DigestRound(Round):
    """Every tag's digest, all within `interval` seconds if `most` a second suffice."""

    def __init__(
        self, site: Site, state: State, client: Reads, most: int, clock: Clock, *, interval: float, grace: float
    ) -> None:
        super().__init__(site, state, client, most, clock)
        # What is found at the end of a round is to be confirmed within the interval as well.
        self._interval = max(interval - grace - SLACK, interval / 4)
        self._before: dict[str, float] = {}

    def _rate(self) -> float:
        if self._site.list_round is None:
            # How many there are is not known yet.
            return self._most
        return min(self._most, self._site.count / self._interval)

    def _due(self) -> Task | None:
        return self._state.due(self._site.name, heads=True)

    def _next(self, now: float) -> Task | None:
        while (task := self._cursor.next_tag()) is None:
            with self._state.lock:
                name = self._cursor.next_name(self._state.repositories)
                if name is None:
                    self._wrap(now)
                    return None
                if self._site.list_round is None and name not in self._site.tags and name not in self._site.skipped:
                    # The first round follows that of the lists.
                    self._cursor.back()
                    return None
                tags = tuple(self._site.tags.get(name, ()))
                if name in self._site.tags:
                    self._before[name] = self._site.digested.get(name, now)
                    self._site.digested[name] = now
            self._began = now if self._began is None else self._began
            self._cursor.put(name, tags)
        return task

    def _wrap(self, now: float) -> None:
        """The end of a round, unless there is nothing to go round."""
        if self._site.list_round is None or not self._site.count:
            return
        if self._began is not None:
            self._site.digest_round = now - self._began
        self._began = None
        self._cursor.begin()

    def _read(self, task: Task) -> None:
        started = self._clock.monotonic()
        self._state.digest(self._site.name, *task, self._client.digest(*task, TIMEOUT), started)

    def _failed(self, task: Task, error: RegistryError) -> None:
        super()._failed(task, error)
        if not error.site_wide:
            with self._state.lock:
                # One that could not be read keeps the age of the last time it could.
                name = task[0]
                if name in self._site.digested and name in self._before:
                    self._site.digested[name] = self._before[name]
