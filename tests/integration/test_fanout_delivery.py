"""Fanout on real Kafka: where events land, byte for byte, in order, with every odd kind of the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.testing.events import EventGenerator
from tests.pipeline import LATE, Pipeline, assert_exactly_once, assert_in_order, by_outcome, expected_topics
from tests.support import wait_until


@pytest.fixture
def pipeline(
    tmp_path: Path, public: KafkaCluster, tenant: TenantKafkaCluster, unique: Callable[[str], str]
) -> Iterator[Pipeline]:
    """A pipeline of this test's own."""
    made = Pipeline(unique("fan"), tmp_path, public, tenant)
    yield made
    made.stop()


@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
def test_every_event_lands_where_the_generator_says(pipeline: Pipeline, delivery: str) -> None:
    """Counts per topic equal the generator's, bytes and keys are untouched, order holds, and the drain exits 0."""
    lines = EventGenerator(11, namespaces=30).lines(6000)
    count = pipeline.feed(lines)
    child = pipeline.start(fanout={"listen": "127.0.0.1:0", "group": f"{pipeline.name}-fanout", "delivery": delivery})
    pipeline.wait_for(count)
    assert child.terminate() == 0
    copies = assert_exactly_once(pipeline)
    assert by_outcome(copies) == expected_topics(lines)


def test_an_older_brokers_group_and_topics_by_a_regular_expression(pipeline: Pipeline) -> None:
    """The classic protocol with two members, one of which leaves half-way, reads what the expression matches."""
    source = {"topics": [f"^{pipeline.name}-sou.*"], "group_protocol": "classic"}
    first, second = pipeline.start(source=source), pipeline.start(source=source)
    lines = EventGenerator(14, namespaces=8).lines(4000)
    count = pipeline.feed(lines[:2000])
    pipeline.wait_for(count)
    wait_until(
        lambda: first.logged("partitions assigned") and second.logged("partitions assigned"), LATE, "both to read"
    )
    assert first.terminate() == 0
    count += pipeline.feed(lines[2000:])
    pipeline.wait_for(count)
    assert second.terminate() == 0
    assert by_outcome(assert_exactly_once(pipeline)) == expected_topics(lines)


def test_a_record_without_key_stays_with_its_container(pipeline: Pipeline) -> None:
    """Without keys, lines of one container still share a partition of a topic with several, so that they keep their order."""
    lines = [line._replace(key=None) for line in EventGenerator(12, namespaces=3, shares={}).lines(2000)]
    count = pipeline.feed(lines)
    pipeline.start(topics={"replication": 1, "partitions": 3})
    pipeline.wait_for(count)
    copies = pipeline.copies()
    assert_in_order(copies)
    homes: dict[str, set[int]] = {}
    for copy in copies:
        container = (copy.value or b"").split(b"/var/log/containers/")[1].split(b".log")[0].decode()
        homes.setdefault(container, set()).add(copy.partition)
    assert {len(home) for home in homes.values()} == {1}
    assert {copy.partition for copy in copies} == {0, 1, 2}


def test_metrics_agree_with_the_far_end(pipeline: Pipeline) -> None:
    """What the process counts of itself is what lies on the tenant Kafka."""
    lines = EventGenerator(13, namespaces=5).lines(1500)
    count = pipeline.feed(lines)
    child = pipeline.start()
    pipeline.wait_for(count)
    found = by_outcome(pipeline.copies())
    delivered = sum(n for topic, n in found.items() if topic.startswith("kun.logs."))

    def counted() -> bool:
        metrics = child.get("/metrics")
        return (
            f'kunobs_fanout_events_total{{outcome="delivered"}} {delivered:.1f}' in metrics
            and f'kunobs_fanout_events_total{{outcome="quarantined"}} {found["kun.quarantine"]:.1f}' in metrics
            and f'kunobs_fanout_events_total{{outcome="unrouted"}} {found["kun.unrouted"]:.1f}' in metrics
        )

    from tests.support import wait_until

    wait_until(counted, 15, "metrics that agree")
