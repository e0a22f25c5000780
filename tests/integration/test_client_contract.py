"""One suite for `LogConsumer` on a topic in memory and on a real broker: the fake may not be kinder than Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Protocol

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from kunobs.client import Access, LogConsumer
from kunobs.config import KafkaCluster
from kunobs.errors import GapError, UnavailableError
from kunobs.kafka import admin, producer
from kunobs.local import topics as local_topics
from kunobs.testing import MemoryTopic, log_event

_TIMEOUT = 30.0


class World(Protocol):
    """A topic with partitions, and its groups."""

    def write(self, *numbers: int, partition: int = 0) -> None:
        """One transaction of lines m<number>, each with its own source."""

    def committed(self, group: str) -> dict[int, int]:
        """Partition -> offset."""

    def consumer(self, group: str = "test", **arguments: Any) -> LogConsumer:
        """A member."""

    def delete_before(self, offset: int) -> None:
        """Retention, on partition 0."""


class MemoryWorld:
    """The fake."""

    def __init__(self, partitions: int) -> None:
        self._topic = MemoryTopic("team-pay", partitions)
        self.committed = self._topic.committed
        self.consumer = self._topic.consumer
        self.delete_before = self._topic.delete_before

    def write(self, *numbers: int, partition: int = 0) -> None:
        for number in numbers:
            self._topic.append(log_event(f"m{number}"), partition=partition, source=f"filebeat/0/{number}/9")
        self._topic.append_marker(partition)


class KafkaWorld:
    """A broker; the client logs in as the cluster's administrator."""

    def __init__(self, cluster: KafkaCluster, namespace: str, partitions: int, protocol: str) -> None:
        memory = MemoryTopic(namespace)
        self._access = Access(**(memory.access.__dict__ | {"kafka": cluster}))
        self._protocol = protocol
        local_topics.ensure(cluster, {self._access.topic: partitions})
        self._admin: AdminClient = admin(cluster)
        self._producer: Producer = producer(cluster, **{"transactional.id": namespace})
        self._producer.init_transactions(_TIMEOUT)

    def write(self, *numbers: int, partition: int = 0) -> None:
        self._producer.begin_transaction()
        for number in numbers:
            headers = [("kunobs-source", f"filebeat/0/{number}/9".encode())]
            self._producer.produce(self._access.topic, log_event(f"m{number}"), partition=partition, headers=headers)
        self._producer.commit_transaction(_TIMEOUT)

    def committed(self, group: str) -> dict[int, int]:
        name = self._access.group_prefix + group
        found = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name].result(_TIMEOUT)
        return {one.partition: one.offset for one in found.topic_partitions or [] if one.offset >= 0}

    def consumer(self, group: str = "test", **arguments: Any) -> LogConsumer:
        return LogConsumer(self._access.namespace, group, self._access, **({"protocol": self._protocol} | arguments))

    def delete_before(self, offset: int) -> None:
        wanted = [TopicPartition(self._access.topic, 0, offset)]
        for future in self._admin.delete_records(wanted).values():
            future.result(_TIMEOUT)


MakeWorld = Callable[..., World]


@pytest.fixture(params=["memory", "kafka-classic", "kafka-consumer"])
def world(request: pytest.FixtureRequest, unique: Callable[[str], str]) -> Iterator[MakeWorld]:
    """Make a world, `world(partitions=2)`."""
    if request.param == "memory":
        yield lambda partitions=1: MemoryWorld(partitions)
        return
    cluster = request.getfixturevalue("tenant")
    protocol = request.param.removeprefix("kafka-")
    yield lambda partitions=1: KafkaWorld(cluster, unique("shop"), partitions, protocol)


def _all(world: World, **arguments: Any) -> list[str]:
    with world.consumer(**({"idle": 0.6} | arguments)) as events:
        return [event.message for event in events]


def test_reads_everything_once_and_resumes_with_no_lag(world: MakeWorld) -> None:
    """What was handled is committed up to the end of the partition, markers of transactions included."""
    one = world()
    one.write(0, 1, 2)
    assert _all(one) == ["m0", "m1", "m2"]
    assert one.committed("test") == {0: 4}
    one.write(3)
    assert _all(one) == ["m3"]
    assert one.committed("test") == {0: 6}


def test_what_was_not_handled_comes_again(world: MakeWorld) -> None:
    """After an exception, after `break`; not after `commit()` nor `stop()`."""
    one = world()
    one.write(*range(6))
    with pytest.raises(ZeroDivisionError), one.consumer() as events:
        for event in events:
            _ = 1 / (event.message != "m1")
    assert one.committed("test") == {0: 1}
    with one.consumer() as events:
        assert [next(events).message, next(events).message] == ["m1", "m2"]
    assert one.committed("test") == {0: 2}
    with one.consumer() as events:
        assert next(events).message == "m2"
        events.commit()
        assert next(events).message == "m3"
    assert one.committed("test") == {0: 3}
    with one.consumer() as events:
        for event in events:
            if event.message == "m4":
                events.stop()
    assert one.committed("test") == {0: 5}


