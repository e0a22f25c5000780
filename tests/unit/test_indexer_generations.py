"""Which events can only be new: the bound of a stream, and what a bulk was held against."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kunobs.testing.clock import FakeClock
from log_pipeline.indexer.api import Reply
from log_pipeline.indexer.generations import (
    ANYTHING_MAY_BE_OLDER,
    NOTHING_OLDER,
    Refused,
    Registry,
    above,
    generation,
    is_surely_newer,
)
from tests.indexer_support import stamp

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2190, 1, 1), timezones=st.just(UTC))


@given(
    MOMENTS,
    st.timedeltas(timedelta(days=-400), timedelta(days=400)),
    st.sampled_from(["milliseconds", "microseconds", "seconds"]),
)
def test_surely_newer_is_never_wrong(newest: datetime, distance: timedelta, precision: str) -> None:
    """Whatever is called surely newer than an index is later than its newest event, to the millisecond."""
    moment = newest + distance
    text = moment.isoformat(timespec=precision).replace("+00:00", "Z")
    if is_surely_newer(text, above(newest.timestamp())):
        assert datetime.fromisoformat(text) > newest
    if distance > timedelta(seconds=2):
        assert is_surely_newer(stamp(moment), above(newest.timestamp()))


@given(st.text() | st.none() | st.integers() | st.floats())
def test_odd_times_are_never_surely_newer(value: object) -> None:
    """Only text in the one form that sorts is compared."""
    if not (isinstance(value, str) and value.endswith("Z") and len(value) > 19):
        assert not is_surely_newer(value, "0000")


def test_indices_sort_by_generation() -> None:
    """Also past 999,999 and across days; what tells no generation is old."""
    names = [
        "shrink-abc-.ds-x", ".ds-logs-k8s-a-2026.11.02-000009", ".ds-logs-k8s-a-2026.11.01-000010", ".ds-logs-k8s-a-2026.11.01-1000000",
    ]  # fmt: skip
    assert sorted(set(names), key=generation) == names


class Scripted:
    """Answers what the registry asks; `indices` of stream logs-k8s-a, `newest` in seconds, `created` of the write index."""

    def __init__(self) -> None:
        self.indices = [".ds-logs-k8s-a-2026.11.01-000001"]
        self.newest: float | None = None
        self.created = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
        self.asked: list[str] = []
        self.status = 200

    def roll_over(self) -> None:
        """One more index."""
        self.indices.append(f".ds-logs-k8s-a-2026.11.01-{len(self.indices) + 1:06d}")

    def call(self, method: str, path: str, body: object = None, **_: Any) -> Reply:
        """As Api does."""
        last = path.rpartition("/")[2]
        self.asked.append("_resolve" if "_resolve" in path else last)
        if self.status != 200:
            return Reply(self.status, b"{}")
        answer: Any = {}
        if "_resolve" in path:
            if "gone" in path:
                return Reply(404, b"{}")
            answer = {"data_streams": [{"name": "logs-k8s-a", "backing_indices": self.indices}]}
        elif last == "_search":
            answer = {"aggregations": {"newest": {"value": None if self.newest is None else self.newest * 1000}}}
        elif "creation_date" in path:
            answer = {self.indices[-1]: {"settings": {"index": {"creation_date": str(int(self.created * 1000))}}}}
        return Reply(200, json.dumps(answer).encode())


@pytest.fixture
def server() -> Scripted:
    """An Elasticsearch that answers as told."""
    return Scripted()


def registry_of(server: Scripted, clock: FakeClock | None = None) -> Registry:
    """That asks it."""
    api: Any = server
    return Registry(api, clock or FakeClock())


def test_a_stream_with_one_index_has_nothing_older(server: Scripted) -> None:
    """No bound, no request for one."""
    registry = registry_of(server)
    registry.learn_all()
    assert registry.get("a").bound == NOTHING_OLDER
    assert server.asked == ["_resolve"]


def test_the_bound_is_at_least_a_minute_after_the_rollover(server: Scripted) -> None:
    """And as late as the newest event of an older index, where that is later."""
    server.roll_over()
    registry = registry_of(server)
    registry.learn_all()
    stream = registry.get("a")
    assert stream.bound == ANYTHING_MAY_BE_OLDER
    assert registry.settle(stream) == stream.bound == "2026-11-01T00:01:01"
    server.roll_over()
    server.newest = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    registry.learn([stream])
    assert registry.settle(stream) == "2027-01-01T00:00:01"


def test_older_indices_are_refreshed_while_a_rollover_is_young(server: Scripted) -> None:
    """The end of a bulk may still reach the older index after the rollover; later nothing does."""
    clock = FakeClock()
    server.roll_over()
    registry = registry_of(server, clock)
    registry.learn_all()
    stream = registry.get("a")
    registry.settle(stream)
    server.asked.clear()
    registry.settle(stream)
    assert server.asked == []
    registry.refresh_young([stream])
    assert server.asked == ["_refresh"]
    clock.advance(300)
    registry.refresh_young([stream])
    assert server.asked == ["_refresh"]


def test_a_bulk_is_covered_by_what_was_known_when_it_began(server: Scripted) -> None:
    """An index learnt of later, or never, is not covered."""
    registry = registry_of(server)
    registry.learn_all()
    begun = registry.epoch
    assert registry.covers(server.indices, begun)
    server.roll_over()
    assert not registry.covers(server.indices[-1:], begun)
    registry.learn([registry.get("a")])
    assert not registry.covers(server.indices[-1:], begun)
    assert registry.covers(server.indices[-1:], registry.epoch)


def test_learning_the_same_again_keeps_the_bound(server: Scripted) -> None:
    """Only a new write index makes everything suspect; retention of the oldest does not."""
    server.roll_over()
    registry = registry_of(server)
    registry.learn_all()
    stream = registry.get("a")
    bound = registry.settle(stream)
    registry.learn_all()
    assert stream.bound == bound
    server.indices = server.indices[1:]
    registry.learn_all()
    assert stream.bound == NOTHING_OLDER


def test_a_deleted_stream_does_not_hide_the_others(server: Scripted) -> None:
    """A request for several is answered with 404 when one of them is gone."""
    registry = registry_of(server)
    registry.learn([registry.get("a"), registry.get("gone")])
    assert registry.get("a").generations.indices == tuple(server.indices)


def test_a_refusal_is_said(server: Scripted) -> None:
    """The caller waits and asks again; nothing is taken for granted meanwhile."""
    server.roll_over()
    registry = registry_of(server)
    registry.learn_all()
    server.status = 503
    with pytest.raises(Refused):
        registry.settle(registry.get("a"))
    assert registry.get("a").bound == ANYTHING_MAY_BE_OLDER
