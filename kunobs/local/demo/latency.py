"""How long a record takes to its far end, seen from there: a reader of the tenants' topics, and look-ups by id."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition
from elasticsearch import ApiError, TransportError

from kunobs import elastic, kafka
from kunobs.clock import Clock
from kunobs.config.elasticsearch import ElasticsearchConfig
from kunobs.config.kafka import KafkaCluster
from kunobs.local.demo.oracle import judge
from kunobs.names import Names, data_stream

# How often a new tenant topic is looked for; its first records may wait that long for this reader.
_DISCOVER = 0.2
# How often a sampled id is asked for: the resolution of the indexer's latencies, in seconds.
LOOK_UP = 0.05
_OUTSTANDING = 100
_GAP = 0.025
_EARLY = 20
_FORGET_INDICES = 5.0


class Latency(NamedTuple):
    """Seconds; None where nothing was measured."""

    p50: float | None
    p99: float | None


def quantiles(seconds: Iterable[float]) -> Latency:
    """The 50th and 99th percentile by nearest rank, rounded to milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return Latency(None, None)
    ranks = (max(0, -(-len(ordered) * percent // 100) - 1) for percent in (50, 99))
    return Latency(*(round(ordered[rank], 3) for rank in ranks))


class _Sampler:
    """A thread that calls `step` until it is closed."""

    def __init__(self, name: str) -> None:
        self._closed = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._future: Future[None] | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._future = self._pool.submit(self._run)

    def close(self) -> None:
        """Stop, and raise what went wrong inside."""
        self._closed.set()
        self._pool.shutdown()
        if self._future is not None:
            self._future.result()

    def _run(self) -> None:
        while not self._closed.is_set():
            self.step()

    def step(self) -> None:
        """One round; blocks for a moment at most."""
        raise NotImplementedError


class TopicReader(_Sampler):
    """Reads all tenant topics as tenants do (read_committed); a latency runs from the agent's send to here."""

    def __init__(self, cluster: KafkaCluster, names: Names, clock: Clock) -> None:
        super().__init__("topic-reader")
        self.seconds: list[float] = []
        self.since = 0.0
        """Records that were sent before this time (epoch seconds) do not count."""
        self._names = names
        self._clock = clock
        self._known: set[str] = set()
        self._discovered = 0.0
        options: dict[str, Any] = {"isolation.level": "read_committed", "fetch.wait.max.ms": 100}
        self._consumer = kafka.consumer(cluster, "kunobs-demo-latency", **options)

    def step(self) -> None:
        now = self._clock.monotonic()
        if now - self._discovered >= _DISCOVER:
            self._discovered = now
            self._discover()
        # `consume` with a timeout would wait it out, and the first message with it.
        first = self._consumer.poll(0.05)
        if first is None:
            return
        seen = self._clock.now()
        for message in (first, *self._consumer.consume(1000, 0)):
            sent = dict(message.headers() or ()).get("kunobs-source") if message.error() is None else None
            if isinstance(sent, bytes):
                at = int(sent.rpartition(b"/")[2]) / 1000
                if at >= self.since:
                    self.seconds.append(max(0.0, seen - at))

    def close(self) -> None:
        """Stop reading."""
        super().close()
        self._consumer.close()

    def _discover(self) -> None:
        try:
            listed = self._consumer.list_topics(timeout=5.0).topics
        except KafkaException:
            return
        new = [
            name
            for name, topic in listed.items()
            if name not in self._known and topic.error is None and self._names.namespace_of_logs(name)
        ]
        self._known |= set(new)
        starts = [TopicPartition(name, number, OFFSET_BEGINNING) for name in new for number in listed[name].partitions]
        if starts:
            self._consumer.incremental_assign(starts)


class Sample(NamedTuple):
    """A record that was asked for until it was in the index."""

    stream: str
    id: str
    seconds: float


class IdWatcher(_Sampler):
    """Asks for about 40 ids a second, each from its send until Elasticsearch has it.

    It is durable then, and searchable after the next refresh.
    """

    def __init__(self, config: ElasticsearchConfig, clock: Clock) -> None:
        super().__init__("id-watcher")
        self.samples: list[Sample] = []
        self.since = 0.0
        """Records that are sent before this time (epoch seconds) are not chosen."""
        self._clock = clock
        self._client = elastic.client(config, connections=1)
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], float] = {}
        self._asked: set[tuple[str, str]] = set()
        self._last = 0.0
        self._indices: dict[str, list[str]] = {}
        self._found_indices = 0.0

    def offer(self, value: bytes) -> None:
        """A record is being sent now; now and then one is chosen."""
        now = self._clock.now()
        early = len(self._asked) < _EARLY
        if now < self.since:
            return
        if len(self._waiting) >= _OUTSTANDING or (not early and now - self._last < _GAP):
            return
        verdict = judge(value)
        if verdict.outcome != "deliver" or verdict.id is None or verdict.either:
            return
        self._last = now
        chosen = data_stream(verdict.namespace), verdict.id
        with self._lock:
            if chosen not in self._asked:
                self._asked.add(chosen)
                self._waiting[chosen] = now

    def step(self) -> None:
        self._clock.sleep(LOOK_UP)
        with self._lock:
            waiting = dict(self._waiting)
        if not waiting:
            return
        try:
            new = any(stream not in self._indices for stream, _ in waiting)
            if new or self._clock.monotonic() - self._found_indices > _FORGET_INDICES:
                self._find_indices()
            found = self._look_up(waiting)
        except (ApiError, TransportError):
            return
        now = self._clock.now()
        with self._lock:
            for key in found:
                self.samples.append(Sample(*key, max(0.0, now - self._waiting.pop(key))))

    def close(self) -> None:
        """Stop asking."""
        super().close()
        self._client.close()

    def _find_indices(self) -> None:
        """A look-up by id needs the name of a backing index."""
        self._found_indices = self._clock.monotonic()
        answer = self._client.indices.resolve_index(name=data_stream("*"))
        self._indices = {stream["name"]: list(stream["backing_indices"]) for stream in answer["data_streams"]}

    def _look_up(self, waiting: dict[tuple[str, str], float]) -> set[tuple[str, str]]:
        wanted = [
            ((stream, name), {"_index": index, "_id": name})
            for stream, name in waiting
            for index in self._indices.get(stream, ())
        ]
        if not wanted:
            return set()
        answer = self._client.mget(docs=[document for _, document in wanted], source=False)
        return {key for (key, _), found in zip(wanted, answer["docs"], strict=True) if found.get("found")}
