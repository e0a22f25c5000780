"""The demo's hands and eyes on real Kafka and Elasticsearch: sending, measuring, and reading everything back."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from kunobs import elastic, kafka
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.elasticsearch import ElasticsearchConfig
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.errors import UnavailableError
from kunobs.local import topics
from kunobs.local.demo.farend import documents, records
from kunobs.local.demo.feed import Feed
from kunobs.local.demo.latency import IdWatcher, TopicReader
from kunobs.local.demo.oracle import judge
from kunobs.local.demo.progress import Offsets
from kunobs.local.demo.source import LARGEST_LINE, FileSource, Record
from kunobs.names import Names, data_stream
from kunobs.testing.events import SHARES, EventGenerator
from tests.support import wait_until


class Records(list[Record]):
    """A source of these records."""

    total: int | None = None
    opening: int = 0


def feed(cluster: KafkaCluster, topic: str, source: FileSource | Records, **options: float | None) -> Feed:
    """A feed that is not interested in what it sends."""
    plan = {"rate": None, "seconds": None} | options
    return Feed(cluster, topic, source, **plan, clock=SYSTEM_CLOCK, on_send=lambda record: None)


def test_a_file_arrives_byte_for_byte(public: KafkaCluster, fresh_topic: Callable[..., str], tmp_path: Path) -> None:
    """Hostile lines, keyed by container, and one as large as is allowed; each container's lines stay in order."""
    generated = EventGenerator(1, shares={kind: 1 / len(SHARES) for kind in SHARES}, whole_lines=True).lines(400)
    lines = [line.value for line in generated] + [b'"' + b"x" * (LARGEST_LINE - 2) + b'"']
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(lines))
    topic = fresh_topic(public, partitions=4)
    sender = feed(public, topic, FileSource(file))
    sender.start()
    wait_until(sender.done, 60, "all records acknowledged")
    assert sender.acknowledged == len(lines)
    found = list(records(public, [topic], SYSTEM_CLOCK))
    assert sorted(message.value() or b"" for message in found) == sorted(lines)
    sent, received = defaultdict(list), defaultdict(list)
    for record in FileSource(file):
        sent[record.key].append(record.value)
    for message in found:
        received[message.key()].append(message.value())
    assert len(sent) > 100
    assert all(received[key] == values for key, values in sent.items() if key is not None)
    sender.stop()


def test_a_record_that_kafka_refuses_is_an_error(public: KafkaCluster, fresh_topic: Callable[..., str]) -> None:
    """Neither lost in silence nor waited for for ever."""
    topic = fresh_topic(public, max_message_bytes=1000)
    sender = feed(public, topic, Records([Record(os.urandom(5000), None, "line 1")] * 3))
    sender.start()
    with pytest.raises(UnavailableError, match="refused a record"):
        wait_until(sender.done, 30, "the feed's end")
    sender.stop()


def test_a_feed_stops_when_told(public: KafkaCluster, fresh_topic: Callable[..., str]) -> None:
    """After `stop` nothing more comes, and what was sent is there."""
    topic = fresh_topic(public)
    sender = feed(public, topic, Records([Record(b"{}", None, "line")] * 100_000), rate=500)
    sender.start()
    wait_until(lambda: sender.acknowledged > 10, 30, "the first records")
    sender.stop()
    assert sender.done()
    assert len(list(records(public, [topic], SYSTEM_CLOCK))) == sender.acknowledged < 100_000


def test_a_feed_waits_after_the_opening(public: KafkaCluster, fresh_topic: Callable[..., str]) -> None:
    """The opening is acknowledged before the rest is sent, and only when told."""
    topic = fresh_topic(public)
    source = Records([Record(b"{}", None, "line")] * 10)
    source.opening = 4
    sender = feed(public, topic, source)
    sender.start()
    wait_until(sender.opened, 30, "the opening")
    assert sender.acknowledged == 4
    assert not sender.done()
    sender.go_on()
    wait_until(sender.done, 30, "the rest")
    assert sender.acknowledged == 10
    sender.stop()


