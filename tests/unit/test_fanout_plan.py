"""Planning a batch: targets, headers, diversions; topics are a fake that says yes or no."""

from __future__ import annotations

import json
import random

import pytest

from kunobs.names import Names
from kunobs.testing.clock import FakeClock
from log_pipeline import headers
from log_pipeline.event import EventReader
from log_pipeline.fanout.plan import Planner
from log_pipeline.headers import Coordinates, coordinates
from log_pipeline.message import Message


class Said:
    """A consumed record."""

    def __init__(
        self,
        value: bytes | None,
        offset: int = 0,
        key: bytes | None = b"k",
        topic: str = "filebeat",
        found: object = None,
    ) -> None:
        self._said = topic, offset, key, value, found

    def topic(self) -> str:
        return self._said[0]

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return self._said[1]

    def key(self) -> bytes | None:
        return self._said[2]

    def value(self) -> bytes | None:
        return self._said[3]

    def headers(self) -> object:
        return self._said[4]

    def timestamp(self) -> tuple[int, int]:
        return 1, 1700

    def __len__(self) -> int:
        return len(self._said[3] or b"")


class FakeTopics:
    """Knows which namespaces get no topic, and why."""

    def __init__(self, refused: dict[str, str] | None = None, no_dead_letters: str = "", partitions: int = 1) -> None:
        self.refused, self.no_dead_letters = refused or {}, no_dead_letters
        self.partitions: dict[str, int] = {}
        self.count = partitions
        self.asked: list[set[str]] = []
        self.largest: dict[str, int] = {}

    def ensure_logs(self, namespaces: set[str]) -> dict[str, str]:
        self.asked.append(set(namespaces))
        self.partitions |= {f"kun.logs.{n}": self.count for n in namespaces if n not in self.refused}
        return {n: self.refused[n] for n in namespaces if n in self.refused}

    def ensure_dead_letters(self, namespace: str) -> str | None:
        return self.no_dead_letters or None

    def forget(self, topic: str) -> None:
        self.partitions.pop(topic, None)

    def largest_messages(self, topics: list[str]) -> dict[str, int]:
        return {topic: self.largest[topic] for topic in topics if topic in self.largest}


def planner(topics: FakeTopics, *, compressed: bool = False) -> Planner:
    """A planner over the fake."""
    return Planner(EventReader(), topics, Names(), compressed=compressed)  # type: ignore[arg-type]


def event(namespace: str, size: int = 0, container: str = "c1") -> bytes:
    """A small event."""
    return json.dumps(
        {"kubernetes": {"namespace": namespace}, "container": {"id": container}, "message": "m" * size}
    ).encode()


def planned(made: Planner, *messages: Said) -> list[tuple[str, str, str]]:
    """(topic, outcome, reason) of each."""
    batch: list[Message] = list(messages)  # type: ignore[arg-type]
    return [(target.topic, target.outcome, target.reason) for target, *_ in made.plan(batch)[0]]


def test_one_batch_asks_for_new_topics_once() -> None:
    """All new namespaces of a batch are made together, and known ones are not asked for again."""
    topics = FakeTopics()
    made = planner(topics)
    messages = [Said(event(name), n) for n, name in enumerate(["a", "b", "a", "c"])]
    assert [topic for topic, *_ in planned(made, *messages)] == ["kun.logs.a", "kun.logs.b", "kun.logs.a", "kun.logs.c"]
    planned(made, *messages)
    assert topics.asked == [{"a", "b", "c"}]


def test_record_is_the_original_with_its_source() -> None:
    """Bytes and key are passed on, the header says where the record came from."""
    value = b' {"kubernetes": {"namespace": "a"}, "b": 1} '
    for _ in range(2):
        ((target, out, key, found, partition),), _tally = planner(FakeTopics()).plan([Said(value, 9)])  # type: ignore[list-item]
        assert (target.topic, out, key, partition) == ("kun.logs.a", value, b"k", -1)
        assert coordinates(found) == Coordinates("filebeat", 3, 9, 1700)


def test_slow_and_fast_way_agree() -> None:
    """The first event of a container goes the long way, the next one the short one; both come out the same."""
    made = planner(FakeTopics())
    first, second = (made.plan([Said(event("a", 3), 1)])[0][0] for _ in range(2))  # type: ignore[list-item]
    assert first == second


def test_tally_counts_events_and_bytes() -> None:
    """Per target, with the bytes of the values."""
    made = planner(FakeTopics())
    values = [event("a", 5), event("a", 7), b"broken", event("a", 5)]
    _, tally = made.plan([Said(value, n) for n, value in enumerate(values)])  # type: ignore[misc]
    by_topic = {target.topic: (count, tally.bytes[target]) for target, count in tally.events.items()}
    assert by_topic == {"kun.logs.a": (3, sum(len(v) for v in values) - 6), "kun.unrouted": (1, 6)}


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("unknown_namespace", "unrouted"),
        ("topic_budget", "unrouted"),
        ("denied", "dead_letter"),
        ("missing_topic", "dead_letter"),
    ],
)
def test_a_namespace_without_topic(reason: str, outcome: str) -> None:
    """One that may have no topic is unrouted; one whose topic cannot be made is dead-lettered; others are delivered."""
    made = planner(FakeTopics({"a": reason}))
    topic = "kun.unrouted" if outcome == "unrouted" else "kun.dlq.a"
    assert planned(made, Said(event("a")), Said(event("b"))) == [
        (topic, outcome, reason),
        ("kun.logs.b", "delivered", ""),
    ]


