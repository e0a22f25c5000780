"""Between the event loop and other threads: blocking work in daemon threads that hold up neither loop nor exit, results by the batch."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_thread(call: Callable[[], Result], name: str) -> Result:
    """The call's result or exception; when the waiting task is cancelled the thread goes on unheard."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def finish(result: Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:  # noqa: BLE001 - it belongs to who waits
            error = raised
        report(loop, lambda: finish(result, error))

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future


def report(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> bool:
    """Run `callback` in the loop; False when the loop is closed, because the server has stopped meanwhile."""
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        return False
    return True


class Landing:
    """Where results of other threads reach one event loop. Waking it costs more than a result, so it is woken once for all that are there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._landed: deque[tuple[asyncio.Future[Any], futures.Future[Any]]] = deque()
        self._woken = False

    def wait(self, result: futures.Future[Result]) -> asyncio.Future[Result]:
        """The same result, or exception, to be awaited in the loop. Who no longer waits does not stop the other thread."""
        waiter: asyncio.Future[Result] = self.loop.create_future()
        result.add_done_callback(lambda done: self._land(waiter, done))
        return waiter

    def _land(self, waiter: asyncio.Future[Any], done: futures.Future[Any]) -> None:
        self._landed.append((waiter, done))
        if not self._woken:
            self._woken = True
            report(self.loop, self._deliver)

    def _deliver(self) -> None:
        # Before the first is taken: what lands from now on either is seen below or wakes again.
        self._woken = False
        while self._landed:
            waiter, done = self._landed.popleft()
            if waiter.done():
                continue
            try:
                result = done.result()
            except futures.CancelledError:
                waiter.cancel()
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits
                waiter.set_exception(error)
            else:
                waiter.set_result(result)
