"""Counters per namespace that stay few: the busiest have a series each, the rest share one."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Counter

from kunobs.clock import SYSTEM_CLOCK, Clock

# An underscore cannot occur in a namespace, so no tenant's counts can be taken for the rest's.
OTHER = "_other"
# A challenger must be clearly busier, or two namespaces of equal volume would take turns.
MARGIN = 1.5


class TopN:
    """Feeds two counters labelled `namespace` (events and bytes): at most `n` namespaces and `_other`.

    Places are first come, first served while there is room, and reviewed every `review` seconds: a
    namespace that has none takes the place of the least busy one if its recent bytes are 1.5 times as many.
    The one that leaves loses its series, what it sends later counts as `_other`: no series ever goes down.
    Recent volume halves every `half_life` seconds. Not thread safe: the main loop calls `add` once a batch.
    """

    def __init__(
        self,
        events: Counter,
        volume: Counter,
        *,
        n: int = 50,
        review: float = 60.0,
        half_life: float = 600.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._events, self._volume = events, volume
        self._n = n
        self._tracked = max(4 * n, 200)
        self._review, self._half_life, self._clock = review, half_life, clock
        self._recent: dict[str, float] = {}
        self._shown: dict[str, tuple[Counter, Counter]] = {}
        self._other = self._series(OTHER)
        self._reviewed = clock.monotonic()

    @property
    def shown(self) -> frozenset[str]:
        """The namespaces that have a series of their own now."""
        return frozenset(self._shown)

    def add(self, batch: Mapping[str, tuple[int, int]]) -> None:
        """Count a batch: namespace -> (events, bytes)."""
        now = self._clock.monotonic()
        if now - self._reviewed >= self._review:
            self._review_places(now)
        for namespace, (events, volume) in batch.items():
            self._recent[namespace] = self._recent.get(namespace, 0.0) + volume
            series = self._shown.get(namespace)
            if series is None and len(self._shown) < self._n and namespace != OTHER:
                series = self._shown[namespace] = self._series(namespace)
            event_counter, volume_counter = series or self._other
            event_counter.inc(events)
            volume_counter.inc(volume)
        if len(self._recent) > 2 * self._tracked:
            self._forget_small()

    def _series(self, namespace: str) -> tuple[Counter, Counter]:
        return self._events.labels(namespace), self._volume.labels(namespace)

    def _review_places(self, now: float) -> None:
        fade = 0.5 ** ((now - self._reviewed) / self._half_life)
        self._reviewed = now
        self._recent = {namespace: volume * fade for namespace, volume in self._recent.items()}
        self._forget_small()
        waiting = [namespace for namespace in self._by_volume() if namespace not in self._shown]
        holders = sorted(self._shown, key=self._volume_of)
        for challenger, holder in zip(waiting, holders, strict=False):
            if self._volume_of(challenger) <= MARGIN * self._volume_of(holder):
                break
            del self._shown[holder]
            self._events.remove(holder)
            self._volume.remove(holder)
            self._shown[challenger] = self._series(challenger)

    def _volume_of(self, namespace: str) -> float:
        return self._recent.get(namespace, 0.0)

    def _by_volume(self) -> list[str]:
        return sorted(self._recent, key=self._volume_of, reverse=True)

    def _forget_small(self) -> None:
        """Names come from outside, so memory for them is bounded; those shown are kept."""
        kept = [namespace for namespace in self._by_volume() if namespace not in self._shown][: self._tracked]
        self._recent = {namespace: self._volume_of(namespace) for namespace in (*self._shown, *kept)}
