"""Somebody outside hears from us while our own audit finds nothing; when that ends, it is for them to call somebody."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from kunobs.log import get_logger, repeated
from kunobs.noc.heartbeats.ask import Asker
from kunobs.noc.heartbeats.audit import audit
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable

_log = get_logger("noc")


class Ping:
    """`turn` is called once a second and never waits. `troubles` is what the last audit found, `sent` how many pings were taken."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._asker = Asker()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="noc-ping")
        self._idle = threading.Event()
        self._idle.set()
        # Not at once: a relay that never lives for long is not well.
        self._next = relay.clock.monotonic() + relay.policy.config.ping.every
        self.troubles: list[str] = []
        self.sent = 0
        self.failed = 0

    def turn(self) -> None:
        """Begin an audit and a ping where it is time."""
        now = self._relay.clock.monotonic()
        if now >= self._next and self._idle.is_set():
            self._next = now + self._relay.policy.config.ping.every
            self._idle.clear()
            self._pool.submit(self._run)

    def wait(self) -> None:
        """Until it is done, for a test."""
        self._idle.wait()

    def close(self) -> None:
        """No ping any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._asker.close()

    def _run(self) -> None:
        try:
            self._ping()
        except Exception as error:  # noqa: BLE001  nobody else would hear of it
            self.troubles = [f"the audit failed: {type(error).__name__}"]
            repeated(_log, "audit", "the audit failed", level="error", exc_info=error)
        finally:
            self._idle.set()

    def _ping(self) -> None:
        try:
            self.troubles = self._relay.change(audit).result()
        except StoreUnavailable as trouble:
            self.troubles = [f"the store takes nothing: {trouble.kind}"]
        url = self._relay.policy.config.ping.url
        if self.troubles:
            repeated(_log, "audit", "not well, so nobody outside hears of us", troubles=self.troubles)
        elif url:
            # Whoever has the URL can speak for us, so it is not logged.
            answer = self._asker.get(url)
            if isinstance(answer, str):
                self.failed += 1
                repeated(_log, "ping", "the ping was not taken", reason=answer)
            else:
                self.sent += 1
