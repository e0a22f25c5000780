"""The indexer before an Elasticsearch that refuses, lies, hangs up, stops and dies: every event once all the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.local import LocalStack
from kunobs.testing.elastic_proxy import Faults, FaultyElastic
from tests.indexer_integration import aim, assert_each_once, own_lines, roll_over, wait_for_documents
from tests.pipeline import LATE, Pipeline
from tests.support import wait_until


@pytest.fixture
def pipeline(
    tmp_path: Path, public: KafkaCluster, tenant: TenantKafkaCluster, elastic: str, unique: Callable[[str], str]
) -> Iterator[Pipeline]:
    """A pipeline of this test's own."""
    made = aim(Pipeline(unique("ix"), tmp_path, public, tenant), elastic, bulk="64KiB")
    yield made
    made.stop()


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_of_every_kind(pipeline: Pipeline, elastic: str, unique: Callable[[str], str], seed: int) -> None:
    """Refusals, lies and cuts, before and after the work was done: exactly once in the index, and no dead letter."""
    print(f"seed {seed}")
    namespace = unique("faulty")
    faults = Faults(refuse=0.1, unavailable=0.1, cut=0.15, item_429=0.02, item_429_lie=0.02, item_400=0.02, delay=0.05)
    with FaultyElastic(elastic, faults, seed) as proxy:
        aim(pipeline, proxy.url, bulk="64KiB", in_flight_min=4, in_flight_max=4)
        taken = pipeline.feed(own_lines(namespace, range(4000)))
        pipeline.start("indexer")
        wait_for_documents(pipeline, elastic, namespace, 1000)
        roll_over(elastic, namespace)
        pipeline.wait_for(taken, "indexer")
        kinds = {"refuse_before", "refuse_after", "cut_before", "cut_after", "item_429", "item_429_lie", "item_400"}
        assert kinds <= set(proxy.done), f"the run was too short: {proxy.done}"
    assert_each_once(elastic, namespace, range(4000))
    assert [copy.topic for copy in pipeline.copies()] == []


def test_an_elasticsearch_that_stands_still(
    pipeline: Pipeline, elastic: str, stack: LocalStack, unique: Callable[[str], str]
) -> None:
    """SIGSTOP for longer than a request's timeout, and a SIGTERM meanwhile: a clean exit, and all is sent again later."""
    namespace = unique("still")
    service = stack.service("elasticsearch")
    aim(pipeline, elastic, bulk="64KiB", drain_timeout="3s")
    pipeline.sections["elasticsearch"]["timeout"] = "1s"
    pipeline.feed(own_lines(namespace, range(1000)))
    child = pipeline.start("indexer")
    wait_for_documents(pipeline, elastic, namespace, 1)
    service.pause()
    try:
        taken = 1000 + pipeline.feed(own_lines(namespace, range(1000, 3000)))
        wait_until(lambda: child.logged("elasticsearch does not take events now; they wait"), 30, "a complaint")
        assert child.terminate() == 0
        assert pipeline.progress("indexer") < taken
    finally:
        service.resume()
    assert all(line.startswith("{") for line in child.log.read_text().splitlines()), child.log.read_text()
    pipeline.start("indexer")
    pipeline.wait_for(taken, "indexer")
    assert_each_once(elastic, namespace, range(3000))


def test_an_elasticsearch_that_is_away_for_a_minute(
    pipeline: Pipeline, elastic: str, stack: LocalStack, unique: Callable[[str], str]
) -> None:
    """The running process says what it waits for, reads on by itself when the node is back, and indexes each line once."""
    namespace = unique("minute")
    service = stack.service("elasticsearch")
    aim(pipeline, elastic, bulk="64KiB")
    pipeline.feed(own_lines(namespace, range(1000)))
    child = pipeline.start("indexer")
    wait_for_documents(pipeline, elastic, namespace, 1)
    service.stop()
    try:
        taken = 1000 + pipeline.feed(own_lines(namespace, range(1000, 3000)))

        def seconds() -> int:
            said = re.match(r"no event has been indexed for (\d+) s", child.get("/-/ready"))
            return int(said[1]) if said else 0

        wait_until(lambda: seconds() >= 60, LATE, "the process to say that it has waited for a minute")
    finally:
        service.start()
    child.wait_ready()
    pipeline.wait_for(taken, "indexer")
    assert_each_once(elastic, namespace, range(3000))
    assert child.terminate() == 0


def test_an_elasticsearch_that_dies(
    pipeline: Pipeline, elastic: str, stack: LocalStack, unique: Callable[[str], str]
) -> None:
    """kill -9 of the node while events flow, and a start of the indexer while it is away."""
    namespace = unique("dies")
    service = stack.service("elasticsearch")
    pipeline.feed(own_lines(namespace, range(1000)))
    first = pipeline.start("indexer")
    wait_for_documents(pipeline, elastic, namespace, 1)
    service.kill()
    try:
        taken = 1000 + pipeline.feed(own_lines(namespace, range(1000, 3000)))
        first.kill()
        second = pipeline.start("indexer")
        wait_until(lambda: second.logged("waiting for Elasticsearch"), 30, "the wait for Elasticsearch")
        assert "503" not in second.get("/-/healthy")
    finally:
        service.start()
    pipeline.wait_for(taken, "indexer")
    assert_each_once(elastic, namespace, range(3000))
