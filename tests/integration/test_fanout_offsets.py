"""Where fanout begins: checkpoints moved by hand, retention that overtook it, a first start at the end, and who may write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from kunobs import kafka
from kunobs.cli import main
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.errors import FencedError, UnavailableError
from kunobs.testing.events import EventGenerator
from log_pipeline.fanout.checkpoints import CheckpointStore, Slot
from tests.pipeline import LATE, Pipeline, assert_exactly_once
from tests.support import wait_until


@pytest.fixture
def pipeline(
    tmp_path: Path, public: KafkaCluster, tenant: TenantKafkaCluster, unique: Callable[[str], str]
) -> Iterator[Pipeline]:
    """A pipeline of this test's own with one source partition."""
    made = Pipeline(unique("off"), tmp_path, public, tenant, partitions=1)
    yield made
    made.stop()


def delete_before(pipeline: Pipeline, offset: int) -> None:
    """What retention does."""
    admin: AdminClient = kafka.admin(pipeline.public)
    mark = TopicPartition(pipeline.topic, 0, offset)
    admin.delete_records([mark])[mark].result()


def lines(count: int, seed: int = 3) -> list:  # type: ignore[type-arg]
    """Normal events of a few namespaces."""
    return EventGenerator(seed, namespaces=3, shares={}).lines(count)