def test_offsets_follow_a_group(
    public: KafkaCluster, fresh_topic: Callable[..., str], unique: Callable[[str], str]
) -> None:
    """End offsets and what a group has committed; an unknown group has committed nothing."""
    topic, group = fresh_topic(public, partitions=2), unique("group")
    offsets = Offsets(public, topic)
    assert offsets.ends() == {0: 0, 1: 0}
    assert offsets.committed(group) == {}
    producer = kafka.producer(public)
    for partition in (0, 1, 1):
        producer.produce(topic, b"{}", partition=partition)
    producer.flush()
    assert offsets.ends() == {0: 1, 1: 2}
    member = kafka.consumer(public, group)
    member.commit(offsets=[TopicPartition(topic, 1, 2)], asynchronous=False)
    assert wait_until(lambda: offsets.committed(group), 10, "the commit") == {1: 2}
    member.close()
    offsets.close()


def test_aborted_transactions_are_not_counted(tenant: TenantKafkaCluster, fresh_topic: Callable[..., str]) -> None:
    """The books read as tenants do; markers of transactions occupy offsets and are no records."""
    topic = fresh_topic(tenant)
    producer = kafka.producer(tenant, **{"transactional.id": topic})
    producer.init_transactions(30)
    for value, end in ((b"kept", producer.commit_transaction), (b"dropped", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush()
        end()
    assert [message.value() for message in records(tenant, [topic], SYSTEM_CLOCK)] == [b"kept"]


def test_topics_that_appear_later_are_measured(tenant: TenantKafkaCluster, unique: Callable[[str], str]) -> None:
    """The reader finds a new tenant topic and takes the latency from the source's time in the header."""
    names = Names(f"{unique('cluster')}.")
    reader = TopicReader(tenant, names, SYSTEM_CLOCK)
    reader.start()
    topic = names.logs("team-pay")
    topics.ensure(tenant, {topic: 1})
    sent = SYSTEM_CLOCK.now()
    producer = kafka.producer(tenant)
    source = f"filebeat/0/7/{int(sent * 1000) - 5000}".encode()
    producer.produce(topic, b"{}", headers=[("kunobs-source", source)])
    producer.flush()
    wait_until(lambda: reader.seconds, 30, "a latency")
    reader.close()
    assert 5 <= reader.seconds[0] < SYSTEM_CLOCK.now() - sent + 6


def test_ids_are_watched_until_indexed(elastic_config: ElasticsearchConfig, unique: Callable[[str], str]) -> None:
    """An id counts when its document is there, not before; what has no document never counts."""
    namespace = unique("ns")
    client = elastic.client(elastic_config)
    pattern = f"{data_stream(namespace)}*"
    client.indices.put_index_template(name=namespace, index_patterns=[pattern], data_stream={}, priority=9000)
    watcher = IdWatcher(elastic_config, SYSTEM_CLOCK)
    watcher.start()
    values = [
        json.dumps({"@timestamp": "2026-11-01T00:00:00Z", "log": {"offset": n}, "kubernetes": {"namespace": namespace}})
        for n in range(3)
    ]
    for value in values:
        watcher.offer(value.encode())
    ids = [judge(value.encode()).id for value in values]
    client.create(index=data_stream(namespace), id=str(ids[1]), document={"@timestamp": "2026-11-01T00:00:00Z"})
    wait_until(lambda: watcher.samples, 30, "a sample")
    watcher.close()
    assert [sample.id for sample in watcher.samples] == [ids[1]]
    assert watcher.samples[0].seconds < 30


def test_every_document_is_found_also_after_a_rollover(
    elastic_config: ElasticsearchConfig, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page; an id in two backing indices counts two copies; a repair's reason is read."""
    monkeypatch.setattr("kunobs.local.demo.farend._PAGE", 7)
    namespace = unique("ns")
    stream = data_stream(namespace)
    client = elastic.client(elastic_config)
    client.indices.put_index_template(name=namespace, index_patterns=[f"{stream}*"], data_stream={}, priority=9001)
    day = {"@timestamp": "2026-11-01T00:00:00Z"}
    for number in range(20):
        client.create(index=stream, id=f"id-{number}", document=day)
    client.indices.rollover(alias=stream)
    client.create(index=stream, id="id-3", document=day)
    client.create(index=stream, id="id-x", document={**day, "kunobs": {"repair_reason": "bad_key"}})
    found = {name: document for (where, name), document in documents(client).items() if where == stream}
    assert set(found) == {*(f"id-{number}" for number in range(20)), "id-x"}
    assert [name for name, document in found.items() if document.copies == 2] == ["id-3"]
    assert found["id-x"].repair == "bad_key"
