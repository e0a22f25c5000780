"""Fanout on real Kafka under faults: kill -9 at named points, zombies, rebalances, refused records, brokers that go away."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from kunobs import kafka
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.local import LocalStack
from kunobs.local import topics as local_topics
from kunobs.testing.events import EventGenerator
from tests.pipeline import (
    LATE,
    Child,
    Copy,
    Pipeline,
    assert_exactly_once,
    assert_in_order,
    by_outcome,
    expected_topics,
)
from tests.support import wait_until

SEED = int(os.environ.get("SEED", "7"))
ROUNDS = int(os.environ.get("ROUNDS", "7"))
POINTS = ("fanout.mid_transaction", "fanout.before_commit", "fanout.after_commit")


@pytest.fixture
def pipeline(
    tmp_path: Path, public: KafkaCluster, tenant: TenantKafkaCluster, unique: Callable[[str], str]
) -> Iterator[Pipeline]:
    """A pipeline of this test's own."""
    print(f"SEED={SEED} ROUNDS={ROUNDS}")
    made = Pipeline(unique("fault"), tmp_path, public, tenant)
    yield made
    made.stop()


@pytest.fixture
def apart(
    tmp_path: Path, make_stack: Callable[..., LocalStack], unique: Callable[[str], str]
) -> Iterator[tuple[Pipeline, LocalStack]]:
    """A pipeline on a stack of its own, whose brokers the test may hurt."""
    stack = make_stack()
    stack.up(only=("public", "tenant"))
    made = Pipeline(unique("apart"), tmp_path, stack.public_cluster(), stack.tenant_cluster())
    yield made, stack
    made.stop()


class Feeder(threading.Thread):
    """Writes the generator's lines in bursts until it has written `total`."""

    def __init__(self, pipeline: Pipeline, seed: int, total: int, pause: float = 0.05) -> None:
        super().__init__(daemon=True)
        self.pipeline, self.total, self.written = pipeline, total, 0
        self.lines = EventGenerator(seed, namespaces=12, shares={"spoofed": 0.01, "broken": 0.01}).lines(total)
        self.enough = threading.Event()
        self._pause = pause

    def run(self) -> None:
        while self.written < self.total and not self.enough.is_set():
            self.written += self.pipeline.feed(self.lines[self.written : self.written + 100])
            self.enough.wait(self._pause)

    def finish(self) -> int:
        """Write no more; how many lines were written."""
        self.enough.set()
        self.join()
        return self.written


def test_kill_9_at_every_named_point_loses_and_repeats_nothing(pipeline: Pipeline) -> None:
    """Three points x ROUNDS kills with a transaction in flight, two processes sharing the work: each event exactly once, in order."""
    feeder = Feeder(pipeline, SEED, 200_000)
    feeder.start()
    rng = random.Random(SEED)
    survivor = pipeline.start()
    survivor.wait_ready()
    kills = 0
    for _ in range(ROUNDS):
        for point in POINTS:
            victim = pipeline.start(crash_at=f"{point}:{rng.randint(2, 6)}")
            victim.died()
            kills += 1
        survivor.check()
    written = feeder.finish()
    pipeline.wait_for(written)
    assert survivor.terminate() == 0
    copies = assert_exactly_once(pipeline)
    assert by_outcome(copies) == expected_topics(feeder.lines[:written])
    print(f"{kills} kills with work in flight, {written} events, 0 lost, 0 repeated")
    assert kills == ROUNDS * len(POINTS)


def test_at_least_once_repeats_at_most_what_was_not_committed(pipeline: Pipeline) -> None:
    """kill -9 loses nothing; what is repeated was read again from the last commit, and says so in its header."""
    sections = {"fanout": {"listen": "127.0.0.1:0", "group": f"{pipeline.name}-fanout", "delivery": "at_least_once"}}
    lines = EventGenerator(SEED, namespaces=8, shares={}).lines(6000)
    pipeline.feed(lines[:3000])
    first = pipeline.start(**sections)
    pipeline.wait_for(3000)
    committed = {(message.partition(), message.offset()) for message in pipeline.source()}
    assert first.terminate() == 0
    pipeline.feed(lines[3000:])
    pipeline.start(crash_at="fanout.before_commit:1", **sections).died()
    pipeline.start(**sections)
    pipeline.wait_for(6000)
    copies = pipeline.copies()
    times: dict[tuple[int, int], list[Copy]] = {}
    for copy in copies:
        times.setdefault((copy.source.partition, copy.source.offset), []).append(copy)
    assert len(times) == 6000
    repeated = {at for at, found in times.items() if len(found) > 1}
    assert repeated, "the crash point lies after the brokers had the records, so they must be written again"
    assert not repeated & committed


