"""How far the two legs are, by the offsets that their groups have committed on the public Kafka."""

from __future__ import annotations

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from kunobs import kafka
from kunobs.config.kafka import KafkaCluster
from kunobs.errors import UnavailableError

_TIMEOUT = 10.0


class Offsets:
    """Reads end offsets and committed offsets of one topic."""

    def __init__(self, cluster: KafkaCluster, topic: str) -> None:
        self._admin = kafka.admin(cluster)
        self._consumer = kafka.consumer(cluster, "kunobs-demo-offsets")
        self._topic = topic

    def ends(self) -> dict[int, int]:
        """Partition -> end offset. Raises UnavailableError."""
        try:
            listed = self._consumer.list_topics(self._topic, timeout=_TIMEOUT).topics[self._topic]
            return {
                number: self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), timeout=_TIMEOUT)[1]
                for number in listed.partitions
            }
        except KafkaException as error:
            raise UnavailableError(f"the public Kafka does not answer: {error.args[0].str()}") from error

    def committed(self, group: str) -> dict[int, int]:
        """Partition -> next offset of `group`, {} before its first commit or while nobody answers."""
        request = ConsumerGroupTopicPartitions(group)
        try:
            answer = self._admin.list_consumer_group_offsets([request], request_timeout=_TIMEOUT)[group].result()
        except KafkaException:
            return {}
        return {
            part.partition: part.offset
            for part in answer.topic_partitions or ()
            if part.topic == self._topic and part.offset >= 0
        }

    def close(self) -> None:
        """Leave the cluster."""
        self._consumer.close()
