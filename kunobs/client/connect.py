"""Opens a Kafka consumer and makes sure that it can read the topic, with an error for a person when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from confluent_kafka import KafkaException, Message, TopicPartition

from kunobs.client.access import Access
from kunobs.client.trouble import Complaints, error_of, explain
from kunobs.config import KafkaCluster
from kunobs.kafka import consumer as kafka_consumer

PATIENCE = 10.0
_STEP = 1.0
CALL_TIMEOUT = 15.0

RebalanceCallback = Callable[[Any, list[TopicPartition]], None]


class KafkaConsumer(Protocol):
    """The part of `confluent_kafka.Consumer` that the client uses; `kunobs.testing.MemoryConsumer` has it too."""

    def subscribe(
        self,
        topics: list[str],
        on_assign: RebalanceCallback | None = None,
        on_revoke: RebalanceCallback | None = None,
        on_lost: RebalanceCallback | None = None,
    ) -> None: ...
    def poll(self, timeout: float = -1) -> Message | None: ...
    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]: ...
    def assign(self, partitions: list[TopicPartition]) -> None: ...
    def incremental_assign(self, partitions: list[TopicPartition]) -> None: ...
    def incremental_unassign(self, partitions: list[TopicPartition]) -> None: ...
    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool = True) -> list[TopicPartition] | None: ...
    def committed(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]: ...
    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]: ...
    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = -1, cached: bool = False
    ) -> tuple[int, int]: ...
    def list_topics(self, topic: str = "", timeout: float = -1) -> Any: ...
    def close(self) -> None: ...


Connect = Callable[..., Any]
"""`kunobs.kafka.consumer`: (cluster, group, **librdkafka options) -> KafkaConsumer."""


class Session:
    """A consumer that is open, the access it was opened with, and what the brokers complain of."""

    def __init__(
        self, access: Access, topic: str, group: str, options: dict[str, Any], connect: Connect = kafka_consumer
    ) -> None:
        self.access, self.topic, self.group = access, topic, group
        self._complaints = Complaints(", ".join(access.kafka.brokers))
        cluster: KafkaCluster = access.kafka
        fixed = {"isolation.level": "read_committed", "enable.partition.eof": True, "error_cb": self._complaints}
        self.kafka: KafkaConsumer = connect(cluster, group, **(options | fixed))

    def explained(self, exception: KafkaException) -> Exception:
        """The error for a person behind librdkafka's."""
        error = error_of(exception)
        return explain(error, self.access, group=self.group, login=self._complaints.login, topic=self.topic)

    def partitions(self, patience: float = PATIENCE, *, serve: bool = True) -> list[int]:
        """The topic's partitions, asked of a broker; the error for a person when none answers, or it refuses.

        `serve` lets callbacks run in between and is only for a consumer that reads nothing yet: it drops what arrives.
        """
        waited = 0.0
        while True:
            try:
                found = self.kafka.list_topics(self.topic, timeout=_STEP).topics[self.topic]
                break
            except KafkaException as exception:
                if serve:
                    self.kafka.poll(0)  # lets the brokers' complaints in
                waited += _STEP
                if waited >= patience or self._complaints.login:
                    raise self.explained(exception) from None
        if found.error is not None:
            raise self.explained(KafkaException(found.error))
        self._complaints.opening = False
        self._complaints.login = ""
        return sorted(found.partitions)
