"""Events: every shipper's fields, every kind of broken bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kunobs.client import Event, Source
from kunobs.client.event import parse_time
from kunobs.client.profiles import FLUENT_BIT, PROFILES, VECTOR, Profile
from kunobs.testing import EventGenerator, log_event

_LINK = "/var/log/containers/api-6878f48fcc-65vcr_team-pay_app-" + "d3" * 32 + ".log"
_APPENDED = datetime(2026, 11, 2, tzinfo=UTC)


def _facts(event: Event) -> tuple[str, ...]:
    return (event.namespace, event.pod, event.container, event.node, event.stream, event.message)


def test_reads_every_line_a_filebeat_writes() -> None:
    """For every delivered line of three Filebeat generations the facts are those of the container that wrote it."""
    print("seed 7")
    generator = EventGenerator(7, 20)
    writers = {c.id: c for c in generator.fleet.containers}
    seen = 0
    for line in generator.lines(3000):
        if line.expected.kind != "normal":
            continue
        event, writer = Event(line.value), writers[json.loads(line.value)["container"]["id"]]
        assert (event.namespace, event.pod, event.container) == (writer.namespace, writer.pod, writer.name)
        assert event.node == writer.node.name
        assert event.labels["app"] == writer.deployment
        assert event.message == json.loads(line.value)["message"]
        assert not event.broken
        seen += 1
    assert seen > 2500


def test_reads_fluent_bit_and_vector() -> None:
    """The same facts are found where the other shippers put them."""
    moment = datetime(2026, 10, 31, 23, 46, 40, 250_000, UTC)
    fluent = {
        "@timestamp": moment.timestamp(),
        "log": "hi",
        "stream": "stderr",
        "kubernetes": {
            "namespace_name": "team-pay", "pod_name": "api-1", "container_name": "app", "host": "node-3",
            "labels": {"app.kubernetes.io/name": "api"},
        },
    }  # fmt: skip
    vector = {
        "timestamp": "2026-10-31T23:46:40.250000456Z",
        "message": "hi",
        "stream": "stderr",
        "kubernetes": {
            "pod_namespace": "team-pay", "pod_name": "api-1", "container_name": "app", "pod_node_name": "node-3",
            "pod_labels": {"app.kubernetes.io/name": "api"},
        },
    }  # fmt: skip
    for profile, document in ((FLUENT_BIT, fluent), (VECTOR, vector)):
        event = Event(json.dumps(document).encode(), profile=profile)
        assert _facts(event) == ("team-pay", "api-1", "app", "node-3", "stderr", "hi")
        assert event.labels == {"app.kubernetes.io/name": "api"}
        assert event.timestamp == moment


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (_LINK, ("team-pay", "api-6878f48fcc-65vcr", "app")),
        (_LINK + ".20261101-031827", ("team-pay", "api-6878f48fcc-65vcr", "app")),
        ("/var/log/pods/team-pay_api-1_7d925249-2a77/app/0.log", ("team-pay", "api-1", "app")),
        ("/var/log/messages", ("", "", "")),
        ("/var/log/containers/" + "a-" * 3000, ("", "", "")),
        (17, ("", "", "")),
    ],
)
def test_the_file_name_stands_in_for_missing_metadata(path: Any, expected: tuple[str, str, str]) -> None:
    """An agent's first events have no kubernetes block; the kubelet's file names still say who wrote them."""
    event = Event(json.dumps({"message": "x", "log": {"file": {"path": path}}}).encode())
    assert (event.namespace, event.pod, event.container) == expected


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "null_value"),
        (b"", "null_value"),
        (b"{", "not_json"),
        (b'{"a":"\xff"}', "not_json"),
        (b'{"a":NaN}', "not_json"),
        (b'{"a":' + b"9" * 5000 + b"}", "not_json"),
        (b"[1]", "not_object"),
        (b"null", "not_object"),
        (b"[" * 100_000, "too_deep"),
    ],
)
def test_broken_bytes_have_a_reason_and_their_text(raw: bytes | None, reason: str) -> None:
    """What is no JSON object is an event all the same: with a reason, its bytes, and no fields."""
    event = Event(raw, appended=_APPENDED)
    assert event.broken == reason
    assert event.raw == (raw or b"")
    assert event.fields == {}
    assert event.timestamp == _APPENDED
    assert event.message == (raw or b"").decode(errors="replace")


def test_json_that_msgspec_refuses_is_read() -> None:
    """Loggers write lone surrogates and numbers beyond a double; neither breaks an event."""
    event = Event(rb'{"message":"\ud83d half","n":1e999,"i":123456789012345678901234567890}')
    assert (event.broken, event.message, event.get("n")) == ("", "\ud83d half", "1e999")
    assert event.get("i") == 123456789012345678901234567890


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-01T03:18:27.470Z", datetime(2026, 11, 1, 3, 18, 27, 470000, UTC)),
        ("2026-11-01T11:18:27.470123456+08:00", datetime(2026, 11, 1, 3, 18, 27, 470123, UTC)),
        ("2026-11-01T03:18:27", datetime(2026, 11, 1, 3, 18, 27, tzinfo=UTC)),
        (1_793_500_000, datetime.fromtimestamp(1_793_500_000, UTC)),
        (1_793_500_000_250, datetime.fromtimestamp(1_793_500_000.25, UTC)),
        ("0001-01-01T00:00:00+23:00", None),
        ("yesterday", None),
        ("", None),
        (1e300, None),
        (float("nan"), None),
        (True, None),
        ({"$date": 1}, None),
        (None, None),
    ],
)
def test_parse_time(value: Any, expected: datetime | None) -> None:
    """ISO 8601 down to nanoseconds, seconds and milliseconds become UTC; anything else is no time."""
    assert parse_time(value) == expected


def test_an_event_without_a_time_has_that_of_its_record() -> None:
    """`timestamp` is always a time."""
    assert Event(b'{"message":"x","@timestamp":"soon"}', appended=_APPENDED).timestamp == _APPENDED


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"filebeat/3/1234/1795501026513", Source("filebeat", 3, 1234, 1795501026513)),
        (b"filebeat/3/1234/-1", Source("filebeat", 3, 1234, -1)),
        (b"filebeat/3/1234", None),
        (b"/3/1/1", None),
        (b"a/b/1/1/1", None),
        ("filebeat/٣/1/1".encode(), None),
        (b"filebeat/3/" + b"9" * 30 + b"/1", None),
        (b"\xff/1/1/1", Source("\ufffd", 1, 1, 1)),
        (None, None),
    ],
)
def test_source_header(header: bytes | None, expected: Source | None) -> None:
    """`kunobs-source` is read, or is None; never an exception."""
    event = Event(b"{}", headers=[("other", b"x"), ("kunobs-source", header)])
    assert event.source == expected
    assert event.header("other") == "x"
    assert event.header("absent") == ""


def test_a_message_that_is_no_text() -> None:
    """Fields of JSON lines and messages of other types are shown as JSON."""
    assert Event(b'{"message":{"a":[1,"\xe4\xb8\xad"]}}').message == '{"a":[1,"中"]}'
    assert Event(b'{"json":{"msg":"paid"}}').message == '{"msg":"paid"}'
    assert Event(b'{"other":1}').message == ""
    assert Event(b'{"kunobs":{"repaired":{"message":{"a":1}}}}').message == '{"a":1}'
    assert Event(b'{"kunobs":{"repaired":{"log":"x"}}}', profile=FLUENT_BIT).message == "x"


def test_from_fields_is_the_same_event() -> None:
    """A document of the search has the facts of the record it was made from, and bytes."""
    raw = log_event("paid 订单", pod="api-1", labels={"app": "api"})
    hit = Event.from_fields(json.loads(raw))
    assert _facts(hit) == _facts(Event(raw))
    assert json.loads(hit.raw) == json.loads(raw)
    assert Event.from_fields({}).raw == b""


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
_KEYS = st.sampled_from(["message", "@timestamp", "stream", "kubernetes", "log", "json", "pod", "name", "labels"])


@settings(deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.dictionaries(_KEYS, st.dictionaries(_KEYS, _JSON, max_size=3) | _JSON, max_size=5).map(
            lambda event: json.dumps(event).encode()
        ),
    ),
    st.sampled_from(list(PROFILES.values())),
)
def test_no_bytes_raise(raw: bytes, profile: Profile) -> None:
    """Whatever a record holds, every property has a value of its type."""
    event = Event(raw, profile=profile, appended=_APPENDED)
    for text in (*_facts(event), event.file, event.broken, repr(event)):
        assert isinstance(text, str)
    assert event.timestamp.tzinfo is not None
    assert all(isinstance(value, str) for value in event.labels.values())
    assert event.get("kubernetes.pod.name.x", 7) is not None