def test_duplicates_before_and_after_a_restart(world: MakeWorld) -> None:
    """A repeated source is passed over, also when its first delivery was read by the program's last life."""
    one = world()
    one.write(0, 1, 2)
    one.write(2)
    assert _all(one) == ["m0", "m1", "m2"]
    one.write(1, 2, 3)
    with one.consumer(idle=0.6) as events:
        assert [event.message for event in events] == ["m3"]
        assert events.duplicates == 2
    one.write(3, 4)
    assert _all(one, remember=0) == ["m3", "m4"]


def test_where_a_new_group_begins(world: MakeWorld) -> None:
    """Oldest, newest, a time ago; and "latest" is settled by the first start."""
    one = world()
    one.write(0, 1)
    assert _all(one, group="a", start="earliest") == ["m0", "m1"]
    assert _all(one, group="b", start="latest") == []
    assert _all(one, group="c", start=timedelta(hours=1)) == ["m0", "m1"]
    assert _all(one, group="d", start=timedelta(hours=-1)) == []
    one.write(2)
    assert _all(one, group="b", start="latest") == ["m2"]
    assert _all(one, group="d", start="earliest") == ["m2"]


def test_a_gap_while_the_program_was_down(world: MakeWorld) -> None:
    """Counted and passed, or a reason to stop."""
    one = world()
    one.write(*range(10))
    with one.consumer() as events:
        next(events)
        events.commit()
    one.delete_before(6)
    with pytest.raises(GapError, match="up to 5 events"), one.consumer(on_gap="stop") as events:
        next(events)
    with one.consumer(idle=0.6) as events:
        assert [event.message for event in events] == ["m6", "m7", "m8", "m9"]
        assert events.missed == 5


def test_a_gap_while_the_program_runs(world: MakeWorld) -> None:
    """Retention passes the place where the loop stands; nothing that is still there is left out."""
    one = world()
    one.write(0, 1)
    with one.consumer(idle=2.0) as events:
        assert next(events).message == "m0"
        assert next(events).message == "m1"
        one.write(*range(2, 3002))
        one.delete_before(2500)
        rest = [event.message for event in events]
    # What was fetched before retention came may still be given out: a prefix, then the gap, then everything.
    numbers = [int(message[1:]) for message in rest]
    kept = [number for number in numbers if number >= 2499]
    assert kept == list(range(kept[0], 3002))
    assert kept[0] <= 2499 + 1
    assert events.missed >= 0


def test_two_members_share_the_partitions(world: MakeWorld) -> None:
    """No event goes to both, none is left out, and one takes over what the other leaves."""
    one = world(partitions=2)
    got: dict[str, list[str]] = {"first": [], "second": []}
    with one.consumer(idle=1.0) as first:
        one.write(0, partition=0)
        one.write(1, partition=1)
        got["first"] += [next(first).message, next(first).message]
        with one.consumer(idle=1.0) as second:
            written = _write_until_both_read(one, first, second, got)
        one.write(9000, partition=0)
        one.write(9001, partition=1)
        got["first"] += [event.message for event in first]
    everything = got["first"] + got["second"]
    assert sorted(everything) == sorted(f"m{number}" for number in (0, 1, *range(100, written), 9000, 9001))
    assert {"m9000", "m9001"} <= set(got["first"])


def _write_until_both_read(one: World, first: LogConsumer, second: LogConsumer, got: dict[str, list[str]]) -> int:
    """Write to both partitions and ask both members in turn until each has got something; the next number."""
    number = 100
    deadline = time.monotonic() + _TIMEOUT
    while not got["second"] or len(got["first"]) < 3:
        assert time.monotonic() < deadline, f"the members got {got}"
        for partition in (0, 1):
            one.write(number + partition, partition=partition)
        number += 2
        _ask(first, got["first"])
        _ask(second, got["second"])
    for events, mine in ((first, got["first"]), (second, got["second"])):
        mine += [event.message for event in events]
    return number


def _ask(events: LogConsumer, mine: list[str]) -> None:
    """One step of the loop, which other than `next()` comes back when nothing is there, so that one thread can play both."""
    event = events._step(events._asked())
    if event is not None:
        mine.append(event.message)


def test_batches(world: MakeWorld) -> None:
    """Of the size that was asked for, each handled when the next is asked for."""
    one = world()
    one.write(*range(5))
    with one.consumer(idle=0.6) as events:
        assert [len(batch) for batch in events.batches(2, seconds=0.2)] == [2, 2, 1]
    with pytest.raises(ZeroDivisionError), one.consumer(group="b", idle=0.6) as events:
        for batch in events.batches(2, seconds=0.2):
            _ = 1 / (batch[0].message != "m2")
    assert one.committed("b") == {0: 2}


def test_a_missing_topic(world: MakeWorld) -> None:
    """Is said at once."""
    with pytest.raises(UnavailableError, match=r"there is no topic kun\.dlq\."), world().consumer(dead_letters=True):
        pass
