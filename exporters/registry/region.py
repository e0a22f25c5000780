"""The threads of one region: one that knows when the next request is due, and some that wait for answers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

from exporters.registry.rounds import Round

# At 34 a second, enough for answers that take 0.2 s from another continent.
WORKERS = 8
Work = Callable[[], None]


class Region:
    """Runs the rounds of a region until `stop` is set; a request under way then ends in its own time, unheard."""

    def __init__(self, name: str, rounds: Sequence[Round], stop: threading.Event) -> None:
        self._name, self._rounds, self._stop = name, rounds, stop
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._free = threading.Semaphore(WORKERS)

    def start(self) -> None:
        """Begin."""
        targets = [self._dispatch, *[self._carry_out] * WORKERS]
        for number, target in enumerate(targets):
            threading.Thread(target=target, name=f"kunobs-registry-{self._name}-{number}", daemon=True).start()

    def _dispatch(self) -> None:
        while not self._stop.is_set():
            wait = min(each.step(self._hand_over) for each in self._rounds)
            if wait > 0:
                self._stop.wait(min(wait, 1.0))
        for _ in range(WORKERS):
            self._work.put(None)

    def _hand_over(self, work: Work) -> None:
        while not self._stop.is_set():
            if self._free.acquire(timeout=0.5):
                self._work.put(work)
                return

    def _carry_out(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            finally:
                self._free.release()
