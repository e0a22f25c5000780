"""Live: one watcher of the journal for all browsers, as server-sent events; who hears of a change fetches what it shows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from kunobs.log import get_logger, repeated
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable, Tx

MOST_LISTENERS = 100
_POLL_S = 0.5
_BEAT_S = 15.0
_log = get_logger("noc.board")


def newest(tx: Tx) -> int:
    """The journal's last number: whatever people see has changed only where this has."""
    row = tx.row("SELECT max(seq) FROM journal")
    return int(row[0] or 0) if row else 0


class Changes:
    """Belongs to one event loop; nothing is polled while nobody listens."""

    def __init__(self, relay: Relay, poll: float = _POLL_S, beat: float = _BEAT_S) -> None:
        self._relay, self._poll, self._beat = relay, poll, beat
        self._seq = -1
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.listeners = 0

    @property
    def full(self) -> bool:
        """Whether another browser has to ask now and then instead."""
        return self.listeners >= MOST_LISTENERS

    async def stream(self, welcome: Callable[[], Awaitable[bool]]) -> AsyncIterator[str]:
        """`changed` with the journal's number, now and at each change; a sign of life between, while `welcome` says so."""
        self.listeners += 1
        try:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._watch())
            told, loop = -1, asyncio.get_running_loop()
            beat = loop.time() + self._beat
            # The browser tries again after this many milliseconds when the connection is lost.
            yield "retry: 3000\n\n"
            while True:
                if loop.time() >= beat:
                    if not await welcome():
                        yield "event: gone\ndata: \n\n"
                        return
                    beat = loop.time() + self._beat
                    # A script never sees a comment, so it gets an event to know that the line is alive.
                    yield ": alive\nevent: alive\ndata: \n\n"
                elif told != self._seq:
                    told = self._seq
                    yield f"event: changed\nid: {told}\ndata: {told}\n\n"
                else:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), max(0.0, beat - loop.time()))
        finally:
            self.listeners -= 1

    async def _watch(self) -> None:
        while self.listeners:
            try:
                found = await asyncio.to_thread(self._relay.store.read, newest)
            except StoreUnavailable as trouble:
                repeated(_log, "board", "the board cannot read the store", reason=str(trouble), hint=trouble.hint)
            else:
                if found != self._seq:
                    self._seq = found
                    # Those who wait now are woken; those who come later wait for the next.
                    self._news.set()
                    self._news = asyncio.Event()
            await asyncio.sleep(self._poll)
