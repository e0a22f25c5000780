"""The ring says when an offset was written, as brute force over the whole history of writes says it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from exporters.kafka.ring import Ring

KEY = ("t", 0)


def history(seed: int) -> tuple[list[tuple[float, int]], list[float]]:
    """(time, end offset after it) of every write, and the times of the snapshots, in seconds."""
    chance = random.Random(seed)
    writes, end, now = [(0.0, 0)], 0, 0.0
    for _ in range(400):
        now += chance.expovariate(1 / 20)
        end += chance.choice([0, 1, 1, 3, 1000])
        writes.append((now, end))
    snapshots = sorted({chance.uniform(0, now) for _ in range(200)} | {now})
    return writes, snapshots


def end_at(writes: list[tuple[float, int]], time: float) -> int:
    """The end offset at a time, by looking at every write."""
    return max(end for written, end in writes if written <= time)


@pytest.mark.parametrize("seed", range(6))
def test_an_offset_lies_between_the_snapshots_around_it(seed: int) -> None:
    """Each offset: written after the last kept snapshot without it and by the first with it; None before the first."""
    print("seed", seed)
    writes, snapshots = history(seed)
    ring = Ring(kept=32)
    kept: list[float] = []
    for time in snapshots:
        ring.add(time, {KEY: end_at(writes, time)})
        kept = [when for when, _ in ring._snapshots]
    assert len(kept) == 32
    assert (kept[0], kept[-1]) == (snapshots[0], snapshots[-1])
    last = end_at(writes, snapshots[-1])
    for offset in {*range(0, last, max(1, last // 500)), last - 1}:
        before = [when for when in kept if end_at(writes, when) <= offset]
        after = [when for when in kept if end_at(writes, when) > offset]
        found = ring.written_at(KEY, offset)
        if before:
            assert found is not None
            assert max(before) <= found <= min(after)
        else:
            assert found is None
    assert ring.written_at(KEY, last) is None


def test_gaps_widen_with_age() -> None:
    """A day of scrapes in 64 snapshots: the last minutes are dense, and no gap is a large part of its age."""
    ring = Ring()
    for scrape in range(24 * 240):
        ring.add(scrape * 15.0, {KEY: scrape})
    times = [when for when, _ in ring._snapshots]
    now = times[-1]
    assert now - times[-4] <= 60
    for older, newer in pairwise(times[1:]):
        assert newer - older <= max(60.0, 0.35 * (now - older))


def test_a_topic_made_anew_forgets() -> None:
    """An end that falls is another topic under the same name: its offsets have no past."""
    ring = Ring()
    ring.add(0, {KEY: 100})
    ring.add(10, {KEY: 200})
    ring.add(20, {KEY: 5})
    assert ring.written_at(KEY, 3) is None
    ring.add(30, {KEY: 15})
    assert ring.written_at(KEY, 10) == 25


def test_a_partition_without_an_answer_stays_where_it_was() -> None:
    """A broker that was away for a scrape breaks no later answer, and new partitions begin when they are seen."""
    ring = Ring()
    ring.add(0, {KEY: 0})
    ring.add(10, {})
    ring.add(20, {KEY: 10, ("new", 1): 7})
    ring.add(30, {KEY: 20, ("new", 1): 9})
    assert ring.written_at(KEY, 5) == 15
    assert ring.written_at(("new", 1), 8) == 25
    assert ring.written_at(("new", 1), 6) is None
    assert ring.written_at(("unknown", 0), 1) is None
