"""Routing: a table of what metadata and path say, and where that leads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kunobs.names import is_namespace
from log_pipeline.event import EventReader, Unreadable
from log_pipeline.route import Router, decide, path_origin

ID = "d37b0467d097c00bd203089a97df371cdbacc156493f6b2d995b80395caf516f"
CONTAINERS = "/var/log/containers/api-5d_pay_api-" + ID + ".log"
PODS = "/var/log/pods/pay_api-5d_7d925249-2a77-4c28-a462-001d189cdeaa/api/0.log"


@pytest.mark.parametrize(
    ("namespace", "path", "route"),
    [
        ("pay", CONTAINERS, ("deliver", "pay", "")),
        ("pay", PODS, ("deliver", "pay", "")),
        (None, CONTAINERS, ("deliver", "pay", "")),
        (None, PODS, ("deliver", "pay", "")),
        ("pay", None, ("deliver", "pay", "")),
        ("pay", "/var/lib/docker/containers/x/x-json.log", ("deliver", "pay", "")),
        ("victim", CONTAINERS, ("quarantine", "victim", "path_mismatch")),
        ("victim", PODS, ("quarantine", "victim", "path_mismatch")),
        (None, None, ("unrouted", "", "no_namespace")),
        (None, "/var/log/syslog", ("unrouted", "", "no_namespace")),
        ("", CONTAINERS, ("unrouted", "", "invalid_namespace")),
        ("Pay", CONTAINERS, ("unrouted", "", "invalid_namespace")),
        ("../pay", None, ("unrouted", "", "invalid_namespace")),
        ("pay\n", None, ("unrouted", "", "invalid_namespace")),
        ("-pay", None, ("unrouted", "", "invalid_namespace")),
        ("p" * 63, None, ("deliver", "p" * 63, "")),
        ("p" * 64, None, ("unrouted", "", "invalid_namespace")),
        ("支付", None, ("unrouted", "", "invalid_namespace")),
        (None, "/var/log/containers/a_Pay_c-1.log", ("unrouted", "", "invalid_namespace")),
        (None, "/var/log/containers/a_pay_c-1.log/../../x_victim_c-1.log", ("unrouted", "", "no_namespace")),
        (None, "x" + CONTAINERS, ("unrouted", "", "no_namespace")),
        (None, CONTAINERS + "\n", ("unrouted", "", "no_namespace")),
    ],
)
def test_metadata_and_path(namespace: str | None, path: str | None, route: tuple[str, str, str]) -> None:
    """One row per way in which the two may agree, disagree or be absent."""
    assert tuple(decide(namespace, path)) == route


@pytest.mark.parametrize(
    ("value", "route"),
    [
        (None, ("unrouted", "", "null_value")),
        (b"", ("unrouted", "", "null_value")),
        (b"not json", ("unrouted", "", "not_json")),
        (b'{"kubernetes":{"namespace":"pay"}', ("unrouted", "", "not_json")),
        (b'\xef\xbb\xbf{"kubernetes":{"namespace":"pay"}}', ("unrouted", "", "not_json")),
        (b'{"kubernetes":{"namespace":"pay"},"x":NaN}', ("unrouted", "", "not_json")),
        (b'{"kubernetes":{"namespace":"pay"},"message":"\xff"}', ("unrouted", "", "not_json")),
        (b'["pay"]', ("unrouted", "", "not_object")),
        (b'"pay"', ("unrouted", "", "not_object")),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ("unrouted", "", "too_deep")),
        (b'{"kubernetes":{"namespace":7}}', ("unrouted", "", "invalid_namespace")),
        (b'{"kubernetes":{"namespace":["pay"]}}', ("unrouted", "", "invalid_namespace")),
        (
            b'{"kubernetes":{"namespace":null},"log":{"file":{"path":"%s"}}}' % CONTAINERS.encode(),
            ("deliver", "pay", ""),
        ),
        (b'{"kubernetes":"x","log":{"file":{"path":"%s"}}}' % CONTAINERS.encode(), ("deliver", "pay", "")),
        (b'{"log":"x","kubernetes":{"namespace":"pay"}}', ("deliver", "pay", "")),
        (b'{"message":"\\ud800","kubernetes":{"namespace":"pay"}}', ("deliver", "pay", "")),
        (b' {"kubernetes": {"namespace": "pay"}} \n', ("deliver", "pay", "")),
        (b'{"kubernetes":{"namespace":"a"},"kubernetes":{"namespace":"b"}}', ("deliver", "b", "")),
    ],
)
def test_bytes(value: bytes | None, route: tuple[str, str, str]) -> None:
    """What is no event, what is an odd one, and what is fine although it looks odd."""
    assert tuple(Router().route(EventReader().route_fields(value))) == route


def test_a_namespace_in_the_message_is_only_text() -> None:
    """JSON inside a string, or in another object, routes nothing."""
    event = {"message": '{"kubernetes":{"namespace":"victim"}}', "json": {"kubernetes": {"namespace": "victim"}}}
    assert Router().route(EventReader().route_fields(json.dumps(event).encode())).reason == "no_namespace"


@given(
    st.one_of(st.none(), st.text(), st.sampled_from(["pay", "a-b"])),
    st.one_of(st.none(), st.text(), st.just(CONTAINERS)),
)
def test_nothing_is_delivered_to_an_invalid_name(namespace: str | None, path: str | None) -> None:
    """Whatever the two say, a delivery names a valid namespace that neither contradicts."""
    route = decide(namespace, path)
    if route.outcome == "deliver":
        assert is_namespace(route.namespace)
        assert route.namespace in (namespace, path_origin(path).namespace)
        assert namespace in (None, route.namespace)


def test_the_memory_changes_nothing() -> None:
    """A router that remembers one container only decides like one that remembers all."""
    pairs = [("pay", CONTAINERS), (None, PODS), ("victim", PODS), (None, None)] * 3
    small, large = Router(remembered=1), Router()
    assert [small.route(pair) for pair in pairs] == [large.route(pair) for pair in pairs]


@pytest.mark.parametrize(
    "overrides",
    [{"namespace": "a.b", "path": "a"}, {"namespace": "a", "path": "a"}, {"path": "a.b.c", "offset": "a.b"}],
)
def test_field_paths_that_cannot_be(overrides: dict[str, str]) -> None:
    """A path through another field's path is refused when the reader is made."""
    with pytest.raises(ValueError, match="field path"):
        EventReader("filebeat", overrides)


