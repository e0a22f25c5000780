"""Seeded lines as Filebeat 7, 8 and 9 write them to Kafka; each says where it belongs, by construction."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from kunobs.testing.fleet import Container, Fleet
from kunobs.testing.mutate import Mutator
from kunobs.testing.odd_events import NOT_A_LINE, ODD

__all__ = ["SHARES", "EventGenerator", "Expected", "Line", "Mutator"]

# About 2 % of the lines are odd; the rest are as an agent writes them on a good day.
SHARES: Mapping[str, float] = {
    "no_metadata": 0.004,
    "resent": 0.006,
    "spoofed": 0.002,
    "bad_namespace": 0.001,
    "no_namespace": 0.001,
    "broken": 0.002,
    "hostile": 0.004,
}
_START = datetime(2026, 11, 1, tzinfo=UTC)
_REMEMBERED = 512
_SHUFFLES = 4
_CRI_PREFIX = len("2026-11-01T03:18:27.470123456+08:00 stdout F \n")


class Expected(NamedTuple):
    """Where a line belongs, known because the generator made it so."""

    kind: str
    """A key of `SHARES` or `normal`; odd ones say which after a slash: `hostile/labels_string`."""
    outcome: str
    """`delivered`, `dead_letter` (too large for a tenant topic), `quarantined` or `unrouted`."""
    namespace: str
    """Of a delivered or dead-lettered line; what a quarantined line claims; empty for an unrouted one."""
    resent: bool = False
    """The agent sends this line again, the keys in another order: it has the same natural id."""


class Line(NamedTuple):
    """One Kafka record."""

    value: bytes
    key: bytes | None
    expected: Expected


class _Sent(NamedTuple):
    container: Container
    head: bytes
    message: bytes
    tail: tuple[bytes, bytes]


class EventGenerator:
    """An endless, seeded stream of lines; the same arguments give the same bytes.

    `step` is the time in seconds between two lines, `shares` replaces `SHARES` (`{}` for no odd kinds),
    `whole_lines` leaves out values that an NDJSON file cannot hold (empty, or with a raw newline).
    """

    def __init__(
        self,
        seed: int = 0,
        namespaces: int = 36,
        *,
        start: datetime = _START,
        step: float = 0.001,
        shares: Mapping[str, float] | None = None,
        whole_lines: bool = False,
    ) -> None:
        self.fleet = Fleet(seed, namespaces)
        self._rng = random.Random(f"{seed}/events")
        self._random = self._rng.random
        self._now = start.timestamp()
        self._step = step
        self._second, self._second_text = -1, ""
        self._sent: list[_Sent] = []
        chosen = SHARES if shares is None else shares
        if unknown := set(chosen) - set(SHARES):
            raise ValueError(f"no kind of line: {', '.join(sorted(unknown))}; there are {', '.join(SHARES)}")
        self._kinds = list(chosen)
        self._edges = [sum(list(chosen.values())[: n + 1]) for n in range(len(chosen))]
        self._odd = {
            kind: {name: make for name, make in makers.items() if not whole_lines or name not in NOT_A_LINE}
            for kind, makers in ODD.items()
        }

    def __iter__(self) -> Iterator[Line]:
        while True:
            for container in self._rng.choices(self.fleet.containers, cum_weights=self.fleet.traffic, k=500):
                yield self._next(container)

    def lines(self, count: int) -> list[Line]:
        """The next `count` lines."""
        return list(islice(self, count))

    def opening(self) -> list[Line]:
        """One normal line from each namespace for each Filebeat generation in it: all that a sink has to make for it."""
        found = {(one.namespace, one.node.major): one for one in self.fleet.containers}
        return [self._normal(container) for container in found.values()]

    def _next(self, container: Container) -> Line:
        self._now += self._step
        dice = self._random()
        if not self._edges or dice >= self._edges[-1]:
            return self._normal(container)
        kind = next(name for name, edge in zip(self._kinds, self._edges, strict=True) if dice < edge)
        if kind in self._odd:
            return self._odd_line(kind, container)
        if kind == "resent":
            return self._resent(container)
        if kind == "spoofed":
            return self._spoofed(container)
        return self._without_metadata(container)

    def _timestamp(self) -> str:
        second = int(self._now)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._second_text}{int((self._now - second) * 1000):03d}Z"

    def _normal(self, container: Container) -> Line:
        message = container.write(self._rng)
        sent = self._send(container, message)
        if len(self._sent) < _REMEMBERED:
            self._sent.append(sent)
        else:
            self._sent[int(self._random() * _REMEMBERED)] = sent
        return Line(self._render(sent), container.key, Expected("normal", "delivered", container.namespace))

    def _send(self, container: Container, message: str) -> _Sent:
        stream = b'"stream":"stderr"' if self._random() < 0.1 else b'"stream":"stdout"'
        flags = b'"flags":["multiline"],' if "\n" in message else b""
        log = b'"log":{%b"offset":%d,"file":' % (flags, container.offset)
        text = json.dumps(message, ensure_ascii=False).encode()
        container.offset += len(text) + _CRI_PREFIX
        head = b'{"@timestamp":"%b",%b,' % (self._timestamp().encode(), _rendered(container, self._rng)[0])
        return _Sent(container, head, b'"message":' + text, (stream, log))

    def _render(self, sent: _Sent) -> bytes:
        """Keys after `@metadata` in random order, as Go writes a map; nested keys in one of a few."""
        _, variants = _rendered(sent.container, self._rng)
        file, *blocks = variants[int(self._random() * _SHUFFLES)]
        parts = [sent.message, sent.tail[0], sent.tail[1] + file + b"}", *blocks]
        for last in range(len(parts) - 1, 0, -1):
            other = int(self._random() * (last + 1))
            parts[last], parts[other] = parts[other], parts[last]
        return sent.head + b",".join(parts) + b"}"

    def _resent(self, container: Container) -> Line:
        if not self._sent:
            return self._normal(container)
        sent = self._sent[int(self._random() * len(self._sent))]
        expected = Expected("resent", "delivered", sent.container.namespace, resent=True)
        return Line(self._render(sent), sent.container.key, expected)

    def event(self, container: Container) -> dict[str, Any]:
        """The container's next line as an object, in one of the orders that Filebeat could write."""
        parsed: dict[str, Any] = json.loads(self._render(self._send(container, container.write(self._rng))))
        return parsed

    def _spoofed(self, container: Container) -> Line:
        event = self.event(container)
        others = [name for name in self.fleet.namespaces if name != container.namespace] or ["kube-system"]
        victim = self._rng.choice(others)
        event["kubernetes"]["namespace"] = victim
        return Line(_dump(event), container.key, Expected("spoofed", "quarantined", victim))

    def _without_metadata(self, container: Container) -> Line:
        """An agent's first lines after a start, before its watch of the pods has synced."""
        event = self.event(container)
        for key in ("kubernetes", "container", "orchestrator"):
            del event[key]
        return Line(_dump(event), container.key, Expected("no_metadata", "delivered", container.namespace))

    def _odd_line(self, kind: str, container: Container) -> Line:
        name = self._rng.choice(list(self._odd[kind]))
        made = self._odd[kind][name](self._rng, self.event(container))
        namespace = container.namespace if made.outcome in ("delivered", "dead_letter") else ""
        return Line(made.value, made.key, Expected(f"{kind}/{name}", made.outcome, namespace))


def _dump(event: object) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _shuffled(value: Any, rng: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    keys = list(value)
    rng.shuffle(keys)
    return {key: _shuffled(value[key], rng) for key in keys}


def _rendered(container: Container, rng: random.Random) -> tuple[bytes, list[list[bytes]]]:
    """`@metadata`, and a few renderings of the log file and of each block that stays the same; made once."""
    if container.rendered is None:
        fixed = container.blocks()
        variants = [
            [_dump(_shuffled(container.file(), rng))]
            + [_dump({key: _shuffled(block, rng)})[1:-1] for key, block in fixed.items()]
            for _ in range(_SHUFFLES)
        ]
        container.rendered = b'"@metadata":' + _dump(container.metadata()), variants
    rendered: tuple[bytes, list[list[bytes]]] = container.rendered
    return rendered
