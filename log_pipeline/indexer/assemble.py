"""Messages -> bulks: routing, natural ids, two lines per event. The leg's hot loop is `Assembler.add`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import methodcaller
from typing import NamedTuple

from log_pipeline import headers
from log_pipeline.event import EventReader, Fields, Unreadable, line_id
from log_pipeline.headers import Coordinates
from log_pipeline.indexer.document import one_line, with_timestamp
from log_pipeline.indexer.generations import Registry, Stream, is_surely_newer
from log_pipeline.message import Message
from log_pipeline.route import Router
from log_pipeline.watermark import Partition, Token, Watermark

# An action line around a stream's name and an id of 22 characters, and the two newlines.
_ACTION = 80
_REMEMBERED = 100_000
_OUTCOMES = {"quarantine": "quarantined", "unrouted": "unrouted"}
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_topic, _partition = methodcaller("topic"), methodcaller("partition")


class Span(NamedTuple):
    """What a bulk holds of one partition: offsets, and the first record's time in milliseconds since the epoch."""

    first: int
    last: int
    since_ms: int


@dataclass(slots=True, eq=False)
class Bulk:
    """Events on their way into one request: parallel lists, no object per event.

    Event i is `messages[i]`, goes to `streams[i]` under `ids[i]`; its two lines are `parts[2*i]` and `parts[2*i+1]`.
    `suspects` are events that an older index may hold. `passed_over` counts (outcome, reason) of those that are not for
    Elasticsearch; `taken` and `taken_bytes` count all.
    """

    epoch: int
    begun: float
    messages: list[Message] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    suspects: list[int] = field(default_factory=list)
    passed_over: Counter[tuple[str, str]] = field(default_factory=Counter)
    passed_over_bytes: Counter[str] = field(default_factory=Counter)
    size: int = 0
    taken: int = 0
    taken_bytes: int = 0
    spans: dict[Partition, Span] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    watermark: Watermark | None = None

    def __len__(self) -> int:
        return len(self.messages)

    def body(self, items: Sequence[int]) -> bytes:
        """These events' lines, each ended by a newline."""
        if len(items) == len(self.messages):
            return b"\n".join((*self.parts, b""))
        lines: list[bytes] = []
        for item in items:
            lines += self.parts[2 * item : 2 * item + 2]
        lines.append(b"")
        return b"\n".join(lines)


class _Lane(NamedTuple):
    """What a (namespace, path) leads to; `stream` is None where that is not Elasticsearch."""

    stream: Stream | None
    container: str | None
    outcome: str
    reason: str