def test_no_dead_letter_topic_either() -> None:
    """The last resort is kun.unrouted, with the reason why."""
    made = planner(FakeTopics({"a": "denied"}, no_dead_letters="denied"))
    assert planned(made, Said(event("a"))) == [("kun.unrouted", "unrouted", "denied")]


def test_diverted_events_and_namespaces() -> None:
    """One event, then a namespace is diverted; its neighbours are not, and afterwards everything is as before."""
    made = planner(FakeTopics())
    planned(made, Said(event("a")), Said(event("b")))
    made.divert_event("a", event("a", 9), "too_large", "Broker: too large")
    assert planned(made, Said(event("a", 9)), Said(event("a", 8)), Said(event("b", 9))) == [
        ("kun.dlq.a", "dead_letter", "too_large"),
        ("kun.logs.a", "delivered", ""),
        ("kun.logs.b", "delivered", ""),
    ]
    made.diversions.clear_events()
    assert planned(made, Said(event("a", 9))) == [("kun.logs.a", "delivered", "")]
    made.divert_namespace("b", "denied", "no")
    assert planned(made, Said(event("b")), Said(event("a"))) == [
        ("kun.dlq.b", "dead_letter", "denied"),
        ("kun.logs.a", "delivered", ""),
    ]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("largest", [1_500, 2_000_000])
def test_a_topic_known_to_be_small(largest: int, compressed: bool) -> None:
    """What cannot fit goes to the dead letters untried; what may fit once it is compressed is tried; others are not touched."""
    topics = FakeTopics()
    topics.largest = {"kun.logs.a": largest, "kun.logs.b": 10_000_000}
    made = planner(topics, compressed=compressed)
    noise = json.dumps(
        {
            "kubernetes": {"namespace": "a"},
            "container": {"id": "c1"},
            "message": random.Random(0).randbytes(largest).hex(),
        }
    ).encode()
    for _ in range(2):
        found = planned(
            made,
            Said(event("a", 10)),
            Said(event("a", largest)),
            Said(noise),
            Said(event("a", largest // 2)),
            Said(event("b", largest)),
        )
        assert [outcome for _, outcome, _ in found] == [
            "delivered",
            "delivered" if compressed else "dead_letter",
            "dead_letter",
            "delivered",
            "delivered",
        ]


def test_a_diversion_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """After half a minute the namespace's own topic is tried again."""
    clock = FakeClock()
    monkeypatch.setattr("log_pipeline.fanout.plan.SYSTEM_CLOCK", clock)
    made = planner(FakeTopics())
    planned(made, Said(event("a")))
    made.divert_namespace("a", "denied")
    assert planned(made, Said(event("a")))[0][1] == "dead_letter"
    clock.sleep(31)
    assert planned(made, Said(event("a")))[0][1] == "delivered"


def test_a_replayed_letter_keeps_its_source_and_counts_attempts() -> None:
    """What comes from the replay topic is routed by itself and still says where it first came from."""
    source = Coordinates("filebeat", 1, 77, 5)
    made = planner(FakeTopics({"a": "denied"}))
    for said, attempts in ((b"2", b"3"), (b"many", b"2"), (b"9" * 400, b"2")):
        found = [(headers.SOURCE, source.encode()), (headers.ATTEMPTS, said)]
        ((_, _, _, out, _),), _tally = made.plan([Said(event("a"), 5, topic="kun.replay.fanout", found=found)])  # type: ignore[list-item]
        assert coordinates(out) == source
        assert (headers.ATTEMPTS, attempts) in out


def test_without_key_a_container_keeps_its_partition() -> None:
    """Only where the topic has several partitions; another container may get another one."""
    made = planner(FakeTopics(partitions=8))
    messages = [Said(event("a", container=f"c{n % 5}"), n, key=None) for n in range(40)]
    homes: dict[int, set[int]] = {}
    for number, record in enumerate(made.plan(messages)[0]):  # type: ignore[arg-type]
        homes.setdefault(number % 5, set()).add(record[4])
    assert all(len(home) == 1 for home in homes.values())
    assert len(set.union(*homes.values())) > 1


@pytest.mark.parametrize("raw", [b"", b"a/b", b"a/1/x/2", b"a/1/2", b"a/1/2/3/4", b"\xff/1/2/3"])
def test_headers_that_are_not_ours(raw: bytes) -> None:
    """A strange source header is none, and nothing raises."""
    assert coordinates([(headers.SOURCE, raw)]) is None
