"""Dead letters on real Kafka: listed, shown, and sent back once, to one leg only, whatever is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_END, TopicPartition

from kunobs import kafka
from kunobs.cli import main
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.local import topics as local_topics
from kunobs.testing.events import EventGenerator
from log_pipeline import headers
from log_pipeline.deadletters.letters import read_ranges, with_offsets, write_ranges
from log_pipeline.headers import Coordinates, coordinates, header
from log_pipeline.reading import read_to_end
from tests.pipeline import LATE, Pipeline
from tests.support import wait_until


@pytest.fixture
def pipeline(
    tmp_path: Path, public: KafkaCluster, tenant: TenantKafkaCluster, unique: Callable[[str], str]
) -> Iterator[Pipeline]:
    """A pipeline of this test's own, its system topics made."""
    made = Pipeline(unique("dlq"), tmp_path, public, tenant)
    child = made.start()
    child.wait_ready()
    local_topics.ensure(tenant, {made.names.replay("indexer"): 1}, config={})
    yield made
    made.stop()


def letters(pipeline: Pipeline, namespace: str, count: int, leg: str, reason: str = "rejected") -> None:
    """Put dead letters of a leg there."""
    topic = pipeline.names.dead_letters(namespace)
    local_topics.ensure(pipeline.tenant, {topic: 1}, config={})
    producer = kafka.producer(pipeline.tenant)
    for number, line in enumerate(EventGenerator(1, namespaces=2, shares={}).lines(count)):
        source = Coordinates("elsewhere", 0, number, 1700).encode()
        found = [(headers.SOURCE, source), *headers.verdict(leg, reason, "the server's own words")]
        producer.produce(topic, line.value, line.key, headers=found)
    assert producer.flush(30) == 0


def replayed(pipeline: Pipeline, leg: str) -> list[int]:
    """Source offsets on the leg's replay topic."""
    found = [coordinates(m.headers()) for m in read_to_end(pipeline.tenant, pipeline.names.replay(leg))]
    return [at.offset for at in found if at is not None]


def test_a_replay_reaches_one_leg_and_only_once(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    """Filters choose; a second run sends nothing; the other leg's topic stays empty; fanout delivers what came back to it."""
    config = str(pipeline.config())
    letters(pipeline, "shop", 5, "fanout")
    letters(pipeline, "shop", 4, "indexer", "mapping")
    assert main(["deadletters", "replay", "shop", "--leg", "indexer", "--dry-run", "-c", config]) == 0
    assert "4 would go back to indexer" in capsys.readouterr().out
    assert replayed(pipeline, "indexer") == []
    assert main(["deadletters", "replay", "shop", "--leg", "fanout", "-c", config]) == 0
    assert "5 sent back to fanout" in capsys.readouterr().out
    assert main(["deadletters", "replay", "shop", "--leg", "fanout", "-c", config]) == 0
    assert "Nothing to replay" in capsys.readouterr().out
    assert replayed(pipeline, "fanout") == [0, 1, 2, 3, 4]
    assert replayed(pipeline, "indexer") == []
    wait_until(
        lambda: sum(c.topic.startswith("kun.logs.") for c in pipeline.copies()) == 5, LATE, "fanout to deliver them"
    )
    assert main(["deadletters", "list", "--json", "-c", config]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["leg"], r["reason"], r["letters"], r["replayed"]) for r in rows] == [
        ("fanout", "rejected", 5, 5),
        ("indexer", "mapping", 4, 0),
    ]