def test_show_and_set(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run changes nothing; a running fanout forbids it; afterwards exactly the chosen events are copied again."""
    pipeline.feed(lines(100))
    child = pipeline.start()
    pipeline.wait_for(100)
    config = str(pipeline.config())
    assert main(["fanout", "offsets", "set", "--to", "90", "-c", config]) == 1
    assert "running members" in capsys.readouterr().err
    assert child.terminate() == 0
    assert main(["fanout", "offsets", "set", "--to", "90", "--dry-run", "-c", config]) == 0
    assert "100 -> 90 (10 offsets are copied again)" in capsys.readouterr().out
    assert main(["fanout", "offsets", "show", "--json", "-c", config]) == 0
    assert json.loads(capsys.readouterr().out)["next"] == 100
    wait_until(
        lambda: main(["fanout", "offsets", "set", "--to", "90", "-c", config]) == 0, LATE, "the group to be empty"
    )
    again = pipeline.start()
    again.wait_ready()
    pipeline.wait_for(100)
    wait_until(lambda: len(pipeline.copies()) == 110, LATE, "ten events to be copied again")
    assert again.terminate() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "yesterday"], "is no place"),
        (["--to", "5 parsecs ago"], "is no place"),
        (["--to", "99999"], "is not in"),
        (["--to", "latest", "--topic", "nobody"], "is no source topic"),
        (["--to", "latest", "--partition", "7"], "no partition 7"),
    ],
)
def test_places_that_are_none(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """Each says what is wrong and what would be right, exit 2."""
    pipeline.start().wait_ready()
    assert main(["fanout", "offsets", "set", *arguments, "--dry-run", "-c", str(pipeline.config())]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "hint:" in printed


def test_retention_overtook_the_lag(pipeline: Pipeline) -> None:
    """By default fanout stops with the exact gap and a hint; `on_gap: continue` counts it and goes on."""
    pipeline.feed(lines(50))
    first = pipeline.start()
    pipeline.wait_for(50)
    assert first.terminate() == 0
    pipeline.feed(lines(100, seed=4))
    delete_before(pipeline, 80)
    stopped = pipeline.start()
    stopped.expected_end = True
    assert stopped.process.wait(60) == 1
    said = stopped.log.read_text()
    assert "30 messages of" in said
    assert "source.on_gap: continue" in said
    source = {"topics": [pipeline.topic], "on_gap": "continue"}
    going_on = pipeline.start(source=source)
    pipeline.wait_for(150)
    wait_until(lambda: "kunobs_fanout_gap_events_total 30.0" in going_on.get("/metrics"), 20, "the gap to be counted")
    copies = pipeline.copies()
    assert sorted(copy.source.offset for copy in copies) == [*range(50), *range(80, 150)]


def test_start_at_the_end(pipeline: Pipeline) -> None:
    """`start: latest` reads what comes after the first start, also when the process dies before its first commit."""
    pipeline.feed(lines(40))
    source = {"topics": [pipeline.topic], "start": "latest"}
    first = pipeline.start(source=source)
    first.wait_ready()
    wait_until(lambda: pipeline.progress() == 40, LATE, "the place to be kept")
    first.kill()
    pipeline.feed(lines(25, seed=5))
    pipeline.start(source=source)
    pipeline.wait_for(65)
    assert sorted(copy.source.offset for copy in pipeline.copies()) == list(range(40, 65))


def test_new_partitions_are_picked_up(pipeline: Pipeline) -> None:
    """Partitions added to the source are read from their beginning."""
    from confluent_kafka.admin import NewPartitions

    pipeline.feed(lines(30))
    pipeline.start()
    pipeline.wait_for(30)
    admin: AdminClient = kafka.admin(pipeline.public)
    admin.create_partitions([NewPartitions(pipeline.topic, 3)])[pipeline.topic].result()
    pipeline.partitions = 3
    pipeline.feed(lines(300, seed=6))
    pipeline.wait_for(330)
    assert {copy.source.partition for copy in assert_exactly_once(pipeline)} == {0, 1, 2}


def test_the_later_claim_wins(pipeline: Pipeline, tenant: TenantKafkaCluster) -> None:
    """A writer that took a slot over makes the earlier one's transaction fail; one that finds a later claim gives up."""
    pipeline.start().wait_ready()
    topic = pipeline.names.checkpoints
    slot = Slot("claims", "public", "t", 0)
    store = CheckpointStore(tenant, topic)
    old = kafka.producer(tenant, **{"transactional.id": f"{pipeline.name}-old"})
    old.init_transactions(20)
    assert store.take_over({slot}, f"{pipeline.name}-old") == {}
    old.begin_transaction()
    old.produce(topic, b'{"offset":5}', slot.offset_key, slot.home)
    old.flush(20)
    assert CheckpointStore(tenant, topic).take_over({slot}, f"{pipeline.name}-new") == {}, (
        "an open transaction is no progress"
    )
    with pytest.raises(KafkaException):
        old.commit_transaction(20)
    store.put({slot: 9})
    assert store.offsets({slot}) == {slot: 9}
    with pytest.raises(FencedError):
        store._rivals({slot}, f"{pipeline.name}-old")


def test_a_transaction_that_never_ends_is_named(
    pipeline: Pipeline, tenant: TenantKafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offsets behind it cannot be known; the error says where it began and what to do, and no claims pile up meanwhile."""
    pipeline.start().wait_ready()
    topic = pipeline.names.checkpoints
    slot = Slot("hanging", "public", "t", 0)
    stranger = kafka.producer(tenant, **{"transactional.id": f"{pipeline.name}-stranger"})
    stranger.init_transactions(20)
    stranger.begin_transaction()
    stranger.produce(topic, b"{}", b"stranger", slot.home)
    stranger.flush(20)
    monkeypatch.setattr("log_pipeline.reading._TIMEOUT", 2.0)
    store = CheckpointStore(tenant, topic)
    for attempt in range(3):
        with pytest.raises(
            UnavailableError, match=rf"{topic}\[{slot.home}\] cannot be read past offset 0 of \d+"
        ) as caught:
            store.take_over({slot}, f"{pipeline.name}-{attempt}")
        assert "find-hanging" in caught.value.hint
    store.claim({slot}, f"{pipeline.name}-other")
    assert store._rivals({slot}, f"{pipeline.name}-other") == [(slot, f"{pipeline.name}-2")]
    stranger.abort_transaction(20)
    assert store.take_over({slot}, f"{pipeline.name}-last") == {}
