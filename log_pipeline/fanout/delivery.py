"""What both delivery modes share: records into the producer's queue, and who is to blame when a broker refuses one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from kunobs import kafka
from kunobs.checkpoint import offset_value
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.fanout import FanoutConfig
from kunobs.config.kafka import KafkaCluster
from kunobs.errors import KunobsError
from kunobs.log import get_logger
from log_pipeline.fanout.checkpoints import Slot
from log_pipeline.fanout.plan import LEG, Planner, Record, Tally
from log_pipeline.kafka_codes import DENIED, MISSING, REFUSED, TOO_LARGE
from log_pipeline.message import Message
from log_pipeline.topics import LARGEST_MESSAGE

log = get_logger("fanout")
_STUCK = 1.0


@dataclass
class Refusal:
    """One record that a broker or librdkafka would not take; delivery reports carry no headers, so its value is its identity."""

    topic: str
    code: int
    error: str
    value: bytes

    @property
    def size(self) -> int:
        """Bytes of its value."""
        return len(self.value)


class Reports(Protocol):
    """Who wants to hear of every record of a `produce`; without one, refusals are collected in `Delivery.refusals`."""

    left: int

    def reported(self, error: KafkaError | None, message: Message) -> None:
        """A delivery report."""

    def failed(self, error: KafkaError, topic: str, value: bytes | None) -> None:
        """librdkafka did not even queue it."""


def is_refusal(code: int) -> bool:
    """The record or its topic is to blame: it has to go elsewhere, the others have not."""
    return code in TOO_LARGE or code in DENIED or code in MISSING or code in REFUSED


@dataclass
class Results:
    """What the leg shows of itself; the loop turns it into metrics."""

    committed: int = 0
    aborted: int = 0
    done: Tally = field(default_factory=Tally)
    last_commit: float = 0.0


class Delivery(ABC):
    """Writes records and makes progress durable."""

    gives_up_at_refusal: ClassVar[bool]
    """One refused record spoils everything that is written and not committed."""

    def __init__(
        self, cluster: KafkaCluster, config: FanoutConfig, planner: Planner, waiting: Callable[[float], None]
    ) -> None:
        self.cluster = cluster
        self.config = config
        self.planner = planner
        self.results = Results()
        self.waiting = waiting
        """Called with the seconds that the queue has been full."""
        self.tally = Tally()
        self.refusals: list[Refusal] = []
        self._batched: dict[str, int] = {}
        self.spoiled = False
        self.timed_out = False

    # The life of a delivery. Every method may raise UnavailableError or FencedError; the loop then calls discard() and open() again.

    @abstractmethod
    def open(self) -> None:
        """Connect."""

    @abstractmethod
    def take_over(self, slots: set[Slot]) -> dict[Slot, int]:
        """Become the only writer of these slots; their committed next offsets."""

    @abstractmethod
    def write(self, messages: list[Message], ends: Mapping[Slot, int]) -> None:
        """Write a batch; `ends` are the next offsets once it is done."""

    @abstractmethod
    def due(self, now: float) -> float:
        """Seconds until `commit` should be called; 0 or less: now."""

    @abstractmethod
    def commit(self, *, wait: bool) -> dict[Slot, int]:
        """Make everything written so far durable, without `wait` only what costs no waiting; the next offsets that now stand."""

    @abstractmethod
    def release(self, slots: set[Slot]) -> None:
        """Another process may have these without fencing us."""

    @abstractmethod
    def discard(self) -> None:
        """Drop the connection and all that is not durable."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Something is written that is not durable yet."""

    @property
    @abstractmethod
    def in_flight_events(self) -> int:
        """Events written that are not durable yet."""

    @property
    def in_flight_bytes(self) -> int:
        """Bytes written that are not durable yet."""
        return sum(self.tally.bytes.values())

    def stuck(self, now: float) -> float:
        """Seconds since anything moved, where something should have."""
        return 0.0

    # Shared.

    def connect(self, **options: Any) -> Producer:
        """A producer with this leg's settings."""
        config = self.config
        return kafka.producer(
            self.cluster,
            **{
                "linger.ms": config.linger * 1000,
                "compression.type": config.compression,
                "partitioner": "murmur2_random",
                # The largest record must fit, or it would wait for room for ever.
                "queue.buffering.max.kbytes": max(2 * LARGEST_MESSAGE, config.in_flight) // 1024,
                "queue.buffering.max.messages": 500_000,
                "delivery.report.only.error": True,
                "on_delivery": self._refused,
                # A deleted topic would otherwise hold its records back for half a minute.
                "topic.metadata.propagation.max.ms": 3000,
            }
            | options,
        )

    def produce(self, producer: Producer, records: list[Record], reports: Reports | None = None) -> None:
        """Queue these records, waiting while the queue is full."""
        put: Any = producer.produce
        report = reports.reported if reports else None
        careful = self.planner.limits.careful
        for target, value, key, record_headers, partition in records:
            if careful and target.namespace in careful and target.outcome == "delivered":
                if not self._room_for(producer, target.topic, len(value or b""), careful[target.namespace]):
                    self.spoiled = self.gives_up_at_refusal
                if self.gives_up_at_refusal and (self.refusals or self.spoiled):
                    return
            try:
                put(target.topic, value, key, partition, on_delivery=report, headers=record_headers)
            except BufferError:
                self._put_when_there_is_room(producer, target.topic, value, key, partition, record_headers, reports)
            except KafkaException as error:
                self._refused_at_once(error, target.topic, value, reports)
        producer.poll(0)

    def remember(self, producer: Producer, topic: str, offsets: Mapping[Slot, int]) -> None:
        """Queue checkpoints."""
        for slot, offset in offsets.items():
            try:
                producer.produce(topic, offset_value(offset), slot.offset_key, slot.home)
            except BufferError:
                self._put_when_there_is_room(
                    producer, topic, offset_value(offset), slot.offset_key, slot.home, None, None
                )

    def _put_when_there_is_room(self, producer: Producer, topic: str, value: bytes | None, *rest: Any) -> None:
        key, partition, record_headers, reports = rest
        report: Any = reports.reported if reports else None
        began = SYSTEM_CLOCK.monotonic()
        while True:
            self._queue_full(producer, began)
            try:
                return producer.produce(topic, value, key, partition, on_delivery=report, headers=record_headers)
            except BufferError:
                continue
            except KafkaException as error:
                return self._refused_at_once(error, topic, value, reports)

    def _flush(self, producer: Producer, seconds: float) -> int:
        """Wait until nothing is in flight; what is left where waiting is in vain.

        In a transaction that is so behind a refused record, and where nothing moves: librdkafka holds records of a transaction that
        failed back without a word (seen after OUT_OF_ORDER_SEQUENCE_NUMBER, as ten seconds in which no tenant got a line).
        """
        began = moved = SYSTEM_CLOCK.monotonic()
        least = len(producer)
        while left := producer.flush(0.05):
            now = SYSTEM_CLOCK.monotonic()
            if left < least:
                least, moved = left, now
            in_vain = self.gives_up_at_refusal and (self.refusals or now - moved > _STUCK)
            if in_vain or now - began > seconds:
                return left
        return 0

    def _queue_full(self, producer: Producer, began: float) -> None:
        """Wait for room: one full round trip at least, so that this is no hot loop."""
        before = len(producer)
        while len(producer) >= before:
            self.waiting(SYSTEM_CLOCK.monotonic() - began)
            producer.poll(0.05)

    def _refused_at_once(
        self, failure: KafkaException, topic: str, value: bytes | None, reports: Reports | None
    ) -> None:
        error: KafkaError = failure.args[0]
        if not is_refusal(error.code()):
            raise failure
        if reports is None:
            self._note(error, topic, value)
        else:
            reports.left -= 1
            reports.failed(error, topic, value)

    def _refused(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            return
        if is_refusal(error.code()):
            self._note(error, message.topic(), message.value())
        elif error.code() == KafkaError._MSG_TIMED_OUT:
            self.timed_out = True

    def _note(self, error: KafkaError, topic: str, value: bytes | None) -> None:
        self.refusals.append(Refusal(topic, error.code(), error.str(), value or b""))

    def blame(self) -> bool:
        """Turn refusals into diversions for the next attempt; False if there were none."""
        refusals, self.refusals = self.refusals, []
        by_topic: dict[str, list[Refusal]] = {}
        for refusal in refusals:
            by_topic.setdefault(refusal.topic, []).append(refusal)
        for topic, found in by_topic.items():
            self._blame_topic(topic, found)
        return bool(refusals)

    def _blame_topic(self, topic: str, refusals: list[Refusal]) -> None:
        planner, first = self.planner, refusals[0]
        namespace = planner.names.namespace_of_logs(topic)
        log.warning("records refused", topic=topic, count=len(refusals), reason=first.error)
        if namespace is None:
            self._blame_last_resort(topic, first)
        elif first.code in MISSING:
            planner.forget(namespace)
        elif first.code in DENIED:
            planner.divert_namespace(namespace, "denied", first.error)
        elif first.code in TOO_LARGE:
            self._blame_size(namespace, refusals)
        else:
            for refusal in refusals:
                planner.divert_event(namespace, refusal.value, "rejected", refusal.error)

    def _blame_size(self, namespace: str, refusals: list[Refusal]) -> None:
        if not self.planner.narrow(namespace):
            for refusal in refusals:
                self.planner.divert_event(namespace, refusal.value, "too_large", refusal.error)

    def _room_for(self, producer: Producer, topic: str, size: int, largest: int) -> bool:
        """Make sure that this record and its neighbours fit into a batch; False where what is in flight does not move."""
        used = self._batched.get(topic, 0) + size
        moves = True
        if used * 2 > largest:
            moves = not self._flush(producer, self.config.transaction_timeout)
            self._batched.clear()
            used = size
        self._batched[topic] = used
        return moves

    def _blame_last_resort(self, topic: str, refusal: Refusal) -> None:
        names = self.planner.names
        namespace = names.namespace_of_dead_letters(topic)
        if refusal.code in MISSING:
            self.planner.topics.forget(topic)
            if namespace is None:
                self.planner.topics.ensure_system(LEG)
            return
        if namespace is not None:
            self.planner.diversions.dead_letters[namespace] = SYSTEM_CLOCK.monotonic() + 30
            return
        raise KunobsError(
            f"topic {topic} refuses an event that has no other place to go: {refusal.error}",
            hint=f"grant Write on {topic} and raise its max.message.bytes above {refusal.size}; nothing is lost meanwhile",
        )
