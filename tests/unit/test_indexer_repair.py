"""An event that does not fit: what moves, what stays, and that nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_pipeline.indexer.repair import NotAnEvent, Repair

EVENT: dict[str, Any] = {"@timestamp": "2026-11-01T03:18:27.470Z", "message": "hello", "a": {"b": {"c": 1, "d": 2}}}


def repaired(event: object, reason: str = "value_conflict", name: str = "") -> dict[str, Any]:
    """After one round."""
    document = Repair.of(json.dumps(event).encode()).next(reason, name)
    assert document is not None
    found: dict[str, Any] = json.loads(document)
    return found


def test_the_named_field_moves_and_says_why() -> None:
    """Its value is under its dotted name; everything else stays where it was."""
    found = repaired(EVENT, "value_conflict", "a.b.c")
    assert found == {
        "@timestamp": EVENT["@timestamp"],
        "message": "hello",
        "a": {"b": {"d": 2}},
        "kunobs": {"repaired": {"a.b.c": 1}, "repair_reason": "value_conflict"},
    }


@pytest.mark.parametrize(
    "event",
    [{"a.b": {"c": 7}}, {"a.b.c": 7}, {"a": {"b.c": 7}}, {"a": [{"b": [{"c": 7}]}]}],
)
def test_a_field_is_found_however_its_path_is_written(event: dict[str, Any]) -> None:
    """A dot in a key, an object and an array of objects are one field to Elasticsearch."""
    assert repaired(event, "value_conflict", "a.b.c")["kunobs"]["repaired"] == {"a.b.c": 7}


def test_a_field_of_several_objects_moves_as_a_list() -> None:
    """Each object of an array gives up its own."""
    found = repaired({"a": [{"b": 1}, {"b": 2}, {"c": 3}]}, "value_conflict", "a.b")
    assert found["kunobs"]["repaired"] == {"a.b": [1, 2]}
    assert found["a"] == [{}, {}, {"c": 3}]


def test_equal_keys_collapse_to_the_last() -> None:
    """Writing the event anew is the repair."""
    document = Repair.of(b'{"message":"first","message":"second"}').next("duplicate_key", "")
    assert document is not None
    assert json.loads(document)["message"] == "second"


def test_keys_that_are_no_names_move() -> None:
    """Empty, blank and dotted ones, at any depth."""
    found = repaired({"": 1, " ": 2, "..": 3, ".x": 4, "a": {"": {"deep": 5}, "fine": 6}}, "bad_key")
    assert found["a"] == {"fine": 6}
    assert sorted(map(str, found["kunobs"]["repaired"].values())) == ["1", "2", "3", "4", "{'deep': 5}"]


def test_an_events_own_kunobs_moves() -> None:
    """The field is ours to fill."""
    assert (
        repaired({"kunobs": "tenant", "x": 1}, "object_conflict", "kunobs")["kunobs"]["repaired"]["kunobs"] == "tenant"
    )


def test_values_a_flattened_field_refuses_become_text() -> None:
    """Too deep, or a key with the reserved character."""
    deep: Any = 1
    for _ in range(30):
        deep = {"a": deep}
    moved = repaired({"x": deep}, "value_conflict", "x")["kunobs"]["repaired"]["x"]
    assert json.loads(moved) == deep
    nul = {"a\0b": 1}
    assert json.loads(repaired({"x": nul}, "value_conflict", "x")["kunobs"]["repaired"]["x"]) == nul


def test_very_long_names_are_cut_and_kept_in_the_value() -> None:
    """A key of a flattened field has a limit, at the top and further down."""
    name = "n" * 40_000
    (moved,) = repaired({name: 1}, "value_conflict", name)["kunobs"]["repaired"].items()
    assert len(moved[0]) < 1000
    assert json.loads(moved[1]) == {name: 1}
    assert json.loads(repaired({"x": {name: 1}}, "value_conflict", "x")["kunobs"]["repaired"]["x"]) == {name: 1}


def test_more_moves_each_round_until_nothing_is_left_to_try() -> None:
    """Named fields first, then all but the agent's own, then all but time and message, then it is given up."""
    event = {**EVENT, "kubernetes": {"pod": "x"}, "extra": 1, "host": {"name": "n"}}
    repair = Repair.of(json.dumps(event).encode())
    first = json.loads(repair.next("value_conflict", "extra") or b"null")
    assert set(first) == {"@timestamp", "message", "a", "kubernetes", "host", "kunobs"}
    core = json.loads(repair.next("other", "") or b"null")
    assert set(core) == {"@timestamp", "message", "kubernetes", "host", "kunobs"}
    bare = json.loads(repair.next("other", "") or b"null")
    assert set(bare) == {"@timestamp", "message", "kunobs"}
    assert bare["kunobs"]["repair_reason"] == "value_conflict"
    assert repair.next("other", "") is None


def test_rounds_by_name_are_bounded() -> None:
    """An event with a hundred conflicts is not sent a hundred times."""
    event = {f"f{n}": n for n in range(100)}
    repair = Repair.of(json.dumps(event).encode())
    sent = 0
    while repair.next("value_conflict", f"f{sent}") is not None:
        sent += 1
    assert sent <= 6


@pytest.mark.parametrize("document", [b"", b"{", b"[1]", b'"x"', b'{"a":1}{"b":2}', b"\xff"])
def test_what_is_no_event_is_said_so(document: bytes) -> None:
    """It becomes a dead letter, not a crash."""
    with pytest.raises(NotAnEvent):
        Repair.of(document)


def test_odd_numbers_and_lone_surrogates_survive() -> None:
    """What the fast reader refuses the slow one reads."""
    document = Repair.of(b'{"x":1e999,"y":"a\\ud800b","z":123456789012345678901234567890,"w":"v"}').next(
        "value_conflict", "w"
    )
    assert document is not None
    found = json.loads(document)
    assert (found["x"], found["y"], found["z"]) == ("1e999", "a\ud800b", 123456789012345678901234567890)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=6), st.lists(st.text(max_size=8), min_size=1, max_size=8))
def test_every_top_level_value_is_still_there(event: dict[str, Any], names: list[str]) -> None:
    """After any rounds, an event is one line of JSON and each of its fields is in place or in `kunobs.repaired`."""
    repair = Repair.of(json.dumps(event).encode())
    for name in names:
        document = repair.next("other", name)
        if document is None:
            return
        assert b"\n" not in document
        found = json.loads(document)
        moved = found["kunobs"]["repaired"]
        assert len(found) - 1 + len(moved) >= len(event)
