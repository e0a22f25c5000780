"""A pipeline of its own for one test on the shared stack: own topics and groups, real child processes, books kept at the far end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from kunobs import kafka
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.local import topics as local_topics
from kunobs.names import Names
from kunobs.testing.events import Line
from log_pipeline.headers import Coordinates, coordinates, header
from log_pipeline.message import Message
from log_pipeline.reading import read_to_end
from tests.support import wait_until

_COORDINATOR_MOVES = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
LATE = 180.0


@dataclass(frozen=True)
class Copy:
    """A record found on the tenant Kafka; `topic` without the test's prefix."""

    topic: str
    partition: int
    offset: int
    source: Coordinates
    key: bytes | None
    value: bytes | None
    reason: str


@dataclass
class Pipeline:
    """Source topic, tenant topics with a prefix of the test's own, and the processes between them."""

    name: str
    directory: Path
    public: KafkaCluster
    tenant: TenantKafkaCluster
    partitions: int = 4
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.topic = f"{self.name}-source"
        self.names = Names(f"{self.name}.")
        local_topics.ensure(self.public, {self.topic: self.partitions}, config={})

    def config(self, **sections: Mapping[str, Any]) -> Path:
        """Write kunobs.yaml (JSON is YAML); `sections` are laid over the test's own."""
        whole: dict[str, Any] = {
            "version": 1,
            "kafka": {
                "public": _connection(self.public),
                "tenant": _connection(self.tenant) | {"topic_prefix": f"{self.name}."},
            },
            "source": {"topics": [self.topic]},
            "topics": {"replication": 1},
            "fanout": {"listen": "127.0.0.1:0", "group": f"{self.name}-fanout"},
            "indexer": {"listen": "127.0.0.1:0", "group": f"{self.name}-indexer"},
        }
        for given in (self.sections, sections):
            for section, keys in given.items():
                whole[section] = whole.get(section, {}) | dict(keys)
        path = self.directory / f"kunobs-{len(list(self.directory.iterdir()))}.yaml"
        path.write_text(json.dumps(whole))
        path.chmod(0o600)
        return path

    def start(self, process: str = "fanout", *, crash_at: str = "", **sections: Mapping[str, Any]) -> Child:
        """Start `kunobs fanout` or `kunobs indexer`; it dies by kill -9 at the crash point if one is named."""
        environ = {**os.environ, "KUNOBS_CRASH_AT": crash_at}
        log = self.directory / f"{process}-{len(self.children)}.log"
        command = [sys.executable, "-m", "kunobs", process, "-c", str(self.config(**sections))]
        with log.open("wb") as stderr:
            child = Child(subprocess.Popen(command, stderr=stderr, env=environ), log)
        self.children.append(child)
        return child

    def feed(self, lines: Iterable[Line]) -> int:
        """Write lines to the source topic; how many the brokers acknowledged."""
        failures: list[Any] = []
        producer = kafka.producer(
            self.public, **{"linger.ms": 5, "compression.type": "lz4", "message.max.bytes": 17 << 20}
        )
        count = 0
        for line in lines:
            while True:
                try:
                    producer.produce(
                        self.topic, line.value, line.key, on_delivery=lambda e, _: failures.append(e) if e else None
                    )
                    break
                except BufferError:
                    producer.poll(0.05)
            count += 1
            producer.poll(0)
        assert producer.flush(60) == 0
        assert not failures
        return count

    def source(self) -> list[Message]:
        """Everything on the source topic."""
        return list(read_to_end(self.public, self.topic))

    def progress(self, group: str = "fanout") -> int:
        """Sum of the group's committed offsets."""
        reader = kafka.consumer(self.public, f"{self.name}-{group}", **{"group.protocol": "classic"})
        wanted = [TopicPartition(self.topic, p) for p in range(self.partitions)]

        def committed() -> list[TopicPartition] | None:
            try:
                return reader.committed(wanted, timeout=30)
            except KafkaException as error:
                # A group's coordinator moves, and a new group has none for a moment; librdkafka does not call all of it retriable.
                if not error.args[0].retriable() and error.args[0].code() not in _COORDINATOR_MOVES:
                    raise
                return None

        try:
            return sum(max(0, mark.offset) for mark in wait_until(committed, LATE, "the group's offsets"))
        finally:
            reader.close()

    def wait_for(self, count: int, group: str = "fanout", timeout: float = LATE) -> None:
        """Until the group has committed that many messages; a child that died fails the wait at once."""

        def done() -> bool:
            for child in self.children:
                child.check()
            return self.progress(group) >= count

        wait_until(done, timeout, f"group {self.name}-{group} at {count}")

    def copies(self) -> list[Copy]:
        """Every record on the tenant Kafka that bears this test's prefix, checkpoints and replays left out."""
        prefix = self.names.topic_prefix
        left_out = {self.names.checkpoints, self.names.replay("fanout"), self.names.replay("indexer")}
        found = []
        for topic in sorted(kafka.admin(self.tenant).list_topics(timeout=30).topics):
            if topic.startswith(prefix) and topic not in left_out:
                found += [_copy(topic[len(prefix) :], message) for message in read_to_end(self.tenant, topic)]
        return found

    def stop(self) -> None:
        """End every child that still runs."""
        for child in self.children:
            child.end()