def test_fanout_starts_after_retention_has_emptied_its_replays(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """The end of the replay's transaction is never read, so fanout stands one before the oldest: that is no gap to stop at."""
    config = str(pipeline.config())
    letters(pipeline, "shop", 5, "fanout")
    assert main(["deadletters", "replay", "shop", "--leg", "fanout", "-c", config]) == 0
    capsys.readouterr()
    delivered = lambda: sum(c.topic.startswith("kun.logs.") for c in pipeline.copies()) == 5  # noqa: E731
    wait_until(delivered, LATE, "fanout to deliver them")
    (first,) = pipeline.children
    assert first.terminate() == 0
    admin = kafka.admin(pipeline.tenant)
    mark = TopicPartition(pipeline.names.replay("fanout"), 0, OFFSET_END)
    assert admin.delete_records([mark])[mark].result().low_watermark == 6
    second = pipeline.start()
    second.wait_ready()
    lines = list(EventGenerator(2, namespaces=2, shares={}).lines(50))
    pipeline.feed(lines)
    pipeline.wait_for(50)
    assert not second.logged("failed")
    second.check()


def test_a_replay_that_is_killed_sends_nothing_twice(pipeline: Pipeline) -> None:
    """kill -9 before its commit: the next run sends every letter, once."""
    letters(pipeline, "shop", 1500, "indexer")
    command = [sys.executable, "-m", "kunobs", "deadletters", "replay", "shop", "-c", str(pipeline.config())]
    environ = {**os.environ, "KUNOBS_CRASH_AT": "replay.before_commit:2"}
    assert subprocess.run(command, env=environ, capture_output=True, timeout=120).returncode == -signal.SIGKILL
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == "500 sent back to indexer\n", done.stderr
    assert sorted(replayed(pipeline, "indexer")) == list(range(1500))


def test_a_letter_refused_again_counts_its_attempts(pipeline: Pipeline) -> None:
    """What fails once more lies in the dead letters again, with the attempt counted and its first source kept."""
    config = str(pipeline.config())
    topic = pipeline.names.dead_letters("shop")
    local_topics.ensure(pipeline.tenant, {topic: 1}, config={})
    big = b'{"kubernetes":{"namespace":"shop"},"message":"' + os.urandom(3_000_000).hex().encode() + b'"}'
    producer = kafka.producer(pipeline.tenant, **{"message.max.bytes": 17 << 20})
    source = Coordinates("elsewhere", 0, 7, 1700).encode()
    producer.produce(topic, big, headers=[(headers.SOURCE, source), *headers.verdict("fanout", "too_large")])
    assert producer.flush(30) == 0
    assert main(["deadletters", "replay", "shop", "-c", config]) == 0
    wait_until(lambda: len(list(read_to_end(pipeline.tenant, topic))) == 2, LATE, "the letter to come back")
    again = list(read_to_end(pipeline.tenant, topic))[1]
    assert coordinates(again.headers()) == Coordinates("elsewhere", 0, 7, 1700)
    assert header(again.headers(), headers.ATTEMPTS) == "2"
    assert again.value() == big


def test_hostile_letters_are_shown_safely(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences do not reach the terminal, bytes that are no text do not stop anything, strange headers neither."""
    topic = pipeline.names.dead_letters("shop")
    local_topics.ensure(pipeline.tenant, {topic: 1}, config={})
    producer = kafka.producer(pipeline.tenant)
    producer.produce(topic, b"\x1b[2J\xff\xfe", headers=[("kunobs-attempts", b"\x1b]0;x"), ("kunobs-leg", b"\xff")])
    producer.produce(topic, None)
    assert producer.flush(30) == 0
    for option in ([], ["--json"]):
        assert main(["deadletters", "show", "shop", *option, "-c", str(pipeline.config())]) == 0
        assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "NOT A NAMESPACE"], "is no namespace"),
        (["show", "nobody"], "has no dead letters"),
        (["replay", "shop", "--leg", "logstash"], "there is no leg"),
    ],
)
def test_wrong_arguments(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """Each says what is wrong and what would be right, exit 2."""
    assert main(["deadletters", *arguments, "-c", str(pipeline.config())]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "hint:" in printed


def test_ranges_join() -> None:
    """A full replay is one range, however it came about."""
    ranges = with_offsets([], [5, 1, 2])
    assert ranges == [(1, 2), (5, 5)]
    assert with_offsets(ranges, [3, 4]) == [(1, 5)]
    assert read_ranges(write_ranges(ranges)) == ranges
    assert read_ranges(None) == []