def test_a_zombie_cannot_commit(pipeline: Pipeline) -> None:
    """A process stopped for longer than its session, then continued, is fenced, recovers by itself and repeats nothing."""
    feeder = Feeder(pipeline, SEED + 1, 100_000)
    feeder.start()
    zombie = pipeline.start()
    zombie.wait_ready()
    wait_until(lambda: pipeline.progress() > 0, LATE, "first commits")
    os.kill(zombie.process.pid, signal.SIGSTOP)
    heir = pipeline.start()
    wait_until(lambda: heir.logged("earlier writers fenced"), LATE, "the heir to fence the zombie")
    before = pipeline.progress()
    wait_until(lambda: pipeline.progress() > before, LATE, "the heir to go on")
    os.kill(zombie.process.pid, signal.SIGCONT)
    wait_until(lambda: zombie.logged("began again"), LATE, "the zombie to recover")
    written = feeder.finish()
    pipeline.wait_for(written)
    assert zombie.terminate() == 0
    assert heir.terminate() == 0
    assert_exactly_once(pipeline)


def test_members_come_and_go(pipeline: Pipeline) -> None:
    """Rebalances 1 -> 3 -> 2 under load: nothing lost, nothing repeated, order kept."""
    feeder = Feeder(pipeline, SEED + 2, 100_000)
    feeder.start()
    children: list[Child] = [pipeline.start()]
    children[0].wait_ready()
    children += [pipeline.start(), pipeline.start()]
    for child in children[1:]:
        wait_until(lambda child=child: child.logged("partitions assigned"), LATE, "a new member's partitions")
    assert children[1].terminate() == 0
    before = pipeline.progress()
    wait_until(lambda: pipeline.progress() > before + 1000, LATE, "two members to go on")
    written = feeder.finish()
    pipeline.wait_for(written)
    assert_exactly_once(pipeline)


def test_a_deleted_tenant_topic_stops_nobody(pipeline: Pipeline) -> None:
    """One tenant's topic is deleted while events flow: it is made again by policy, the others go on, nothing is lost."""
    feeder = Feeder(pipeline, SEED + 3, 60_000)
    feeder.start()
    child = pipeline.start()
    wait_until(lambda: pipeline.progress() > 1000, LATE, "events to flow")
    victim = max(
        expected_topics(feeder.lines[:1000]).items(), key=lambda item: item[1] * item[0].startswith("kun.logs.")
    )[0]
    admin: AdminClient = kafka.admin(pipeline.tenant)
    before = pipeline.progress()
    admin.delete_topics([pipeline.names.topic_prefix + victim])[pipeline.names.topic_prefix + victim].result()
    wait_until(lambda: pipeline.progress() > before + 2000, LATE, "events to flow on")
    written = feeder.finish()
    pipeline.wait_for(written)
    assert child.terminate() == 0
    copies = pipeline.copies()
    assert_in_order(copies)
    found, expected = by_outcome(copies), expected_topics(feeder.lines[:written])
    assert {t: n for t, n in found.items() if t != victim} == {t: n for t, n in expected.items() if t != victim}
    assert 0 < found[victim] <= expected[victim]


