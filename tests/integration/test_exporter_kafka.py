"""The Kafka exporter against real brokers: every offset, lag and byte is compared with what was done, or counted another way."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from exporters.kafka import build
from kunobs import kafka
from kunobs.catalogue import kafka as declared
from kunobs.checkpoint import Place, offset_key, offset_value
from kunobs.config import Config, KafkaConfig, load_text
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.local import LocalStack
from kunobs.local import topics as local_topics
from tests.exporter_world import Scraped, Scraper, exporting
from tests.support import wait_until

SUCCESS = "kunobs_exporter_collector_success"
Fresh = Callable[..., str]
Unique = Callable[[str], str]


def config(public: KafkaCluster, tenant: TenantKafkaCluster | None = None, **settings: object) -> Config:
    """The configuration of an exporter that shares no collection, so that each scrape sees what is there."""
    clusters = "[public, tenant]" if tenant is not None else "[public]"
    keys = {"min_interval": "0s", "sizes_interval": "0s", "clusters": clusters, **settings}
    text = "version: 1\nexporters:\n  kafka:\n" + "".join(f"    {key}: {value}\n" for key, value in keys.items())
    known = KafkaConfig(public=public, tenant=tenant or TenantKafkaCluster())
    return load_text(text).model_copy(update={"kafka": known})


@contextmanager
def exporter(public: KafkaCluster, tenant: TenantKafkaCluster | None = None, **settings: object) -> Iterator[Scraper]:
    """The exporter behind a server."""
    with exporting(build(config(public, tenant, **settings))) as scrape:
        yield scrape


def produce(cluster: KafkaCluster, topic: str, numbers: list[int], **options: object) -> None:
    """So many records to each partition, in order of their number."""
    producer = kafka.producer(cluster, **options)
    for partition, number in enumerate(numbers):
        for _ in range(number):
            producer.produce(topic, b"x" * 100, partition=partition)
    assert producer.flush(60) == 0


def commit(cluster: KafkaCluster, group: str, offsets: dict[tuple[str, int], int]) -> None:
    """Set a group's offsets."""
    admin: AdminClient = kafka.admin(cluster)
    wanted = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]

    def done() -> bool:
        # A coordinator that is still loading refuses each partition, not the call.
        answer = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, wanted)])[group].result(30)
        return all(one.error is None for one in answer.topic_partitions)

    wait_until(done, what=f"offsets of {group} are set")


def test_offsets_and_lag_are_what_was_done(public: KafkaCluster, fresh_topic: Fresh, unique: Unique) -> None:
    """Topics, groups and partitions: sums, the largest, and each partition on demand; no group knows the others."""
    topic, group, other = fresh_topic(public, 3), unique("reader"), unique("reader")
    produce(public, topic, [5, 0, 20])
    commit(public, group, {(topic, 0): 2, (topic, 2): 20})
    commit(public, other, {(topic, 2): 7})
    with exporter(public) as scrape:
        plain = whole(scrape)
        assert plain.value("kunobs_kafka_topic_written_total", "public", "", topic) == 25
        assert plain.value("kunobs_kafka_topic_stored_offsets", "public", "", topic) == 25
        assert plain.value("kunobs_kafka_topic_partition_number", "public", "", topic) == 3
        assert plain.value("kunobs_kafka_group_lag", group, "public", "", topic) == 3
        assert plain.value("kunobs_kafka_group_max_lag", group, "public", "", topic) == 3
        assert plain.value("kunobs_kafka_group_lag", other, "public", "", topic) == 13
        assert "kunobs_kafka_partition_end_offset{" not in plain.text
        fine = whole(scrape, "/metrics?detail=partition")
    ends = [fine.value("kunobs_kafka_partition_end_offset", "public", "", str(n), topic) for n in range(3)]
    lags = [fine.value("kunobs_kafka_group_partition_lag", group, "public", "", str(n), topic) for n in range(3)]
    assert (ends, lags) == ([5, 0, 20], [3, None, 0])
    assert fine.value("kunobs_kafka_group_partition_commit", group, "public", "", "0", topic) == 2
    assert fine.value("kunobs_kafka_partition_in_sync_replicas", "public", "", "1", topic) == 1


def test_the_whole_set_is_declared(public: KafkaCluster, tenant: TenantKafkaCluster) -> None:
    """Both clusters at the finest detail: what is emitted is what the catalogue declares, each family once."""
    with exporter(public, tenant, detail="partition") as scrape:
        answer = whole(scrape)
    families = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE kunobs_kafka_")}
    assert families == {spec.name for spec in declared.METRICS}


