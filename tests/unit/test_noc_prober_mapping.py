"""Mappings that users write: what they read, what they refuse, and what the configuration says about wrong ones."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kunobs.config.noc.probers import MappingConfig, VerifyConfig
from kunobs.config.places import Place, Places
from kunobs.config.validate import Validation
from kunobs.noc.accept import tenant
from kunobs.noc.accept.alert import Alert
from kunobs.noc.accept.prober.known import KNOWN, mappings
from kunobs.noc.accept.prober.mapping import Mapping
from kunobs.noc.accept.prober.request import Fields, Request
from kunobs.noc.accept.refusal import Refusal
from kunobs.testing import noc_payloads as payloads
from kunobs.testing.noc_payloads import SECRET, Payload
from tests.support import REPOSITORY
from tests.unit.test_noc_prober import BEGAN_MS, NOW_MS, known, mapped

PAGE = (REPOSITORY / "docs/probers.md").read_text(encoding="utf-8")

OWN: dict[str, Any] = {
    "fields": {
        "check": "$.check", "name": ["$.title", "$.host"], "state": "$.state", "level": "$.level", "at": "$.at",
        "tags": "$.tags", "page": "$.page",
    },
    "id": "check", "target": "name", "status": {"field": "state", "values": {"bad": "firing", "good": "resolved"}},
    "severity": {"field": "level", "values": {"P3": "info"}, "default": "warning"}, "times": {"starts": "at", "ends": "at"},
    "summary": "{name} {tags} {level}", "links": ["page"], "labels": {"tags": "tags"}, "verify": {"by": "none"},
}  # fmt: skip
REQUEST = {
    "check": 7,
    "title": "pay",
    "state": "bad",
    "level": "P3",
    "at": payloads.BEGAN,
    "page": "https://a.example/7",
}


def own(**changes: Any) -> Mapping:
    """A mapping that a user wrote."""
    return Mapping("acme", MappingConfig.model_validate(OWN | changes))


def asked(mapping: Mapping, **changes: Any) -> Alert:
    """The alert of a JSON request; None takes a member away."""
    members = {key: value for key, value in (REQUEST | changes).items() if value is not None}
    return mapped(mapping, Payload(True, json.dumps(members).encode()))


def test_an_own_mapping() -> None:
    """Numbers count as their text, the first place with a value counts, a list is JSON in a text."""
    alert = asked(own(), title="", host="pay-1", tags=["a", "b"])
    assert alert.labels == {"prober": "acme", "target": "pay-1", "severity": "info", "tags": '["a","b"]'}
    assert alert.annotations == {"summary": 'pay-1 ["a","b"] P3'}
    assert (alert.links, alert.dedup_key) == (("https://a.example/7",), '["acme","7"]')
    assert asked(own(), level=True).labels["severity"] == "warning"
    assert asked(own(), at=None).starts_ms == NOW_MS
    assert asked(own(), state="good", at=None).ends_ms is None


def test_two_ids_are_not_one_written_another_way() -> None:
    """Parts of an identity cannot run into each other."""
    both = own(id=["check", "level"])
    first, second = asked(both, check="a", level="b,c"), asked(both, check="a,b", level="c")
    assert first.dedup_key != second.dedup_key
    assert asked(own(), check='a","b').dedup_key != asked(both, check="a", level="b").dedup_key


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        ("{name}: {level}", "pay: P3"),
        ("{name}: {tags}", "pay: ?"),
        ("{name.__class__} {name[0]} {0} {} {{name}}", None),
        ("100% {name} %s ${name}", "100% pay %s $pay"),
        ("", "pay: bad"),
    ],
)
def test_a_summary_is_plain(summary: str, text: str | None) -> None:
    """Names of fields and nothing else; the configuration refuses what reaches into them."""
    if text is None:
        names = {conflict.problem for conflict in own(summary=summary).config.conflicts()}
        assert "names the field 'name.__class__', which is not there" in names
    else:
        assert asked(own(summary=summary)).annotations["summary"] == text


def test_what_stands_in_a_field_is_not_replaced_again() -> None:
    """Text of the sender is text."""
    assert (
        asked(own(summary="{name}"), title="{level} {0.__class__} %s").annotations["summary"]
        == "{level} {0.__class__} %s"
    )


def test_texts_are_cut_and_cleaned() -> None:
    """The alert comes through, whatever its prose is."""
    alert = asked(own(), title="a\0b" + "x" * 5000, tags="y" * 5000, page="javascript:alert(1)", level=10**30)
    assert alert.labels["target"].startswith("a\ufffdb")
    assert len(alert.labels["target"]) == len(alert.labels["tags"]) == 2048
    assert len(alert.annotations["summary"]) == 1024
    assert alert.links == ()


@pytest.mark.parametrize(
    ("times", "given", "starts_ms"),
    [
        ({}, payloads.BEGAN, BEGAN_MS),
        ({}, str(BEGAN_MS), BEGAN_MS),
        ({}, payloads.BEGAN + 0.5, BEGAN_MS + 500),
        ({}, payloads.ENDED + 3600, NOW_MS),
        ({"format": "iso8601"}, "2026-11-24T13:00:00+08:00", BEGAN_MS),
        ({"format": "iso8601"}, "2026-11-24T05:00:00.25", BEGAN_MS + 250),
        ({"format": "iso8601", "zone": "Asia/Shanghai"}, "2026-11-24 13:00", BEGAN_MS),
        ({"format": "%d.%m.%Y %H:%M:%S", "zone": "Asia/Shanghai"}, "24.11.2026 13:00:00", BEGAN_MS),
        ({"format": "%Y-%m-%d %H:%M:%S %z", "zone": "Asia/Shanghai"}, "2026-11-24 05:00:00 +0000", BEGAN_MS),
        ({}, "yesterday", "is no number of seconds"),
        ({}, "１７９５４９６４００", "is no number of seconds"),
        ({}, -5, "is no number of seconds"),
        ({}, 0, "is before the year 2000"),
        ({}, payloads.BEGAN // 1000, "is before the year 2000"),
        ({}, payloads.BEGAN * 10**6, "is more than a day ahead"),
        ({}, {"at": 1}, "is a list, an object"),
        ({"format": "iso8601"}, "9999-12-31T23:59:59-23:59", "is more than a day ahead"),
        ({"format": "iso8601"}, "0001-01-01T00:00:00", "is before the year 2000"),
        ({"format": "iso8601"}, "2026-11-24T05:00:00" + " " * 99, "is too long"),
        ({"format": "%d.%m.%Y %H:%M:%S"}, "2026-11-24", "is no time as"),
    ],
)
def test_times(times: dict[str, str], given: object, starts_ms: int | str) -> None:
    """Each format, and each way in which a time is none."""
    mapping = own(times={"starts": "at", "ends": "at"} | times)
    if isinstance(starts_ms, int):
        assert asked(mapping, at=given).starts_ms == starts_ms
        assert asked(mapping, at=given, state="good").ends_ms == starts_ms
        return
    with pytest.raises(Refusal, match=re.escape(starts_ms)) as caught:
        asked(mapping, at=given)
    assert caught.value.status == 422
    assert str(caught.value).startswith("at ($.at) ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"check": None}, "check ($.check) is missing"),
        ({"check": ""}, "check ($.check) is missing"),
        ({"check": ["7"]}, "check ($.check) is a list, an object or a huge number"),
        ({"check": 10**30}, "check ($.check) is a list, an object or a huge number"),
        ({"check": "7" * 1025}, "check ($.check) has more than 1024 characters"),
        ({"state": None}, "state ($.state) is missing"),
        ({"state": "BAD"}, "state ($.state) says 'BAD', which is not one of bad, good"),
        ({"state": "x" * 99}, "state ($.state) says 'xxxx"),
        ({"state": "a\nb"}, "state ($.state) says 'a?b', which"),
        ({"state": 1}, "state ($.state) says '1', which"),
        ({"state": {}}, "state ($.state) is a list, an object"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], message: str) -> None:
    """Field, place and what it said: an unknown status is never taken for one that is known."""
    with pytest.raises(Refusal, match=re.escape(message)) as caught:
        asked(own(), **changes)
    assert caught.value.status == 422
    assert caught.value.hint
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"body": b""}, 400),
        ({"body": b"[" * 100_000}, 400),
        ({"body": b'{"check": NaN}'}, 400),
        ({"body": b'{"check": "\xff"}'}, 400),
        ({"body": rb'{"check": "\ud800"}'}, 400),
        ({"body": b"[]"}, 422),
        ({"body": b" " * (256 * 1024 + 1)}, 413),
        ({"method": "GET"}, 405),
        ({"method": "DELETE"}, 405),
        ({"method": "PUT"}, 405),
    ],
)
def test_what_is_no_such_request(changes: dict[str, Any], status: int) -> None:
    """Each has its answer."""
    with pytest.raises(Refusal) as caught:
        mapped(own(), Payload(True, json.dumps(REQUEST).encode()), **changes)
    assert caught.value.status == status


def test_a_form_with_a_field_twice_or_too_many() -> None:
    """What could be read in two ways is refused; other fields may come as often as they like."""
    places = {
        "check": "check",
        "name": "name",
        "state": "state",
        "level": "level",
        "at": "at",
        "tags": "tags",
        "page": "page",
    }
    mapping = own(format="query", fields=places)
    wanted = "check=7&state=bad"
    assert mapped(mapping, Payload(True, method="GET", query=f"{wanted}&x=1&x=2")).dedup_key == '["acme","7"]'
    for query, message in ((f"{wanted}&state=good", "has several values"), (wanted + "&x" * 200, "more than 200")):
        with pytest.raises(Refusal, match=message):
            mapped(mapping, Payload(True, method="GET", query=query))


def test_a_search_through_the_body() -> None:
    """Two values of one field are none; a body nested deeper than the search goes is refused."""
    fields = OWN["fields"] | {"check": "$..check"}
    assert asked(own(fields=fields)).dedup_key == '["acme","7"]'
    for more, message in (
        ({"x": {"check": 8}}, "several values"),
        ({"x": json.loads("[" * 200 + "]" * 200)}, "too deep"),
    ):
        with pytest.raises(Refusal, match=message):
            asked(own(fields=fields), **more)


def test_only_the_time_that_counts_is_read() -> None:
    """A recovery whose beginning is garbled is a recovery."""
    mapping = own(fields=OWN["fields"] | {"end": "$.end"}, times={"starts": "at", "ends": "end"})
    assert asked(mapping, state="good", at="garbled", end=payloads.ENDED).ends_ms == payloads.ENDED * 1000
    assert asked(mapping, end="garbled").starts_ms == BEGAN_MS


def test_a_query_decoded_in_another_way() -> None:
    """Lone surrogates and bytes that are no UTF-8 come out as text that the store can hold."""
    mapping = own(format="query", fields={name: name for name in OWN["fields"]})
    alert = mapped(mapping, Payload(True, method="GET", query="check=7&state=bad&name=a\udcffb%ffc%00"))
    assert alert.labels["target"] == "a?b\ufffdc\ufffd"


def test_any_depth_is_read_or_refused() -> None:
    """Also where the stack ends within the body, or where it is written out again from deeper than it was read."""
    config = own(fields=OWN["fields"] | {"tags": "$"}).config
    outcomes: set[str] = set()
    for depth in range(700, 1100):
        body = json.dumps(REQUEST).encode()[:-1] + b', "tags": ' + b"[" * depth + b"]" * depth + b"}"
        try:
            text = from_deeper(30, Fields(config, Request("POST", "", {}, body)))
            outcomes.add("cut" if text == "?" else text[:10])
        except Refusal as refusal:
            outcomes.add(str(refusal.status))
    assert outcomes <= {"cut", '{"check":7', "400"}


def from_deeper(frames: int, fields: Fields) -> str:
    """A field read with that many more frames on the stack."""
    return from_deeper(frames - 1, fields) if frames else fields.text("tags")


def problems(data: dict[str, Any]) -> list[str]:
    """What is wrong with a mapping in a configuration file, as `key: problem; hint`."""
    check = Validation(MappingConfig, Places(Place("kunobs.yaml", 1)), Path(), [])
    found = check.section(MappingConfig, data, ())
    if found is not None:
        check.conflicts(found, ())
    return [f"{'.'.join(map(str, one.path))}: {one.problem}; {one.hint}" for one in check.mistakes]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, ""),
        ({"fields": {}}, "fields: is missing; docs/probers.md"),
        ({"id": []}, "id: is missing"),
        ({"id": "chek"}, "id: names the field 'chek', which is not there; did you mean check?"),
        ({"id": ["check", "check"]}, 'id: "check" is listed twice'),
        ({"target": "qqq"}, "target: names the field 'qqq', which is not there; add it to fields"),
        ({"status": {"field": "state", "values": {"good": "resolved"}}}, "status.values: has no word for firing"),
        ({"status": {"field": "state", "values": {"bad": "firng"}}}, 'status.values.bad: "firng" is not one of firing'),
        ({"status": {"values": {"bad": "firing"}}}, "status.field: is missing"),
        ({"status": {"field": "state", "values": {1: "firing"}}}, "status.values"),
        (
            {"severity": {"field": "levl"}},
            "severity.field: names the field 'levl', which is not there; did you mean level?",
        ),
        ({"times": {"starts": "at"}}, "times.starts: needs ends beside it"),
        ({"times": {"starts": "at", "ends": "at", "format": "%H:%M"}}, 'times.format: "%H:%M" cannot be read back'),
        ({"times": {"starts": "at", "ends": "at", "format": "rfc"}}, 'times.format: "rfc" cannot be read back'),
        ({"times": {"zone": "Mars/Base"}}, 'times.zone: "Mars/Base" is no time zone'),
        ({"summary": "{nam}: x"}, "summary: names the field 'nam', which is not there; did you mean name?"),
        ({"labels": {"severity": "level"}}, "labels.severity: is a label the relay sets itself"),
        ({"labels": {"a b": "level"}}, "labels"),
        ({"labels": {"a": "levels"}}, "labels.a: names the field 'levels', which is not there; did you mean level?"),
        ({"fields": OWN["fields"] | {"x": "$.a."}}, "fields.x: '$.a.' is no JSONPath: "),
        ({"fields": OWN["fields"] | {"x": "a.b"}}, "fields.x: 'a.b' is no JSONPath; write $.check.id"),
        ({"fields": OWN["fields"] | {"x": []}}, "fields.x: is empty"),
        ({"fields": OWN["fields"] | {"X.y": "$.a"}}, "fields"),
        ({"format": "form"}, "fields.check: '$.check' is no name of a parameter; write the parameter's name"),
        ({"verify": {"by": "md5", "digest": "level"}}, "verify.fields: is missing; md5 needs fields and digest"),
        ({"verify": {"by": "hmac-sha1"}}, "verify.header: must name the header with the signature"),
        ({"verify": {"by": "token", "header": "", "parameter": ""}}, "verify.header: is empty, and parameter too"),
        ({"verify": {"header": "a b"}}, 'verify.header: "a b" is no name of a header'),
        ({"verify": {"by": "md4"}}, 'verify.by: "md4" is not one of token, md5'),
        ({"sumary": "x"}, "sumary: unknown key; did you mean summary?"),
    ],
)
def test_a_wrong_mapping(changes: dict[str, Any], problem: str) -> None:
    """The configuration says which key, what, and what to write."""
    found = problems(OWN | changes)
    if problem:
        assert any(one.startswith(problem) for one in found), found
    else:
        assert found == []


def test_a_query_has_no_body_to_sign() -> None:
    """Its signature would be the same for ever."""
    fields = {name: name for name in OWN["fields"]}
    found = problems(OWN | {"format": "query", "fields": fields, "verify": {"by": "hmac-sha1", "header": "x-s"}})
    assert found == ["verify.by: signs the body, and a query has none; use token or md5"]


def test_known_mappings_are_as_strict_as_a_user_s() -> None:
    """Written out and read again they have no mistake; a user's own stands for a known one of its name."""
    for name, mapping in KNOWN.items():
        assert problems(mapping.config.model_dump()) == [], name
        assert mapping.config.verify.by == ("md5" if name == "jiankongbao" else "token")
    both = mappings({"acme": own().config, "pingdom": own().config})
    assert both["pingdom"].config == own().config != KNOWN["pingdom"].config
    assert list(both) == [*KNOWN, "acme"]
    assert VerifyConfig().by == "token"


