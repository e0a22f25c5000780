"""Every answer Elasticsearch was seen to give, and what it means for the event."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from log_pipeline.indexer.outcome import BROKEN, BulkReply, Cause, Verdict, of_item, of_request

PARSING = "document_parsing_exception"


def item(status: int, kind: str = "", reason: str = "", cause: dict[str, Any] | None = None, **fields: Any) -> Verdict:
    """The verdict on one item of a reply."""
    answer: dict[str, Any] = {"_index": "logs-k8s-x", "status": status, **fields}
    if kind:
        answer["error"] = {"type": kind, "reason": reason} | ({"caused_by": cause} if cause else {})
    reply = msgspec.json.decode(msgspec.json.encode({"errors": True, "items": [{"create": answer}]}), type=BulkReply)
    return of_item(reply.items[0]["create"])


FIELDS = [
    ("[1:66] object mapping for [kubernetes.pod] tried to parse field [pod] as object, but found a concrete value", "", "object_conflict", "kubernetes.pod"),
    ("object mapping for [a] tried to parse field [a] as object, but found a concrete value", "", "object_conflict", "a"),
    ("[1:61] failed to parse field [stream] of type [keyword] in document with id 's'. Preview of field's value: '{a=1}'", "Expected text at 1:54 but found START_OBJECT", "value_conflict", "stream"),
    ("[1:56] failed to parse field [n] of type [long] in document with id 'x'", "Cannot parse object as number", "value_conflict", "n"),
    ("[1:69] failed to parse field [kubernetes.labels] of type [flattened] in document with id 'lab'", "Failed to parse object: expecting token of type [START_OBJECT] but found [VALUE_STRING]", "value_conflict", "kubernetes.labels"),
    ("[1:254] failed to parse field [json] of type [flattened] in document with id 'd'", "The provided [flattened] field [json] exceeds the maximum depth limit of [20].", "value_conflict", "json"),
    ("[1:58] failed to parse field [json] of type [flattened] in document with id 'd'", "Flattened field [json] contains one immense field whose keyed encoding is longer than the allowed max length of 32766 bytes. Key length: 1", "value_conflict", "json"),
    ("Flattened field [json] contains one immense field whose keyed encoding is longer", "", "too_long", "json"),
    ("[1:201] failed to parse: Limit of mapping depth [20] has been exceeded due to object field [z.l29.l28]", "Limit of mapping depth [20] has been exceeded due to object field [z.l29.l28]", "too_deep", "z.l29.l28"),
    ("[1:51] failed to parse field [_id] of type [_id] in document with id 'meta'", "[1:51] Field [_id] is a metadata field and cannot be added inside a document.", "metadata_field", "_id"),
    ("[1:52] failed to parse: [1:65] Duplicate field 'message'\n at [Source: (byte[])]", "[1:65] Duplicate field 'message'", "duplicate_key", ""),
    ("[1:44] failed to parse: field name cannot be an empty string", "field name cannot be an empty string", "bad_key", ""),
    ("[1:44] Field name cannot contain only whitespace: [ ]", "", "bad_key", ""),
    ("[1:44] failed to parse: field name cannot contain only dots", "field name cannot contain only dots", "bad_key", ""),
    ("object field starting or ending with a [.] makes object resolution ambiguous: [a.]", "", "bad_key", ""),
    ("mapper [a.b] cannot be changed from type [long] to [keyword]", "", "value_conflict", "a.b"),
    ("can't merge a non object mapping [a.b] with an object mapping", "", "object_conflict", "a.b"),
    ("Could not dynamically add mapping for field [a.b.c]. Existing mapping for [a.b] must be of type object but found [keyword].", "", "object_conflict", "a.b"),
    ("something nobody has seen yet", "", "other", ""),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "cause", "word", "name"), FIELDS)
def test_a_misfit_is_repaired(reason: str, cause: str, word: str, name: str) -> None:
    """The field that must move is named, or the whole event is."""
    found = item(400, PARSING, reason, {"type": "illegal_argument_exception", "reason": cause} if cause else None)
    assert found[:3] == ("repair", word, name)


def test_strict_mappings_name_the_parent_too() -> None:
    """`within [_doc]` is the top level, anything else is where the field lies."""
    top = item(
        400,
        "strict_dynamic_mapping_exception",
        "[1:1] mapping set to strict, dynamic introduction of [x] within [_doc] is not allowed",
    )
    inner = item(
        400,
        "strict_dynamic_mapping_exception",
        "[1:1] mapping set to strict, dynamic introduction of [x] within [a.b] is not allowed",
    )
    assert (top.field, inner.field) == ("x", "a.b.x")


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("[1:16] failed to parse: data stream timestamp field [@timestamp] is missing", "data stream timestamp field [@timestamp] is missing"),
        ("[1:16] failed to parse field [@timestamp] of type [date] in document with id 'x'", "failed to parse date field [yesterday] with format [strict_date_optional_time||epoch_millis]"),
        ("[1:16] failed to parse field [@timestamp] of type [date] in document with id 'x'", "cannot parse empty datetime"),
        ("[1:45] failed to parse field [@timestamp] of type [date] in document with id 'x'", "data stream timestamp field [@timestamp] encountered multiple values"),
        ("failed to parse", "data stream timestamp field [@timestamp] is missing"),
    ],
)  # fmt: skip
def test_an_event_without_a_time_is_no_mapping_conflict(reason: str, cause: str) -> None:
    """Nothing can be moved to make it fit: a dead letter."""
    assert item(400, PARSING, reason, {"type": "illegal_argument_exception", "reason": cause})[:2] == (
        "dead_letter",
        "no_timestamp",
    )


WAITS = [
    (429, "es_rejected_execution_exception", "rejected execution of coordinating operation", "rejected_429"),
    (429, "circuit_breaking_exception", "[parent] Data too large", "rejected_429"),
    (429, "cluster_block_exception", "blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark]", "disk_full"),
    (403, "cluster_block_exception", "index [x] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];", "disk_full"),
    (403, "cluster_block_exception", "index [x] blocked by: [FORBIDDEN/8/index write (api)];", "disk_full"),
    (503, "unavailable_shards_exception", "primary shard is not active", "unavailable_503"),
    (503, "process_cluster_event_timeout_exception", "failed to process cluster event", "unavailable_503"),
    (502, "", "", "unavailable_503"),
    (504, "", "", "unavailable_503"),
    (403, "security_exception", "action [indices:data/write/bulk[s]] is unauthorized", "other"),
    (401, "security_exception", "missing authentication credentials", "other"),
    (400, "validation_exception", "Validation Failed: 1: this action would add [1] shards, but this cluster currently has [1000]/[1000] maximum normal shards open;", "other"),
    (404, "index_not_found_exception", "no such index [logs-k8s-x]", "other"),
    (400, "index_closed_exception", "closed", "other"),
    (400, "illegal_argument_exception", "pipeline with id [x] does not exist", "other"),
    (500, "null_pointer_exception", "", "other"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind", "reason", "word"), WAITS)
def test_what_is_not_the_events_fault_waits(status: int, kind: str, reason: str, word: str) -> None:
    """It is sent again for as long as it takes, and the window shrinks."""
    found = item(status, kind, reason)
    assert found[:2] == ("retry", word)
    assert found.slow_down


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (201, "", "indexed"),
        (200, "", "indexed"),
        (409, "version_conflict_engine_exception", "duplicate"),
        (400, "invalid_index_name_exception", "dead_letter"),
        (400, "illegal_argument_exception", "repair"),
        (413, "content_too_long", "dead_letter"),
        (418, "teapot", "dead_letter"),
    ],
)
def test_final_outcomes(status: int, kind: str, expected: str) -> None:
    """Done, or given up with a reason."""
    assert item(status, kind, "x").outcome == expected


def test_a_failure_store_is_no_success() -> None:
    """The server answers 201 for what it put aside where no search finds it."""
    assert item(201, failure_store="used").outcome == "repair"
    assert item(201, _index=".fs-logs-k8s-x-2026.11.24-000001").outcome == "repair"
    assert item(201, failure_store="not_applicable_or_unknown").outcome == "indexed"


@pytest.mark.parametrize(
    "value",
    ["maximum normal shards open", "cluster_block_exception", "data stream timestamp field [@timestamp] is missing"],
)
def test_a_tenants_words_do_not_decide(value: str) -> None:
    """A refused value is quoted in the reason; it cannot make its event wait for ever or look like something else."""
    found = item(
        400,
        PARSING,
        f"[1:61] failed to parse field [stream] of type [keyword] in document with id 's'. Preview of field's value: '{value}'",
    )
    assert found[:3] == ("repair", "value_conflict", "stream")


@pytest.mark.parametrize(
    ("status", "kind", "outcome"),
    [
        (413, "", "split"),
        (400, "action_request_validation_exception", "split"),
        (400, "illegal_argument_exception", "split"),
        (400, "", "retry"),
        (404, "", "retry"),
        (401, "security_exception", "retry"),
        (403, "security_exception", "retry"),
        (429, "es_rejected_execution_exception", "retry"),
        (500, "", "retry"),
        (503, "", "retry"),
        (302, "", "retry"),
    ],
)
def test_whole_requests(status: int, kind: str, outcome: str) -> None:
    """Only what Elasticsearch itself says of an event takes the request apart; a proxy's 400 does not."""
    assert of_request(status, Cause(type=kind, reason="x")).outcome == outcome


def test_an_error_may_be_text() -> None:
    """Old servers and proxies answer with a string."""
    reply = msgspec.json.decode(b'{"errors":true,"items":[{"create":{"status":500,"error":"boom"}}]}', type=BulkReply)
    assert of_item(reply.items[0]["create"]) is BROKEN
