"""The exporter `logs` on real Kafka and Elasticsearch: freshness is what was written, the canary counts what was injected."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from exporters.logs import build
from exporters.logs.canary import Canary, Hop, collector
from exporters.logs.kafka_hop import KafkaHop
from kunobs import kafka
from kunobs.catalogue import logs
from kunobs.catalogue.exporter import SUCCESS
from kunobs.config import Config
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.config.load import load_text
from kunobs.local import LocalStack
from kunobs.local import topics as local_topics
from kunobs.names import data_stream
from kunobs.testing import FakeClock
from log_pipeline.indexer.template import body
from tests.exporter_world import Scraped, exporting, single
from tests.indexer_support import index_config, stamp
from tests.support import wait_until

SEED = int(os.environ.get("SEED", "11"))
WAIT = 60.0
HOPS = ("public", "tenant", "elasticsearch")
Name = Callable[[str], str]


@pytest.fixture
def config(
    tenant: TenantKafkaCluster, public: KafkaCluster, elastic: str, unique: Name, tmp_path: Path
) -> Callable[..., Config]:
    """`config(namespace, **canary)`: the session's services, a topic prefix and a public topic of the test's own."""
    prefix, topic = unique("logs"), unique("public")
    local_topics.ensure(public, {topic: 4}, config={})

    def make(namespace: str, **canary: object) -> Config:
        sasl = tenant.sasl
        login = {"mechanism": sasl.mechanism, "username": sasl.username, "password": sasl.password.reveal()}
        file = tmp_path / "pods" / f"{namespace}_canary_uid" / "canary" / "0.log"
        whole = {
            "version": 1,
            "kafka": {
                "public": {"brokers": list(public.brokers)},
                "tenant": {"brokers": list(tenant.brokers), "sasl": login, "topic_prefix": f"{prefix}."},
            },
            "elasticsearch": {"urls": [elastic]},
            "source": {"topics": [topic]},
            "exporters": {"logs": {"min_interval": "0s", "canary": {"file": str(file), "poll": "100ms", **canary}}},
        }
        return load_text(json.dumps(whole))

    return make


@pytest.fixture
def template(elastic: str) -> None:
    """The indexer's own template."""
    made = body(index_config(), "")
    assert requests.put(f"{elastic}/_index_template/kunobs-logs-k8s", json=made, timeout=30).ok


def produce(cluster: KafkaCluster, topic: str, partition: int, *values: bytes, **options: Any) -> None:
    """Write records, all acknowledged."""
    failures: list[Any] = []
    producer = kafka.producer(cluster, on_delivery=lambda error, _: failures.append(error) if error else None)
    for value in values:
        producer.produce(topic, value, partition=partition, **options)
    assert (producer.flush(30), failures) == (0, [])


def rows(scraped: Scraped, spec: Any) -> dict[tuple[str, ...], float]:
    """The samples of one family."""
    return {labels: value for (name, labels), value in scraped.samples.items() if name == spec.name}


def test_freshness_is_what_was_written(
    config: Callable[..., Config], tenant: TenantKafkaCluster, elastic: str, template: None, unique: Name
) -> None:
    """Latest event over a rollover, documents, indices, refusals; latest record over partitions, empty topics left out."""
    shop, bank, still = unique("shop"), unique("bank"), unique("still")
    own = config(shop)
    prefix = own.kafka.tenant.topic_prefix
    names = [f"{prefix}kun.logs.{one}" for one in (shop, bank, still)] + [f"{prefix}kun.dlq.{shop}"]
    local_topics.ensure(tenant, dict.fromkeys(names, 3), config={})
    now = int(time.time() * 1000)
    for partition, age in enumerate((5_000, 1_000, 9_000)):
        produce(tenant, names[0], partition, b"x", timestamp=now - age)
    # A record with an older time behind it changes nothing.
    produce(tenant, names[0], 1, b"x", timestamp=now - 60_000)
    produce(tenant, names[1], 2, b"x", timestamp=now - 120_000)
    produce(tenant, names[3], 0, b"x", timestamp=now - 7_000)
    url = f"{elastic}/{data_stream(shop)}"
    for number in range(5):
        event = {"@timestamp": f"2026-11-01T03:00:0{number}.250Z", "message": "x"}
        assert requests.put(f"{url}/_create/{number}?refresh=true", json=event, timeout=30).status_code == 201
    assert requests.put(f"{url}/_create/3", json=event, timeout=30).status_code == 409
    assert requests.post(f"{url}/_rollover", timeout=30).ok
    event = {"@timestamp": "2026-11-01T02:00:00Z", "message": "an older event in the newer index"}
    assert requests.put(f"{url}/_create/9?refresh=true", json=event, timeout=30).status_code == 201
    with exporting(build(own)) as scrape:
        found = scrape()
    assert rows(found, logs.LAST_EVENT)[shop,] == 1_793_502_004.25
    assert (rows(found, logs.DOCUMENTS)[shop,], rows(found, logs.INDICES)[shop,]) == (6, 2)
    sizes = requests.get(f"{url}/_stats/store", timeout=30).json()
    assert rows(found, logs.STORE)[shop,] == sizes["_all"]["total"]["store"]["size_in_bytes"]
    refused = {key[1]: value for key, value in rows(found, logs.REFUSED).items() if key[0] == shop}
    assert refused == {"version_conflict": 1, "other": 0}
    assert rows(found, logs.LAST_MESSAGE) == {(shop,): (now - 1_000) / 1000, (bank,): (now - 120_000) / 1000}
    assert rows(found, logs.LAST_DEAD_LETTER) == {(shop,): (now - 7_000) / 1000}
    assert set(rows(found, SUCCESS).values()) == {1}


