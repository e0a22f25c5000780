"""Freshness from the tenant Kafka: when each namespace's topic and its dead letters were last written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import TimeoutError as TooLateError
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from exporters.kit import Collector, Context
from kunobs import kafka
from kunobs.catalogue import logs
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.errors import KunobsError, UnavailableError
from kunobs.names import Names

Place = tuple[str, int]
# Answers to one request take the client a time that grows with their square: 50,000 in one call 12.7 s, in chunks 0.8 s.
CHUNK = 500
_SHARE = 0.9
MAX_TIMESTAMP: Any = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
LATEST: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]


class Offsets:
    """ListOffsets of many partitions of one cluster; safe between threads. The client is made with the first question."""

    def __init__(self, cluster: KafkaCluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._made: AdminClient | None = None

    @property
    def client(self) -> AdminClient:
        """The admin client."""
        with self._lock:
            if self._made is None:
                self._made = kafka.admin(self._cluster)
            return self._made

    def partitions(self, timeout: float, wanted: Callable[[str], bool]) -> list[Place]:
        """Every partition of the topics that are wanted, from one Metadata request. Raises UnavailableError."""
        try:
            topics = self.client.list_topics(timeout=timeout).topics
        except KafkaException as error:
            raise self.explained(error) from error
        return [(name, number) for name, topic in topics.items() if wanted(name) for number in topic.partitions]

    def ask(
        self, places: Iterable[Place], spec: Any, timeout: float
    ) -> tuple[dict[Place, Any], dict[Place, KunobsError]]:
        """What each partition answers within `timeout` s (offset, timestamp), and the error of each that does not."""
        deadline = SYSTEM_CLOCK.monotonic() + timeout
        found: dict[Place, Any] = {}
        failed: dict[Place, KunobsError] = {}
        rest = list(places)
        for start in range(0, len(rest), CHUNK):
            wanted = {TopicPartition(*place): spec for place in rest[start : start + CHUNK]}
            asked = self.client.list_offsets(wanted, request_timeout=max(deadline - SYSTEM_CLOCK.monotonic(), 0.001))
            for partition, future in asked.items():
                place = partition.topic, partition.partition
                try:
                    found[place] = future.result(max(deadline - SYSTEM_CLOCK.monotonic(), 0.0) + 0.1)
                except KafkaException as error:
                    failed[place] = self.explained(error)
                except TooLateError:
                    failed[place] = UnavailableError("the brokers do not answer in time")
        return found, failed

    def explained(self, error: KafkaException) -> KunobsError:
        """The error for people."""
        brokers = ", ".join(self._cluster.brokers)
        return UnavailableError(
            f"kafka at {brokers}: {error.args[0].str()}"[:400],
            hint=f"kcat -L -b {self._cluster.brokers[0]}",
        )


class Topics:
    """The collector of the tenant topics."""

    def __init__(self, cluster: TenantKafkaCluster, offsets: Offsets | None = None) -> None:
        self._names = Names(cluster.topic_prefix)
        self._offsets = offsets or Offsets(cluster)

    @property
    def collector(self) -> Collector:
        """It, declared."""
        return Collector("topics", (logs.LAST_MESSAGE, logs.LAST_DEAD_LETTER), self.collect)

    def collect(self, ctx: Context) -> None:
        """Emit what there is; UnavailableError afterwards when a partition did not answer."""
        places = self._offsets.partitions(ctx.remaining * _SHARE, lambda name: bool(self._space(name)))
        found, failed = self._offsets.ask(places, MAX_TIMESTAMP, ctx.remaining * _SHARE)
        newest = {place: answer.timestamp / 1000 for place, answer in found.items() if answer.timestamp >= 0}
        ctx.emit(logs.LAST_MESSAGE, self._rows(newest, self._names.namespace_of_logs))
        ctx.emit(logs.LAST_DEAD_LETTER, self._rows(newest, self._names.namespace_of_dead_letters))
        if failed:
            place, error = next(iter(failed.items()))
            raise UnavailableError(f"{len(failed)} partitions, as {place[0]}[{place[1]}]: {error}", hint=error.hint)

    def _space(self, topic: str) -> str | None:
        return self._names.namespace_of_logs(topic) or self._names.namespace_of_dead_letters(topic)

    @staticmethod
    def _rows(newest: Mapping[Place, float], namespace_of: Callable[[str], str | None]) -> Sequence[tuple[str, float]]:
        spaces: dict[str, float] = {}
        for (topic, _), time in newest.items():
            namespace = namespace_of(topic)
            if namespace is not None:
                spaces[namespace] = max(spaces.get(namespace, 0.0), time)
        return list(spaces.items())
