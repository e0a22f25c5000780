"""What can be seen while the demo runs: how far each leg is, how fast, how late, and what it says it did."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import requests
from prometheus_client.parser import text_string_to_metric_families

from kunobs.clock import Clock
from kunobs.local.demo.latency import Latency, quantiles
from kunobs.local.demo.progress import Offsets

_WINDOW = 3.0
_HTTP_TIMEOUT = 1.0


class Look(NamedTuple):
    """One leg, or the agents, at one moment; rates in records a second."""

    name: str
    records: int
    rate: float
    lag: int | None
    latency: Latency
    outcomes: Mapping[str, int]


@dataclass
class Speed:
    """Records a second over the last few seconds."""

    clock: Clock
    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def update(self, total: int) -> float:
        """The rate now that `total` have passed."""
        now = self.clock.monotonic()
        self.seen.append((now, total))
        while len(self.seen) > 2 and now - self.seen[1][0] >= _WINDOW:
            self.seen.popleft()
        then, before = self.seen[0]
        return (total - before) / (now - then) if now > then else 0.0


@dataclass
class Watched:
    """A leg to look at: its group, its HTTP server, and what has been measured of it so far."""

    name: str
    group: str
    address: str
    seconds: Callable[[], list[float]]
    speed: Speed
    done: int = 0
    counted: int = 0


class Watch:
    """Looks at the agents and both legs."""

    def __init__(self, offsets: Offsets, legs: list[Watched], acknowledged: Callable[[], int], clock: Clock) -> None:
        self._offsets = offsets
        self._legs = legs
        self._acknowledged = acknowledged
        self._feed_speed = Speed(clock)
        self._session = requests.Session()
        # A proxy from the environment would be asked for 127.0.0.1.
        self._session.trust_env = False
        self.ends: dict[int, int] = {}
        self.missing: dict[str, int] = {}

    def look(self) -> list[Look]:
        """The agents first, then the legs. Raises UnavailableError when the public Kafka does not answer."""
        sent = self._acknowledged()
        looks = [Look("agents", sent, self._feed_speed.update(sent), None, Latency(None, None), {})]
        self.ends = self._offsets.ends()
        end = sum(self.ends.values())
        for leg in self._legs:
            committed = self._offsets.committed(leg.group)
            leg.done = sum(min(committed.get(number, 0), last) for number, last in self.ends.items())
            self.missing[leg.name] = end - leg.done
            outcomes = self._outcomes(leg)
            leg.counted = max(leg.counted, sum(outcomes.values()))
            rate = leg.speed.update(leg.done)
            looks.append(Look(leg.name, leg.done, rate, end - leg.done, quantiles(leg.seconds()), outcomes))
        return looks

    def settled(self) -> bool:
        """True when, at the last look, both groups had committed everything."""
        return bool(self.missing) and not any(self.missing.values())

    def progress(self) -> int:
        """A number that grows as long as anything moves, also while a leg works and cannot commit yet."""
        return sum(self.ends.values()) + sum(leg.done + leg.counted for leg in self._legs)

    def close(self) -> None:
        """Close connections."""
        self._session.close()
        self._offsets.close()

    def ready(self, address: str) -> bool:
        """True when the leg at `address` says that it works."""
        try:
            return self._session.get(f"http://{address}/-/ready", timeout=_HTTP_TIMEOUT).status_code == 200
        except requests.RequestException:
            return False

    def _outcomes(self, leg: Watched) -> dict[str, int]:
        """By the leg's own counters; only for the live table, the summary does not use them."""
        try:
            text = self._session.get(f"http://{leg.address}/metrics", timeout=_HTTP_TIMEOUT).text
            return {
                sample.labels["outcome"]: int(sample.value)
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == f"kunobs_{leg.name}_events_total"
            }
        except (requests.RequestException, ValueError, KeyError):
            return {}