def test_the_namespace_is_that_of_the_topic(tenant: TenantKafkaCluster, unique: Unique) -> None:
    """A tenant's own topics bear its namespace, dead letters too; the platform's bear none."""
    namespace = unique("shop")
    names = [f"kun.logs.{namespace}", f"kun.dlq.{namespace}", f"kun.logs.{namespace}.x"]
    local_topics.ensure(tenant, dict.fromkeys(names, 1))
    with exporter(KafkaCluster(brokers=("127.0.0.1:9",)), tenant, clusters="[tenant]") as scrape:
        answer = scrape("/metrics?collect[]=tenant_offsets")
    found = {
        labels[1] for (name, labels) in answer.samples if name.endswith("written_total") and labels[2] in names[:2]
    }
    assert found == {namespace}
    assert answer.value("kunobs_kafka_topic_written_total", "tenant", "", names[2]) == 0


def test_open_transactions_are_not_yet_there(public: KafkaCluster, fresh_topic: Fresh, unique: Unique) -> None:
    """The end is the last stable offset: what a read_committed group could have read, markers of commits included."""
    topic, group = fresh_topic(public, 1), unique("reader")
    producer = kafka.producer(public, **{"transactional.id": unique("tx")})
    producer.init_transactions(60)
    producer.begin_transaction()
    for _ in range(10):
        producer.produce(topic, b"x")
    producer.commit_transaction(60)
    producer.begin_transaction()
    producer.produce(topic, b"x")
    producer.flush(60)
    commit(public, group, {(topic, 0): 4})
    with exporter(public) as scrape:
        assert whole(scrape).value("kunobs_kafka_topic_written_total", "public", "", topic) == 11
        assert whole(scrape).value("kunobs_kafka_group_lag", group, "public", "", topic) == 7
        producer.commit_transaction(60)
        assert scrape().value("kunobs_kafka_topic_written_total", "public", "", topic) == 13


def test_lag_is_never_below_nothing(public: KafkaCluster, fresh_topic: Fresh, unique: Unique) -> None:
    """A group that commits each record as soon as it is there, without a pause: no scrape sees it ahead of the end."""
    topic, group, partitions = fresh_topic(public, 10), unique("reader"), range(10)
    stop = threading.Event()

    def move() -> None:
        producer = kafka.producer(public, **{"linger.ms": 0})
        reader = kafka.consumer(public, group)
        written = 0
        while not stop.is_set():
            for partition in partitions:
                producer.produce(topic, b"x", partition=partition)
            producer.flush(10)
            written += 1
            reader.commit(offsets=[TopicPartition(topic, n, written) for n in partitions], asynchronous=False)
        reader.close()

    mover = threading.Thread(target=move)
    mover.start()
    try:
        with exporter(public) as scrape:
            wait_until(lambda: scrape().value("kunobs_kafka_group_lag", group, "public", "", topic) is not None)
            fine = [scrape("/metrics?detail=partition&collect[]=public_offsets") for _ in range(60)]
    finally:
        stop.set()
        mover.join()
    behind = []
    for answer in fine:
        # From the raw offsets of the answer, for the lag itself is cut off at 0.
        for number in partitions:
            end = answer.value("kunobs_kafka_partition_end_offset", "public", "", str(number), topic)
            done = answer.value("kunobs_kafka_group_partition_commit", group, "public", "", str(number), topic)
            assert end is not None
            assert done is not None
            behind.append(end - done)
    print("behind", Counter(behind))
    assert min(behind) >= 0
    assert max(behind) > 0, "nothing was in flight: the test saw no race"


def test_the_age_of_what_is_unread(public: KafkaCluster, fresh_topic: Fresh, unique: Unique) -> None:
    """Older than the exporter: asked of the broker, to 1/64 of the retention; the headroom is what the retention leaves."""
    topic, group = fresh_topic(public, 2, retention_ms=3600_000), unique("reader")
    producer = kafka.producer(public)
    now = time.time()
    for minute in range(60):
        producer.produce(topic, b"x", partition=0, timestamp=int((now - 60 * (50 - minute * 0.8)) * 1000))
    producer.flush(60)
    commit(public, group, {(topic, 0): 25, (topic, 1): 0})
    with exporter(public) as scrape:
        seconds = whole(scrape).value("kunobs_kafka_group_lag_seconds", group, "public", "", topic)
        again = scrape()
    # Record 25 was written 30 minutes ago.
    assert seconds == pytest.approx(1800, abs=3600 / 64 + 60)
    assert seconds is not None
    assert seconds >= 1800
    left = again.value("kunobs_kafka_group_retention_headroom_seconds", group, "public", "", topic)
    assert left == pytest.approx(1800, abs=3600 / 64 + 60)


