"""Offsets and memories of partitions."""

from __future__ import annotations

from kunobs.client.progress import Part, Progress, Seen


def _progress(**parts: Part) -> Progress:
    progress = Progress()
    progress.parts = {int(name[1:]): part for name, part in parts.items()}
    return progress


def test_the_oldest_is_forgotten_first() -> None:
    """A full memory loses one line for each new one, not all at once."""
    seen = Seen(3)
    assert [seen.add(source, at) for at, source in enumerate([b"a", b"b", b"c", b"a", b"d"])] == [
        True, True, True, False, True,
    ]  # fmt: skip
    assert not seen.add(b"c", 9)
    assert not seen.add(b"b", 9)
    assert seen.add(b"a", 9)


def test_no_memory_knows_nothing() -> None:
    """`remember=0`."""
    seen = Seen(0)
    assert seen.add(b"a", 0)
    assert seen.add(b"a", 1)


def test_what_is_given_is_handled_when_it_is_settled() -> None:
    """And only of partitions that are still ours."""
    progress = _progress(p0=Part(5, Seen(9), committed=5), p1=Part(0, Seen(9)))
    progress.give(0, 6)
    progress.give(1, 1)
    assert progress.unsent() == {1: 0}
    progress.drop(1)
    progress.settle()
    assert progress.unsent() == progress.unconfirmed() == {0: 6}


def test_the_end_of_a_partition_waits_for_its_last_event() -> None:
    """What lies behind an open event is passed with it; where nothing is open, at once; never backwards."""
    progress = _progress(p0=Part(0, Seen(9), committed=0))
    progress.give(0, 3)
    progress.pass_over(0, 5)
    progress.pass_over(0, 4)
    assert progress.unconfirmed() == {}
    progress.settle()
    assert progress.unconfirmed() == {0: 5}
    progress.pass_over(0, 7)
    progress.pass_over(0, 6)
    progress.pass_over(3, 6)
    assert progress.unconfirmed() == {0: 7}


def test_what_was_sent_is_not_sent_again_unless_it_was_refused() -> None:
    """An answer may come late, for a partition that is gone, or for an older offset."""
    progress = _progress(p0=Part(4, Seen(9), committed=0))
    progress.sent(progress.unsent())
    assert progress.unsent() == {}
    assert progress.unconfirmed({0}) == {0: 4}
    assert progress.unconfirmed({1}) == {}
    progress.refused(0)
    assert progress.unsent() == {0: 4}
    progress.confirmed(0, 4)
    progress.confirmed(0, 2)
    progress.confirmed(7, 2)
    progress.refused(7)
    assert progress.unconfirmed() == {}


def test_a_partition_that_goes_keeps_the_memory_of_what_was_handled() -> None:
    """What was read but not handled is to be handled when it comes again."""
    progress = _progress(p0=Part(0, Seen(9)))
    for at, source in enumerate([b"a", b"b", b"c"]):
        progress.parts[0].seen.add(source, at)
        progress.give(0, at + 1)
        if at == 1:
            progress.settle()
    seen = progress.drop(0)
    assert seen is not None
    assert not seen.add(b"b", 1)
    assert seen.add(b"c", 2)
    assert progress.drop(0) is None
