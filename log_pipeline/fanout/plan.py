"""Messages of a batch -> records to write; no I/O but the making of new topics."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kunobs.clock import SYSTEM_CLOCK
from kunobs.names import Names
from log_pipeline import headers
from log_pipeline.event import EventReader, Fields, Unreadable
from log_pipeline.fanout.limits import Limits
from log_pipeline.headers import Coordinates, Header
from log_pipeline.message import Message
from log_pipeline.route import Route, Router
from log_pipeline.topics import Topics

LEG = "fanout"
_REMEMBERED = 100_000
_DIVERTED = 30.0


@dataclass(frozen=True, eq=False, slots=True)
class Target:
    """Where a kind of event goes and what is counted when it got there; compared by identity, which is what counting costs least."""

    topic: str
    outcome: str
    namespace: str
    reason: str
    verdict: tuple[Header, ...]
    one_partition: bool = True


# (target, value, key, headers, partition or -1): a plain tuple, because one is made for every event.
Record = tuple[Target, bytes | None, bytes | None, list[Header], int]


@dataclass
class Tally:
    """Outcomes of what was written and not yet committed: events and bytes by target."""

    events: Counter[Target] = field(default_factory=Counter)
    bytes: Counter[Target] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Sum up."""
        self.events.update(other.events)
        self.bytes.update(other.bytes)

    def remove(self, target: Target, size: int) -> None:
        """One event of that size did not get there after all."""
        self.events[target] -= 1
        self.bytes[target] -= size

    def clear(self) -> None:
        """Forget."""
        self.events.clear()
        self.bytes.clear()


@dataclass
class Diversions:
    """What may not go to its own topic: single events, and whole namespaces for a while."""

    events: dict[tuple[str, bytes], tuple[str, str]] = field(default_factory=dict)
    namespaces: dict[str, tuple[str, str, float]] = field(default_factory=dict)
    dead_letters: dict[str, float] = field(default_factory=dict)

    def touch(self, namespace: str) -> bool:
        """Something of the namespace is diverted."""
        return namespace in self.namespaces or any(diverted == namespace for diverted, _ in self.events)

    def clear_events(self) -> None:
        """The transaction that held them is through."""
        self.events.clear()

    def of_namespace(self, namespace: str, now: float) -> tuple[str, str] | None:
        """(reason, error) while the namespace is diverted."""
        found = self.namespaces.get(namespace)
        if found is None:
            return None
        if found[2] <= now:
            del self.namespaces[namespace]
            return None
        return found[:2]


