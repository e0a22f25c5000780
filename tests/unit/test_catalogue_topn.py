"""Counters per namespace stay few, never go down and lose nothing."""

from __future__ import annotations

from collections import Counter as Tally

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from kunobs.catalogue.metrics import Metrics
from kunobs.catalogue.topn import OTHER, TopN
from kunobs.names import is_namespace
from kunobs.testing.clock import FakeClock

EVENTS = "kunobs_fanout_namespace_events_total"
BYTES = "kunobs_fanout_namespace_bytes_total"


class Bench:
    """A TopN over its own registry and clock, and a look at what a scrape shows."""

    def __init__(self, n: int) -> None:
        self.clock = FakeClock()
        metrics = Metrics(CollectorRegistry(), "t")
        self.events: Counter = metrics.counter(EVENTS)
        self.bytes: Counter = metrics.counter(BYTES)
        self.top = TopN(self.events, self.bytes, n=n, review=60, half_life=600, clock=self.clock)

    def shown(self, counter: Counter) -> dict[str, float]:
        """namespace -> value of the series that exist."""
        samples = next(iter(counter.collect())).samples
        return {s.labels["namespace"]: s.value for s in samples if s.name.endswith("_total")}


def test_first_come_are_shown_and_the_rest_is_summed() -> None:
    """While there is room a namespace gets a series; the next ones share one."""
    bench = Bench(2)
    bench.top.add({"a": (1, 10), "b": (2, 20), "c": (4, 40), "d": (8, 80)})
    assert bench.shown(bench.events) == {"a": 1, "b": 2, OTHER: 12}
    assert bench.shown(bench.bytes) == {"a": 10, "b": 20, OTHER: 120}
    assert bench.top.shown == {"a", "b"}


def test_the_rest_exists_from_the_start() -> None:
    """The shared series is there at 0 before the first event."""
    bench = Bench(2)
    assert bench.shown(bench.events) == {OTHER: 0}


def test_no_tenant_can_be_taken_for_the_rest() -> None:
    """A namespace called other is a namespace; the name of the rest cannot be one."""
    bench = Bench(2)
    bench.top.add({"other": (1, 1)})
    assert bench.shown(bench.events) == {"other": 1, OTHER: 0}
    assert not is_namespace(OTHER)


def test_a_busier_namespace_takes_the_place_at_the_review() -> None:
    """The least busy one leaves, its series with it; the new one starts at 0 and the rest keeps what it counted."""
    bench = Bench(2)
    bench.top.add({"idle": (1, 10), "busy": (1, 1000), "new": (5, 500)})
    bench.top.add({"new": (5, 500)})
    assert bench.shown(bench.events) == {"idle": 1, "busy": 1, OTHER: 10}
    bench.clock.advance(60)
    bench.top.add({"new": (3, 300), "idle": (2, 20)})
    assert bench.shown(bench.events) == {"busy": 1, "new": 3, OTHER: 12}
    assert bench.shown(bench.bytes) == {"busy": 1000, "new": 300, OTHER: 1020}


def test_equals_do_not_take_turns() -> None:
    """A namespace that is only a little busier waits, so that series do not come and go."""
    bench = Bench(1)
    bench.top.add({"holder": (1, 100), "rival": (1, 149)})
    bench.clock.advance(60)
    bench.top.add({})
    assert bench.top.shown == {"holder"}
    bench.top.add({"rival": (1, 2)})
    bench.clock.advance(60)
    bench.top.add({})
    assert bench.top.shown == {"rival"}


def test_old_volume_fades() -> None:
    """A namespace that was busy long ago gives way to one that has sent less in all, but lately."""
    bench = Bench(1)
    bench.top.add({"past": (1, 10_000)})
    for _ in range(30):
        bench.clock.advance(60)
        bench.top.add({"now": (1, 300)})
    assert bench.top.shown == {"now"}


def test_names_from_outside_cannot_fill_memory() -> None:
    """A hundred thousand names leave few series and few entries."""
    bench = Bench(5)
    for start in range(0, 100_000, 1000):
        bench.top.add({f"ns-{number}": (1, 1) for number in range(start, start + 1000)})
    assert len(bench.shown(bench.events)) == 6
    assert sum(bench.shown(bench.events).values()) == 100_000
    assert len(bench.top._recent) <= 2 * 200 + 1000


BATCH = st.dictionaries(
    st.sampled_from([f"n{number}" for number in range(12)]),
    st.tuples(st.integers(0, 50), st.integers(0, 100_000)),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 4), st.lists(st.tuples(BATCH, st.floats(0, 500)), max_size=40))
def test_bounded_monotone_and_complete(n: int, steps: list[tuple[dict[str, tuple[int, int]], float]]) -> None:
    """At every step: at most n series and the rest, none lower than before, and together all that was ever fed."""
    bench = Bench(n)
    fed, left = Tally[str](), Tally[str]()
    before: dict[str, dict[str, float]] = {"events": {}, "bytes": {}}
    for batch, pause in steps:
        bench.clock.advance(pause)
        bench.top.add(batch)
        fed.update(events=sum(events for events, _ in batch.values()), bytes=sum(size for _, size in batch.values()))
        for name, counter in (("events", bench.events), ("bytes", bench.bytes)):
            now = bench.shown(counter)
            assert len(now) <= n + 1
            assert OTHER in now
            assert [ns for ns, value in now.items() if value < before[name].get(ns, 0)] == []
            left[name] += int(sum(value for ns, value in before[name].items() if ns not in now))
            assert sum(now.values()) + left[name] == fed[name]
            before[name] = now
        assert bench.shown(bench.events).keys() == bench.shown(bench.bytes).keys()
