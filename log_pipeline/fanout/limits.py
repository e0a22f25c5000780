"""What each tenant's topic takes at most, asked before the first event goes there: one that is too large spoils a transaction of all."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from kunobs.clock import SYSTEM_CLOCK, Clock

# librdkafka's default for `batch.size`; what it adds to a batch of that size is less than the slack.
_BATCH = 1_000_000
_SLACK = 1024
# A batch of one record: 61 bytes of batch, at least 5 of lengths and deltas, and our header with at least 20
# (https://kafka.apache.org/documentation/#messageformat).
_FRAME = 86
_BELIEVED = 300.0
NO_CEILING = 1 << 62


class Limit(NamedTuple):
    """`largest` is the topic's `max.message.bytes`, None where we may not read it; believed until that monotonic time."""

    largest: int | None
    until: float


class Limits:
    """By namespace. `ask` gives `max.message.bytes` of those namespaces' topics that it can read."""

    def __init__(
        self, ask: Callable[[list[str]], Mapping[str, int]], *, compressed: bool, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._ask = ask
        self._compressed = compressed
        self._clock = clock
        self._known: dict[str, Limit] = {}
        self.ceiling = NO_CEILING
        """A value of at most so many bytes fits everywhere but into the topics of `careful`."""
        self.careful: dict[str, int] = {}
        """Namespaces whose topics take less than a full batch of the producer, and how much a batch may hold."""

    def learn(self, namespaces: Iterable[str]) -> None:
        """Ask about these."""
        asked = sorted(namespaces)
        found = self._ask(asked)
        until = self._clock.monotonic() + _BELIEVED
        for namespace in asked:
            largest = found.get(namespace)
            self._known[namespace] = Limit(largest, until)
            if largest is not None and largest < _BATCH + _SLACK:
                self.careful[namespace] = largest
            else:
                self.careful.pop(namespace, None)
        self._lower_ceiling()

    def too_large(self, namespace: str, value: bytes, key: bytes | None) -> str:
        """Why the topic surely refuses this event, "" where it may fit."""
        largest = self._does_not_fit(namespace, value, key)
        if largest or namespace in self.careful:
            known = self._known.get(namespace)
            if known is not None and known.until < self._clock.monotonic():
                self.learn([namespace])
                largest = self._does_not_fit(namespace, value, key)
        return f"{len(value)} bytes do not fit into the topic's max.message.bytes={largest}" if largest else ""

    def refused(self, namespace: str) -> bool:
        """A broker refused a size: True where that was news, so that it is worth to write the rest again.

        Brokers measure a whole batch, so small records may be innocent. From now on each batch fits, and who is refused then is guilty.
        """
        before = self._known.get(namespace), self.careful.get(namespace)
        self.learn([namespace])
        known = self._known[namespace]
        self.careful[namespace] = known.largest or 0
        self._lower_ceiling()
        return before[1] is None or (before[0] is not None and before[0].largest != known.largest)

    def _does_not_fit(self, namespace: str, value: bytes, key: bytes | None) -> int:
        limit = self._known.get(namespace)
        largest = limit.largest if limit is not None else None
        if largest is None or len(value) + len(key or b"") + _FRAME <= largest:
            return 0
        # Deflate is hardly ever beaten by what Kafka compresses with.
        if self._compressed and len(zlib.compress(value, 1)) <= largest:
            return 0
        return largest

    def _lower_ceiling(self) -> None:
        sizes = [limit.largest for name, limit in self._known.items() if limit.largest and name not in self.careful]
        self.ceiling = min(sizes, default=NO_CEILING) - _SLACK
