"""Blocking work beside the event loop in daemon threads: one that hangs holds up neither loop nor exit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

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
