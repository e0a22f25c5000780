"""at_least_once on a producer that says what a test wants: what is committed, and what never is."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from kunobs.errors import UnavailableError
from kunobs.names import Names
from log_pipeline.event import EventReader
from log_pipeline.fanout.at_least_once import AtLeastOnce
from log_pipeline.fanout.checkpoints import Slot
from log_pipeline.fanout.plan import Planner
from tests.unit.test_fanout_plan import FakeTopics, Said, event

SLOT = Slot("g", "public", "filebeat", 3)
Report = Callable[[KafkaError | None, Any], None]


class FakeProducer:
    """Keeps what was produced until `report` is called; takes at most `room` records."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, bytes, Report | None]] = []
        self.checkpoints: list[bytes] = []
        self.room = 1000

    def produce(self, topic: str, value: bytes, *_: Any, on_delivery: Report | None = None, **__: Any) -> None:
        if self.room <= 0:
            raise BufferError
        self.room -= 1
        if topic == "kun.checkpoints":
            self.checkpoints.append(value)
        else:
            self.waiting.append((topic, value, on_delivery))

    def report(self, code: int | None = None) -> None:
        """The oldest record's delivery report."""
        topic, value, told = self.waiting.pop(0)
        assert told is not None
        message = SimpleNamespace(topic=lambda: topic, value=lambda: value)
        told(None if code is None else KafkaError(code), message)

    def poll(self, _: float) -> int:
        self.room += 1
        return 0

    def flush(self, _: float) -> int:
        return len(self.waiting)

    def __len__(self) -> int:
        return 1000 - self.room


@pytest.fixture
def delivery() -> AtLeastOnce:
    """Connected to the fake."""
    topics: Any = FakeTopics()
    planner = Planner(EventReader(), topics, Names(), compressed=False)
    config: Any = SimpleNamespace(commit_interval=1.0, in_flight=1 << 20)
    cluster: Any = None
    store: Any = SimpleNamespace(topic="kun.checkpoints")
    made = AtLeastOnce(cluster, config, planner, lambda _: None, store=store)
    made._producer = FakeProducer()  # type: ignore[assignment]
    return made


def producer(delivery: AtLeastOnce) -> FakeProducer:
    """The fake behind it."""
    found: Any = delivery._producer
    assert isinstance(found, FakeProducer)
    return found


def write(delivery: AtLeastOnce, *offsets: int) -> None:
    """A batch of events of namespace `a`."""
    messages: list[Any] = [Said(event("a", 1), offset) for offset in offsets]
    delivery.write(messages, {SLOT: offsets[-1] + 1})


def test_only_what_was_acknowledged_is_committed(delivery: AtLeastOnce) -> None:
    """Up to the last batch before the first record without a report, and without waiting for any."""
    write(delivery, 0, 1)
    write(delivery, 2)
    write(delivery, 3)
    fake = producer(delivery)
    assert delivery.commit(wait=False) == {}
    for _ in range(3):
        fake.report()
    assert delivery.commit(wait=False) == {SLOT: 3}
    assert fake.checkpoints == [b'{"offset":3}']
    assert delivery.in_flight_events == 1
    fake.report()
    assert delivery.commit(wait=False) == {SLOT: 4}
    assert not delivery.busy


def test_a_later_batch_does_not_overtake(delivery: AtLeastOnce) -> None:
    """Acknowledged out of order, it waits for the one before."""
    write(delivery, 0)
    write(delivery, 1)
    fake = producer(delivery)
    fake.waiting.reverse()
    fake.report()
    assert delivery.commit(wait=False) == {}
    fake.report()
    assert delivery.commit(wait=False) == {SLOT: 2}


@pytest.mark.parametrize(
    "code", [KafkaError._FATAL, KafkaError._MSG_TIMED_OUT, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER]
)
def test_a_record_that_was_lost_is_not_committed(delivery: AtLeastOnce, code: int) -> None:
    """No refusal, so it is nobody's fault in it: everything begins again at the last commit."""
    write(delivery, 0, 1)
    producer(delivery).report(code)
    producer(delivery).report()
    with pytest.raises(UnavailableError, match="events cannot be written"):
        delivery.commit(wait=False)
    assert producer(delivery).checkpoints == []


def test_a_refused_record_goes_to_its_dead_letters_first(delivery: AtLeastOnce) -> None:
    """Its batch is committed once the dead letter is acknowledged too."""
    write(delivery, 0)
    fake = producer(delivery)
    fake.report(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    assert delivery.commit(wait=False) == {}
    assert [topic for topic, _, _ in fake.waiting] == ["kun.dlq.a"]
    fake.report()
    assert delivery.commit(wait=False) == {SLOT: 1}


def test_checkpoints_wait_for_room(delivery: AtLeastOnce) -> None:
    """A queue full of events is no reason to end."""
    write(delivery, 0)
    write(delivery, 1)
    fake = producer(delivery)
    fake.report()
    fake.room = -1
    assert delivery.commit(wait=False) == {SLOT: 1}
    assert fake.checkpoints == [b'{"offset":1}']
