"""Threads that deliver bulks; the consuming thread hands over and collects, and never waits for Elasticsearch itself."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import NamedTuple

from log_pipeline.indexer.assemble import Bulk
from log_pipeline.indexer.dead_letter import Abandoned
from log_pipeline.indexer.delivery import Delivery, Tally, Tools


class Finished(NamedTuple):
    """A bulk whose events all have their outcome."""

    bulk: Bulk
    tally: Tally


class Sender:
    """As many threads as requests may be under way, and one more so that the next bulk waits ready."""

    def __init__(self, tools: Tools, threads: int) -> None:
        self._tools = tools
        self._waiting: queue.SimpleQueue[Bulk | None] = queue.SimpleQueue()
        self._finished: deque[Finished] = deque()
        self._changed = threading.Event()
        self._failure: BaseException | None = None
        self.under_way: set[Bulk] = set()
        self._threads = [threading.Thread(target=self._work, name=f"bulk-{n}", daemon=True) for n in range(threads + 1)]
        for thread in self._threads:
            thread.start()

    @property
    def has_room(self) -> bool:
        """Whether another bulk may be handed over: memory is bounded by the window and one more."""
        return len(self.under_way) <= self._tools.window.limit

    def submit(self, bulk: Bulk) -> None:
        """Hand over; the bulk is the sender's until it comes back from `collect`."""
        self.under_way.add(bulk)
        self._waiting.put(bulk)

    def collect(self) -> list[Finished]:
        """What was finished since the last call; raises what stopped a thread."""
        self._changed.clear()
        if self._failure is not None:
            raise self._failure
        found: list[Finished] = []
        while self._finished:
            found.append(self._finished.popleft())
            self.under_way.discard(found[-1].bulk)
        return found

    def wait(self, timeout: float) -> None:
        """Until a bulk is finished or a thread failed, at most `timeout` s."""
        self._changed.wait(timeout)

    def close(self) -> None:
        """Abandon what is not finished; threads that wait for an answer end with the process."""
        self._tools.stop.set()
        for _ in self._threads:
            self._waiting.put(None)

    def _work(self) -> None:
        while (bulk := self._waiting.get()) is not None and not self._tools.stop.is_set():
            try:
                self._finished.append(Finished(bulk, Delivery(bulk, self._tools).run()))
            except Abandoned:
                return
            except BaseException as error:  # noqa: BLE001  raised again by `collect` in the consuming thread
                self._failure = self._failure or error
            self._changed.set()
