"""Events that cannot be indexed -> their namespace's dead letter topic; returns when Kafka has them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import UnavailableError
from kunobs.log import get_logger, repeated
from kunobs.names import Names
from kunobs.retry import Backoff
from log_pipeline import headers
from log_pipeline.headers import Coordinates
from log_pipeline.indexer.assemble import source_of
from log_pipeline.message import Message
from log_pipeline.topics import Topics

_log = get_logger("indexer")
LEG = "indexer"
_REFUSED = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.POLICY_VIOLATION, KafkaError.INVALID_RECORD,
    }
)  # fmt: skip
_ABSENT = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})


class Abandoned(Exception):
    """The process is asked to stop before the work is done; nothing of it will be committed."""


class Letter(NamedTuple):
    """One event, why it is here, and the server's own words."""

    message: Message
    namespace: str
    reason: str
    error: str


class DeadLetters:
    """Stores letters in `kun.dlq.<namespace>`, or in `kun.unrouted` where that topic refuses them.

    `connect` makes an idempotent producer. Safe to share between threads.
    """

    def __init__(
        self,
        connect: Callable[[], Producer],
        topics: Topics,
        names: Names,
        stop: threading.Event,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._connect = connect
        self._topics = topics
        self._names = names
        self._stop = stop
        self._clock = clock
        self._lock = threading.Lock()
        self._producer: Producer | None = None

    def store(self, letters: Sequence[Letter]) -> None:
        """Wait until the tenant Kafka has all of them, for as long as it takes. Raises Abandoned."""
        diverted: dict[int, str] = {}
        left = list(range(len(letters)))
        with self._lock:
            for delay in Backoff(maximum=5.0).delays():
                left = self._attempt(letters, left, diverted)
                if not left:
                    return
                if self._stop.wait(delay):
                    raise Abandoned

    def _attempt(self, letters: Sequence[Letter], left: list[int], diverted: dict[int, str]) -> list[int]:
        """Produce and wait; those to try again, with `diverted` saying which of them go to `kun.unrouted` then."""
        again: list[int] = []
        reports: list[tuple[int, KafkaError | None]] = []
        produced = 0
        for number in left:
            try:
                self._produce(number, letters[number], diverted, reports)
                produced += 1
            except (UnavailableError, BufferError, KafkaException) as error:
                if isinstance(error, KafkaException) and error.args[0].code() in _REFUSED:
                    self._divert(number, letters[number], error.args[0].str(), diverted)
                else:
                    self._trouble(str(error))
                again.append(number)
        self._await(reports, produced)
        for number, failure in reports:
            if failure is None:
                continue
            again.append(number)
            letter = letters[number]
            if failure.code() in _REFUSED:
                self._divert(number, letter, failure.str(), diverted)
            elif failure.code() in _ABSENT:
                self._topics.forget(self._names.dead_letters(letter.namespace))
            else:
                self._trouble(failure.str())
            if failure.fatal() or failure.code() in (KafkaError._FATAL, KafkaError._FENCED):
                self._producer = None
        return again

    def _produce(
        self, number: int, letter: Letter, diverted: dict[int, str], reports: list[tuple[int, KafkaError | None]]
    ) -> None:
        if self._producer is None:
            self._producer = self._connect()
        if number not in diverted:
            absent = self._topics.ensure_dead_letters(letter.namespace)
            if absent is not None:
                diverted[number] = absent
        topic = self._names.unrouted if number in diverted else self._names.dead_letters(letter.namespace)
        self._producer.produce(
            topic,
            letter.message.value(),
            letter.message.key(),
            headers=_headers(letter, self._names.replay(LEG), diverted.get(number, "")),
            on_delivery=lambda error, _: reports.append((number, error)),
        )

    def _await(self, reports: list[tuple[int, KafkaError | None]], produced: int) -> None:
        while self._producer is not None and len(reports) < produced:
            self._producer.poll(0.1)
            if self._stop.is_set():
                raise Abandoned

    def _divert(self, number: int, letter: Letter, why: str, diverted: dict[int, str]) -> None:
        hint = ""
        if number in diverted:
            hint = f"allow larger messages: kafka-configs --alter --topic {self._names.unrouted} --add-config max.message.bytes=…"
        diverted[number] = why
        repeated(
            _log,
            f"dlq:{letter.namespace}",
            "dead letter topic refuses an event",
            namespace=letter.namespace,
            reason=why,
            hint=hint,
        )

    @staticmethod
    def _trouble(reason: str) -> None:
        repeated(_log, "dlq", "dead letters cannot be stored; they wait", reason=reason)


def _headers(letter: Letter, replay_topic: str, diverted: str) -> list[headers.Header]:
    source: Coordinates = source_of(letter.message, replay_topic)
    attempts = 1
    if letter.message.topic() == replay_topic:
        said = headers.header(letter.message.headers(), headers.ATTEMPTS)
        attempts = int(said) + 1 if said.isdecimal() else 1
    error = f"{letter.error} (dead letter topic: {diverted})" if diverted else letter.error
    return [(headers.SOURCE, source.encode()), *headers.verdict(LEG, letter.reason, error, attempts)]
