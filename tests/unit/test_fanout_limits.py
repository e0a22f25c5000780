"""What a tenant's topic takes: known beforehand, asked again when it may have changed, learned from a refusal where it cannot be read."""

from __future__ import annotations

import pytest

from kunobs.testing.clock import FakeClock
from log_pipeline.fanout.limits import Limits

DEFAULT = 1_048_588


class Brokers:
    """Answers what a test says, and remembers what was asked."""

    def __init__(self, **sizes: int) -> None:
        self.sizes = sizes
        self.asked: list[list[str]] = []

    def __call__(self, namespaces: list[str]) -> dict[str, int]:
        self.asked.append(namespaces)
        return {name: self.sizes[name] for name in namespaces if name in self.sizes}


def limits(brokers: Brokers, clock: FakeClock | None = None, *, compressed: bool = False) -> Limits:
    """Limits that know `a` and `b`."""
    made = Limits(brokers, compressed=compressed, clock=clock or FakeClock())
    made.learn(["b", "a"])
    return made


def test_all_are_asked_about_at_once() -> None:
    """One question for all new topics, and none as long as nothing is too large."""
    brokers = Brokers(a=DEFAULT, b=2 * DEFAULT)
    made = limits(brokers)
    assert made.too_large("a", b"x" * 1000, b"k") == ""
    assert brokers.asked == [["a", "b"]]
    assert DEFAULT - 2000 < made.ceiling < DEFAULT
    assert made.careful == {}


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
def test_the_frame_of_a_record_counts(spare: int, fits: bool) -> None:
    """The broker measures the batch around the record, its key included."""
    made = limits(Brokers(a=DEFAULT))
    value = b"x" * (DEFAULT - 86 - 3 - spare)
    reason = made.too_large("a", value, b"key")
    assert (reason == "") is fits
    if not fits:
        assert reason == f"{len(value)} bytes do not fit into the topic's max.message.bytes={DEFAULT}"


def test_a_topic_smaller_than_a_batch() -> None:
    """Its batches have to be kept small; the ceiling of the others is not lowered by it."""
    made = limits(Brokers(a=5000, b=DEFAULT))
    assert made.careful == {"a": 5000}
    assert made.ceiling > 1_000_000


def test_nothing_is_known() -> None:
    """A topic that may not be described refuses nothing beforehand."""
    made = limits(Brokers())
    assert made.too_large("a", b"x" * (20 << 20), None) == ""
    assert made.ceiling > 1 << 40


def test_a_limit_that_was_raised_is_noticed() -> None:
    """Nothing is diverted by a limit older than five minutes; the topic is asked about again."""
    clock, brokers = FakeClock(), Brokers(a=DEFAULT)
    made = limits(brokers, clock)
    value = b"x" * (2 * DEFAULT)
    assert made.too_large("a", value, None)
    brokers.sizes["a"] = 4 * DEFAULT
    assert made.too_large("a", value, None)
    clock.sleep(301)
    assert made.too_large("a", value, None) == ""
    assert len(brokers.asked) == 2


def test_care_ends() -> None:
    """After a single refusal the namespace's batches are small for five minutes, not for ever."""
    clock = FakeClock()
    made = limits(Brokers(a=DEFAULT), clock)
    assert made.refused("a")
    assert made.too_large("a", b"x", None) == ""
    assert made.careful == {"a": DEFAULT}
    clock.sleep(301)
    assert made.too_large("a", b"x", None) == ""
    assert made.careful == {}


def test_a_limit_that_was_lowered_is_learned_from_a_refusal() -> None:
    """The first refusal is news, as is every other size; the same size refused again means that the record is guilty."""
    brokers = Brokers(a=DEFAULT)
    made = limits(brokers)
    brokers.sizes["a"] = 5000
    assert made.refused("a")
    assert made.careful == {"a": 5000}
    assert not made.refused("a")
    brokers.sizes["a"] = 500
    assert made.refused("a")
    assert not made.refused("a")


def test_a_refusal_by_a_topic_that_cannot_be_read() -> None:
    """Every record goes alone, and who is refused then is guilty."""
    made = limits(Brokers())
    assert made.refused("a")
    assert made.careful == {"a": 0}
    assert not made.refused("a")


def test_a_topic_that_was_never_asked_about() -> None:
    """A refusal for it is news too."""
    made = limits(Brokers(c=DEFAULT))
    assert made.too_large("c", b"x" * (2 * DEFAULT), None) == ""
    assert made.refused("c")
    assert made.too_large("c", b"x" * (2 * DEFAULT), None)
