"""The generator of kunobs.testing: like Filebeat's output, the same for the same seed, and truthful about each line."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from statistics import mean, median

import pytest

from kunobs.local.demo.oracle import judge
from kunobs.testing.events import SHARES, EventGenerator, Mutator
from kunobs.testing.odd_events import ODD

EVERY_KIND = {kind: 1 / len(SHARES) for kind in SHARES}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    """A run can be repeated by its seed."""
    first, again = EventGenerator(7).lines(500), EventGenerator(7).lines(500)
    assert first == again
    assert [line.value for line in EventGenerator(8).lines(500)] != [line.value for line in first]


def test_the_mutator_repeats_itself_too() -> None:
    """The same seed and the same calls hurt an event in the same way, also after changes inside inserted values."""
    value = EventGenerator(1).lines(1)[0].value
    one, two = Mutator(3), Mutator(3)
    assert [one.mutate(value) for _ in range(2000)] == [two.mutate(value) for _ in range(2000)]


def test_lines_have_the_size_and_the_skew_of_a_real_topic() -> None:
    """1 to 3 KB a line as a rule; at least 30 namespaces, the busiest with many times the median's traffic."""
    lines = EventGenerator(1).lines(20_000)
    normal = [len(line.value) for line in lines if line.expected.kind == "normal"]
    assert 1500 < mean(normal) < 2500
    assert min(normal) > 1000
    assert max(normal) < 4000
    counts = Counter(line.expected.namespace for line in lines if line.expected.kind == "normal")
    assert len(counts) >= 30
    assert max(counts.values()) > 5 * median(counts.values())


def test_key_order_is_random_below_the_first_two() -> None:
    """@timestamp and @metadata come first, as libbeat writes them; the rest has no order, nested objects neither."""
    orders, nested = set(), set()
    for line in EventGenerator(1, shares={}).lines(300):
        event = json.loads(line.value)
        first, second, *rest = event
        assert (first, second) == ("@timestamp", "@metadata")
        orders.add(tuple(rest))
        nested.add(tuple(event["kubernetes"]))
    assert len(orders) > 290
    assert len(nested) > 100


def test_three_generations_of_filebeat_write_into_the_topic() -> None:
    """7 with hostname and the container input, 8 and 9 with filestream and file identity, 9 with a fingerprint."""
    by_major = {}
    for line in EventGenerator(1, shares={}).lines(3000):
        event = json.loads(line.value)
        by_major[event["agent"]["version"][0]] = event
    assert by_major["7"]["input"]["type"] == "container"
    assert "hostname" in by_major["7"]["agent"]
    assert by_major["8"]["input"]["type"] == "filestream"
    assert "hostname" not in by_major["8"]["agent"]
    assert "inode" in by_major["8"]["log"]["file"]
    assert "fingerprint" in by_major["9"]["log"]["file"]


def test_offsets_grow_and_ids_are_unique_except_for_resent_lines() -> None:
    """A container's lines move on in its log; only a line that the agent sends again has an id for the second time."""
    offsets: dict[str, int] = {}
    ids: dict[str | None, bytes] = {}
    resent = 0
    for line in EventGenerator(1, shares={"resent": 0.05}).lines(5000):
        event, verdict = json.loads(line.value), judge(line.value)
        container = event["container"]["id"]
        assert line.key == container.encode()
        if line.expected.resent:
            resent += 1
            assert json.loads(ids[verdict.id]) == event
        else:
            assert verdict.id not in ids
            assert event["log"]["offset"] > offsets.get(container, -1)
            offsets[container] = event["log"]["offset"]
            ids[verdict.id] = line.value
    assert resent > 100


def test_messages_hold_stacks_json_and_chinese() -> None:
    """What makes log lines hard to handle is there."""
    messages = [json.loads(line.value)["message"] for line in EventGenerator(1, shares={}).lines(4000)]
    assert any("\n\tat com.example" in message for message in messages)
    assert any("Traceback" in message for message in messages)
    assert any(message.startswith("{") and json.loads(message)["level"] for message in messages)
    assert any("支付成功" in message for message in messages)


def test_shares_say_how_much_is_odd() -> None:
    """About 2 % by default, none with {}; an unknown kind is refused with the known ones."""
    kinds = Counter(line.expected.kind.split("/")[0] for line in EventGenerator(2).lines(20_000))
    odd = 20_000 - kinds["normal"]
    assert 200 < odd < 800
    assert set(kinds) == {"normal", *SHARES}
    assert {line.expected.kind for line in EventGenerator(2, shares={}).lines(1000)} == {"normal"}
    with pytest.raises(ValueError, match="hostile"):
        EventGenerator(shares={"hostil": 0.5})


def test_every_odd_line_is_made_and_only_whole_lines_when_asked() -> None:
    """Each maker's turn comes; with `whole_lines` nothing is empty or holds a raw newline, so a file can hold it."""
    kinds = {line.expected.kind for line in EventGenerator(3, shares=EVERY_KIND).lines(4000)}
    assert {f"{kind}/{name}" for kind, makers in ODD.items() for name in makers} <= kinds
    for line in EventGenerator(3, shares=EVERY_KIND, whole_lines=True).lines(4000):
        assert line.value.strip()
        assert b"\n" not in line.value


def test_time_begins_where_asked_and_steps() -> None:
    """`start` and `step` decide the timestamps."""
    generator = EventGenerator(1, start=datetime(2026, 5, 1, 12, tzinfo=UTC), step=0.5, shares={})
    stamps = [json.loads(line.value)["@timestamp"] for line in generator.lines(4)]
    assert stamps == [f"2026-05-01T12:00:{second}Z" for second in ("00.500", "01.000", "01.500", "02.000")]


@pytest.mark.parametrize("count", [1, 36, 37, 300])
def test_any_number_of_namespaces(count: int) -> None:
    """The fleet has as many namespaces as asked, all different."""
    fleet = EventGenerator(1, count).fleet
    assert len(set(fleet.namespaces)) == count
    assert {container.namespace for container in fleet.containers} == set(fleet.namespaces)
