"""The oracle of the Filebeat tests: what containers wrote against what lies in Kafka and Elasticsearch."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

from confluent_kafka import TopicPartition

from kunobs import kafka
from log_pipeline.message import Message
from log_pipeline.reading import end_offsets
from tests.indexer_integration import documents
from tests.pipeline import LATE, Copy, Pipeline, assert_exactly_once
from tests.platform.agent import Filebeat
from tests.platform.node import Node
from tests.support import wait_until


class Books:
    """The lines of one node's containers, and the places where they have to be. Knows what reaches the source from now on."""

    def __init__(self, pipeline: Pipeline, elasticsearch: str, node: Node, filebeat: Filebeat) -> None:
        self.pipeline, self.elasticsearch, self.node, self.filebeat = pipeline, elasticsearch, node, filebeat
        self._events: list[dict[str, Any]] = []
        self._next = end_offsets(pipeline.public, pipeline.topic)
        self._reader = kafka.consumer(pipeline.public, "platform-books", **{"fetch.wait.max.ms": 20})
        self._reader.assign([TopicPartition(pipeline.topic, number, at) for number, at in self._next.items()])

    def close(self) -> None:
        """Let go of the topic."""
        self._reader.close()

    def events(self) -> list[dict[str, Any]]:
        """What Filebeat sent of this node's files so far, in order within each partition, resends included."""
        ends = end_offsets(self.pipeline.public, self.pipeline.topic, self._next)
        deadline = time.monotonic() + LATE
        while any(self._next[number] < end for number, end in ends.items()):
            assert time.monotonic() < deadline, "the source topic cannot be read to its end"
            for record in self._reader.consume(5000, 0.1):
                if record.error() is None:
                    message = cast(Message, record)
                    self._next[message.partition()] = message.offset() + 1
                    event = json.loads(message.value() or b"")
                    if event["agent"]["name"] == self.node.name:
                        self._events.append(event | {"partition": message.partition(), "key": message.key()})
        return self._events

    def sent(self) -> Counter[str]:
        """How often each line is on the source topic."""
        return Counter(event["message"] for event in self.events())

    def wait_sent(self, at_least: int = 0, timeout: float = LATE) -> None:
        """Until the source topic holds every line that was written, or `at_least` different ones."""
        wanted = {line for container in self.node.containers for line in container.lines}

        def missing() -> set[str]:
            self.filebeat.running()
            return wanted - set(self.sent())

        try:
            wait_until(lambda: len(missing()) <= (len(wanted) - at_least if at_least else 0), timeout)
        except AssertionError as error:
            lost = sorted(missing())
            raise AssertionError(f"filebeat did not send {len(lost)} of {len(wanted)}, as {lost[:5]}") from error

    def settle(self) -> list[Copy]:
        """Stop the agent, wait until both legs have taken all that it sent; the tenant Kafka, each record once."""
        self.filebeat.stop()
        count = len(self.pipeline.source())
        self.pipeline.wait_for(count, "fanout")
        self.pipeline.wait_for(count, "indexer")
        return assert_exactly_once(self.pipeline)

    def assert_all_arrived(self, copies: list[Copy]) -> int:
        """Every line: in its tenant's topic as often as on the source, in its index once, nowhere else. How many resends."""
        sent = self.sent()
        for namespace in sorted({container.namespace for container in self.node.containers}):
            wanted = {line for one in self.node.containers if one.namespace == namespace for line in one.lines}
            topic = f"kun.logs.{namespace}"
            fanned = Counter(json.loads(copy.value or b"")["message"] for copy in copies if copy.topic == topic)
            assert fanned == Counter({line: sent[line] for line in wanted}), f"topic of {namespace}"
            indexed = Counter(hit["_source"]["message"] for hit in documents(self.elasticsearch, namespace))
            assert indexed == Counter(wanted), f"index of {namespace}"
        return sum(sent.values()) - len(sent)

    def wait_read(self, file: Path) -> None:
        """Until the agent has read the file as far as it goes."""
        wait_until(lambda: self.position(file) == file.stat().st_size, LATE, f"filebeat to read {file}")

    def position(self, file: Path) -> int:
        """How far the agent has read the file; -1 unless it holds it open."""
        wanted = file.stat()
        process = Path(f"/proc/{self.filebeat.running().pid}")
        for descriptor in (process / "fd").iterdir():
            try:
                found = descriptor.stat()
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return int((process / "fdinfo" / descriptor.name).read_text().split()[1])
            except OSError:
                continue
        return -1
