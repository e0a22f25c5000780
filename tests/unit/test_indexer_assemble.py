"""Messages into bulks: what a bulk holds, which offsets it answers for, and how events are named."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from log_pipeline.event import PROFILES, EventReader
from log_pipeline.indexer.assemble import Assembler, Bulk, Span, source_of
from log_pipeline.indexer.generations import ANYTHING_MAY_BE_OLDER, Registry
from tests.indexer_support import START, Record, encode, event

API: Any = None


def assembler(limit: int = 1 << 20, profile: str = "filebeat", replay: str = "kun.replay.indexer") -> Assembler:
    """With no Elasticsearch behind it."""
    return Assembler(EventReader(profile), Registry(API), limit, profile=profile, replay_topic=replay)


def assemble(*records: Record, made: Assembler | None = None) -> Bulk:
    """One bulk of all of them."""
    made = made or assembler()
    bulk = made.begin(0.0)
    assert made.add(bulk, records, 0) == len(records)
    return bulk


def test_the_body_is_action_and_original_bytes() -> None:
    """Two lines an event, the second untouched, the last newline there."""
    value = encode(event("team-pay", 1))
    bulk = assemble(Record(value))
    action, document, rest = bulk.body([0]).split(b"\n")
    assert json.loads(action) == {"create": {"_index": "logs-k8s-team_pay", "_id": bulk.ids[0]}}
    assert document is not value
    assert (document, rest) == (value, b"")


def test_a_part_of_a_bulk() -> None:
    """Only the chosen events' lines."""
    bulk = assemble(*(Record(encode(event("a", n)), n) for n in range(4)))
    lines = bulk.body([1, 3]).split(b"\n")
    assert [json.loads(line)["message"] for line in lines[1::2]] == ["line 1", "line 3"]


def test_what_is_not_for_elasticsearch_is_counted_and_answered_for() -> None:
    """Broken, unrouted and quarantined events hold no line, but their offsets belong to the bulk."""
    forged = event("a", 1) | {"kubernetes": {"namespace": "victim"}}
    bulk = assemble(
        Record(None, 5), Record(b"{", 6), Record(encode(forged), 7), Record(encode(event("A", 1, log=None)), 8)
    )
    assert len(bulk) == 0
    assert bulk.passed_over == {
        ("unrouted", "null_value"): 1,
        ("unrouted", "not_json"): 1,
        ("quarantined", "path_mismatch"): 1,
        ("unrouted", "invalid_namespace"): 1,
    }
    assert bulk.spans["filebeat", 0][:2] == (5, 8)
    assert bulk.taken == 4


def test_spans_of_mixed_partitions() -> None:
    """First and last offset and the first record's time, also when a bulk is filled from several batches."""
    made = assembler()
    bulk = made.begin(0.0)
    value = encode(event("a", 1))
    first = [
        Record(value, 10, 0, milliseconds=1),
        Record(value, 5, 1, milliseconds=2),
        Record(value, 12, 0, milliseconds=3),
    ]
    made.add(bulk, first, 0)
    made.add(bulk, [Record(value, 9, 1, milliseconds=4), Record(value, 1, 0, "other", milliseconds=5)], 0)
    assert bulk.spans == {("filebeat", 0): Span(10, 12, 1), ("filebeat", 1): Span(5, 9, 2), ("other", 0): Span(1, 1, 5)}


def test_a_full_bulk_stops_within_a_batch() -> None:
    """The rest of the batch is for the next one, nothing is skipped or taken twice."""
    made = assembler(limit=3000)
    records = [Record(encode(event("a", n)), n) for n in range(20)]
    at, offsets = 0, []
    while at < len(records):
        bulk = made.begin(0.0)
        at = made.add(bulk, records, at)
        assert bulk.size >= 3000 or at == len(records)
        offsets += [message.offset() for message in bulk.messages]
        assert bulk.spans["filebeat", 0].last == offsets[-1]
    assert offsets == list(range(20))


def ids(*events: dict[str, Any]) -> list[str]:
    """The ids these events get."""
    return assemble(*(Record(encode(each)) for each in events)).ids


def test_the_id_is_the_line() -> None:
    """Offset, time, stream and container make the id; what an agent may add later does not."""
    line = event("team-pay", 7)
    path = line["log"]["file"]["path"]
    same, *again = ids(
        line,
        event("team-pay", 7, agent={"id": "other"}, host=None),
        event("team-pay", 7, container=None),
        event("team-pay", 7, kubernetes=None),
    )
    assert again == [same] * 3, "the container of the path stands in for the metadata's"
    different = ids(
        line,
        event("team-pay", 7, log={"offset": 701, "file": {"path": path}}),
        event("team-pay", 7, START + timedelta(milliseconds=8)),
        event("team-pay", 7, stream="stderr"),
        event("team-pay", 7, container={"id": "x"}),
    )
    assert len(set(different)) == 5
    assert len(same) == 22