class Assembler:
    """Builds bulks of about `limit` bytes. Not thread safe. `only_topic`: all messages are of one topic, which is faster."""

    def __init__(
        self,
        reader: EventReader,
        registry: Registry,
        limit: int,
        *,
        profile: str = "filebeat",
        replay_topic: str = "",
        only_topic: bool = False,
    ) -> None:
        self._reader = reader
        self._registry = registry
        self._router = Router()
        self._limit = limit
        self._replay_topic = replay_topic
        self._only_topic = only_topic
        self._lanes: dict[tuple[str | None, str | None], _Lane] = {}
        # Filebeat always writes @timestamp itself; others may write a number or none.
        self._stamps = profile != "filebeat" or reader.paths["timestamp"] != "@timestamp"
        self._always_stamps = reader.paths["timestamp"] != "@timestamp"

    def begin(self, now: float) -> Bulk:
        """An empty bulk; `now` is a monotonic time."""
        return Bulk(self._registry.epoch, now)

    def add(self, bulk: Bulk, messages: Sequence[Message], start: int) -> int:
        """Put messages from `start` on into the bulk until it is full; returns the index of the next one."""
        decode, pick, lanes, stamps = self._reader.decode_all, self._reader.pick_all, self._lanes, self._stamps
        keep, route, identify, part = bulk.messages.append, bulk.streams.append, bulk.ids.append, bulk.parts.append
        room = self._limit - bulk.size
        position = start - 1
        for position in range(start, len(messages)):
            message = messages[position]
            value = message.value()
            try:
                if not value.isascii():  # type: ignore[union-attr]
                    value.decode()  # type: ignore[union-attr]
                namespace, path, offset, timestamp, stream_name, container, agent, host = pick(decode(value))  # type: ignore[arg-type]
                lane = lanes.get((namespace, path))
            except (ValueError, AttributeError, RecursionError):
                lane = None
            if lane is None:
                fields = self._reader.fields(value)
                lane = self._lane(fields)
                if type(fields) is Fields:
                    namespace, path, offset, timestamp, stream_name, container, agent, host, _ = fields
            stream = lane.stream
            if stream is None:
                self._pass_over(bulk, lane, message)
                continue
            assert value is not None  # noqa: S101  an event was read from it
            if offset is None:
                name = self._own_id(message)
            else:
                origin = container or lane.container or f"{agent or host or ''}\0{path or ''}"
                name = line_id(origin, offset, timestamp, stream_name)
            if b"\n" in value:
                value = one_line(value)
            if stamps:
                value = self._stamped(value, timestamp, message)
            if stream.bound and (stamps or not is_surely_newer(timestamp, stream.bound)):
                bulk.suspects.append(len(bulk.messages))
            keep(message)
            route(stream)
            identify(name)
            part(f'{stream.head}{name}"}}}}'.encode())
            part(value)
            size = len(value)
            stream.events += 1
            stream.volume += size
            room -= size + _ACTION
            if room <= 0:
                break
        bulk.size = self._limit - room
        self._account(bulk, messages, start, position + 1)
        return position + 1

    def _stamped(self, value: bytes, timestamp: str | float | None, message: Message) -> bytes:
        if not self._always_stamps and type(timestamp) is str:
            return value
        return with_timestamp(value, timestamp, message.timestamp()[1])

    def _lane(self, fields: Fields | Unreadable) -> _Lane:
        outcome, namespace, reason = self._router.route(fields)
        if outcome != "deliver":
            lane = _Lane(None, None, _OUTCOMES[outcome], reason)
        else:
            assert type(fields) is Fields  # noqa: S101  others are never delivered
            lane = _Lane(self._registry.get(namespace), self._router.origin(fields.path).container_id, "", "")
        if type(fields) is Fields and not fields.bad_namespace:
            if len(self._lanes) >= _REMEMBERED:
                self._lanes.clear()
            self._lanes[fields.namespace, fields.path] = lane
        return lane

    def _pass_over(self, bulk: Bulk, lane: _Lane, message: Message) -> None:
        bulk.passed_over[lane.outcome, lane.reason] += 1
        bulk.passed_over_bytes[lane.outcome] += len(message.value() or b"")

    def _own_id(self, message: Message) -> str:
        """The id of an event without a log offset: its coordinates in the public Kafka, also when it is replayed."""
        topic, partition, offset, _ = source_of(message, self._replay_topic)
        return f"{topic}/{partition}/{offset}"

    def _account(self, bulk: Bulk, messages: Sequence[Message], start: int, end: int) -> None:
        """Which offsets the bulk answers for; at C speed, because it sees every message too."""
        taken = messages if end - start == len(messages) else messages[start:end]
        bulk.taken += len(taken)
        bulk.taken_bytes += sum(map(len, taken))
        places: list[Partition] | list[int] = (
            list(map(_partition, taken))
            if self._only_topic
            else list(zip(map(_topic, taken), map(_partition, taken), strict=True))
        )
        last = dict(zip(places, range(len(taken)), strict=True))
        for place, at in last.items():
            first = taken[places.index(place)]  # type: ignore[arg-type]
            partition = first.topic(), first.partition()
            known = bulk.spans.get(partition)
            if known is None:
                bulk.spans[partition] = Span(first.offset(), taken[at].offset(), first.timestamp()[1])
            else:
                bulk.spans[partition] = known._replace(last=taken[at].offset())


def source_of(message: Message, replay_topic: str) -> Coordinates:
    """Where the public Kafka holds or held the event."""
    here = Coordinates(message.topic(), message.partition(), message.offset(), message.timestamp()[1])
    if here.topic != replay_topic:
        return here
    claimed = headers.coordinates(message.headers())
    # The name becomes part of an action line, so one that is no topic's is not believed.
    return claimed if claimed is not None and _TOPIC.fullmatch(claimed.topic) else here
