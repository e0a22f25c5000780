"""A real Filebeat with deploy/filebeat.yml, through Kafka, fanout and indexer: every line of every log file, counted at the far end."""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kunobs.local import LocalStack
from tests.pipeline import LATE, Pipeline
from tests.platform import agent
from tests.platform.agent import CONFIG, Filebeat
from tests.platform.books import Books
from tests.platform.conftest import need
from tests.platform.fake_kubernetes import FakeKubernetes
from tests.platform.node import Container, Node
from tests.support import wait_until

SEED = int(os.environ.get("SEED", "7"))
TEXT_ONLY = "- container: {stream: all, format: auto}"
TRUSTING = f"{TEXT_ONLY}\n      - ndjson: {{target: '', overwrite_keys: true, add_error_key: true}}"
Name = Callable[[str], str]
Keep = Callable[..., Books]


@pytest.fixture
def keep(tmp_path: Path, node: Node, pipeline: Pipeline, platform_stack: LocalStack) -> Iterator[Keep]:
    """`keep(config="")`: the node's books and agent, not started; by default with the recommended configuration."""
    kept: list[Books] = []

    def make(config: str = "") -> Books:
        filebeat = Filebeat(node, tmp_path, ",".join(pipeline.public.brokers), pipeline.topic, config)
        kept.append(Books(pipeline, platform_stack.elasticsearch_url, node, filebeat))
        return kept[-1]

    yield make
    for books in kept:
        books.filebeat.end()
        books.close()


def tell(kubernetes: FakeKubernetes, container: Container) -> None:
    """The API server learns of the container's pod."""
    ids = {container.name: container.id}
    kubernetes.add_pod(container.namespace, container.pod, container.uid, container.node.name, ids)


@pytest.mark.parametrize("config", [str, agent.slim], ids=["as it is", "slim"])
def test_filebeat_accepts_the_configuration(tmp_path: Path, config: Callable[[str], str]) -> None:
    """`filebeat test config` takes the file as it stands, and with the slim option taken in."""
    need(agent.binary().exists(), "needs Filebeat: make test-platform builds it")
    environ = {"NODE_NAME": "node-1", "KAFKA_BROKERS": "kafka-1:9092,kafka-2:9092"}
    assert "Config OK" in agent.check_config(config(CONFIG.read_text()), tmp_path, environ)


def test_lines_of_every_shape(node: Node, kubernetes: FakeKubernetes, keep: Keep, namespace: Name) -> None:
    """Long, half, foreign and forged lines of several namespaces arrive as text, each in its own, a container's in order."""
    shop, pay = namespace("shop"), namespace("pay")
    containers = [node.run(shop), node.run(shop, container="side-car"), node.run(pay), node.run(pay)]
    for number, one in enumerate(containers):
        tell(kubernetes, one)
        one.write(f"{number} first", f'{number} 付款成功 ✓ \\u0000 "quoted"\ttab', f"{number} " + "long " * 9000)
        one.write(f"{number} to stderr", stream="stderr")
        one.write(json.dumps({"n": number, "kubernetes": {"namespace": pay}, "log": {"file": {"path": "/x"}}}))
    # Longer than message_max_bytes, and six times as long in JSON.
    containers[3].append(containers[3].rendered("\x01" * 200_000))
    containers[3].lines.append("\x01" * 153_600)
    halves = containers[0].rendered("0 whole in the end: " + "half " * 9000)
    containers[0].append(halves[:40_000])
    books = keep()
    books.filebeat.start(kubernetes.kubeconfig)
    books.wait_sent()
    books.wait_read(containers[0].file)
    containers[0].append(halves[40_000:-1])
    books.wait_read(containers[0].file)
    containers[0].append(halves[-1:])
    containers[0].lines.append("0 whole in the end: " + "half " * 9000)
    books.wait_sent()
    copies = books.settle()
    assert books.assert_all_arrived(copies) == 0
    offsets: dict[str, list[int]] = defaultdict(list)
    for copy in copies:
        if copy.topic in (f"kun.logs.{shop}", f"kun.logs.{pay}"):
            log = json.loads(copy.value or b"")["log"]
            offsets[log["file"]["path"]].append(log["offset"])
    assert sorted(offsets) == sorted(one.path for one in containers)
    assert all(found == sorted(found) for found in offsets.values())


