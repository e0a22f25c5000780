"""Put dead letters back on their leg's replay topic: each at most once, whatever is interrupted or run twice."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

from confluent_kafka import KafkaException, Producer

from kunobs import crash, kafka
from kunobs.errors import DeniedError, FencedError, UnavailableError
from kunobs.names import LEGS
from log_pipeline import headers
from log_pipeline.deadletters.letters import Filter, Letter, Letters, Ranges, marker_key, with_offsets, write_ranges
from log_pipeline.kafka_codes import DENIED, FENCED
from log_pipeline.topics import CHECKPOINT_PARTITIONS

_BATCH = 1000
_TIMEOUT = 30.0


def replay(letters: Letters, namespace: str, wanted: Filter, *, dry_run: bool = False) -> Counter[str]:
    """Send the letters that `wanted` takes back to the legs that refused them; {leg: how many}.

    A transaction holds the copies and the marks "was replayed", so a letter goes back once, also when the command is killed or run again.
    Raises FencedError when another replay of the namespace runs, DeniedError, UnavailableError, UsageError.
    """
    producer = None if dry_run else _producer(letters, namespace)
    # Marks are read only now: whoever replayed before us can commit no more.
    chosen = [letter for letter in letters.read(namespace, wanted) if not letter.replayed and letter.leg in LEGS]
    if producer is not None:
        topic = letters.names.dead_letters(namespace)
        marks = letters.markers(topic)
        for start in range(0, len(chosen), _BATCH):
            _send(letters, producer, topic, chosen[start : start + _BATCH], marks)
    return Counter(letter.leg for letter in chosen)


def _producer(letters: Letters, namespace: str) -> Producer:
    options = {"transactional.id": f"kunobs-replay-{namespace}", "transaction.timeout.ms": 30_000}
    producer = kafka.producer(letters.cluster, **options)
    try:
        producer.init_transactions(_TIMEOUT)
    except KafkaException as error:
        raise _translate(error, namespace) from error
    return producer


def _send(letters: Letters, producer: Producer, topic: str, batch: Sequence[Letter], marks: dict[int, Ranges]) -> None:
    moved: dict[int, list[int]] = {}
    try:
        producer.begin_transaction()
        for letter in batch:
            record = [(headers.ATTEMPTS, b"%d" % letter.attempts), (headers.REASON, letter.reason.encode())]
            if letter.source is not None:
                record.append((headers.SOURCE, letter.source.encode()))
            producer.produce(letters.names.replay(letter.leg), letter.value, letter.key, headers=list(record))
            producer.poll(0)
            moved.setdefault(letter.partition, []).append(letter.offset)
        for partition, offsets in moved.items():
            marks[partition] = with_offsets(marks.get(partition, []), offsets)
            home = zlib.crc32(topic.encode()) % CHECKPOINT_PARTITIONS
            key = marker_key(topic, partition)
            producer.produce(letters.names.checkpoints, write_ranges(marks[partition]), key, home)
        crash.reach("replay.before_commit")
        producer.commit_transaction(_TIMEOUT)
    except KafkaException as error:
        raise _translate(error, batch[0].namespace) from error


def _translate(error: KafkaException, namespace: str) -> Exception:
    cause = error.args[0]
    if cause.code() in FENCED:
        return FencedError(
            f"another replay of {namespace} took over: {cause.str()}", hint="wait until it is done, then run it again"
        )
    if cause.code() in DENIED:
        return DeniedError(
            f"letters of {namespace} cannot be replayed: {cause.str()}",
            hint="the tenant Kafka's user in kunobs.yaml needs Write on kun.replay.* and kun.checkpoints, and the "
            "transactional id kunobs-replay-*",
        )
    return UnavailableError(f"letters of {namespace} cannot be replayed now: {cause.str()}")
