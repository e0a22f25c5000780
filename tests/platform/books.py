"""The oracle of the Filebeat tests: what containers wrote against what lies in Kafka and Elasticsearch."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.indexer_integration import documents
from tests.pipeline import LATE, Copy, Pipeline, assert_exactly_once
from tests.platform.agent import Filebeat
from tests.platform.node import Node
from tests.support import wait_until


class Books:
    """The lines of one node's containers, and the places where they have to be."""

    def __init__(self, pipeline: Pipeline, elasticsearch: str, node: Node, filebeat: Filebeat) -> None:
        self.pipeline, self.elasticsearch, self.node, self.filebeat = pipeline, elasticsearch, node, filebeat

    def events(self) -> list[dict[str, Any]]:
        """What Filebeat sent of this node's files, in order within each partition, resends included."""
        found = []
        for message in self.pipeline.source():
            event = json.loads(message.value() or b"")
            if self._is_ours(event):
                found.append(event | {"partition": message.partition(), "key": message.key()})
        return found

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

    def _is_ours(self, event: dict[str, Any]) -> bool:
        return str(event["agent"]["name"]) == self.node.name
