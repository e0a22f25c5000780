"""What a Kafka does not answer: rows are left out and counted, deleted things are none of it, and the rest is shown."""

from __future__ import annotations

import time
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from exporters.kafka.cluster import Cluster, Known
from exporters.kafka.questions import CHUNK, IncompleteError, Questions, UnansweredError
from exporters.kit import Context, DeadlineError
from exporters.kit.budget import Budget
from kunobs.config.kafka import KafkaCluster
from kunobs.names import Names


class Admin:
    """Answers list_offsets and list_consumer_group_offsets from a table of codes; `asked` has the size of each request."""

    def __init__(self, codes: dict[str, int | None]) -> None:
        self._codes = codes
        self.asked: list[int] = []

    def list_offsets(self, wanted: dict[TopicPartition, object], **_: object) -> dict[TopicPartition, Future[Any]]:
        """Offset 7 where no code stands for the topic."""
        self.asked.append(len(wanted))
        return {one: self._future(one.topic, SimpleNamespace(offset=7)) for one in wanted}

    def list_consumer_group_offsets(self, request: list[Any], **_: object) -> dict[str, Future[Any]]:
        """No commits, or the code of the group."""
        self.asked.append(len(request))
        group = request[0].group_id
        return {group: self._future(group, SimpleNamespace(topic_partitions=[]))}

    def _future(self, name: str, answer: object) -> Future[Any]:
        future: Future[Any] = Future()
        code = self._codes.get(name, 0)
        if code is None:
            return future
        if code:
            future.set_exception(KafkaException(KafkaError(code)))
        else:
            future.set_result(answer)
        return future


def questions(admin: Admin, seconds: float = 60.0) -> Questions:
    """The questions of one collection to this admin client."""
    cluster = Cluster("public", KafkaCluster(brokers=("b:9092",)), Known(Names(), (), ()), 8)
    cluster._admin = admin  # type: ignore[assignment]
    return Questions(cluster, Context((), time.monotonic() + seconds, Budget(1, 1)))


def test_partitions_without_an_answer_are_counted() -> None:
    """Two reasons, each with how often and an example; the others' offsets are there."""
    asked = questions(
        Admin({"away": KafkaError.NOT_LEADER_FOR_PARTITION, "secret": KafkaError.TOPIC_AUTHORIZATION_FAILED})
    )
    assert asked.ends([("good", 0), ("away", 0), ("away", 1), ("secret", 0)]) == {("good", 0): 7}
    with pytest.raises(
        IncompleteError, match=r"2 x public Kafka: .*leader.* \(away\); 1 x public Kafka: .*uthoriz.* \(secret\)"
    ):
        asked.finish()


def test_what_was_deleted_meanwhile_is_no_gap() -> None:
    """A topic or a group that is gone between two questions leaves nothing to tell."""
    asked = questions(Admin({"gone": KafkaError.UNKNOWN_TOPIC_OR_PART, "g": KafkaError.GROUP_ID_NOT_FOUND}))
    assert asked.begins([("gone", 0), ("good", 1)]) == {("good", 1): 7}
    assert list(asked.commits(["g"])) == []
    asked.finish()


def test_a_cluster_that_is_away_ends_the_collection() -> None:
    """Its error has the hint, whatever else it would answer."""
    asked = questions(Admin({"t": KafkaError._TRANSPORT}))
    with pytest.raises(UnansweredError, match="public Kafka: ") as refused:
        asked.ends([("good", 0), ("t", 0)])
    assert refused.value.hint == "kcat -b b:9092 -L; see kafka.public in kunobs.yaml"


def test_one_that_says_nothing_ends_at_the_deadline() -> None:
    """A future that never comes."""
    with pytest.raises(DeadlineError, match="public Kafka has not answered before the deadline"):
        questions(Admin({"t": None}), 0.05).ends([("t", 0)])


def test_partitions_are_asked_for_in_chunks() -> None:
    """No request is larger than librdkafka can bear."""
    admin = Admin({})
    found = questions(admin).ends(("t", n) for n in range(2 * CHUNK + 1))
    assert (len(found), admin.asked) == (2 * CHUNK + 1, [CHUNK, CHUNK, 1])