def blocks(language: str) -> Iterator[str]:
    """The code blocks of docs/probers.md that are marked so."""
    return iter(re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))


def test_the_page_says_what_works() -> None:
    """Its mapping reads its request; the bodies it tells to enter are read; its list of alerts too."""
    data = next(
        found["noc"]["mappings"]["acme"]
        for text in blocks("yaml")
        if "acme" in text
        for found in [YAML(typ="safe").load(text)]
    )
    assert problems(data) == []
    body = next(blocks("json acme")).encode()
    headers = {"x-acme-signature": "sha256=" + hmac.new(SECRET.encode(), body, "sha256").hexdigest()}
    alert = mapped(Mapping("acme", MappingConfig.model_validate(data)), Payload(True, body, headers=headers))
    assert (alert.starts_ms, alert.labels["severity"], alert.links) == (
        BEGAN_MS,
        "critical",
        ("https://acme.example.com/r/7",),
    )
    assert alert.annotations["summary"] == "Payment page is failed, seen from cn-north"
    values = json.loads(payloads.uptimerobot().body)
    filled = re.sub(r"\*(\w+)\*", lambda found: values[found[1]], next(blocks("json uptimerobot")))
    assert known("uptimerobot") == mapped(KNOWN["uptimerobot"], payloads.uptimerobot(), body=filled.encode())
    values = json.loads(payloads.healthchecks().body)
    filled = next(blocks("json healthchecks")).replace("$JSON", json.dumps(values["check"]))
    for variable, key in (("$CODE", "code"), ("$STATUS", "status"), ("$NOW", "now")):
        filled = filled.replace(variable, values[key])
    assert known("healthchecks") == mapped(KNOWN["healthchecks"], payloads.healthchecks(), body=filled.encode())
    now_ms = int(datetime(2026, 11, 24, 6, tzinfo=UTC).timestamp() * 1000)
    assert tenant.read(next(blocks("json tenant")).encode(), now_ms).alerts[0].dedup_key == "orders-queue"
    assert all(f"kind `{name}`" in PAGE for name in KNOWN)
