"""Dead letters against a tenant Kafka that answers as told: stored once, somewhere, or waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError

from kunobs.errors import UnavailableError
from kunobs.names import Names
from log_pipeline.headers import header
from log_pipeline.indexer.dead_letter import Abandoned, DeadLetters, Letter
from tests.indexer_support import Record

LETTER = Letter(Record(b"event", 7, 2), "team", "mapping", "why " * 300)


class Producer:
    """Answers each record with the next of `script`, then with success; `stored` is what Kafka holds."""

    def __init__(self, script: list[int | None]) -> None:
        self.script = script
        self.stored: list[tuple[str, bytes, bytes, Any]] = []
        self._reports: list[Callable[[], None]] = []

    def produce(self, topic: str, value: bytes, key: bytes, headers: Any, on_delivery: Callable[..., None]) -> None:
        """As confluent_kafka does."""
        code = self.script.pop(0) if self.script else None
        if code is None:
            self.stored.append((topic, value, key, headers))
        self._reports.append(lambda: on_delivery(None if code is None else KafkaError(code), None))

    def poll(self, timeout: float) -> int:
        """Deliver the reports."""
        while self._reports:
            self._reports.pop()()
        return 0


class Topics:
    """Says of every dead letter topic the same."""

    def __init__(self, answer: str | Exception | None = None) -> None:
        self.answer = answer
        self.forgotten: list[str] = []

    def ensure_dead_letters(self, namespace: str) -> str | None:
        """As Topics does; an exception is raised once."""
        if isinstance(self.answer, Exception):
            error, self.answer = self.answer, None
            raise error
        return self.answer

    def forget(self, topic: str) -> None:
        """The topic is gone."""
        self.forgotten.append(topic)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backoff without time."""
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout=None: self.is_set())


def store(script: list[int | None], topics: Topics | None = None, *letters: Letter) -> Producer:
    """What is stored in the end."""
    producer = Producer(script)
    connect: Any = lambda: producer  # noqa: E731
    made: Any = topics or Topics()
    DeadLetters(connect, made, Names("p."), threading.Event()).store(letters or [LETTER])
    return producer


def test_it_goes_to_its_namespace_with_everything_known() -> None:
    """Original bytes and key; the error cut to 500 bytes."""
    ((topic, value, key, found),) = store([]).stored
    assert (topic, value, key) == ("p.kun.dlq.team", b"event", b"key")
    assert header(found, "kunobs-source") == "filebeat/2/7/1793503107470"
    assert [header(found, f"kunobs-{name}") for name in ("leg", "reason", "attempts")] == ["indexer", "mapping", "1"]
    assert len(header(found, "kunobs-error")) == 500


@pytest.mark.parametrize("code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.TOPIC_AUTHORIZATION_FAILED])
def test_a_topic_that_refuses_it_is_replaced_by_unrouted(code: int) -> None:
    """The reason stays the event's own."""
    ((topic, _, _, found),) = store([code]).stored
    assert topic == "p.kun.unrouted"
    assert header(found, "kunobs-reason") == "mapping"


def test_a_topic_that_cannot_be_made_is_replaced_by_unrouted() -> None:
    """By policy or for lack of rights."""
    assert [record[0] for record in store([], Topics("denied")).stored] == ["p.kun.unrouted"]


def test_a_topic_that_is_gone_is_made_again() -> None:
    """It is forgotten, so that the next attempt makes it."""
    topics = Topics()
    producer = store([KafkaError.UNKNOWN_TOPIC_OR_PART], topics)
    assert topics.forgotten == ["p.kun.dlq.team"]
    assert len(producer.stored) == 1


def test_trouble_is_waited_out_and_only_the_failed_are_sent_again() -> None:
    """Nothing is stored twice for another's sake."""
    letters = [LETTER._replace(namespace=f"n{n}") for n in range(3)]
    producer = store([None, KafkaError._MSG_TIMED_OUT, None, KafkaError._MSG_TIMED_OUT, None], None, *letters)
    assert sorted(record[0] for record in producer.stored) == [f"p.kun.dlq.n{n}" for n in range(3)]


def test_a_cluster_that_does_not_answer_is_waited_for() -> None:
    """Making the topic failed once."""
    assert len(store([], Topics(UnavailableError("away"))).stored) == 1


def test_a_replayed_letter_counts_its_attempts_and_keeps_its_source() -> None:
    """The next reader knows it was here before."""
    record = Record(
        b"event", 1, 0, "p.kun.replay.indexer", [("kunobs-source", b"filebeat/2/7/5"), ("kunobs-attempts", b"2")]
    )
    ((_, _, _, found),) = store([], None, LETTER._replace(message=record)).stored
    assert (header(found, "kunobs-source"), header(found, "kunobs-attempts")) == ("filebeat/2/7/5", "3")


def test_a_stop_ends_the_wait() -> None:
    """The letter is not stored, and the bulk not committed."""
    stop = threading.Event()
    stop.set()
    producer: Any = Producer([KafkaError._MSG_TIMED_OUT] * 9)
    topics: Any = Topics()
    with pytest.raises(Abandoned):
        DeadLetters(lambda: producer, topics, Names(), stop).store([LETTER])
