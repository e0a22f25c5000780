"""The demo's books: what balances, and that every kind of broken promise is seen and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from kunobs.local.demo.books import Books, balance
from kunobs.local.demo.farend import Coordinates, FarEnd, Indexed, Kept, Public, stream_and_id
from kunobs.local.demo.latency import Latency, Sample, quantiles
from kunobs.local.demo.oracle import judge
from kunobs.local.demo.run import sent_once
from kunobs.local.demo.table import seconds, summary


def event(namespace: str, offset: int | None, **fields: object) -> bytes:
    """A line of `namespace`; its log offset tells it apart from others."""
    log = {} if offset is None else {"log": {"offset": offset}}
    return json.dumps(
        {"@timestamp": "2026-11-01T00:00:00Z", "kubernetes": {"namespace": namespace}, **log, **fields}
    ).encode()


@dataclass
class World:
    """A far end as a faultless pipeline leaves it; tests then damage it."""

    far: FarEnd = field(default_factory=FarEnd)

    def send(self, value: bytes, fanout: str = "", indexer: str = "") -> Coordinates:
        """Put a record into the public topic and its outcomes where they belong, or where told."""
        source = Coordinates("filebeat", 0, len(self.far.public))
        verdict = judge(value)
        self.far.public[source] = Public(verdict, b"")
        right = {"deliver": "delivered", "quarantine": "quarantined"}.get(verdict.outcome, "unrouted")
        self.keep(source, fanout or right)
        if indexer:
            self.far.kept.append(Kept(source, "indexer", indexer, verdict.namespace))
        elif verdict.outcome == "deliver":
            self.far.indexed.setdefault(stream_and_id(verdict, source), Indexed(None))
        return source

    def keep(self, source: Coordinates, outcome: str, namespace: str = "") -> None:
        """Add a record of fanout."""
        if outcome in ("delivered", "dead_letter"):
            namespace = namespace or self.far.public[source].verdict.namespace
        self.far.kept.append(Kept(source, "fanout", outcome, namespace))

    def key(self, source: Coordinates) -> tuple[str, str]:
        """Where its document is."""
        return stream_and_id(self.far.public[source].verdict, source)

    def books(self) -> Books:
        """Settle."""
        return balance(self.far)


SPOOFED = event("pay", 5, log={"offset": 5, "file": {"path": "/var/log/containers/p_other_c-0a.log"}})


def full() -> World:
    """One of everything that may happen."""
    world = World()
    for offset in range(3):
        world.send(event("pay", offset))
    world.send(event("order", 0))
    world.send(event("pay", 1, resent=True))
    world.send(event("pay", None))
    world.send(event("pay", None))
    world.send(event("pay", 9), fanout="dead_letter")
    world.send(event("pay", 10), indexer="dead_letter")
    world.send(event("pay", 11), fanout="unrouted")
    world.send(SPOOFED)
    world.send(b"broken")
    world.send(b"")
    repaired = world.send(event("order", 20))
    world.far.indexed[world.key(repaired)] = Indexed("object_conflict")
    world.send(event("order", 21, kunobs={"repair_reason": "forged"}))
    world.far.indexed[world.key(Coordinates("filebeat", 0, 14))] = Indexed("forged")
    return world


def test_books_of_a_faultless_run_balance() -> None:
    """Resent lines are delivered by fanout, duplicates to the indexer; without an offset each is its own line."""
    books = full().books()
    assert books.wrongs == []
    assert summary(books, {}, 1.26) == {
        "in": 15,
        "fanout": {
            "delivered": {"order": 3, "pay": 7},
            "dead_letters": 1,
            "quarantined": 1,
            "unrouted": 3,
            "duplicates": 0,
        },
        "indexer": {
            "indexed": {"order": 3, "pay": 7},
            "repaired": 1,
            "dead_letters": 1,
            "quarantined": 1,
            "unrouted": 2,
            "duplicates": 1,
        },
        "balanced": True,
        "latency_seconds": {},
        "seconds": 1.3,
    }


def test_books_of_nothing_balance() -> None:
    """No record, no outcome."""
    assert World().books().balanced


def lose_in_fanout(world: World) -> None:
    """A record is in no topic of the tenants."""
    del world.far.kept[0]


def lose_in_index(world: World) -> None:
    """A document is missing."""
    del world.far.indexed[world.key(Coordinates("filebeat", 0, 0))]


def write_twice(world: World) -> None:
    """A record is in its topic twice."""
    world.keep(Coordinates("filebeat", 0, 2), "delivered")


def write_twice_in_two_topics(world: World) -> None:
    """A record is delivered and a dead letter."""
    world.keep(Coordinates("filebeat", 0, 2), "dead_letter")


def misroute(world: World) -> None:
    """A tenant reads another's line."""
    world.far.kept[3] = world.far.kept[3]._replace(namespace="pay")