def test_lines_before_and_after_their_metadata(
    node: Node, kubernetes: FakeKubernetes, keep: Keep, namespace: Name
) -> None:
    """Lines that Filebeat reads before it knows the pod go by the path, share a partition with the later ones, and keep their id."""
    own = namespace("new")
    containers = [node.run(own) for _ in range(4)]
    for number, one in enumerate(containers):
        one.write(*(f"{number} early {n}" for n in range(25)))
    books = keep()
    books.filebeat.start()
    books.wait_sent()
    books.filebeat.kill()
    # Everything again, once the agent knows the pods: a file that it has not seen before is read when it does.
    books.filebeat.forget()
    beacon = node.run(own)
    for one in node.containers:
        tell(kubernetes, one)
    for one in containers:
        one.hide()
    books.filebeat.start(kubernetes.kubeconfig)
    numbers = iter(range(1_000_000))

    def known() -> bool:
        beacon.write(f"beacon {next(numbers)}")
        return any("kubernetes" in event for event in books.events())

    wait_until(known, LATE, "metadata from the API server")
    for one in containers:
        one.show()
    wait_until(lambda: books.sent()["3 early 24"] == 2, LATE, "everything a second time")
    books.wait_sent()
    assert books.assert_all_arrived(books.settle()) == 100
    early = [event for event in books.events() if " early " in event["message"]]
    assert sum("kubernetes" not in event and event["key"] is None for event in early) == 100
    assert sum("kubernetes" in event and event["key"] is not None for event in early) == 100
    assert len({(event["log"]["file"]["path"], event["partition"]) for event in early}) == len(containers)
    assert kubernetes.watches("Pod") == 1, "one watch, however many files"


def test_rotation_and_last_words(node: Node, kubernetes: FakeKubernetes, keep: Keep, namespace: Name) -> None:
    """Files renamed while they are read, before they are read and while Filebeat is down, and a deleted pod's last lines: none lost, none twice; slim."""
    busy, leaving = node.run(namespace("busy")), namespace("gone")
    gone = [node.run(leaving) for _ in range(8)]
    books = keep(agent.slim(CONFIG.read_text()))
    for one in node.containers:
        tell(kubernetes, one)
        one.write(f"{one.pod} first")
    books.filebeat.start(kubernetes.kubeconfig)
    for one in gone:
        books.wait_read(one.file)
    for turn in range(8):
        busy.write(*(f"turn {turn} line {n}" for n in range(200)))
        if turn % 2:
            books.wait_read(busy.file)
        busy.rotate()
        busy.write(f"turn {turn} after")
    books.wait_sent()
    # By now the quiet files are looked at least often: the link goes before the agent looks again.
    for one in gone:
        one.write(*(f"{one.pod} last word {n}" for n in range(20)))
        one.delete()
    books.wait_sent()
    # Gracefully: an agent that is killed sends again what Kafka has not yet confirmed, under the renamed file's path.
    books.filebeat.stop()
    for turn in range(2):
        busy.write(*(f"down {turn} line {n}" for n in range(100)))
        busy.rotate()
    busy.write("in the new file")
    books.filebeat.start(kubernetes.kubeconfig)
    books.wait_sent()
    assert books.assert_all_arrived(books.settle()) == 0
    rotated = [event for event in books.events() if event["log"]["file"]["path"].startswith("/var/log/pods/")]
    assert {event["kubernetes"]["pod"]["name"] for event in rotated} == {busy.pod}


