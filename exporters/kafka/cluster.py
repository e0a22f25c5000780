"""One Kafka by its name in the configuration, and what of it is looked at."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from functools import lru_cache

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from kunobs import kafka
from kunobs.config.kafka import KafkaCluster
from kunobs.names import Names

GROUP = "kunobs-exporter"
Key = tuple[str, int]
"""Topic and partition."""


class Known:
    """Which topics and groups are looked at, and the namespace that a topic belongs to."""

    def __init__(self, names: Names, ignore_topics: Iterable[str], ignore_groups: Iterable[str]) -> None:
        self.names = names
        self._topics = [re.compile(pattern) for pattern in ignore_topics]
        self._groups = [re.compile(pattern) for pattern in ignore_groups]
        # A collection asks for it hundreds of thousands of times: once for each partition and group.
        self.namespace = lru_cache(1 << 16)(self._namespace)

    def topic(self, name: str) -> bool:
        """True for a topic that is shown."""
        return not any(pattern.search(name) for pattern in self._topics)

    def group(self, name: str) -> bool:
        """True for a group that is shown."""
        return not any(pattern.search(name) for pattern in self._groups)

    def _namespace(self, topic: str) -> str:
        """The namespace of a tenant's topic, logs or dead letters; empty for every other topic."""
        return self.names.namespace_of_logs(topic) or self.names.namespace_of_dead_letters(topic) or ""


class Cluster:
    """A Kafka, `public` or `tenant`; safe between threads."""

    def __init__(self, name: str, config: KafkaCluster, known: Known, in_flight: int) -> None:
        self.name, self.config, self.known, self.in_flight = name, config, known, in_flight
        self._lock = threading.Lock()
        self._admin: AdminClient | None = None
        self._offsets: Consumer | None = None

    @property
    def offsets(self) -> Consumer:
        """A consumer of nothing, for its questions about offsets: those of committed records. librdkafka's calls are safe between threads."""
        with self._lock:
            if self._offsets is None:
                self._offsets = kafka.consumer(self.config, GROUP, **{"isolation.level": "read_committed"})
            return self._offsets

    @property
    def admin(self) -> AdminClient:
        """The client, made at the first question and kept with its connections."""
        with self._lock:
            if self._admin is None:
                self._admin = kafka.admin(self.config)
            return self._admin