def deliver_spoofed(world: World) -> None:
    """A line whose namespace cannot be trusted reaches it."""
    world.far.kept = [
        kept._replace(outcome="delivered", namespace="pay") if kept.outcome == "quarantined" else kept
        for kept in world.far.kept
    ]


def change_bytes(world: World) -> None:
    """A record is not what the agent sent."""
    world.far.kept[0] = world.far.kept[0]._replace(intact=False)


def reorder(world: World) -> None:
    """A tenant reads two lines of a partition the wrong way round."""
    world.far.kept[1] = world.far.kept[1]._replace(in_order=False)


def invent(world: World) -> None:
    """A record says it comes from where nothing is."""
    world.far.kept.append(Kept(Coordinates("filebeat", 3, 77), "fanout", "delivered", "pay"))


def index_spoofed(world: World) -> None:
    """The index holds a quarantined line."""
    world.far.indexed[stream_and_id(judge(SPOOFED))] = Indexed(None)


def index_twice(world: World) -> None:
    """Two backing indices hold the same id."""
    world.far.indexed[world.key(Coordinates("filebeat", 0, 0))].copies = 2


def index_in_other_stream(world: World) -> None:
    """A document is in another namespace's stream."""
    stream, name = world.key(Coordinates("filebeat", 0, 0))
    world.far.indexed[stream.replace("pay", "order"), name] = world.far.indexed.pop((stream, name))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lose_in_fanout, "fanout gave no outcome to records: 1 (filebeat/0/0)"),
        (lose_in_index, "indexer gave no outcome to records: 1 (filebeat/0/0)"),
        (write_twice, "fanout wrote 1 records twice"),
        (write_twice_in_two_topics, "fanout wrote 1 records twice"),
        (misroute, "fanout wrote to the wrong place: 1 (filebeat/0/3)"),
        (deliver_spoofed, "fanout wrote to the wrong place: 1 (filebeat/0/10)"),
        (change_bytes, "bytes or key were changed: 1 (filebeat/0/0)"),
        (reorder, "fanout broke the order: 1 (filebeat/0/1)"),
        (invent, "fanout wrote records of an unknown source: 1 (filebeat/3/77)"),
        (index_spoofed, "documents that no record accounts for: 1 (logs-k8s-pay/"),
        (index_twice, "documents indexed twice: 1 (logs-k8s-pay/"),
        (index_in_other_stream, "indexer gave no outcome to records: 1 (filebeat/0/0)"),
    ],
)
def test_every_broken_promise_is_seen(damage: Callable[[World], None], says: str) -> None:
    """One damage, and the books say which promise broke and where."""
    world = full()
    damage(world)
    books = world.books()
    assert not books.balanced
    assert any(wrong.startswith(says) for wrong in books.wrongs), books.wrongs


def test_only_the_first_of_many_lost_records_are_listed() -> None:
    """Ten coordinates and a count are enough to begin with."""
    world = World()
    for offset in range(25):
        world.send(event("pay", offset))
    world.far.kept.clear()
    books = world.books()
    assert len(books.fanout.lost) == 25
    assert books.wrongs[0].startswith("fanout gave no outcome to records: 25 (filebeat/0/0, ")
    assert books.wrongs[0].endswith("filebeat/0/9, …)")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (None, None)),
        ([0.12345], (0.123, 0.123)),
        ([1, 2], (1, 2)),
        (range(1, 101), (50, 99)),
        (range(1, 1001), (500, 990)),
    ],
)
def test_quantiles_are_nearest_ranks(values: list[float], expected: tuple[float | None, float | None]) -> None:
    """A value that was measured, not one between two."""
    assert quantiles(values) == expected


def test_latencies_of_resent_lines_do_not_count() -> None:
    """Which of the two the index held first cannot be told."""
    world = full()
    samples = [Sample(*world.key(Coordinates("filebeat", 0, offset)), 0.5) for offset in (0, 1, 2)]
    assert sent_once(samples, world.far) == [samples[0], samples[2]]


def test_latencies_for_people() -> None:
    """Milliseconds below a second."""
    assert [seconds(value) for value in (None, 0.0124, 0.9, 1.26)] == ["-", "12 ms", "900 ms", "1.3 s"]
    assert summary(World().books(), {"fanout": Latency(0.1, None)}, 0)["latency_seconds"] == {
        "fanout": {"p50": 0.1, "p99": None}
    }
