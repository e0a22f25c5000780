"""What a reader remembers of its partitions while others come and go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kunobs.errors import UnavailableError
from log_pipeline.fanout.run import Fanout, Reader


def test_taking_partitions_over_keeps_the_place_of_those_already_owned() -> None:
    """An open transaction is committed first, and its offsets are what the group is told afterwards (once a false lag)."""
    fanout: Any = Fanout.__new__(Fanout)
    fanout.config = SimpleNamespace(fanout=SimpleNamespace(group="g", delivery="exactly_once"))
    fanout.report = SimpleNamespace(batch_seconds=lambda _: None)
    fanout._writing = False
    reader = Reader(fanout, "public")
    fanout.readers = [reader]
    reader.assigned({("t", 0): 5})
    steps: list[str] = []

    def commit(*, wait: bool) -> dict[Any, int]:
        assert not wait
        steps.append("commit")
        return {reader.slot(("t", 0)): 9}

    def take_over(slots: set[Any]) -> dict[Any, int]:
        steps.append("take over")
        return dict.fromkeys(slots, 40)

    fanout.delivery = SimpleNamespace(commit=commit, take_over=take_over)
    assert reader.positions({("t", 1)}) == {("t", 1): 40}
    assert steps == ["commit", "take over"]
    assert reader.standing == {("t", 0): 9}


def test_a_rebalance_within_a_write_commits_nothing() -> None:
    """Half a batch would become durable without its offsets; instead everything begins again at the checkpoints."""
    fanout: Any = Fanout.__new__(Fanout)
    fanout.config = SimpleNamespace(fanout=SimpleNamespace(group="g", delivery="exactly_once"))
    fanout.report = SimpleNamespace(gone=lambda _: None)
    fanout.broken, fanout._writing = None, False
    reader = Reader(fanout, "public")
    fanout.readers = [reader]
    reader.assigned({("t", 0): 5, ("t", 1): 6})

    def write(messages: list[Any], ends: dict[Any, int]) -> None:
        with pytest.raises(UnavailableError, match="being written"):
            reader.positions({("t", 2)})
        reader.revoked({("t", 0)}, lost=False)

    fanout.delivery = SimpleNamespace(write=write)
    fanout._write([], {})
    assert str(fanout.broken) == "a batch is being written"
    assert reader.standing == {("t", 1): 6}
    assert not fanout._writing
