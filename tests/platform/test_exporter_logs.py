"""The canary of `kunobs exporter logs` on a node with a real Filebeat, through Kafka, fanout, indexer and Elasticsearch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kunobs.local import LocalStack
from tests.indexer_integration import documents
from tests.pipeline import LATE, Child, Pipeline
from tests.platform.agent import Filebeat
from tests.platform.fake_kubernetes import FakeKubernetes
from tests.platform.node import Node
from tests.support import wait_until
from tests.unit.server_support import samples

HOPS = ("public", "tenant", "elasticsearch")
LINES = 100
Name = Callable[[str], str]


@pytest.fixture
def filebeat(tmp_path: Path, node: Node, pipeline: Pipeline) -> Iterator[Filebeat]:
    """The node's agent with the recommended configuration."""
    made = Filebeat(node, tmp_path, ",".join(pipeline.public.brokers), pipeline.topic)
    yield made
    made.end()


class Running:
    """`kunobs exporter logs --canary`, a process of its own."""

    def __init__(self, pipeline: Pipeline, file: Path, log: Path, wait: str) -> None:
        canary = {"file": str(file), "interval": "100ms", "rotate_size": 4096, "wait": wait, "poll": "500ms"}
        own = {"listen": "127.0.0.1:0", "logs": {"sources": [], "min_interval": "0s", "canary": canary}}
        command = [sys.executable, "-m", "kunobs", "exporter", "logs", "--canary", "-c"]
        with log.open("wb") as stderr:
            started = subprocess.Popen([*command, str(pipeline.config(exporters=own))], stderr=stderr, env=os.environ)
        self.child = Child(started, log)
        self.sent = 0

    def counts(self) -> dict[str, Counter[str]]:
        """Each hop's books, and what was sent under "": without the families' common beginning."""
        self.child.check()
        found: dict[str, Counter[str]] = {hop: Counter() for hop in ("", *HOPS)}
        for (name, labels), value in samples(self.child.get("/metrics")).items():
            hop = dict(labels).get("hop", "")
            short = name.removeprefix("kunobs_logs_canary_").removesuffix("_total")
            if name.startswith("kunobs_logs_canary_") and "le" not in dict(labels):
                found[hop][short] = int(value)
        self.sent = found[""]["sent"]
        return found


def arrived(pipeline: Pipeline, elasticsearch: str, namespace: str) -> dict[str, dict[str, Counter[int]]]:
    """The far end: at each hop, for each run of the canary, how often each number lies there."""
    topic = f"kun.logs.{namespace}"
    values = {
        "public": [json.loads(message.value() or b"") for message in pipeline.source()],
        "tenant": [json.loads(copy.value or b"") for copy in pipeline.copies() if copy.topic == topic],
        "elasticsearch": [hit["_source"] for hit in documents(elasticsearch, namespace)],
    }
    found: dict[str, dict[str, Counter[int]]] = {hop: defaultdict(Counter) for hop in HOPS}
    for hop, events in values.items():
        for one in events:
            if namespace in one["log"]["file"]["path"]:
                _, run, number, _ = one["message"].split()
                found[hop][run][int(number)] += 1
    return found


def test_every_line_at_every_hop(
    node: Node,
    kubernetes: FakeKubernetes,
    filebeat: Filebeat,
    pipeline: Pipeline,
    platform_stack: LocalStack,
    namespace: Name,
    tmp_path: Path,
) -> None:
    """Over rotations each line is counted once at each hop. Another run, with fanout stopped: lines are missing at the
    tenant's topic, and late when it returns. The far end has every line of both runs once."""
    own, elasticsearch = namespace("canary"), platform_stack.elasticsearch_url
    file = node.var_log / "pods" / f"{own}_canary-0_0f2d" / "canary" / "0.log"
    filebeat.start(kubernetes.kubeconfig)
    first = Running(pipeline, file, tmp_path / "first.log", "5m")
    try:
        wait_until(lambda: min(first.counts()[hop]["received"] for hop in HOPS) >= LINES, LATE, "lines at every hop")
        counts = first.counts()
        print({hop: counts[hop]["delay_seconds_sum"] / counts[hop]["received"] for hop in HOPS})
        assert len(list(file.parent.iterdir())) == 3
        for hop in HOPS:
            books = counts[hop]
            assert (books["missing"], books["late"], books["duplicate"]) == (0, 0, 0), hop
            assert (books["reader_up"], books["delay_seconds_count"]) == (1, books["received"])
        # In Elasticsearch a later bulk may be seen before an earlier one: they are sent side by side.
        assert [counts[hop]["out_of_order"] for hop in ("public", "tenant")] == [0, 0]
    finally:
        code = first.child.terminate()
    assert code == 0
    fanout = next(child for child in pipeline.children if "fanout" in child.log.name)
    assert fanout.terminate() == 0
    second = Running(pipeline, file, tmp_path / "second.log", "5s")
    try:
        try:
            wait_until(lambda: second.counts()["tenant"]["missing"] >= 20, LATE, "missing lines")
            assert second.counts()["tenant"]["received"] == 0
        finally:
            pipeline.start("fanout")

        def caught_up() -> bool:
            books = second.counts()["tenant"]
            return books["late"] == books["missing"] and books["received"] > 0

        wait_until(caught_up, LATE, "the late lines")
        assert [second.counts()[hop]["duplicate"] for hop in HOPS] == [0, 0, 0]
    finally:
        code = second.child.terminate()
    assert code == 0
    written = [counts[""]["sent"], second.sent]

    def complete() -> bool:
        found = arrived(pipeline, elasticsearch, own)
        return all(sorted(map(len, runs.values())) >= sorted(written) for runs in found.values())

    wait_until(complete, LATE, "every line at the far end")
    for hop, runs in arrived(pipeline, elasticsearch, own).items():
        for numbers in runs.values():
            assert set(numbers.values()) == {1}, hop
            assert sorted(numbers) == list(range(1, len(numbers) + 1)), hop
