"""Reads the far ends: the public topic, every topic that fanout and indexer write, and every document in the index."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition
from elasticsearch import Elasticsearch

from kunobs import elastic, kafka
from kunobs.clock import Clock
from kunobs.config.elasticsearch import ElasticsearchConfig
from kunobs.config.kafka import KafkaCluster
from kunobs.errors import UnavailableError
from kunobs.local.demo.oracle import Verdict, judge
from kunobs.names import DATA_STREAM_PREFIX, Names, data_stream

_PAGE = 5000
_QUIET = 60.0


class Coordinates(NamedTuple):
    """A record of the public Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Public(NamedTuple):
    """A record of the public topic: what must become of it, and a digest of its key and value."""

    verdict: Verdict
    digest: bytes


class Kept(NamedTuple):
    """A record on the tenant Kafka and the leg that wrote it; `namespace` is empty where it belongs to none.

    `intact`: key and value are the source's bytes. `in_order`: in its partition no record of the same source partition
    with a higher offset comes before it.
    """

    source: Coordinates
    leg: str
    outcome: str
    namespace: str
    intact: bool = True
    in_order: bool = True


def stream_and_id(verdict: Verdict, source: Coordinates | None = None) -> tuple[str, str]:
    """Where the document of a record with this verdict is; without a natural id `source` is needed."""
    return data_stream(verdict.namespace), verdict.id or str(source)


@dataclass
class Indexed:
    """A document in the index; `copies` counts the backing indices that hold its id."""

    repair: Any
    copies: int = 1


@dataclass
class FarEnd:
    """Everything there is."""

    public: dict[Coordinates, Public] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    indexed: dict[tuple[str, str], Indexed] = field(default_factory=dict)
    """(data stream, id) -> document."""


def read(
    public: KafkaCluster,
    topic: str,
    tenant: KafkaCluster,
    names: Names,
    elasticsearch: ElasticsearchConfig,
    clock: Clock,
) -> FarEnd:
    """Read it all; the processes must have ended. Raises UnavailableError."""
    far = FarEnd()
    for message in records(public, [topic], clock):
        verdict = judge(message.value())
        # A namespace's name is kept once, not once a record: a file may hold millions.
        verdict = verdict._replace(namespace=sys.intern(verdict.namespace))
        far.public[_place(message)] = Public(verdict, _digest(message))
    kinds = _topics(tenant, names)
    newest: dict[tuple[str, int, str, int], int] = {}
    for message in records(tenant, sorted(kinds), clock):
        kept = _kept(message, *kinds[str(message.topic())], far)
        lane = (*_place(message)[:2], *kept.source[:2])
        before = newest.get(lane, -1)
        newest[lane] = max(before, kept.source.offset)
        far.kept.append(kept if kept.source.offset >= before else kept._replace(in_order=False))
    client = elastic.client(elasticsearch)
    try:
        far.indexed = documents(client)
    finally:
        client.close()
    return far


def records(cluster: KafkaCluster, topics: list[str], clock: Clock) -> Iterator[Message]:
    """Every committed record of `topics` up to where each partition ends now."""
    options: dict[str, Any] = {"isolation.level": "read_committed", "enable.partition.eof": True}
    client = kafka.consumer(cluster, "kunobs-demo-books", **options)
    try:
        listed = client.list_topics(timeout=30.0).topics
        open_ends = {(topic, number) for topic in topics for number in listed[topic].partitions}
        client.assign([TopicPartition(*partition, OFFSET_BEGINNING) for partition in open_ends])
        heard = clock.monotonic()
        while open_ends:
            messages = client.consume(1000, 0.1)
            if messages:
                heard = clock.monotonic()
            elif clock.monotonic() - heard > _QUIET:
                raise UnavailableError(f"nothing came for {_QUIET:.0f} s from {', '.join(cluster.brokers)}")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_ends.discard((str(message.topic()), int(message.partition() or 0)))
                elif not error.retriable() and error.code() != KafkaError._TRANSPORT:
                    raise UnavailableError(f"{message.topic()} cannot be read: {error.str()}")
    except KafkaException as error:
        raise UnavailableError(f"{', '.join(cluster.brokers)} cannot be read: {error.args[0].str()}") from error
    finally:
        client.close()


def _topics(tenant: KafkaCluster, names: Names) -> dict[str, tuple[str, str]]:
    """Topic -> (outcome, namespace) of what it holds."""
    admin = kafka.admin(tenant)
    kinds: dict[str, tuple[str, str]] = {}
    for topic in admin.list_topics(timeout=30.0).topics:
        if namespace := names.namespace_of_logs(topic):
            kinds[topic] = "delivered", namespace
        elif namespace := names.namespace_of_dead_letters(topic):
            kinds[topic] = "dead_letter", namespace
        elif topic == names.quarantine:
            kinds[topic] = "quarantined", ""
        elif topic == names.unrouted:
            kinds[topic] = "unrouted", ""
    return kinds


def _place(message: Message) -> Coordinates:
    return Coordinates(sys.intern(str(message.topic())), int(message.partition() or 0), int(message.offset() or 0))


def _digest(message: Message) -> bytes:
    """An absent key and an empty one, an absent value and an empty one are told apart."""
    parts = (repr(len(part)).encode() + b":" + part if part is not None else b"-" for part in _parts(message))
    return hashlib.blake2b(b"|".join(parts), digest_size=16).digest()


def _parts(message: Message) -> tuple[bytes | None, bytes | None]:
    key, value = message.key(), message.value()
    return (key if isinstance(key, bytes) else None), (value if isinstance(value, bytes) else None)


def _kept(message: Message, outcome: str, namespace: str, far: FarEnd) -> Kept:
    headers: dict[str, Any] = dict(message.headers() or ())
    said = headers.get("kunobs-source", b"no source/-1/-1/-1").decode().split("/")
    source = Coordinates(sys.intern(said[0]), int(said[1]), int(said[2]))
    record = far.public.get(source)
    leg = headers.get("kunobs-leg", b"fanout").decode()
    return Kept(source, leg, outcome, namespace, record is None or record.digest == _digest(message))


def documents(client: Elasticsearch) -> dict[tuple[str, str], Indexed]:
    """Every document of every namespace's data stream by (stream, id)."""
    pattern = f"{DATA_STREAM_PREFIX}*"
    client.indices.refresh(index=pattern, ignore_unavailable=True, allow_no_indices=True)
    stream_of = {
        index: stream["name"]
        for stream in client.indices.resolve_index(name=pattern)["data_streams"]
        for index in stream["backing_indices"]
    }
    found: dict[tuple[str, str], Indexed] = {}
    if not stream_of:
        return found
    view = client.open_point_in_time(index=pattern, keep_alive="5m")["id"]
    after: list[Any] | None = None
    while True:
        hits = client.search(
            pit={"id": view, "keep_alive": "5m"},
            size=_PAGE,
            sort=["_shard_doc"],
            search_after=after,
            source_includes=["kunobs.repair_reason"],
            track_total_hits=False,
        )["hits"]["hits"]
        if not hits:
            break
        for hit in hits:
            _file(found, (stream_of.get(hit["_index"], hit["_index"]), hit["_id"]), hit)
        after = hits[-1]["sort"]
    client.close_point_in_time(id=view)
    return found


def _file(found: dict[tuple[str, str], Indexed], key: tuple[str, str], hit: dict[str, Any]) -> None:
    if key in found:
        found[key].copies += 1
        return
    own = hit.get("_source", {}).get("kunobs")
    found[key] = Indexed(own.get("repair_reason") if isinstance(own, dict) else None)