@pytest.mark.parametrize("profile", ["filebeat", "fluent-bit", "vector"])
def test_profiles_read_their_own_shape(profile: str) -> None:
    """Each profile finds namespace, path and id where its agent puts them."""
    reader = EventReader(profile)
    event: dict[str, object] = {}
    wanted = {"namespace": "pay", "path": CONTAINERS, "offset": 42, "timestamp": "t", "stream": "s", "container_id": ID}
    for field, value in wanted.items():
        node = event
        *parents, leaf = reader.paths[field].split(".")
        for parent in parents:
            node = node.setdefault(parent, {})  # type: ignore[assignment]
        node[leaf] = value
    found = reader.fields(json.dumps(event).encode())
    assert not isinstance(found, Unreadable)
    assert {field: getattr(found, field) for field in wanted} == wanted


def test_nesting_has_one_limit_however_deep_the_caller_stands() -> None:
    """900 to 1,100 levels: the two readers agree on each, from shallow and from deep stacks; 1,000 is the last that is read."""
    reader = EventReader()

    def outcomes(depth: int, stack: int) -> set[str]:
        if stack:
            return outcomes(depth, stack - 1)
        nested = b"[" * (depth - 1) + b'"]"' + b"]" * (depth - 1)
        value = b'{"kubernetes":{"namespace":"pay"},"x":' + nested + b"}"
        return {Router().route(read(value)).reason for read in (reader.route_fields, reader.fields)}

    for depth in range(900, 1101):
        expected = {"too_deep"} if depth > 1000 else {""}
        assert outcomes(depth, 0) == outcomes(depth, 100) == expected, depth
