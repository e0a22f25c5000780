"""What is laid on the cluster, by a seed: topics, records, commits; and the lags that follow from them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from kunobs import kafka
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.kafka import KafkaCluster

Key = tuple[str, int]
Lags = dict[tuple[str, str, int], int]
"""By group, topic and partition."""
Item = TypeVar("Item")
PARTITIONS = 100
OF_A_GROUP = 250
_MOST_RECORDS = 20
# The controller refuses more than 10,000 partitions in one request: "excessively large batch operation".
_TOPICS_AT_ONCE = 50
_ASKED_AT_ONCE = 500
_PATIENCE = 600.0


class Layout:
    """So many partitions in topics of 100, all but the `__` ones; each is read by one group, and every group reads 250."""

    def __init__(self, partitions: int, written: int, seed: int) -> None:
        self.partitions, self._written, self._seed = partitions, written, seed
        self.topics = [f"kun.logs.ns{number}" for number in range(partitions // PARTITIONS)]
        self.keys: list[Key] = [(topic, number) for topic in self.topics for number in range(PARTITIONS)]

    @cached_property
    def records(self) -> dict[Key, int]:
        """How many are written to a partition; those that are not here stay empty."""
        chance = random.Random(self._seed)
        return {key: chance.randint(1, _MOST_RECORDS) for key in chance.sample(self.keys, self._written)}

    @cached_property
    def commits(self) -> dict[str, dict[Key, int]]:
        """By group; from the beginning of a partition to its end."""
        chance = random.Random(self._seed + 1)
        turn = chance.randrange(PARTITIONS)
        keys = self.keys[turn:] + self.keys[:turn]
        return {
            f"reader-{number}": {key: chance.randint(0, self.records.get(key, 0)) for key in each}
            for number, each in enumerate(_chunks(keys, OF_A_GROUP))
        }

    @cached_property
    def lags(self) -> Lags:
        """What is true once all is laid."""
        return {
            (group, *key): self.records.get(key, 0) - commit
            for group, commits in self.commits.items()
            for key, commit in commits.items()
        }

    def lay(self, cluster: KafkaCluster) -> None:
        """Make the topics, write the records, set the groups' offsets. Raises RuntimeError when the cluster refuses."""
        admin = kafka.admin(cluster)
        for topics in _chunks(self.topics, _TOPICS_AT_ONCE):
            new = [NewTopic(topic, PARTITIONS, 1) for topic in topics]
            _all(admin.create_topics(new, operation_timeout=60, request_timeout=120).values())
            _wait_for_logs(admin, [(topic, number) for topic in topics for number in range(PARTITIONS)])
        self._write(cluster)
        for group, commits in self.commits.items():
            _commit(admin, group, commits)

    def _write(self, cluster: KafkaCluster) -> None:
        refused: list[str] = []
        producer = kafka.producer(cluster)

        def delivered(error: Any, _: Any) -> None:
            if error is not None:
                refused.append(error.str())

        for (topic, partition), number in self.records.items():
            for record in range(number):
                while True:
                    try:
                        producer.produce(topic, b"%d" % record, partition=partition, on_delivery=delivered)
                        break
                    except BufferError:
                        producer.poll(0.1)
        left = producer.flush(_PATIENCE)
        if refused or left:
            raise RuntimeError(f"{len(refused) + left} records were not written: {refused[:1]}")


def _wait_for_logs(admin: AdminClient, keys: Iterable[Key]) -> None:
    """A partition has its leader at once; its log is made later, and until then it has no offsets."""
    deadline = SYSTEM_CLOCK.monotonic() + _PATIENCE
    for chunk in _chunks(keys, _ASKED_AT_ONCE):
        while missing := _without_log(admin, chunk):
            if SYSTEM_CLOCK.monotonic() > deadline:
                raise RuntimeError(f"partitions have no log after {_PATIENCE:.0f} s: {missing[0]}")
            SYSTEM_CLOCK.sleep(0.5)
            # A client that has asked for a topic before it was there keeps to "No leaders found" until it asks for all topics.
            admin.list_topics(timeout=60)


def _without_log(admin: AdminClient, keys: Sequence[Key]) -> list[str]:
    wanted = {TopicPartition(*key): OffsetSpec.latest() for key in keys}  # type: ignore[no-untyped-call]
    missing = []
    for partition, future in admin.list_offsets(wanted, request_timeout=10).items():
        try:
            future.result(30)
        except KafkaException as error:
            missing.append(f"{partition.topic} {partition.partition}: {error.args[0].str()}")
    return missing


def _commit(admin: AdminClient, group: str, commits: Mapping[Key, int]) -> None:
    """The first one makes the cluster make the topic of commits, so that it is refused for a while."""
    wanted = [TopicPartition(*key, offset) for key, offset in commits.items()]
    deadline = SYSTEM_CLOCK.monotonic() + _PATIENCE
    while True:
        request = [ConsumerGroupTopicPartitions(group, wanted)]
        try:
            done = admin.alter_consumer_group_offsets(request, request_timeout=60)[group].result(90)
            refused = [str(one.error) for one in done.topic_partitions if one.error is not None]
        except KafkaException as error:
            refused = [error.args[0].str()]
        if not refused:
            return
        if SYSTEM_CLOCK.monotonic() > deadline:
            raise RuntimeError(f"the offsets of {group} cannot be set: {refused[0]}")
        SYSTEM_CLOCK.sleep(0.5)


def _all(futures: Iterable[Any]) -> None:
    for future in futures:
        try:
            future.result(180)
        except KafkaException as error:
            raise RuntimeError(f"a topic cannot be made: {error.args[0].str()}") from error


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
