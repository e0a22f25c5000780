"""Which offsets may be committed: never past an unfinished batch, whatever the order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from log_pipeline.watermark import Token, Watermark

HERE, THERE = ("filebeat", 0), ("filebeat", 1)


def test_nothing_is_committable_before_the_oldest_batch_is_done() -> None:
    """A later batch that finishes first moves nothing; the older one then moves both."""
    marks = Watermark()
    first, second = marks.opened(HERE, 0, 9), marks.opened(HERE, 10, 19)
    marks.done(second)
    assert marks.committable() == {}
    marks.done(first)
    assert marks.committable() == {HERE: 20}


def test_holes_in_the_offsets_do_not_matter() -> None:
    """Compaction and transaction markers leave holes between and within batches."""
    marks = Watermark()
    marks.done(marks.opened(HERE, 5, 90))
    marks.done(marks.opened(HERE, 200, 200))
    assert marks.committable() == {HERE: 201}


def test_partitions_are_independent() -> None:
    """An unfinished batch holds back its own partition only."""
    marks = Watermark()
    marks.opened(HERE, 0, 9)
    marks.done(marks.opened(THERE, 0, 4))
    assert marks.committable() == {THERE: 5}
    assert marks.unfinished() == 1
    assert marks.unfinished([THERE]) == 0


def test_a_late_batch_of_a_forgotten_partition_changes_nothing() -> None:
    """After the partition came back, what its old batches say does not touch the new ones."""
    marks = Watermark()
    old = marks.opened(HERE, 0, 99)
    marks.forget([HERE])
    new = marks.opened(HERE, 50, 59)
    marks.done(old)
    assert marks.committable() == {}
    assert marks.oldest(HERE) is new
    marks.done(new)
    assert marks.committable() == {HERE: 60}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), max_size=40), st.randoms(use_true_random=False))
def test_agrees_with_brute_force(opens: list[tuple[int, int]], order: object) -> None:
    """After every step the mark is what scanning all batches gives."""
    marks = Watermark()
    batches: list[Token] = []
    ends: dict[int, int] = {}
    for number, length in opens:
        first = ends.get(number, 0)
        ends[number] = first + length
        batches.append(marks.opened(("t", number), first, first + length - 1))
    shuffled = list(batches)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    finished: set[int] = set()
    for token in shuffled:
        finished.add(id(token))
        marks.done(token)
        expected: dict[tuple[str, int], int] = {}
        for partition in {each.partition for each in batches}:
            for each in (b for b in batches if b.partition == partition):
                if id(each) not in finished:
                    break
                expected[partition] = each.last + 1
        assert marks.committable() == expected
