"""Our own rollover and retention, with time in the test's hands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kunobs.testing.clock import FakeClock
from kunobs.testing.elastic import MemoryIndex
from log_pipeline.indexer import template
from log_pipeline.indexer.lifecycle import OwnLifecycle
from tests.indexer_support import Bench, encode, event, index_config

HOUR = 3600.0


class World:
    """A server and a lifecycle that share a clock: rollover after an hour, retention of ten."""

    def __init__(self, url: str, clock: FakeClock) -> None:
        self.clock = clock
        self.bench = Bench(url)
        self.asked: list[str] = []
        config = index_config(rollover_age=HOUR, retention=10 * HOUR)
        self.rounds = OwnLifecycle(self.bench.api, config, self.asked.append, clock)
        template.ensure(self.bench.api, config, "")
        self.bench.deliver(encode(event("a", 1)))

    def after(self, seconds: float) -> list[str]:
        """The stream's indices by number, after that time and a round."""
        self.clock.advance(seconds)
        self.rounds.round()
        self.bench.registry.learn_all()
        return [index[-1] for index in self.bench.registry.get("a").generations.indices]


@pytest.fixture
def world() -> Iterator[World]:
    """One stream with one event."""
    clock = FakeClock()
    with MemoryIndex(clock.now) as index:
        yield World(index.url, clock)


def test_an_index_is_rolled_over_when_it_is_old_enough(world: World) -> None:
    """Not before, and once."""
    assert world.after(HOUR - 10) == ["1"]
    assert world.after(20) == ["1", "2"]
    assert world.after(1) == ["1", "2"]
    assert world.asked == ["done"]


def test_an_empty_index_is_not_rolled_over(world: World) -> None:
    """A namespace that has gone quiet must not fill the cluster with shards."""
    world.after(HOUR + 1)
    assert world.after(5 * HOUR) == ["1", "2"]


def test_retention_counts_from_the_rollover(world: World) -> None:
    """The youngest event of an index is as old as its successor, so it is kept that long."""
    world.after(HOUR + 1)
    assert world.after(10 * HOUR - 10) == ["1", "2"]
    assert world.after(20) == ["2"]


def test_a_write_index_is_never_deleted(world: World) -> None:
    """However old it is."""
    world.after(HOUR + 1)
    assert world.after(1000 * HOUR) == ["2"]


def test_a_cluster_without_streams_is_left_alone() -> None:
    """Nothing to do is no error."""
    with MemoryIndex() as index:
        OwnLifecycle(Bench(index.url).api, index_config()).round()


def test_rounds_stop_when_told_and_happen_only_where_they_are_ours(world: World) -> None:
    """Another process has the first partition."""
    ours, waits = [False, True], iter([False, False, True])
    world.clock.advance(HOUR + 1)
    world.rounds.run(lambda _: next(waits), lambda: ours.pop(0))
    assert world.asked == ["done"]
