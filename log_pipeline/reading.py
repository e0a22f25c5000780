"""Every record of a topic from its beginning to its end as of now: checkpoints, dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from kunobs import kafka
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.kafka import KafkaCluster
from kunobs.errors import UnavailableError
from kunobs.retry import Backoff
from log_pipeline.kafka_codes import NOT_YET
from log_pipeline.message import Message

_GROUP = "kunobs-reader"
_TIMEOUT = 20.0


def read_to_end(
    cluster: KafkaCluster, topic: str, partitions: Iterable[int] | None = None, *, committed: bool = True
) -> Iterator[Message]:
    """Records in order within each partition, all partitions by default; nothing is committed.

    With `committed`, an open transaction before the end is waited for. Raises UnavailableError when the end is not reached and nothing
    arrives for 20 s; it says where an open transaction is in the way.
    """
    reader: Consumer = kafka.consumer(
        cluster,
        _GROUP,
        **{
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "auto.offset.reset": "earliest",
            # Half a second of waiting for a fuller answer would be paid at every take-over.
            "fetch.wait.max.ms": 20,
            "enable.partition.eof": True,
            "queued.max.messages.kbytes": 16384,
        },
    )
    try:
        yield from _read(reader, topic, end_offsets(cluster, topic, partitions))
    except KafkaException as error:
        raise UnavailableError(f"{topic} cannot be read: {error.args[0].str()}") from error
    finally:
        reader.close()


def end_offsets(cluster: KafkaCluster, topic: str, partitions: Iterable[int] | None = None) -> dict[int, int]:
    """Ends that count open transactions too; a consumer of committed records is told the last stable offset instead."""
    probe = kafka.consumer(cluster, _GROUP, **{"isolation.level": "read_uncommitted"})
    try:
        if partitions is None:
            partitions = probe.list_topics(topic, timeout=_TIMEOUT).topics[topic].partitions
        return {partition: _end(probe, TopicPartition(topic, partition)) for partition in sorted(partitions)}
    except KafkaException as error:
        raise UnavailableError(f"{topic} cannot be read: {error.args[0].str()}") from error
    finally:
        probe.close()


def _end(probe: Consumer, partition: TopicPartition) -> int:
    """A new topic has a leader in the metadata before that broker has made the log, so a refusal is asked about again."""
    deadline = SYSTEM_CLOCK.monotonic() + _TIMEOUT
    for delay in Backoff(initial=0.05, maximum=1.0).delays():
        try:
            return int(probe.get_watermark_offsets(partition, timeout=_TIMEOUT)[1])
        except KafkaException as error:
            if error.args[0].code() not in NOT_YET or SYSTEM_CLOCK.monotonic() > deadline:
                raise
        SYSTEM_CLOCK.sleep(delay)
    raise AssertionError("delays end")


def _read(reader: Consumer, topic: str, ends: dict[int, int]) -> Iterator[Message]:
    unread = {partition for partition, end in ends.items() if end > 0}
    reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in sorted(unread)])
    deadline = SYSTEM_CLOCK.monotonic() + _TIMEOUT
    while unread:
        for received in reader.consume(2000, 0.05):
            error, message = received.error(), cast(Message, received)
            if error is None:
                deadline = SYSTEM_CLOCK.monotonic() + _TIMEOUT
                if message.offset() < ends[message.partition()]:
                    yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                # Its offset counts transaction markers and aborted records, which are never handed out.
                if message.offset() >= ends[message.partition()]:
                    unread.discard(message.partition())
            elif error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, *NOT_YET):
                raise KafkaException(error)
        if unread and SYSTEM_CLOCK.monotonic() > deadline:
            raise _stuck(reader, topic, {partition: ends[partition] for partition in unread})


def _stuck(reader: Consumer, topic: str, ends: dict[int, int]) -> UnavailableError:
    """A consumer of committed records is told the last stable offset as the end: the first record of the oldest open transaction."""
    for partition, end in sorted(ends.items()):
        stable = _end(reader, TopicPartition(topic, partition))
        if stable < end:
            return UnavailableError(
                f"{topic}[{partition}] cannot be read past offset {stable} of {end}: a transaction that began there has not ended",
                hint="if it stays so, the transaction's end was lost (Kafka 4.3 and 4.4 do that, KAFKA-20734): "
                "kafka-transactions.sh --bootstrap-server HOST:PORT find-hanging --broker-id ID; see docs/pipeline.md",
            )
    return UnavailableError(f"{topic} could not be read to its end: nothing came for {_TIMEOUT:.0f} s")
