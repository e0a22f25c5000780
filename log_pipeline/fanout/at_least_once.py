"""at_least_once: offsets are committed as far as brokers acknowledged everything before them; a crash repeats at most one interval.

Nothing ever waits for the queue to run empty: each batch counts its own delivery reports, and a commit takes the batches at the head
that have all of theirs. What a broker refused goes to its dead letters in a batch of its own, which keeps its place at the head.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from kunobs import crash
from kunobs.clock import SYSTEM_CLOCK
from kunobs.errors import UnavailableError
from log_pipeline.fanout.checkpoints import CheckpointStore, Slot
from log_pipeline.fanout.delivery import Delivery, Refusal, is_refusal
from log_pipeline.fanout.plan import Record, Tally
from log_pipeline.message import Message

_ATTEMPTS = 50
# A partition that is taken away cannot be kept for longer than the group waits.
_PATIENCE = 30.0


@dataclass(eq=False)
class _Batch:
    """What was taken at once; `left` records have no delivery report yet."""

    messages: list[Message]
    records: list[Record]
    tally: Tally
    ends: Mapping[Slot, int]
    began: float
    attempt: int = 0
    left: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    lost: KafkaError | None = None

    def reported(self, error: KafkaError | None, message: Message) -> None:
        """librdkafka's delivery report."""
        self.left -= 1
        if error is not None:
            self.failed(error, message.topic(), message.value())

    def failed(self, error: KafkaError, topic: str, value: bytes | None) -> None:
        """A record was not written."""
        if is_refusal(error.code()):
            self.refusals.append(Refusal(topic, error.code(), error.str(), value or b""))
        else:
            self.lost = error


class AtLeastOnce(Delivery):
    """Writes through an idempotent producer and commits offsets once every record before them is acknowledged."""

    gives_up_at_refusal = False

    def __init__(self, *args: Any, store: CheckpointStore, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._store = store
        self._producer: Producer | None = None
        self._batches: deque[_Batch] = deque()
        self._ends: dict[Slot, int] = {}
        self._began = 0.0
        self._head: tuple[_Batch, int] | None = None
        self._moved = 0.0

    def open(self) -> None:
        # A record given up by time-out would be overtaken by the ones behind it, so records wait as long as it takes.
        self._producer = self.connect(**{"message.timeout.ms": 0, "delivery.report.only.error": False})

    def take_over(self, slots: set[Slot]) -> dict[Slot, int]:
        return self._store.offsets(slots)

    def write(self, messages: list[Message], ends: Mapping[Slot, int]) -> None:
        if self._producer is None:
            raise UnavailableError("the tenant Kafka is not connected")
        self._began = self._began or SYSTEM_CLOCK.monotonic()
        records, tally = self.planner.plan(messages)
        batch = _Batch(messages, records, tally, ends, SYSTEM_CLOCK.monotonic())
        self._batches.append(batch)
        self._produce(self._producer, batch)
        crash.reach("fanout.mid_batch")

    def due(self, now: float) -> float:
        if not self._began:
            return self.config.commit_interval
        return self._began + self.config.commit_interval - now

    @property
    def busy(self) -> bool:
        return bool(self._began)

    @property
    def in_flight_events(self) -> int:
        return sum(len(batch.messages) for batch in self._batches)

    @property
    def in_flight_bytes(self) -> int:
        return sum(sum(batch.tally.bytes.values()) for batch in self._batches)

    def stuck(self, now: float) -> float:
        head = (self._batches[0], self._batches[0].left) if self._batches else None
        if head is None or head != self._head:
            self._head, self._moved = head, now
        return now - self._moved

    def commit(self, *, wait: bool) -> dict[Slot, int]:
        producer = self._producer
        if producer is None or not self._began:
            return {}
        self._settle(producer)
        deadline = SYSTEM_CLOCK.monotonic() + _PATIENCE
        while wait and self._batches:
            producer.flush(0.5)
            self._settle(producer)
            self._look(deadline)
        ends, self._ends = self._ends, {}
        if ends:
            self._remember(producer, ends)
        while wait and producer.flush(0.5):
            self._look(deadline)
        self._began = self._batches[0].began if self._batches else 0.0
        return ends

    def release(self, slots: set[Slot]) -> None:
        """Nobody has to be fenced: a second writer only repeats."""

    def discard(self) -> None:
        if self._producer is not None:
            self._producer.purge()
            self._producer = None
        self.refusals.clear()
        self._batches.clear()
        self._ends, self._began = {}, 0.0
        self._batched.clear()

    def _look(self, deadline: float) -> None:
        if SYSTEM_CLOCK.monotonic() > deadline:
            raise UnavailableError(f"the tenant Kafka acknowledged nothing for {_PATIENCE:.0f} s")

    def _remember(self, producer: Producer, ends: Mapping[Slot, int]) -> None:
        crash.reach("fanout.before_commit")
        try:
            self.remember(producer, self._store.topic, ends)
        except KafkaException as error:
            raise UnavailableError(f"checkpoints cannot be written: {error.args[0].str()}") from error
        self.results.committed += 1
        self.results.last_commit = SYSTEM_CLOCK.now()
        self.planner.diversions.clear_events()

    def _settle(self, producer: Producer) -> None:
        """Account for the batches at the head that have all their reports."""
        producer.poll(0)
        if self.refusals:
            # Of a checkpoint: nobody but us writes there.
            self.blame()
        while self._batches and self._batches[0].left == 0:
            batch = self._batches.popleft()
            if batch.lost is not None:
                raise UnavailableError(f"events cannot be written: {batch.lost.str()}")
            if batch.refusals:
                self._batches.appendleft(self._again(producer, batch))
                continue
            self._ends |= batch.ends
            self.results.done.add(batch.tally)

    def _again(self, producer: Producer, batch: _Batch) -> _Batch:
        """What was refused, planned anew; the rest of the batch is done."""
        if batch.attempt >= _ATTEMPTS:
            raise UnavailableError(f"records were refused {_ATTEMPTS} times; the last refusals are in the log")
        refused = {(refusal.topic, refusal.value) for refusal in batch.refusals}
        self.refusals, batch.refusals = batch.refusals, []
        self.blame()
        messages: list[Message] = []
        for message, record in zip(batch.messages, batch.records, strict=True):
            if (record[0].topic, message.value() or b"") in refused:
                messages.append(message)
                batch.tally.remove(record[0], len(message.value() or b""))
        self.results.done.add(batch.tally)
        records, tally = self.planner.plan(messages)
        again = _Batch(messages, records, tally, batch.ends, batch.began, batch.attempt + 1)
        self._produce(producer, again)
        return again

    def _produce(self, producer: Producer, batch: _Batch) -> None:
        # Before the first report can come: what is not queued yet is not acknowledged either.
        batch.left = len(batch.records)
        try:
            self.produce(producer, batch.records, batch)
        except KafkaException as error:
            raise UnavailableError(f"events cannot be written: {error.args[0].str()}") from error