def event(text: str, namespace: str, written: float, number: int) -> dict[str, Any]:
    """What Filebeat makes of the line; its time is that of the writing, however late it comes."""
    when = stamp(datetime.fromtimestamp(written, UTC))
    return {
        "@timestamp": when,
        "message": text,
        "stream": "stdout",
        "log": {"offset": number * 100, "file": {"path": f"/var/log/containers/canary_{namespace}_canary-00.log"}},
        "kubernetes": {"namespace": namespace},
    }


class World:
    """The test is the pipeline: it takes what the canary wrote and brings it to each hop as planned. Time is the test's."""

    def __init__(self, config: Config, elastic: str, namespace: str) -> None:
        self.began = time.time()
        self.clock = FakeClock(self.began)
        self.config, self.elastic, self.namespace = config, elastic, namespace
        self.canary = Canary(config, self.clock)
        self.topics = {
            "public": (config.kafka.public, config.source.topics[0]),
            "tenant": (config.kafka.tenant, f"{config.kafka.tenant.topic_prefix}kun.logs.{namespace}"),
        }
        local_topics.ensure(config.kafka.tenant, {self.topics["tenant"][1]: 1}, config={})
        self.delivered: dict[str, int] = dict.fromkeys(HOPS, 0)
        self.noise = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The hops' readers at work."""
        stop = threading.Event()
        threads = [threading.Thread(target=hop.run, args=(stop,), daemon=True) for hop in self.canary.hops]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: all(hop.up for hop in self.canary.hops), 60, "every hop to be read")
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)

    def hop(self, name: str) -> Hop:
        """One hop."""
        return next(hop for hop in self.canary.hops if hop.name == name)

    def bring(self, hop: str, *numbers: int, partition: int = 0, ahead: float = 0.0) -> None:
        """These lines arrive at the hop in this order; back once the reader has seen them."""
        self.send(hop, *numbers, partition=partition, ahead=ahead)
        self.wait_seen(hop)

    def send(self, hop: str, *numbers: int, partition: int = 0, ahead: float = 0.0) -> None:
        """These lines are at the hop now; `ahead` seconds is how fast the clock of who stamps records runs."""
        values = [event(self.canary.line.text(n, self.clock.now()), self.namespace, self.began, n) for n in numbers]
        if hop == "elasticsearch":
            create: dict[str, Any] = {"create": {}}
            lines = [json.dumps(part) for value in values for part in (create, value)]
            url = f"{self.elastic}/{data_stream(self.namespace)}/_bulk?refresh=true"
            sent = requests.post(
                url, data="\n".join(lines) + "\n", headers={"content-type": "application/x-ndjson"}, timeout=30
            )
            assert not sent.json()["errors"], sent.text
        else:
            cluster, topic = self.topics[hop]
            stamped = int((self.clock.now() + ahead) * 1000)
            produce(cluster, topic, partition, *(json.dumps(v).encode() for v in values), timestamp=stamped)
        self.delivered[hop] += len(numbers)

    def wait_seen(self, hop: str) -> None:
        """Until the reader has seen all that was sent."""
        wait_until(lambda: self.sightings(hop) >= self.delivered[hop], 30, f"{hop} to see everything")

    def sightings(self, hop: str) -> int:
        """How often a line was seen there."""
        counts = self.hop(hop).tracker.counts(self.clock.monotonic())
        return counts.received + counts.late + counts.duplicate

    def scraped(self) -> Scraped:
        """The canary's collector, through a server."""
        with exporting(single(collector(self.canary))) as scrape:
            return scrape()


@pytest.fixture
def world(config: Callable[..., Config], elastic: str, template: None, unique: Name) -> World:
    """A canary whose lines the test carries."""
    namespace = unique("canary")
    return World(config(namespace, enabled=True, wait="60s"), elastic, namespace)


