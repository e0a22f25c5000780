"""The indexer killed at the worst moments, with and without rollovers: nothing lost, nothing twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from tests.indexer_integration import aim, assert_each_once, count, own_lines, roll_over, wait_for_documents
from tests.pipeline import Pipeline
from tests.support import wait_until


@pytest.fixture
def pipeline(
    tmp_path: Path, public: KafkaCluster, tenant: TenantKafkaCluster, elastic: str, unique: Callable[[str], str]
) -> Iterator[Pipeline]:
    """A pipeline of this test's own."""
    made = aim(Pipeline(unique("ix"), tmp_path, public, tenant), elastic, bulk="64KiB")
    yield made
    made.stop()


@pytest.mark.parametrize("rollover", [False, True], ids=["same index", "rolled over"])
@pytest.mark.parametrize("point", ["indexer.after_bulk:3", "indexer.after_bulk_before_commit:2"])
def test_killed_between_the_bulk_and_the_commit(
    pipeline: Pipeline, elastic: str, unique: Callable[[str], str], point: str, rollover: bool
) -> None:
    """What the dead process had indexed and not committed is read again and recognised, also in an older index."""
    namespace = unique("crash")
    taken = pipeline.feed(own_lines(namespace, range(3000)))
    pipeline.start("indexer", crash_at=point).died()
    there, committed = count(elastic, namespace), pipeline.progress("indexer")
    assert there > committed, "the kill came when nothing was at stake"
    if rollover:
        roll_over(elastic, namespace)
    # All of the first lines may have been indexed by then.
    taken += pipeline.feed(own_lines(namespace, range(3000, 3500)))
    child = pipeline.start("indexer")
    pipeline.wait_for(taken, "indexer")
    found = assert_each_once(elastic, namespace, range(3500))
    assert len({hit["_index"] for hit in found}) == 1 + rollover
    assert child.terminate() == 0


def test_killed_before_second_copies_are_deleted(
    pipeline: Pipeline, elastic: str, unique: Callable[[str], str]
) -> None:
    """An agent sends lines again after a rollover nobody noticed, and the process dies with two copies in the index."""
    namespace = unique("copies")
    lines = own_lines(namespace, range(300))
    taken = pipeline.feed(lines)
    child = pipeline.start("indexer", crash_at="indexer.before_second_copies_deleted")
    pipeline.wait_for(taken, "indexer")
    roll_over(elastic, namespace)
    taken += pipeline.feed(lines[:100])
    child.died()
    assert count(elastic, namespace) > 300
    pipeline.start("indexer")
    pipeline.wait_for(taken, "indexer")
    assert_each_once(elastic, namespace, range(300))


def test_killed_again_and_again(pipeline: Pipeline, elastic: str, unique: Callable[[str], str]) -> None:
    """kill -9 at random while events and rollovers come."""
    seed = 5
    print(f"seed {seed}")
    dice, namespace, fed = random.Random(seed), unique("kills"), 0
    for _ in range(4):
        fed += pipeline.feed(own_lines(namespace, range(fed, fed + 1500)))
        child = pipeline.start("indexer")
        goal = count(elastic, namespace) + dice.randrange(1, 1000)
        wait_for_documents(pipeline, elastic, namespace, min(goal, fed))
        child.kill()
        roll_over(elastic, namespace)
    pipeline.start("indexer")
    pipeline.wait_for(fed, "indexer")
    assert_each_once(elastic, namespace, range(fed))


def test_partitions_move_while_events_flow(pipeline: Pipeline, elastic: str, unique: Callable[[str], str]) -> None:
    """A second process joins and the first leaves: both drain what they hold before they give it up."""
    namespace = unique("moves")
    taken = pipeline.feed(own_lines(namespace, range(2000)))
    first = pipeline.start("indexer")
    wait_for_documents(pipeline, elastic, namespace, 1)
    second = pipeline.start("indexer")
    taken += pipeline.feed(own_lines(namespace, range(2000, 4000)))
    wait_until(lambda: first.logged("partitions revoked") and second.logged("partitions assigned"), 60, "a rebalance")
    taken += pipeline.feed(own_lines(namespace, range(4000, 6000)))
    assert first.terminate() == 0
    pipeline.wait_for(taken, "indexer")
    assert_each_once(elastic, namespace, range(6000))
    assert not any(entry.get("event") == "partitions lost" for child in (first, second) for entry in child.entries())


def test_a_drain_commits_what_was_read(pipeline: Pipeline, elastic: str, unique: Callable[[str], str]) -> None:
    """SIGTERM while events flow: exit 0, and everything committed is indexed."""
    namespace = unique("drain")
    pipeline.feed(own_lines(namespace, range(5000)))
    child = pipeline.start("indexer")
    wait_for_documents(pipeline, elastic, namespace, 500)
    assert child.terminate() == 0
    assert count(elastic, namespace) == pipeline.progress("indexer")
