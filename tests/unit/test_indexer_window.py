"""How many requests may be under way: up by one after a streak, half after a refusal."""

from __future__ import annotations

from log_pipeline.indexer.window import Window


def _answer(window: Window, *refused: bool) -> None:
    for each in refused:
        ticket = window.enter(0)
        assert ticket is not None
        window.leave(ticket, refused=each)


def test_it_halves_and_grows_back_by_one() -> None:
    """A streak as long as the window is worth one more."""
    window = Window(1, 8)
    _answer(window, True)
    assert window.limit == 4
    _answer(window, False, False, False)
    assert window.limit == 4
    _answer(window, False)
    assert window.limit == 5


def test_it_stays_between_its_ends() -> None:
    """Never below the minimum, never above the maximum."""
    window = Window(2, 4)
    _answer(window, *[True] * 9)
    assert window.limit == 2
    _answer(window, *[False] * 100)
    assert window.limit == 4


def test_refusals_of_requests_under_way_together_count_once() -> None:
    """They were refused for the same reason."""
    window = Window(1, 8)
    tickets = [window.enter(0) for _ in range(8)]
    for ticket in tickets:
        assert ticket is not None
        window.leave(ticket, refused=True)
    assert window.limit == 4
    window.shrink(0)
    assert window.limit == 4


def test_no_more_than_the_limit_enter() -> None:
    """The next one waits, and gets nothing within its time."""
    window = Window(1, 2)
    first = window.enter(0)
    assert first is not None
    assert window.enter(0) is not None
    assert window.enter(0.01) is None
    window.leave(first, refused=False)
    assert window.enter(0) is not None
