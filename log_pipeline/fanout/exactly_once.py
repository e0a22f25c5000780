"""exactly_once: one transaction on the tenant Kafka holds the events and the next offsets of their source partitions."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from kunobs import crash
from kunobs.clock import SYSTEM_CLOCK
from kunobs.errors import DeniedError, FencedError, UnavailableError
from log_pipeline.fanout.checkpoints import CheckpointStore, Slot
from log_pipeline.fanout.delivery import Delivery, log
from log_pipeline.kafka_codes import DENIED, FENCED
from log_pipeline.message import Message

_REPLAYS = 50
_UNEXPLAINED = 3


class ExactlyOnce(Delivery):
    """Writes through one transactional producer; a transaction that cannot commit leaves no trace."""

    gives_up_at_refusal = True

    def __init__(self, *args: Any, store: CheckpointStore, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._store = store
        self._producer: Producer | None = None
        self._writer = ""
        self._messages: list[Message] = []
        self._bytes = 0
        self._ends: dict[Slot, int] = {}
        self._began = 0.0
        self._unexplained = 0

    def open(self) -> None:
        config = self.config
        self._writer = f"{config.group}-{uuid.uuid4().hex}"
        producer = self.connect(
            **{
                "transactional.id": self._writer,
                "transaction.timeout.ms": int(config.transaction_timeout * 1000),
                "message.timeout.ms": int(config.transaction_timeout * 1000),
            }
        )
        try:
            producer.init_transactions(config.transaction_timeout)
        except KafkaException as error:
            raise self._translate(error.args[0], "no transaction can be begun") from error
        self._producer = producer

    def take_over(self, slots: set[Slot]) -> dict[Slot, int]:
        if self._producer is None:
            raise UnavailableError("the tenant Kafka is not connected")
        return self._store.take_over(slots, self._writer)

    def write(self, messages: list[Message], ends: Mapping[Slot, int]) -> None:
        records, tally = self.planner.plan(messages)
        producer = self._open_transaction()
        self._messages += messages
        self._bytes += sum(tally.bytes.values())
        self.tally.add(tally)
        half = len(records) // 2
        self._produce(producer, records[:half])
        crash.reach("fanout.mid_transaction")
        self._produce(producer, records[half:])
        self._ends |= ends

    def due(self, now: float) -> float:
        if not self._began:
            return self.config.transaction_interval
        if self._bytes * 2 >= self.config.in_flight:
            # What is retained for a replay is in the producer's queue too.
            return 0.0
        return self._began + self.config.transaction_interval - now

    @property
    def busy(self) -> bool:
        return bool(self._began)

    @property
    def in_flight_events(self) -> int:
        return sum(self.tally.events.values())

    def commit(self, *, wait: bool) -> dict[Slot, int]:
        if not self._began or self._producer is None:
            return {}
        for _ in range(_REPLAYS):
            if self._try_commit(self._producer):
                break
            self._replay(self._producer)
        else:
            raise UnavailableError(f"a transaction was refused {_REPLAYS} times; the last refusals are in the log")
        crash.reach("fanout.after_commit")
        ends = self._ends
        self._unexplained = 0
        self.results.committed += 1
        self.results.last_commit = SYSTEM_CLOCK.now()
        self.results.done.add(self.tally)
        self.planner.diversions.clear_events()
        self._reset()
        return ends

    def release(self, slots: set[Slot]) -> None:
        self._store.release([(slot, self._writer) for slot in slots])

    def discard(self) -> None:
        # A fenced producer answers every call with an error, and closing it waits for nothing useful.
        if self._producer is not None:
            with suppress(KafkaException):
                self._producer.purge()
            self._producer = None
        self.refusals.clear()
        self._reset()

    def _reset(self) -> None:
        self._messages, self._ends, self._bytes, self._began = [], {}, 0, 0.0
        self.spoiled = self.timed_out = False
        self.tally.clear()
        self._batched.clear()

    def _open_transaction(self) -> Producer:
        if self._producer is None:
            raise UnavailableError("the tenant Kafka is not connected")
        if not self._began:
            try:
                self._producer.begin_transaction()
            except KafkaException as error:
                raise self._translate(error.args[0], "no transaction can be begun") from error
            self._began = SYSTEM_CLOCK.monotonic()
        return self._producer

    def _produce(self, producer: Producer, records: list[Any]) -> None:
        try:
            self.produce(producer, records)
        except KafkaException as error:
            # Once a record was refused, librdkafka takes no more of this transaction; the rest is written again with the replay. Which
            # one it was may be told a moment later.
            self._listen(producer, 1.0)
            if not self.refusals and error.args[0].code() != KafkaError._STATE:
                raise self._translate(error.args[0], "events cannot be written") from error
            self.spoiled = True

    @staticmethod
    def _listen(producer: Producer, seconds: float) -> None:
        """Hear which records were refused; a fenced producer answers even this with an error.

        confluent-kafka 2.16 may call `error_cb` while an exception of its own is pending; the first call in there is then a SystemError.
        """
        with suppress(KafkaException, SystemError):
            producer.flush(seconds)

    def _try_commit(self, producer: Producer) -> bool:
        """True when committed, False when records were refused and the transaction has to be written again without them."""
        deadline = SYSTEM_CLOCK.monotonic() + self.config.transaction_timeout
        if self.spoiled:
            return False
        try:
            self.remember(producer, self._store.topic, self._ends)
            self._flush(producer, self.config.transaction_timeout)
            if self.refusals:
                return False
            crash.reach("fanout.before_commit")
            while True:
                try:
                    producer.commit_transaction(max(0.1, deadline - SYSTEM_CLOCK.monotonic()))
                    return True
                except KafkaException as error:
                    if not (error.args[0].retriable() and SYSTEM_CLOCK.monotonic() < deadline):
                        raise
        except KafkaException as failure:
            cause: KafkaError = failure.args[0]
            self._listen(producer, 0.0)
            if self.timed_out and not self.refusals:
                seconds = f"{self.config.transaction_timeout:.0f} s"
                raise UnavailableError(f"the tenant Kafka took no records for {seconds}") from failure
            if self.refusals or cause.txn_requires_abort():
                log.warning("transaction must be aborted", code=cause.name(), reason=cause.str())
                return False
            raise self._translate(cause, "a transaction cannot be committed") from failure

    def _replay(self, producer: Producer) -> None:
        """Abort, divert what was refused, and write the rest again."""
        self.results.aborted += 1
        try:
            producer.abort_transaction(self.config.transaction_timeout)
            producer.poll(0)
            # Without anybody to blame it is tried again as it is: after an aborted refusal librdkafka 2.16 gets its next sequence
            # numbers wrong once (OUT_OF_ORDER_SEQUENCE_NUMBER).
            self._unexplained = 0 if self.blame() else self._unexplained + 1
            if self._unexplained > _UNEXPLAINED:
                raise UnavailableError("transactions are refused without a record being named")
            messages, ends = self._messages, self._ends
            log.info("transaction is written again", events=len(messages))
            self._reset()
            self.write(messages, ends)
            # The interval began with the first attempt; what waited longest must not wait again.
        except KafkaException as error:
            raise self._translate(error.args[0], "a refused transaction cannot be aborted") from error

    def _translate(self, error: KafkaError, what: str) -> Exception:
        code = error.code()
        if code in FENCED:
            return FencedError(f"{what}: {error.str()}")
        if code in DENIED:
            return DeniedError(
                f"{what}: {error.str()}",
                hint=f"grant Write and Describe on transactional ids that begin with {self.config.group}-, and IdempotentWrite on the cluster",
            )
        return UnavailableError(f"{what}: {error.str()}")