class Planner:
    """Decides for every message where it goes; remembers what it decided for a container."""

    def __init__(self, reader: EventReader, topics: Topics, names: Names, *, compressed: bool) -> None:
        self.reader = reader
        self.router = Router()
        self.topics = topics
        self.names = names
        self.diversions = Diversions()
        self.limits = Limits(self._largest, compressed=compressed)
        self._targets: dict[str, Target] = {}
        self._stores: dict[tuple[str, ...], Target] = {}
        # What the hot loop needs to know of a container: only events that are delivered as they are.
        self._known: dict[tuple[Any, ...], Target] = {}

    def plan(self, messages: Sequence[Message]) -> tuple[list[Record], Tally]:
        """Records for these messages, in order. Raises UnavailableError when a new topic cannot be made now."""
        decode, pick, known = self.reader.decode_route, self.reader.pick_route, self._known
        replay, ceiling = self.names.replay(LEG), self.limits.ceiling
        records: list[Any] = []
        others: list[int] = []
        sizes: defaultdict[Target, list[int]] = defaultdict(list)
        for message in messages:
            value = message.value()
            topic = message.topic()
            try:
                if not value.isascii():  # type: ignore[union-attr]
                    value.decode()  # type: ignore[union-attr]
                target = known[pick(decode(value))]  # type: ignore[arg-type]
            except (KeyError, ValueError, AttributeError, RecursionError):
                target = None
            key = message.key()
            size = len(value) if value else 0
            if target is None or size > ceiling or topic == replay or (key is None and not target.one_partition):
                others.append(len(records))
                records.append(message)
                continue
            at = b"%b/%d/%d/%d" % (topic.encode(), message.partition(), message.offset(), message.timestamp()[1])
            records.append((target, value, key, [(headers.SOURCE, at)], -1))
            sizes[target].append(size)
        if others:
            self._plan_others(records, others, sizes)
        tally = Tally()
        for target, found in sizes.items():
            tally.events[target] = len(found)
            tally.bytes[target] = sum(found)
        return records, tally

    def _plan_others(self, records: list[Any], others: list[int], sizes: dict[Target, list[int]]) -> None:
        """New containers, and everything odd. `records` holds messages where `others` says."""
        routed = []
        for index in others:
            fields = self.reader.route_fields(records[index].value())
            routed.append((index, fields, self.router.route(fields)))
        self._prepare({route.namespace for _, _, route in routed if route.outcome == "deliver"})
        for index, fields, route in routed:
            message: Message = records[index]
            record = self._odd(message, route)
            records[index] = record
            sizes[record[0]].append(len(message.value() or b""))
            if isinstance(fields, tuple) and self._targets.get(route.namespace) is record[0]:
                self._remember(fields, record[0])

    def _remember(self, fields: tuple[Any, ...], target: Target) -> None:
        namespace = target.namespace
        if isinstance(fields, Fields) or namespace in self.limits.careful or self.diversions.touch(namespace):
            return
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[fields] = target

    def divert_event(self, namespace: str, value: bytes, reason: str, error: str) -> None:
        """The next attempt sends this event to its dead letters."""
        self.diversions.events[namespace, value] = reason, error
        self._known.clear()

    def divert_namespace(self, namespace: str, reason: str, error: str = "") -> None:
        """For half a minute, the namespace's events go to its dead letters, or are unrouted where it may have no topic."""
        self.diversions.namespaces[namespace] = reason, error, SYSTEM_CLOCK.monotonic() + _DIVERTED
        self._known.clear()

    def narrow(self, namespace: str) -> bool:
        """The namespace's topic refused a size; False where it is known what it takes, and the record alone is too large."""
        self._known.clear()
        return self.limits.refused(namespace)

    def _largest(self, namespaces: list[str]) -> dict[str, int]:
        by_topic = {self.names.logs(namespace): namespace for namespace in namespaces}
        return {by_topic[topic]: size for topic, size in self.topics.largest_messages(list(by_topic)).items()}

    def _prepare(self, namespaces: set[str]) -> None:
        """Make the topics that do not exist yet."""
        new = namespaces.difference(self._targets)
        if not new:
            return
        refused = self.topics.ensure_logs(new)
        for namespace in new - set(refused):
            topic = self.names.logs(namespace)
            single = self.topics.partitions.get(topic, 1) == 1
            self._targets[namespace] = Target(topic, "delivered", namespace, "", (), single)
        self.limits.learn(new - set(refused))
        for namespace, reason in refused.items():
            self.divert_namespace(namespace, reason)

    def forget(self, namespace: str) -> None:
        """The namespace's topic turned out to be gone."""
        self._targets.pop(namespace, None)
        self._known.clear()
        self.topics.forget(self.names.logs(namespace))

    def _odd(self, message: Message, route: Route) -> Record:
        at = Coordinates(message.topic(), message.partition(), message.offset(), message.timestamp()[1])
        attempts = 1
        if at.topic == self.names.replay(LEG):
            at = headers.coordinates(message.headers()) or at
            said = headers.header(message.headers(), headers.ATTEMPTS)
            attempts = int(said) + 1 if said.isdigit() and len(said) < 10 else 2
        target = self._target(route, message, attempts)
        partition = -1 if message.key() is not None else self._partition(target.topic, message)
        return target, message.value(), message.key(), [(headers.SOURCE, at.encode()), *target.verdict], partition

    def _target(self, route: Route, message: Message, attempts: int) -> Target:
        if route.outcome == "unrouted":
            return self._stored(self.names.unrouted, "unrouted", "", route.reason, "", attempts)
        if route.outcome == "quarantine":
            return self._stored(self.names.quarantine, "quarantined", route.namespace, route.reason, "", attempts)
        namespace = route.namespace
        refused = self._diverted(namespace, message)
        if refused is None:
            if namespace not in self._targets:
                self._prepare({namespace})
                refused = self.diversions.of_namespace(namespace, SYSTEM_CLOCK.monotonic())
            if refused is None:
                return self._targets[namespace]
        reason, error = refused
        if reason in ("unknown_namespace", "topic_budget"):
            return self._stored(self.names.unrouted, "unrouted", namespace, reason, error, attempts)
        if self.diversions.dead_letters.get(namespace, 0.0) > SYSTEM_CLOCK.monotonic():
            return self._stored(self.names.unrouted, "unrouted", namespace, reason, error, attempts)
        absent = self.topics.ensure_dead_letters(namespace)
        if absent is not None:
            return self._stored(self.names.unrouted, "unrouted", namespace, absent, error, attempts)
        return self._stored(self.names.dead_letters(namespace), "dead_letter", namespace, reason, error, attempts)

    def _diverted(self, namespace: str, message: Message) -> tuple[str, str] | None:
        """(reason, error) for what may not go to its own topic."""
        value = message.value() or b""
        refused = self.diversions.events.get((namespace, value)) or self.diversions.of_namespace(
            namespace, SYSTEM_CLOCK.monotonic()
        )
        if refused is None and (error := self.limits.too_large(namespace, value, message.key())):
            return "too_large", error
        return refused

    def _stored(self, topic: str, outcome: str, namespace: str, reason: str, error: str, attempts: int) -> Target:
        """Made once per kind, so that a flood of refused events is counted as one kind."""
        kind = topic, outcome, namespace, reason, error, str(attempts)
        target = self._stores.get(kind)
        if target is None:
            if len(self._stores) >= _REMEMBERED:
                self._stores.clear()
            verdict = tuple(headers.verdict(LEG, reason, error, attempts))
            target = self._stores[kind] = Target(topic, outcome, namespace, reason, verdict)
        return target

    def _partition(self, topic: str, message: Message) -> int:
        """Without a key, lines of one container or file still keep together."""
        count = self.topics.partitions.get(topic, 1)
        if count <= 1:
            return -1
        fields = self.reader.fields(message.value())
        if isinstance(fields, Unreadable):
            return -1
        return zlib.crc32(_writer_of(fields, self.router).encode("utf-8", "surrogatepass")) % count


def _writer_of(fields: Fields, router: Router) -> str:
    return fields.container_id or router.origin(fields.path).container_id or fields.path or ""
