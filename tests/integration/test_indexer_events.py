"""The indexer on real Kafka and Elasticsearch: where events end, with every odd kind of the generator."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kunobs import kafka
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.local import LocalStack
from kunobs.testing.events import EventGenerator
from log_pipeline.headers import SOURCE, Coordinates, header
from log_pipeline.reading import read_to_end
from tests.indexer_integration import aim, assert_each_once, count, documents, own_lines, renamed, wait_for_documents
from tests.pipeline import Pipeline
from tests.support import wait_until

# What the generator calls delivered and Elasticsearch cannot take in any form.
WITHOUT_TIME = {"timestamp_missing", "timestamp_null", "timestamp_word", "timestamp_object"}
SHARES = {"resent": 0.01, "spoofed": 0.01, "bad_namespace": 0.01, "no_namespace": 0.005, "broken": 0.02, "hostile": 0.1}


@pytest.fixture
def pipeline(
    tmp_path: Path, public: KafkaCluster, tenant: TenantKafkaCluster, elastic: str, unique: Callable[[str], str]
) -> Iterator[Pipeline]:
    """A pipeline of this test's own."""
    made = aim(Pipeline(unique("ix"), tmp_path, public, tenant), elastic)
    yield made
    made.stop()


def test_every_event_ends_where_the_generator_says(pipeline: Pipeline, elastic: str) -> None:
    """Documents per namespace equal the generator's lines without those sent twice; what has no time is a dead letter."""
    lines = renamed(EventGenerator(21, namespaces=8, shares=SHARES).lines(3000), pipeline.name)
    taken = pipeline.feed(lines)
    child = pipeline.start("indexer")
    pipeline.wait_for(taken, "indexer")
    assert child.terminate() == 0
    expected: Counter[str] = Counter()
    dead: Counter[str] = Counter()
    for line in lines:
        kind = line.expected.kind.partition("/")[2]
        if line.expected.outcome in ("delivered", "dead_letter") and not line.expected.resent:
            (dead if kind in WITHOUT_TIME else expected)[line.expected.namespace] += 1
    assert {name: count(elastic, name) for name in expected} == dict(expected)
    letters = Counter(
        copy.topic.removeprefix("kun.dlq.") for copy in pipeline.copies() if copy.topic.startswith("kun.dlq.")
    )
    assert letters == dead


def test_documents_are_the_events(pipeline: Pipeline, elastic: str) -> None:
    """What agents write on a good day comes out of the index as it went in, key for key."""
    lines = renamed(EventGenerator(22, namespaces=2, shares={}).lines(500), pipeline.name)
    pipeline.wait_for(pipeline.feed(lines) if pipeline.start("indexer") else 0, "indexer")
    wanted = sorted(json.dumps(json.loads(line.value), sort_keys=True) for line in lines)
    spaces = {line.expected.namespace for line in lines}
    found = sorted(json.dumps(hit["_source"], sort_keys=True) for name in spaces for hit in documents(elastic, name))
    assert found == wanted


def test_a_dead_letter_says_everything(pipeline: Pipeline, unique: Callable[[str], str]) -> None:
    """Original bytes and key; where it came from, which leg, why, in Elasticsearch's words."""
    namespace = unique("dead")
    (line,) = own_lines(namespace, [1], **{"@timestamp": "yesterday"})
    pipeline.feed([line])
    pipeline.start("indexer")
    pipeline.wait_for(1, "indexer")
    (letter,) = list(read_to_end(pipeline.tenant, pipeline.names.dead_letters(namespace)))
    said = {name: header(letter.headers(), f"kunobs-{name}") for name in ("leg", "reason", "attempts", "error")}
    assert (letter.value(), letter.key()) == (line.value, line.key)
    assert (said["leg"], said["reason"], said["attempts"]) == ("indexer", "no_timestamp", "1")
    assert "yesterday" in said["error"]
    assert header(letter.headers(), SOURCE).startswith(f"{pipeline.topic}/")


def test_a_replayed_event_keeps_its_identity(pipeline: Pipeline, elastic: str, unique: Callable[[str], str]) -> None:
    """Without a log offset the id is the original's place, also when it comes by the replay topic; a new one is indexed."""
    namespace = unique("again")
    lines = [line for n in range(3) for line in own_lines(namespace, [n], log=None)]
    pipeline.feed(lines)
    child = pipeline.start("indexer")
    wait_for_documents(pipeline, elastic, namespace, 3)
    source = {m.value(): Coordinates(m.topic(), m.partition(), m.offset(), 0) for m in pipeline.source()}
    producer = kafka.producer(pipeline.tenant)
    topic = pipeline.names.replay("indexer")
    wait_until(lambda: topic in kafka.admin(pipeline.tenant).list_topics(timeout=10).topics, 30, topic)
    for line in lines:
        producer.produce(topic, line.value, line.key, headers=[(SOURCE, source[line.value].encode())])
    (new,) = own_lines(namespace, [7], log=None)
    producer.produce(topic, new.value, new.key, headers=[(SOURCE, Coordinates(pipeline.topic, 0, 10**6, 0).encode())])
    assert producer.flush(30) == 0
    wait_for_documents(pipeline, elastic, namespace, 4)
    wait_until(lambda: 'events_total{outcome="duplicate"} 3.0' in child.get("/metrics"), 30, "three duplicates")
    assert_each_once(elastic, namespace, [0, 1, 2, 7])


def test_metrics_agree_with_the_index(pipeline: Pipeline, elastic: str) -> None:
    """What the process counts of itself is what the index holds."""
    lines = renamed(EventGenerator(23, namespaces=3).lines(1500), pipeline.name)
    taken = pipeline.feed(lines)
    child = pipeline.start("indexer")
    pipeline.wait_for(taken, "indexer")
    spaces = {line.expected.namespace for line in lines if line.expected.namespace}
    there = sum(count(elastic, name) for name in spaces)

    def counted() -> bool:
        page = child.get("/metrics")
        found = {
            outcome: float(row.split()[-1])
            for outcome in ("indexed", "repaired", "duplicate", "dead_letter", "quarantined", "unrouted")
            for row in page.splitlines()
            if row.startswith(f'kunobs_indexer_events_total{{outcome="{outcome}"}}')
        }
        return found["indexed"] + found["repaired"] == there and sum(found.values()) == taken

    wait_until(counted, 15, "metrics that agree")
    assert "kunobs_indexer_lag_messages" in child.get("/metrics")


def test_dead_letters_wait_for_the_tenant_kafka_and_others_do_not(
    pipeline: Pipeline, elastic: str, stack: LocalStack, unique: Callable[[str], str]
) -> None:
    """While it is silent good events are indexed, but nothing behind the dead letter is committed; afterwards it is stored."""
    namespace = unique("waits")
    child = pipeline.start("indexer")
    child.wait_ready()
    tenant = stack.service("tenant")
    wait_until(lambda: child.logged("partitions assigned"), 30, "an assignment")
    tenant.pause()
    try:
        (bad,) = own_lines(namespace, [1000], **{"@timestamp": None})
        pipeline.feed([bad, *own_lines(namespace, range(200))])
        wait_for_documents(pipeline, elastic, namespace, 200)
        assert pipeline.progress("indexer") < 201
    finally:
        tenant.resume()
    pipeline.wait_for(201, "indexer")
    assert [copy.reason for copy in pipeline.copies() if copy.topic == f"kun.dlq.{namespace}"] == ["no_timestamp"]
    assert_each_once(elastic, namespace, range(200))