def test_what_was_injected_is_what_is_counted(world: World) -> None:
    """Loss, duplication, reordering and lateness, each hop its own, at random: every count is exact."""
    print(f"SEED={SEED}")
    dice = random.Random(SEED)
    numbers = list(range(1, 121))
    with world.reading():
        for number in numbers:
            world.canary.write(number)
            world.clock.advance(0.01)
        plans: dict[str, Counter[str]] = {}
        late: dict[str, list[int]] = {}
        for hop in HOPS:
            lost = dice.sample(numbers, 20)
            late[hop] = lost[:7]
            order = [n for n in numbers if n not in lost]
            moved = dice.sample(order[1:], 10)
            # Moved to the end, where all but the greatest come after a greater one; a search shows a batch in order.
            order = [n for n in order if n not in moved] + sorted(moved)
            twice = dice.sample(order, 15)
            batches = [order[: len(order) - 10], order[len(order) - 10 :], twice]
            highest = max(batches[0])
            for batch in batches:
                world.bring(hop, *batch)
            plans[hop] = Counter(
                received=100, missing=20, duplicate=15, out_of_order=sum(n < highest for n in moved), late=7
            )
        world.clock.advance(WAIT + 10)
        for hop in HOPS:
            world.bring(hop, *late[hop])
        found = world.scraped()
    for name in ("received", "missing", "duplicate", "out_of_order", "late"):
        shown = {hop: found.value(f"kunobs_logs_canary_{name}_total", hop) for hop in HOPS}
        assert shown == {hop: plans[hop][name] for hop in HOPS}, name
    assert found.value("kunobs_logs_canary_sent_total") == 120
    for hop in HOPS:
        assert found.value("kunobs_logs_canary_delay_seconds_count", hop) == 100
        assert found.value("kunobs_logs_canary_outstanding_lines", hop) == 0
        assert found.value("kunobs_logs_canary_reader_up", hop) == 1
    assert found.value("kunobs_exporter_collector_success", "canary", "t") == 1


def test_only_the_partition_it_comes_on_is_read(world: World) -> None:
    """After the first line the rest of the public topic is not read; a line that comes elsewhere is found all the same."""
    hop = world.hop("public")
    reader = hop.reader
    assert isinstance(reader, KafkaHop)
    cluster, topic = world.topics["public"]
    noise = [b"n" * 1000] * 100
    with world.reading():
        wait_until(lambda: len(reader.reading) == 4, 30, "all partitions")
        world.canary.write(1)
        world.bring("public", 1, partition=2)
        wait_until(lambda: reader.reading == {(topic, 2)}, 30, "one partition")
        before = reader.read_bytes
        for partition in (0, 1, 3):
            produce(cluster, topic, partition, *noise, timestamp=int(world.clock.now() * 1000) - 20_000)
        world.canary.write(2)
        world.bring("public", 2, partition=2)
        assert reader.read_bytes - before < 1000
        world.canary.write(3)
        world.send("public", 3, partition=0)
        world.clock.advance(WAIT / 2 + 1)
        world.wait_seen("public")
        wait_until(lambda: reader.reading == {(topic, 0), (topic, 2)}, 30, "both partitions")
        # What was there before the line is passed over.
        assert reader.read_bytes - before < 2000
        world.canary.write(4)
        world.bring("public", 4, partition=0, ahead=3000.0)
        world.clock.advance(WAIT + 1)
        world.canary.write(5)
        world.bring("public", 5, partition=2)
        wait_until(lambda: reader.reading == {(topic, 2)}, 30, "one partition again")
        world.clock.advance(11 * WAIT)
        world.canary.write(6)
        world.send("public", 6, partition=0)
        world.clock.advance(WAIT / 2 + 1)
        world.wait_seen("public")
    counts = hop.tracker.counts(world.clock.monotonic())
    assert (counts.received, counts.missing, counts.duplicate) == (6, 0, 0)


@pytest.mark.parametrize("name", ["public", "tenant"])
def test_a_connection_that_is_lost_loses_nothing(world: World, name: str) -> None:
    """What arrives while the reader is away is counted when it returns, and nothing twice."""
    reader, tracker = world.hop(name).reader, world.hop(name).tracker
    for number, outage in ((1, 0.0), (2, 5.0), (3, 100 * WAIT)):
        world.canary.write(number)
        world.send(name, number)
        world.clock.advance(outage)

        def read(wanted: int = number) -> bool:
            reader.turn()
            return world.sightings(name) >= wanted

        wait_until(read, 30, f"line {number}")
        reader.close()
    counts = tracker.counts(world.clock.monotonic())
    assert (counts.received, counts.late, counts.duplicate, counts.out_of_order) == (2, 1, 0, 0)


def test_services_that_hang(
    config: Callable[..., Config], stack: LocalStack, tenant: TenantKafkaCluster, template: None, unique: Name
) -> None:
    """SIGSTOP each in turn: 200 before the deadline, its collectors fail, the others do not; SIGCONT: all is back."""
    own = config(unique("hang"))
    elasticsearch = {"streams", "documents", "lifecycle"}

    def failed(timeout: float) -> set[str]:
        found = scrape(timeout=timeout)
        assert found.status == 200
        every = rows(found, SUCCESS)
        assert {key[0] for key in every} == elasticsearch | {"topics", "canary"}
        return {key[0] for key, value in every.items() if value == 0}

    with exporting(build(own)) as scrape:
        wait_until(lambda: not failed(5), 60, "a whole scrape")
        for service, concerned in (("elasticsearch", elasticsearch), ("tenant", {"topics"})):
            stack.service(service).pause()
            try:
                assert failed(4) == concerned
            finally:
                stack.service(service).resume()
            wait_until(lambda: not failed(5), 60, f"{service} to be back")
