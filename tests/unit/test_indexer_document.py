"""One event is one line of a bulk body, whatever its bytes say, and it has a time."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_pipeline.indexer.document import one_line, stamp_of, with_timestamp

RECORD_MS = 1_793_503_107_470
RECORD = "2026-11-01T03:18:27.470Z"


def test_an_event_without_newlines_is_the_same_object() -> None:
    """Bytes are never encoded anew without need."""
    value = b'{ "a" : "b\\n" }'
    assert one_line(value) is value


@pytest.mark.parametrize(
    "value",
    [
        b'{"a":\n{"delete":{"_index":"victim","_id":"1"}}\n}',
        b'{\r\n\t"a" : 1 ,\r\n"b":[\n1,\n2\n]}',
        b'{"a":"x\\ny",\n"b":"\xe6\x97\xa5\xe5\xbf\x97"}\n',
        b'\n{"a":1e999}',
    ],
)
def test_raw_newlines_go_and_the_event_stays(value: bytes) -> None:
    """What follows a newline would be an action of its own."""
    line = one_line(value)
    assert b"\n" not in line
    assert json.loads(line) == json.loads(value)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())), st.integers(0, 4))
def test_any_pretty_event_becomes_one_line(event: dict[str, object], indent: int) -> None:
    """Whatever its strings hold."""
    value = json.dumps(event, indent=indent).encode()
    assert json.loads(one_line(value)) == event
    assert b"\n" not in one_line(value)


@pytest.mark.parametrize(
    ("value", "found", "expected"),
    [
        (b'{"message":"x"}', "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        (b'{"message":"x"}', 1793503107.47, RECORD),
        (b'{"message":"x"}', 1793503107470, RECORD),
        (b'{"message":"x"}', None, RECORD),
        (b" { } ", None, RECORD),
        (b'{"@timestamp":1793503107.47,"message":"x"}', None, RECORD),
        (b'{"@timestamp":1793503107470}', None, 1793503107470),
        (b'{"@timestamp":"2026-11-01T00:00:00Z"}', "other", "2026-11-01T00:00:00Z"),
        (b'{"@timestamp":null}', "other", None),
        (b'{"message":"x"}', 1e300, RECORD),
        (b'{"message":"x"}', 'quote"d', 'quote"d'),
    ],
)
def test_a_time_is_put_in_where_the_agent_wrote_none(value: bytes, found: str | float | None, expected: object) -> None:
    """From the profile's field, else the record's; one that is there is kept, seconds become a date."""
    stamped = with_timestamp(value, found, RECORD_MS)
    assert json.loads(stamped)["@timestamp"] == expected
    assert {**json.loads(value), "@timestamp": 0} == {**json.loads(stamped), "@timestamp": 0}


def test_the_time_of_a_document() -> None:
    """As it will be indexed."""
    assert stamp_of(b'{"@timestamp":"x"}') == "x"
    assert stamp_of(b'{"a":1}') is None
    assert stamp_of(b"{") is None