def test_the_id_without_any_container() -> None:
    """Agent, else host, and path stand in, and the two are never mixed up."""
    bare = {"container": None, "log": {"offset": 1, "file": {"path": "/var/log/app.log"}}}
    found = ids(
        event("team-pay", 7, **bare),
        event("team-pay", 7, **bare, agent=None),
        event("team-pay", 7, **bare | {"log": {"offset": 1, "file": {"path": "b"}}}, agent={"id": "a"}),
        event("team-pay", 7, **bare | {"log": {"offset": 1}}, agent={"id": "ab"}),
    )
    assert len(set(found)) == 4


def test_without_a_log_offset_the_id_is_the_place() -> None:
    """And of a replayed event it is the original's place."""
    value = encode(event("a", 1, log=None))
    replayed = Record(value, 3, 0, "kun.replay.indexer", [("kunobs-source", b"filebeat/2/77/1700000000000")])
    bulk = assemble(Record(value, 77, 2), replayed)
    assert bulk.ids == ["filebeat/2/77", "filebeat/2/77"]


@pytest.mark.parametrize("said", [b'x","_index":"victim/0/1/2', b"x", b"a/b", b"", b"t/0/x/1", b"a b/0/1/2"])
def test_a_replay_header_cannot_write_into_the_action(said: bytes) -> None:
    """What is no topic's coordinates is not believed."""
    record = Record(b"{}", 3, 1, "kun.replay.indexer", [("kunobs-source", said)])
    assert source_of(record, "kun.replay.indexer")[:3] == ("kun.replay.indexer", 1, 3)


def test_a_source_header_on_the_public_topic_is_ignored() -> None:
    """Only the replay topic is ours to write."""
    record = Record(b"{}", 3, 1, "filebeat", [("kunobs-source", b"other/0/1/2")])
    assert source_of(record, "kun.replay.indexer")[:3] == ("filebeat", 1, 3)


def test_suspects_are_what_an_older_index_may_hold() -> None:
    """Events up to the bound, and any whose time is not written in the one form that sorts."""
    made = assembler()
    stream = made._registry.get("a")
    stream.bound = "2026-11-01T03:00:05"
    times = [
        "2026-11-01T03:00:04.999Z", "2026-11-01T03:00:05Z", "2026-11-01T03:00:05.000Z", "2026-11-01T03:00:06+08:00", "2026-11-01",
        "2026-11-01 03:00:09Z", 1793503107470,
    ]  # fmt: skip
    bulk = assemble(*(Record(encode(event("a", n) | {"@timestamp": at}), n) for n, at in enumerate(times)), made=made)
    assert bulk.suspects == [0, 3, 4, 5, 6]
    stream.bound = ANYTHING_MAY_BE_OLDER
    assert assemble(Record(encode(event("a", 1))), made=made).suspects == [0]


@pytest.mark.parametrize("profile", ["fluent-bit", "vector"])
def test_other_agents_events_get_a_time(profile: str) -> None:
    """Spliced in from the profile's field or the record, where Elasticsearch wants it."""
    paths = PROFILES[profile]
    value: dict[str, Any] = {"message": "x"}
    node = value
    *parents, leaf = paths["namespace"].split(".")
    for part in parents:
        node = node.setdefault(part, {})
    node[leaf] = "team-a"
    if profile == "vector":
        value["timestamp"] = "2026-11-01T00:00:01.5Z"
    bulk = assemble(Record(encode(value)), made=assembler(profile=profile))
    expected = "2026-11-01T00:00:01.5Z" if profile == "vector" else "2026-11-01T03:18:27.470Z"
    assert json.loads(bulk.parts[1]) == value | {"@timestamp": expected}


def test_fluent_bits_seconds_become_a_date() -> None:
    """Elasticsearch would read the number as milliseconds of January 1970."""
    value = {"@timestamp": 1793503107.47, "kubernetes": {"namespace_name": "team-a"}, "log": "x"}
    bulk = assemble(Record(encode(value)), made=assembler(profile="fluent-bit"))
    assert json.loads(bulk.parts[1])["@timestamp"] == "2026-11-01T03:18:27.470Z"


def test_streams_count_what_went_their_way() -> None:
    """Events and bytes, for the busiest namespaces' metrics."""
    made = assembler()
    values = [encode(event("a", n)) for n in range(3)]
    assemble(*(Record(value, n) for n, value in enumerate(values)), made=made)
    stream = made._registry.get("a")
    assert (stream.events, stream.volume) == (3, sum(map(len, values)))
