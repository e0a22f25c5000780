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


class Client:
    """Answers offsets_for_times and list_consumer_group_offsets from a table of codes; `asked` has the size of each request."""

    def __init__(self, codes: dict[str, int | None]) -> None:
        self._codes = codes
        self.asked: list[int] = []

    def offsets_for_times(self, wanted: list[TopicPartition], timeout: float) -> list[Any]:
        """Offset 7 where no code stands for the topic; what stands for `all` is raised."""
        self.asked.append(len(wanted))
        if code := self._codes.get("all"):
            raise KafkaException(KafkaError(code))
        return [self._offset(one) for one in wanted]

    def list_consumer_group_offsets(self, request: list[Any], **_: object) -> dict[str, Future[Any]]:
        """No commits, or the code of the group; None never answers."""
        group, future = request[0].group_id, Future[Any]()
        code = self._codes.get(group, 0)
        if code:
            future.set_exception(KafkaException(KafkaError(code)))
        elif code is not None:
            future.set_result(SimpleNamespace(topic_partitions=[]))
        return {group: future}

    def _offset(self, one: TopicPartition) -> object:
        code = self._codes.get(one.topic)
        error = KafkaError(code) if code else None
        return SimpleNamespace(topic=one.topic, partition=one.partition, offset=7, error=error)


def questions(client: Client, seconds: float = 60.0) -> Questions:
    """The questions of one collection to this client."""
    cluster = Cluster("public", KafkaCluster(brokers=("b:9092",)), Known(Names(), (), ()), 8)
    cluster._admin = cluster._offsets = client  # type: ignore[assignment]
    return Questions(cluster, Context((), time.monotonic() + seconds, Budget(1, 1)))


def test_partitions_without_an_answer_are_counted() -> None:
    """Two reasons, each with how often and an example; the others' offsets are there."""
    asked = questions(
        Client({"away": KafkaError.NOT_LEADER_FOR_PARTITION, "secret": KafkaError.TOPIC_AUTHORIZATION_FAILED})
    )
    assert asked.ends([("good", 0), ("away", 0), ("away", 1), ("secret", 0)]) == {("good", 0): 7}
    with pytest.raises(
        IncompleteError, match=r"2 x public Kafka: .*leader.* \(away\); 1 x public Kafka: .*uthoriz.* \(secret\)"
    ):
        asked.finish()


def test_what_was_deleted_meanwhile_is_no_gap() -> None:
    """A topic or a group that is gone between two questions leaves nothing to tell."""
    asked = questions(Client({"gone": KafkaError.UNKNOWN_TOPIC_OR_PART, "g": KafkaError.GROUP_ID_NOT_FOUND}))
    assert asked.begins([("gone", 0), ("good", 1)]) == {("good", 1): 7}
    assert list(asked.commits(["g"])) == []
    asked.finish()


def test_a_cluster_that_is_away_ends_the_collection() -> None:
    """Its error has the hint, whatever else it would answer."""
    asked = questions(Client({"all": KafkaError._TRANSPORT}))
    with pytest.raises(UnansweredError, match="public Kafka: ") as refused:
        asked.ends([("good", 0), ("t", 0)])
    assert refused.value.hint == "kcat -b b:9092 -L; see kafka.public in kunobs.yaml"


def test_one_that_says_nothing_ends_at_the_deadline() -> None:
    """A future that never comes."""
    with pytest.raises(DeadlineError, match="public Kafka has not answered before the deadline"):
        list(questions(Client({"g": None}), 0.05).commits(["g"]))


def test_partitions_are_asked_for_in_chunks() -> None:
    """No request is larger than librdkafka can bear."""
    client = Client({})
    found = questions(client).ends(("t", n) for n in range(2 * CHUNK + 1))
    assert (len(found), sorted(client.asked)) == (2 * CHUNK + 1, [1, CHUNK, CHUNK])


def test_topics_that_the_client_does_not_know_are_a_gap() -> None:
    """librdkafka's "no leaders found" for a whole chunk is not taken for an empty cluster."""
    asked = questions(Client({"all": KafkaError._NOENT}))
    assert asked.ends([("new", 0)]) == {}
    with pytest.raises(IncompleteError, match=r"1 x public Kafka: .* \(new\)"):
        asked.finish()
