"""Dead letters as they lie on the tenant Kafka, with what has been replayed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import KafkaException

from kunobs import kafka
from kunobs.config.kafka import TenantKafkaCluster
from kunobs.errors import UnavailableError, UsageError
from kunobs.names import Names
from log_pipeline import headers
from log_pipeline.headers import Coordinates
from log_pipeline.message import Message
from log_pipeline.reading import read_to_end

Ranges = list[tuple[int, int]]


@dataclass(frozen=True)
class Letter:
    """One dead letter: where it lies, where it came from, who refused it and why; `value` holds the original bytes."""

    namespace: str
    partition: int
    offset: int
    at_ms: int
    source: Coordinates | None
    leg: str
    reason: str
    error: str
    attempts: int
    key: bytes | None
    value: bytes | None
    replayed: bool


@dataclass(frozen=True)
class Filter:
    """Which letters are meant; an empty word means any."""

    leg: str = ""
    reason: str = ""

    def takes(self, letter: Letter) -> bool:
        """True for a letter of this leg and reason."""
        return self.leg in ("", letter.leg) and self.reason in ("", letter.reason)


def marker_key(topic: str, partition: int) -> bytes:
    """Key, in the checkpoint topic, of the record that lists which offsets of a dead letter partition were replayed."""
    return f"replayed/{topic}/{partition}".encode()


def read_ranges(value: bytes | None) -> Ranges:
    """Closed ranges of offsets in a marker's value."""
    return [(int(first), int(last)) for first, last in json.loads(value)["replayed"]] if value else []


def write_ranges(ranges: Ranges) -> bytes:
    """A marker's value."""
    return json.dumps({"replayed": ranges}, separators=(",", ":")).encode()


def with_offsets(ranges: Ranges, offsets: Iterable[int]) -> Ranges:
    """These ranges with these offsets added; neighbours are joined, so a full replay is one range however long."""
    merged: Ranges = []
    for first, last in sorted([*ranges, *((offset, offset) for offset in offsets)]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged


class Letters:
    """The dead letters of one tenant Kafka."""

    def __init__(self, cluster: TenantKafkaCluster) -> None:
        self.cluster = cluster
        self.names = Names(cluster.topic_prefix)

    def namespaces(self) -> list[str]:
        """Namespaces that have a dead letter topic. Raises UnavailableError."""
        client = kafka.admin(self.cluster)
        try:
            topics = client.list_topics(timeout=15).topics
        except KafkaException as error:
            raise UnavailableError(f"the tenant Kafka does not answer: {error.args[0].str()}") from error
        return sorted(found for topic in topics if (found := self.names.namespace_of_dead_letters(topic)))

    def read(self, namespace: str, wanted: Filter) -> Iterator[Letter]:
        """The namespace's letters that `wanted` takes, oldest first within a partition. Raises UsageError where there is no topic."""
        topic = self.names.dead_letters(namespace)
        if namespace not in self.namespaces():
            raise UsageError(f"namespace {namespace} has no dead letters", hint="kunobs deadletters list")
        replayed = self.markers(topic)
        for message in read_to_end(self.cluster, topic):
            ranges = replayed.get(message.partition(), [])
            letter = _letter(namespace, message, any(a <= message.offset() <= b for a, b in ranges))
            if wanted.takes(letter):
                yield letter

    def markers(self, topic: str) -> dict[int, Ranges]:
        """{partition: replayed ranges} of a dead letter topic."""
        prefix = marker_key(topic, 0)[:-1]
        found: dict[int, Ranges] = {}
        for message in read_to_end(self.cluster, self.names.checkpoints):
            key = message.key() or b""
            if key.startswith(prefix):
                found[int(key[len(prefix) :])] = read_ranges(message.value())
        return found


def _letter(namespace: str, message: Message, replayed: bool) -> Letter:
    found = message.headers()
    attempts = headers.header(found, headers.ATTEMPTS)
    return Letter(
        namespace=namespace,
        partition=message.partition(),
        offset=message.offset(),
        at_ms=message.timestamp()[1],
        source=headers.coordinates(found),
        leg=headers.header(found, headers.LEG),
        reason=headers.header(found, headers.REASON),
        error=headers.header(found, headers.ERROR),
        attempts=int(attempts) if attempts.isdigit() else 1,
        key=message.key(),
        value=message.value(),
        replayed=replayed,
    )
