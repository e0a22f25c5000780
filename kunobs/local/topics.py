"""Make topics on a cluster that has just started: idempotent, done when every partition has a leader."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic, TopicMetadata  # type: ignore[attr-defined]

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.kafka import KafkaCluster
from kunobs.errors import UnavailableError
from kunobs.kafka import admin


def ensure(
    cluster: KafkaCluster,
    partitions: Mapping[str, int],
    *,
    config: Mapping[str, str] | None = None,
    timeout: float = 30.0,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """Make each topic with that many partitions unless it exists; UnavailableError after `timeout` seconds."""
    client = admin(cluster)
    try:
        new = [NewTopic(name, count, 1, config=dict(config or {})) for name, count in partitions.items()]
        for name, future in client.create_topics(new, operation_timeout=timeout).items():
            try:
                future.result(timeout)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise UnavailableError(f"cannot make topic {name}: {error.args[0].str()}") from error
        deadline = clock.monotonic() + timeout
        while True:
            known = client.list_topics(timeout=timeout).topics
            if all(name in known and _has_leaders(known[name]) for name in partitions):
                return
            if clock.monotonic() >= deadline:
                raise UnavailableError(f"topics have no leader after {timeout:.0f} s: {', '.join(partitions)}")
            clock.sleep(0.05)
    except KafkaException as error:
        raise UnavailableError(f"{', '.join(cluster.brokers)} does not answer: {error.args[0].str()}") from error


def _has_leaders(topic: TopicMetadata) -> bool:
    return bool(topic.partitions) and all(part.leader >= 0 for part in topic.partitions.values())