def test_a_tenant_topic_that_takes_only_small_records(pipeline: Pipeline) -> None:
    """What is too large for one tenant's topic lies in its dead letters with the broker's reason; small ones of it and all others arrive."""
    lines = EventGenerator(SEED, namespaces=4, shares={}).lines(400)
    small = lines[0].expected.namespace
    sizes = sorted(len(line.value) for line in lines if line.expected.namespace == small)
    limit = sizes[len(sizes) // 2] + 200
    local_topics.ensure(pipeline.tenant, {pipeline.names.logs(small): 1}, config={"max.message.bytes": str(limit)})
    count = pipeline.feed(lines)
    child = pipeline.start(fanout={"listen": "127.0.0.1:0", "group": f"{pipeline.name}-fanout", "compression": "none"})
    pipeline.wait_for(count)
    copies = assert_exactly_once(pipeline)
    dead = [copy for copy in copies if copy.topic == f"kun.dlq.{small}"]
    kept = [len(copy.value or b"") for copy in copies if copy.topic == f"kun.logs.{small}"]
    assert dead
    assert {copy.reason for copy in dead} == {"too_large"}
    assert kept
    assert max(kept) < limit
    assert min(len(copy.value or b"") for copy in dead) > sizes[len(sizes) // 2]
    others = {t: n for t, n in by_outcome(copies).items() if small not in t}
    assert others == {t: n for t, n in expected_topics(lines).items() if small not in t}
    assert child.terminate() == 0


@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
def test_an_event_larger_than_its_topic_takes_holds_nobody_up(pipeline: Pipeline, delivery: str) -> None:
    """It is known beforehand that the broker would refuse it: no transaction is spoiled, and it lies in the dead letters."""
    lines = EventGenerator(SEED, namespaces=4, shares={}).lines(400)
    namespace = lines[0].expected.namespace
    noise = random.Random(SEED).randbytes(2 << 20).hex()
    giant = json.dumps({"kubernetes": {"namespace": namespace}, "message": noise}).encode()
    count = pipeline.feed(lines[:200])
    child = pipeline.start(fanout={"listen": "127.0.0.1:0", "group": f"{pipeline.name}-fanout", "delivery": delivery})
    pipeline.wait_for(count)
    count += pipeline.feed([lines[0]._replace(value=giant), *lines[200:]])
    pipeline.wait_for(count)
    dead = [copy for copy in pipeline.copies() if copy.topic == f"kun.dlq.{namespace}"]
    assert [(copy.value, copy.reason) for copy in dead] == [(giant, "too_large")]
    assert child.terminate() == 0
    assert not child.logged("records refused")
    assert by_outcome(pipeline.copies()) == expected_topics(lines) | {f"kun.dlq.{namespace}": 1}


@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
def test_more_than_the_queue_holds(pipeline: Pipeline, delivery: str) -> None:
    """One batch of large events overflows the producer's queue: it waits for room and goes on, also with what comes later."""
    lines = EventGenerator(SEED, namespaces=4, shares={}).lines(400)
    dice = random.Random(SEED)
    large = []
    for line in lines[:90]:
        noise = dice.randbytes(450_000).hex()
        value = json.dumps({"kubernetes": {"namespace": line.expected.namespace}, "message": noise}).encode()
        large.append(line._replace(value=value))
    count = pipeline.feed(large)
    child = pipeline.start(
        fanout={"listen": "127.0.0.1:0", "group": f"{pipeline.name}-fanout", "delivery": delivery},
        source={"topics": [pipeline.topic], "buffer": "256MiB"},
    )
    pipeline.wait_for(count)
    count += pipeline.feed(lines[90:])
    pipeline.wait_for(count)
    assert child.terminate() == 0
    assert by_outcome(assert_exactly_once(pipeline)) == expected_topics(lines)


@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
def test_a_tenant_kafka_that_hangs(apart: tuple[Pipeline, LocalStack], delivery: str) -> None:
    """It accepts connections and answers nothing: fanout says that it is not ready, and goes on when the answers come back."""
    pipeline, stack = apart
    feeder = Feeder(pipeline, SEED + 5, 40_000)
    feeder.start()
    child = pipeline.start(fanout={"listen": "127.0.0.1:0", "group": f"{pipeline.name}-fanout", "delivery": delivery})
    wait_until(lambda: pipeline.progress() > 500, LATE, "events to flow")
    for _ in range(2):
        stack.service("tenant").pause()
        wait_until(lambda: child.get("/-/ready").strip() != "ready", LATE, "the process to say that it waits")
        stack.service("tenant").resume()
        child.wait_ready()
        before = pipeline.progress()
        wait_until(lambda before=before: pipeline.progress() > before, LATE, "events to flow again")
    written = feeder.finish()
    pipeline.wait_for(written)
    assert child.terminate() == 0
    assert by_outcome(assert_exactly_once(pipeline)) == expected_topics(feeder.lines[:written])


def test_topic_budget_and_known_namespaces(pipeline: Pipeline) -> None:
    """A namespace that may have no topic is unrouted with the reason, and nothing else suffers."""
    lines = EventGenerator(SEED, namespaces=10, shares={}).lines(800)
    namespaces = sorted({line.expected.namespace for line in lines})
    count = pipeline.feed(lines)
    child = pipeline.start(topics={"replication": 1, "create": "known", "known": namespaces[:4], "new_per_hour": 3})
    pipeline.wait_for(count)
    copies = assert_exactly_once(pipeline)
    reasons = {copy.reason for copy in copies if copy.topic == "kun.unrouted"}
    assert reasons == {"unknown_namespace", "topic_budget"}
    assert len({copy.topic for copy in copies if copy.topic.startswith("kun.logs.")}) == 3
    assert child.terminate() == 0


def test_the_tenant_kafka_goes_away_and_comes_back(apart: tuple[Pipeline, LocalStack]) -> None:
    """The target is stopped, then killed: fanout waits, says that it is not ready, and goes on where it was."""
    pipeline, stack = apart
    feeder = Feeder(pipeline, SEED + 4, 40_000)
    feeder.start()
    child = pipeline.start()
    wait_until(lambda: pipeline.progress() > 500, LATE, "events to flow")
    for stop in ("kill", "stop"):
        getattr(stack.service("tenant"), stop)()
        wait_until(lambda: child.get("/-/ready").strip() != "ready", LATE, "the process to say that it waits")
        stack.service("tenant").start()
        before = pipeline.progress()
        wait_until(lambda before=before: pipeline.progress() > before, LATE, "events to flow again")
    written = feeder.finish()
    pipeline.wait_for(written)
    assert child.terminate() == 0
    assert_exactly_once(pipeline)