@dataclass
class Child:
    """One running process."""

    process: subprocess.Popen[bytes]
    log: Path
    expected_end: bool = False

    def check(self) -> None:
        """Fail the test when the process died without being told to."""
        code = self.process.poll()
        assert code is None or self.expected_end, f"process left with {code}:\n{self.log.read_text()[-3000:]}"

    def entries(self) -> list[dict[str, Any]]:
        """Its log lines so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def logged(self, event: str) -> bool:
        """True once it said so."""
        return any(entry.get("event") == event for entry in self.entries())

    def address(self) -> str:
        """Host and port of its HTTP server."""

        def listening() -> str:
            self.check()
            return next((str(e["address"]) for e in self.entries() if e.get("event") == "listening"), "")

        return wait_until(listening, LATE, "the HTTP server")

    def get(self, path: str) -> str:
        """Body of a page of its HTTP server, 503 included."""
        try:
            with urllib.request.urlopen(f"http://{self.address()}{path}", timeout=10) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def wait_ready(self) -> None:
        """Until it does its work."""
        address = self.address()
        wait_until(lambda: self.get("/-/ready").strip() == "ready", LATE, f"{address} to be ready")

    def kill(self) -> None:
        """kill -9."""
        self.expected_end = True
        self.process.kill()
        self.process.wait()

    def died(self, timeout: float = LATE) -> None:
        """Wait until it reached its crash point."""
        self.expected_end = True
        assert self.process.wait(timeout) == -signal.SIGKILL, self.log.read_text()[-3000:]

    def terminate(self, timeout: float = 40) -> int:
        """SIGTERM; the exit code."""
        self.expected_end = True
        self.process.terminate()
        return self.process.wait(timeout)

    def end(self) -> None:
        """Whatever state it is in, it is gone afterwards."""
        self.expected_end = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


def assert_exactly_once(pipeline: Pipeline, copies: list[Copy] | None = None) -> list[Copy]:
    """Every source record has exactly one copy with the same bytes and key, in order within its topic, partition and source partition."""
    copies = pipeline.copies() if copies is None else copies
    sources = {(m.partition(), m.offset()): m for m in pipeline.source()}
    times = Counter((copy.source.partition, copy.source.offset) for copy in copies)
    lost = sorted(set(sources) - set(times))
    repeated = sorted(at for at, count in times.items() if count > 1)
    assert not lost, f"{len(lost)} lost, first {lost[:5]}"
    assert not repeated, f"{len(repeated)} repeated, first {repeated[:5]}"
    assert_in_order(copies)
    for copy in copies:
        source = sources[copy.source.partition, copy.source.offset]
        assert (copy.value or b"") == (source.value() or b"")
        assert copy.key == source.key()
    return copies


def assert_in_order(copies: list[Copy]) -> None:
    """Within a partition of a tenant topic, records of one source partition keep their order."""
    last: dict[tuple[str, int, int], int] = {}
    for copy in copies:
        place = copy.topic, copy.partition, copy.source.partition
        assert last.get(place, -1) < copy.source.offset, f"{copy.source} after {last[place]} in {place}"
        last[place] = copy.source.offset


def by_outcome(copies: Iterable[Copy]) -> Counter[str]:
    """How many records lie in each topic."""
    return Counter(copy.topic for copy in copies)


def expected_topics(lines: Iterable[Line]) -> Counter[str]:
    """How many records the generator says should lie in each topic."""
    names = {"quarantined": "kun.quarantine", "unrouted": "kun.unrouted"}
    return Counter(
        names.get(e.outcome) or ("kun.dlq." if e.outcome == "dead_letter" else "kun.logs.") + e.namespace
        for e in (line.expected for line in lines)
    )


def _copy(topic: str, message: Message) -> Copy:
    found = message.headers()
    source = coordinates(found)
    assert source is not None, f"{topic}[{message.partition()}]@{message.offset()} does not say where it came from"
    reason = header(found, "kunobs-reason")
    return Copy(topic, message.partition(), message.offset(), source, message.key(), message.value(), reason)


def _connection(cluster: KafkaCluster) -> dict[str, Any]:
    connection: dict[str, Any] = {"brokers": list(cluster.brokers)}
    if cluster.sasl.mechanism != "none":
        connection["sasl"] = {
            "mechanism": cluster.sasl.mechanism,
            "username": cluster.sasl.username,
            "password": cluster.sasl.password.reveal(),
        }
    return connection
