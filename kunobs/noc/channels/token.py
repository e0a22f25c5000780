"""One access token for all threads: fetched once, kept while it is taken, and never asked for in a hurry after a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from kunobs.clock import Clock
from kunobs.noc.notify.contract import Permanent, Retry

MARGIN = 60.0
"""Seconds before the end of a token at which it is no longer used, or a tenth of its life where that is less."""
PAUSE = 5.0
"""Seconds between fetches that fail: WeCom blocks for an hour after 2,000 of them in one, and there may be two relays."""


@dataclass(frozen=True)
class Fetched:
    """What a provider gave out, good for `expires_in` seconds from when it was asked."""

    token: str = field(repr=False)
    expires_in: float


class Token:
    """The token that `fetch` gets; safe between threads, which all wait for the one fetch that is under way."""

    def __init__(self, fetch: Callable[[], Fetched | Retry | Permanent], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._token = self._refused = ""
        self._until = self._not_before = 0.0
        self._failure: Retry | Permanent = Retry("token", "the provider gives out a token that it refuses")

    def get(self) -> str | Retry | Permanent:
        """The token's text, or why there is none; a failure is repeated, with what is left to wait, until PAUSE is over."""
        with self._lock:
            now = self._clock.monotonic()
            if self._token and now < self._until:
                return self._token
            if now < self._not_before:
                return self._later(self._not_before - now)
            fetched = self._fetch()
            if not isinstance(fetched, Fetched):
                self._failure = fetched
                pause = max(PAUSE, (fetched.after or 0.0) if isinstance(fetched, Retry) else 0.0)
                self._not_before = now + pause
                return self._later(pause)
            if fetched.token == self._refused:
                # A refusal may have been a mistake, so it is tried again; a second one does not become a loop of fetches.
                self._failure = Retry("token", "the provider gives out a token that it refuses")
                self._not_before = now + PAUSE
            self._token = fetched.token
            self._until = now + fetched.expires_in - min(MARGIN, fetched.expires_in / 10)
            return self._token

    def refuse(self, token: str) -> None:
        """The provider did not take `token`: forget it, unless another thread has fetched a newer one already."""
        with self._lock:
            if token == self._token:
                self._refused, self._token = token, ""

    def _later(self, seconds: float) -> Retry | Permanent:
        if isinstance(self._failure, Permanent):
            return self._failure
        # Nothing of the message was on the wire, whatever became of the fetch.
        return replace(self._failure, after=seconds, delivered_maybe=False)