def test_kill_9_and_a_registry_that_lags(node: Node, kubernetes: FakeKubernetes, keep: Keep, namespace: Name) -> None:
    """Killed with lines in flight, and once with the registry of a while ago: sent again, in Elasticsearch once."""
    print(f"SEED={SEED}")
    dice = random.Random(SEED)
    containers = [node.run(namespace("one")), node.run(namespace("two"))]
    for one in containers:
        tell(kubernetes, one)
    books = keep()
    in_flight = 0

    def write(tag: str, count: int) -> None:
        for one in containers:
            one.write(*(f"{one.namespace} {tag} {n}" for n in range(count)))

    for turn in range(4):
        done = containers[0].file.stat().st_size
        write(f"turn {turn}", 2000)
        goal = done + dice.randint(1, containers[0].file.stat().st_size - done)
        # Without the API server every other time: a line sent again may have metadata that it had not before.
        books.filebeat.start(kubernetes.kubeconfig if turn % 2 else None)
        books.filebeat.kill_when(lambda goal=goal: books.position(containers[0].file) >= goal)  # type: ignore[misc]
        in_flight += len(set(books.sent())) < 4000 * (turn + 1)
    assert in_flight, "every kill came after the work"
    books.filebeat.start(kubernetes.kubeconfig)
    books.wait_sent()
    with books.filebeat.power_cut():
        write("before the power cut", 500)
        books.wait_sent()
    before = sum(books.sent().values())
    books.filebeat.start(kubernetes.kubeconfig)
    wait_until(lambda: sum(books.sent().values()) >= before + 1000, LATE, "what the registry forgot, again")
    resent = books.assert_all_arrived(books.settle())
    print(f"{in_flight} kills of 4 with lines in flight, {resent} resends")
    assert resent >= 1000


def test_forged_metadata(node: Node, kubernetes: FakeKubernetes, keep: Keep, namespace: Name) -> None:
    """With JSON decoded into the root, as the recommended configuration does not, a line that names another's namespace is quarantined."""
    thief, victim = node.run(namespace("thief")), node.run(namespace("victim"))
    for one in node.containers:
        tell(kubernetes, one)
    claim = {"namespace": victim.namespace}
    victim.write(json.dumps({"message": "honest"}))
    thief.write(json.dumps({"message": "own"}))
    forgeries = [
        {"message": "whole block", "kubernetes": claim | {"pod": {"name": victim.pod}, "labels": {"app": victim.pod}}},
        {"message": "one field", "kubernetes": claim},
        {"message": "with the id", "kubernetes": claim, "container": {"id": victim.id}},
    ]
    thief.write(*(json.dumps(line) for line in forgeries))
    for one in node.containers:
        one.lines = [json.loads(line)["message"] for line in one.lines]
    text = CONFIG.read_text()
    assert TEXT_ONLY in text
    books = keep(text.replace(TEXT_ONLY, TRUSTING))
    books.filebeat.start(kubernetes.kubeconfig)
    books.wait_sent()
    copies = books.settle()
    caught = {json.loads(copy.value or b"")["message"]: copy for copy in copies if copy.topic == "kun.quarantine"}
    assert set(caught) >= {str(line["message"]) for line in forgeries}
    assert {caught[str(line["message"])].reason for line in forgeries} == {"path_mismatch"}
    thief.lines = ["own"]
    assert books.assert_all_arrived(copies) == 0


def test_public_kafka_away(
    node: Node, kubernetes: FakeKubernetes, keep: Keep, namespace: Name, platform_stack: LocalStack
) -> None:
    """The broker is killed, more is written than Filebeat can hold, the file is rotated, the broker returns: nothing is lost, order holds."""
    one = node.run(namespace("patient"))
    tell(kubernetes, one)
    one.write("before")
    books = keep()
    books.filebeat.start(kubernetes.kubeconfig)
    books.wait_sent()
    broker = platform_stack.service("public")
    broker.kill()
    try:
        one.write(*(f"away {n:06}" for n in range(8_000)))
        wait_until(books.filebeat.stalled(lambda: books.position(one.file)), LATE, "filebeat to hold no more")
        full = one.rotate()
        assert books.position(full) < full.stat().st_size
        one.write("in the new file")
    finally:
        broker.start()
    books.wait_sent()
    copies = books.settle()
    resent = books.assert_all_arrived(copies)
    print(f"{resent} resends")
    away = [event["message"] for event in books.events() if event["message"].startswith("away")]
    assert resent or away == sorted(away)
