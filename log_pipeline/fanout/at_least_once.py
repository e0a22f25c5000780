"""at_least_once: wait for the brokers, then commit; a crash repeats at most one commit interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException, Producer

from kunobs import crash
from kunobs.clock import SYSTEM_CLOCK
from kunobs.errors import UnavailableError
from log_pipeline.fanout.checkpoints import CheckpointStore, Slot, offset_value
from log_pipeline.fanout.delivery import Delivery
from log_pipeline.fanout.plan import Record
from log_pipeline.message import Message

_ROUNDS = 50


class AtLeastOnce(Delivery):
    """Writes through an idempotent producer and commits offsets once every record before them is acknowledged."""

    gives_up_at_refusal = False

    def __init__(self, *args: Any, store: CheckpointStore, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._store = store
        self._producer: Producer | None = None
        self._unacknowledged: list[list[tuple[Message, Record]]] = []
        self._ends: dict[Slot, int] = {}
        self._began = 0.0

    def open(self) -> None:
        # A record given up by time-out would be overtaken by the ones behind it, so records wait as long as it takes.
        self._producer = self.connect(**{"message.timeout.ms": 0})

    def take_over(self, slots: set[Slot]) -> dict[Slot, int]:
        return self._store.offsets(slots)

    def write(self, messages: list[Message], ends: Mapping[Slot, int]) -> None:
        if self._producer is None:
            raise UnavailableError("the tenant Kafka is not connected")
        records, tally = self.planner.plan(messages)
        self._began = self._began or SYSTEM_CLOCK.monotonic()
        self.tally.add(tally)
        self._unacknowledged.append(list(zip(messages, records, strict=True)))
        self._produce(self._producer, records)
        crash.reach("fanout.mid_batch")
        self._ends |= ends

    def due(self, now: float) -> float:
        if not self._began:
            return self.config.commit_interval
        return self._began + self.config.commit_interval - now

    @property
    def busy(self) -> bool:
        return bool(self._began)

    @property
    def in_flight_events(self) -> int:
        return sum(self.tally.events.values())

    def commit(self) -> dict[Slot, int]:
        producer = self._producer
        if not self._began or producer is None:
            return {}
        for _ in range(_ROUNDS):
            self._acknowledged(producer)
            if not self.refusals:
                break
            self._again(producer)
        else:
            raise UnavailableError(f"records were refused {_ROUNDS} times; the last refusals are in the log")
        crash.reach("fanout.before_commit")
        ends = self._ends
        for slot, offset in ends.items():
            producer.produce(self._store.topic, offset_value(offset), slot.offset_key, slot.home)
        self._acknowledged(producer)
        self.results.committed += 1
        self.results.last_commit = SYSTEM_CLOCK.now()
        self.results.done.add(self.tally)
        self.planner.diversions.clear_events()
        self._reset()
        return ends

    def release(self, slots: set[Slot]) -> None:
        """Nobody has to be fenced: a second writer only repeats."""

    def discard(self) -> None:
        if self._producer is not None:
            self._producer.purge()
            self._producer = None
        self.refusals.clear()
        self._reset()

    def _reset(self) -> None:
        self._unacknowledged, self._ends, self._began = [], {}, 0.0
        self.tally.clear()
        self._batched.clear()

    def _acknowledged(self, producer: Producer) -> None:
        """Wait until no record is in flight; while the brokers are away, say so and go on waiting."""
        while producer.flush(0.5):
            self.waiting(0.5)

    def _again(self, producer: Producer) -> None:
        refused = {(refusal.topic, refusal.value) for refusal in self.refusals}
        self.blame()
        messages: list[Message] = []
        for number, batch in enumerate(self._unacknowledged):
            again = [pair for pair in batch if (pair[1][0].topic, pair[0].value() or b"") in refused]
            if again:
                self._unacknowledged[number] = [pair for pair in batch if pair not in again]
            for message, record in again:
                messages.append(message)
                self.tally.remove(record[0], len(message.value() or b""))
        records, tally = self.planner.plan(messages)
        self.tally.add(tally)
        self._unacknowledged.append(list(zip(messages, records, strict=True)))
        self._produce(producer, records)

    def _produce(self, producer: Producer, records: list[Any]) -> None:
        try:
            self.produce(producer, records)
        except KafkaException as error:
            raise UnavailableError(f"events cannot be written: {error.args[0].str()}") from error