def test_what_retention_took_is_lost(public: KafkaCluster, fresh_topic: Fresh, unique: Unique) -> None:
    """The beginning has passed the commit: so many offsets nobody will read; what is left is still lag."""
    topic, group = fresh_topic(public, 1), unique("reader")
    produce(public, topic, [30])
    commit(public, group, {(topic, 0): 10})
    admin = kafka.admin(public)
    for deleted in admin.delete_records([TopicPartition(topic, 0, 18)]).values():
        deleted.result(30)
    with exporter(public) as scrape:
        answer = wait_until(lambda: _with(scrape(), "kunobs_kafka_topic_stored_offsets", 12, "public", "", topic))
    assert answer.value("kunobs_kafka_group_lost_offsets", group, "public", "", topic) == 8
    assert answer.value("kunobs_kafka_group_lag", group, "public", "", topic) == 20


def _with(answer: Scraped, name: str, value: float, *labels: str) -> Scraped | None:
    return answer if answer.value(name, *labels) == value else None


@pytest.mark.parametrize("kind", ["classic", "consumer"])
def test_groups_have_states_and_members(public: KafkaCluster, fresh_topic: Fresh, unique: Unique, kind: str) -> None:
    """Both protocols: stable with its member, empty without, gone when it is deleted."""
    topic, group = fresh_topic(public, 2), unique("reader")
    reader = kafka.consumer(public, group, **{"group.protocol": kind, "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    wait_until(lambda: reader.poll(0.2) is None and reader.assignment())
    with exporter(public) as scrape:

        def state() -> tuple[str | None, float | None]:
            answer = scrape()
            info = [
                labels for (name, labels) in answer.samples if name == "kunobs_kafka_group_info" and labels[0] == group
            ]
            return (
                f"{info[0][2]} {info[0][3]}" if info else None,
                answer.value("kunobs_kafka_group_members", group, "public"),
            )

        wait_until(lambda: reader.poll(0.1) is None and state() == (f"{kind} stable", 1))
        reader.close()
        wait_until(lambda: state() == (f"{kind} empty", 0))
        admin = kafka.admin(public)
        admin.delete_consumer_groups([group])[group].result(30)
        wait_until(lambda: state() == (None, None))


def test_bytes_are_those_on_the_disk(public: KafkaCluster, stack: LocalStack, fresh_topic: Fresh) -> None:
    """What the broker tells is the size of the segments, counted in its folder."""
    topic = fresh_topic(public, 2)
    produce(public, topic, [500, 100])
    with exporter(public) as scrape:
        told = scrape("/metrics?collect[]=public_sizes")
    folders = [folder for folder in stack.service("public").folder.rglob(f"{topic}-[01]") if folder.is_dir()]
    assert len(folders) == 2
    counted = sum(file.stat().st_size for folder in folders for file in folder.glob("*.log"))
    assert told.value("kunobs_kafka_topic_size_bytes", "public", "", topic) == counted > 0
    total = {name: value for (name, _), value in told.samples.items() if name.startswith("kunobs_kafka_log_dir_")}
    assert 0 < total["kunobs_kafka_log_dir_free_bytes"] < total["kunobs_kafka_log_dir_size_bytes"]


def test_fanouts_progress_is_its_checkpoints(
    public: KafkaCluster, tenant: TenantKafkaCluster, fresh_topic: Fresh, unique: Unique
) -> None:
    """Committed checkpoints count, an open transaction's do not, other groups' neither; the newest of a key wins."""
    source = fresh_topic(public, 2)
    produce(public, source, [100, 40])
    prefix, group = unique("c") + ".", unique("fanout")
    checkpoints = f"{prefix}kun.checkpoints"
    local_topics.ensure(tenant, {checkpoints: 3}, config={"cleanup.policy": "compact"})
    known = tenant.model_copy(update={"topic_prefix": prefix})

    def put(producer: object, partition: int, offset: int, name: str = group) -> None:
        key = offset_key(Place(name, "public", source, partition))
        producer.produce(checkpoints, offset_value(offset), key, partition=partition)  # type: ignore[attr-defined]

    plain = kafka.producer(tenant)
    put(plain, 0, 10)
    put(plain, 0, 60)
    put(plain, 1, 40)
    put(plain, 1, 0, "another")
    plain.flush(60)
    made = config(public, known)
    made = made.model_copy(update={"fanout": made.fanout.model_copy(update={"group": group})})
    with exporting(build(made)) as scrape:

        def lag() -> float | None:
            return scrape("/metrics?collect[]=fanout").value("kunobs_kafka_fanout_lag", group, source)

        assert lag() == 40
        transaction = kafka.producer(tenant, **{"transactional.id": unique("tx")})
        transaction.init_transactions(60)
        transaction.begin_transaction()
        put(transaction, 0, 95)
        transaction.flush(60)
        assert lag() == 40
        transaction.commit_transaction(60)
        # The coordinator writes the marker after it has answered.
        wait_until(lambda: lag() == 5)
        transaction.begin_transaction()
        put(transaction, 0, 99)
        transaction.flush(60)
        transaction.abort_transaction(60)
        # Behind the aborted one, so that a reader comes past it.
        put(plain, 1, 39)
        put(plain, 0, 0, "another")
        plain.flush(60)
        wait_until(lambda: lag() == 6)


def test_a_hung_cluster_costs_its_own_collectors(
    make_stack: Callable[..., LocalStack], public: KafkaCluster, fresh_topic: Fresh
) -> None:
    """SIGSTOP: every scrape is answered before its deadline, the other cluster's families are whole; SIGCONT: all is back."""
    own = make_stack()
    own.up(only=("tenant",))
    topic = fresh_topic(public, 1)
    produce(public, topic, [3])
    broker = own.service("tenant")
    with exporter(public, own.tenant_cluster()) as scrape:
        assert set(successes(scrape(timeout=60)).values()) == {1}
        broker.pause()
        wait_until(lambda: broker.status().state == "paused")
        try:
            for _ in range(5):
                answer = scrape(timeout=2)
                found = successes(answer)
                assert {name for name, good in found.items() if good} >= {
                    "public_cluster",
                    "public_offsets",
                    "public_groups",
                }
                assert {name for name, good in found.items() if not good} >= {
                    "tenant_cluster",
                    "tenant_offsets",
                    "fanout",
                }
                assert answer.value("kunobs_kafka_topic_written_total", "public", "", topic) == 3
        finally:
            broker.resume()
        wait_until(lambda: set(successes(scrape(timeout=60)).values()) == {1}, timeout=90)


def whole(scrape: Scraper, path: str = "/metrics") -> Scraped:
    """The first answer to which every collector brought all: a group's coordinator may still be loading."""
    answer: Scraped = wait_until(lambda: _all_good(scrape(path)), timeout=60)
    return answer


def _all_good(answer: Scraped) -> Scraped | None:
    return answer if set(successes(answer).values()) == {1} else None


def successes(answer: Scraped) -> dict[str, float]:
    """Collector -> its success."""
    return {labels[0]: value for (name, labels), value in answer.samples.items() if name == SUCCESS}


def test_nobody_there(tmp_path: Path) -> None:
    """No broker at either address: 200, all collectors at 0, and the debug page says who was asked."""
    nobody = KafkaCluster(brokers=("127.0.0.1:9",))
    with exporter(nobody, TenantKafkaCluster(brokers=("127.0.0.1:9",))) as scrape:
        answer = scrape("/metrics?debug=true", timeout=2)
    assert set(successes(answer).values()) == {0}
    assert "## | kafka/public_cluster: FAILED" in answer.text


def test_ten_thousand_partitions_and_a_hundred_groups(make_stack: Callable[..., LocalStack]) -> None:
    """100,000 commits: every lag, of each group, topic and partition, is what was produced minus what was committed."""
    seed = 20
    print("seed", seed)
    chance = random.Random(seed)
    own = make_stack(heap={"public": "1g"})
    own.up(only=("public",))
    cluster = own.public_cluster()
    topics = [f"kun.logs.ns{n}" for n in range(100)]
    for first in range(0, 100, 50):
        # A controller takes 10,000 partitions in a request at most.
        local_topics.ensure(cluster, dict.fromkeys(topics[first : first + 50], 100), timeout=300)
    written = {(chance.choice(topics), chance.randrange(100)): chance.randint(1, 20) for _ in range(500)}
    producer = kafka.producer(cluster)
    for (topic, partition), number in written.items():
        for _ in range(number):
            producer.produce(topic, b"x", partition=partition)
    assert producer.flush(120) == 0
    commits: dict[str, dict[tuple[str, int], int]] = {}
    for number in range(100):
        mine = chance.sample(topics, 10)
        commits[f"ns{number}.reader"] = {
            (topic, partition): chance.randint(0, written.get((topic, partition), 0))
            for topic in mine
            for partition in range(100)
        }
    for group, offsets in commits.items():
        commit(cluster, group, offsets)
    with exporter(cluster, max_series=1_000_000, timeout="60s") as scrape:
        answer = whole(scrape, "/metrics?detail=partition&collect[]=public_offsets")
    expected = {
        (group, "public", topic.removeprefix("kun.logs."), str(partition), topic): written.get((topic, partition), 0)
        - done
        for group, offsets in commits.items()
        for (topic, partition), done in offsets.items()
    }
    found = {
        labels: value for (name, labels), value in answer.samples.items() if name == "kunobs_kafka_group_partition_lag"
    }
    assert found == expected
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for (group, _, _, _, topic), lag in expected.items():
        sums[group, topic] += lag
    told = {(ls[0], ls[3]): value for (name, ls), value in answer.samples.items() if name == "kunobs_kafka_group_lag"}
    assert told == sums
