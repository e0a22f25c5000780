"""What arrived, seen from the far end: offsets and statistics while it runs, every record and document afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import requests
from confluent_kafka import OFFSET_BEGINNING, Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from benchmarks.pipeline.bed import SOURCE_PARTITIONS, Job
from kunobs import kafka
from kunobs.checkpoint import read_offset
from kunobs.names import DATA_STREAM_PREFIX, data_stream
from kunobs.testing.events import Line
from log_pipeline.fanout.checkpoints import Slot

_INDICES = f"{DATA_STREAM_PREFIX}*"
_TIMEOUT = 60
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_NOT_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE)


class Topics:
    """How many records lie in the tenant topics now, for writers without transactions."""

    def __init__(self, job: Job) -> None:
        self._admin = kafka.admin(job.tenant)
        self._request = {TopicPartition(topic, 0): _LATEST for topic in job.targets.values()}
        self._last = 0

    def count(self) -> int:
        """Sum of the end offsets; the last one known while a broker does not know all of the new topics yet."""
        found = self._admin.list_offsets(self._request, isolation_level=IsolationLevel.READ_COMMITTED)
        try:
            self._last = sum(future.result(_TIMEOUT).offset for future in found.values())
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET:
                raise
        return self._last

    def close(self) -> None:
        """Nothing is held."""


class Checkpoints:
    """How many records fanout's committed transactions hold: end offsets would count the transactions' markers too."""

    def __init__(self, job: Job, group: str) -> None:
        slots = [Slot(group, "public", job.source, number) for number in range(SOURCE_PARTITIONS)]
        self._keys = {slot.offset_key for slot in slots}
        self._topic = job.names.checkpoints
        self._homes = {slot.home for slot in slots}
        self._offsets: dict[bytes, int] = {}
        self._assigned = False
        options: dict[str, Any] = {"isolation.level": "read_committed", "auto.offset.reset": "earliest"}
        self._consumer: Consumer = kafka.consumer(job.tenant, "bench-checkpoints", **options)

    def count(self) -> int:
        """Sum of the checkpoints; the source topic has no transactions, so its offsets count records."""
        if not self._assigned:
            if self._topic not in self._consumer.list_topics(timeout=_TIMEOUT).topics:
                return 0
            self._consumer.assign([TopicPartition(self._topic, home, OFFSET_BEGINNING) for home in self._homes])
            self._assigned = True
        while received := self._consumer.consume(1000, 0.01):
            for message in received:
                key = message.key()
                if message.error() is None and isinstance(key, bytes) and key in self._keys:
                    value = message.value()
                    self._offsets[key] = read_offset(value if isinstance(value, bytes) else None) or 0
        return sum(self._offsets.values())

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()


class Index:
    """How many documents the node has taken."""

    def __init__(self, job: Job) -> None:
        self._url = job.elasticsearch
        self._http = requests.Session()

    def count(self) -> int:
        """The node's own count of index operations that succeeded; needs no refresh."""
        answer = self._get(f"/{_INDICES}/_stats/indexing?filter_path=_all.primaries.indexing.index_total")
        return int(answer.get("_all", {}).get("primaries", {}).get("indexing", {}).get("index_total", 0))

    def documents(self, namespaces: Iterable[str]) -> Counter[str]:
        """Documents that a search finds in each namespace's stream."""
        self._http.post(f"{self._url}/{_INDICES}/_refresh", timeout=_TIMEOUT).raise_for_status()
        return Counter({name: int(self._get(f"/{data_stream(name)}/_count").get("count", 0)) for name in namespaces})

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._http.get(self._url + path, timeout=_TIMEOUT)
        if answer.status_code == 404:
            return {}
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


Copies = Counter[tuple[str, int]]


def expected(lines: Iterable[Line]) -> Copies:
    """(namespace, hash of the bytes) of lines that should arrive."""
    return Counter((line.expected.namespace, hash(line.value)) for line in lines)


def copies(job: Job) -> Copies:
    """(namespace, hash of the bytes) of every committed record in the tenant topics."""
    reader = kafka.consumer(
        job.tenant,
        "bench-copies",
        **{"isolation.level": "read_committed", "auto.offset.reset": "earliest", "enable.partition.eof": True},
    )
    namespaces = {topic: namespace for namespace, topic in job.targets.items()}
    unread = set(namespaces)
    found: Copies = Counter()
    reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in unread])
    while unread:
        received = reader.consume(5000, 5.0 if not found else 0.5)
        for message in received:
            error = message.error()
            if error is None:
                found[namespaces[str(message.topic())], hash(message.value())] += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(str(message.topic()))
            elif not error.retriable():
                raise AssertionError(f"{message.topic()}: {error.str()}")
    reader.close()
    return found
