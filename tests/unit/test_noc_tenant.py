"""The relay's own JSON API: what a tenant's program may post, and what it is told when it posts something else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kunobs.noc.accept.alert import identity
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.accept.tenant import MOST_ALERTS, read

NOW_MS = int(datetime(2026, 11, 24, 6, 0, 0, tzinfo=UTC).timestamp() * 1000)
FIVE_MS = NOW_MS - 3_600_000
HOUR_AHEAD = "2026-11-24T07:00:00Z"


def body(**values: Any) -> bytes:
    """One alert with a summary."""
    return json.dumps({"summary": "订单积压"} | values).encode()


def key(**values: Any) -> str:
    """Which incident one alert belongs to."""
    return identity("t", read(body(**values), NOW_MS).alerts[0])


def test_every_key() -> None:
    """Severity and summary get their place among labels and annotations."""
    post = read(
        body(
            severity="critical", status="resolved", dedup_key="orders-7", labels={"service": "orders"},
            annotations={"runbook": "看队列"}, links=["https://wiki.example.com/orders?a=1#b", "http://[::1]:9090/"],
            starts_at="2026-11-24T13:00:00+08:00", ends_at="2026-11-24T05:10:00.5Z",
        ),
        NOW_MS,
    )  # fmt: skip
    (alert,) = post.alerts
    assert (post.sender, post.truncated, post.group) == ("api", 0, "")
    assert alert.status == "resolved"
    assert alert.labels == {"service": "orders", "severity": "critical"}
    assert alert.annotations == {"runbook": "看队列", "summary": "订单积压"}
    assert alert.links == ("https://wiki.example.com/orders?a=1#b", "http://[::1]:9090/")
    assert (alert.starts_ms, alert.ends_ms) == (FIVE_MS, FIVE_MS + 600_500)
    assert alert.dedup_key == "orders-7"


def test_the_least() -> None:
    """A summary is enough: a warning that fires, from now."""
    (alert,) = read(b'{"summary": "disk is full"}', NOW_MS).alerts
    assert (alert.status, alert.labels, alert.annotations) == (
        "firing",
        {"severity": "warning"},
        {"summary": "disk is full"},
    )
    assert (alert.starts_ms, alert.ends_ms, alert.links) == (NOW_MS, None, ())


def test_a_list() -> None:
    """Each is an alert; as many as are allowed, and none."""
    assert [alert.annotations["summary"] for alert in read(b'[{"summary": "a"}, {"summary": "b"}]', NOW_MS).alerts] == [
        "a",
        "b",
    ]
    most = [{"summary": str(number)} for number in range(MOST_ALERTS)]
    assert len(read(json.dumps(most).encode(), NOW_MS).alerts) == 1000
    with pytest.raises(Refusal, match="length <= 1000"):
        read(json.dumps([*most, {"summary": "x"}]).encode(), NOW_MS)
    assert read(b"[]", NOW_MS).alerts == ()


def test_without_a_key_labels_and_summary_are_the_identity() -> None:
    """Not the severity, not the times, not the order of labels: what resolves it need not repeat them."""
    labels = {"service": "orders", "region": "north"}
    one = key(labels=labels)
    assert one == key(labels=dict(reversed(labels.items())), severity="critical", status="resolved")
    assert one == key(labels=labels | {"empty": ""}, annotations={"a": "b"}, starts_at="2026-11-24T05:00:00Z")
    assert one != key(labels=labels, summary="other")
    assert one != key(labels=labels | {"region": "south"})
    assert one != key()


def test_a_key_is_the_identity() -> None:
    """Whatever else is said."""
    assert key(dedup_key="a", labels={"x": "y"}) == key(dedup_key="a", summary="other", severity="info")
    assert key(dedup_key="a") != key(dedup_key="b")


@given(st.text(min_size=1, max_size=200), st.dictionaries(st.text(min_size=1, max_size=50), st.text(max_size=100)))
def test_any_unicode_comes_through(summary: str, labels: dict[str, str]) -> None:
    """What JSON can say arrives as it was, but for NUL and empty values; the oracle is Python's own encoder."""
    whole = json.dumps({"summary": summary, "labels": labels}).encode()
    hostile = "\0" in whole.decode() or "\\u0000" in whole.decode() or "severity" in labels or len(labels) > 64
    if hostile:
        return
    (alert,) = read(whole, NOW_MS).alerts
    assert alert.annotations == {"summary": summary}
    assert alert.labels == {name: value for name, value in labels.items() if value} | {"severity": "warning"}


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        (b"", 400, "truncated"),
        (b"hello", 400, "malformed"),
        (b"\xef\xbb\xbf{}", 400, "malformed"),
        (b'{"summary": NaN}', 400, "malformed"),
        (b'{"summary": "x"} {}', 400, "trailing"),
        (b'{"summary": "\xff"}', 400, "invalid start byte"),
        (b'{"summary": "\xed\xa0\x80"}', 400, "invalid continuation byte"),
        (rb'{"summary": "\ud800"}', 400, "the body is no JSON"),
        (rb'{"summary": "x", "labels": {"\udc00": "x"}}', 400, "the body is no JSON"),
        (b"[" * 100_000, 422, r"\$\[0\]: Expected `object`"),
        (b'{"labels": {"a": ' + b"[" * 100_000, 400, "recursion"),
        (b'{"labels": {"a": ' + b"9" * 5000, 422, "out of range"),
        (b'{"summary": 1' + b"0" * 30 + b"}", 422, r"\$.summary: Expected `str`"),
        (b'{"summary": 1e999}', 422, r"\$.summary: Number out of range"),
        (b"null", 422, r"\$: Expected `object \| array`"),
        (b'[[{"summary": "x"}]]', 422, r"\$\[0\]: Expected `object`"),
        (b"{}", 422, r"\$: Object missing required field `summary`"),
        (b'[{"summary": "x"}, {}]', 422, r"\$\[1\]: Object missing required field `summary`"),
    ],
)
def test_what_is_no_alert(given: bytes, status: int, message: str) -> None:
    """400 for what is no JSON, 422 with the place for what is no alert."""
    with pytest.raises(Refusal, match=message) as caught:
        read(given, NOW_MS)
    assert caught.value.status == status
    assert caught.value.hint


@pytest.mark.parametrize(
    ("wrong", "message", "hint"),
    [
        ({"sumary": "x"}, r"\$\[1\]: Object contains unknown field `sumary`", "did you mean summary?"),
        ({"startsAt": HOUR_AHEAD}, r"unknown field `startsAt`", "did you mean starts_at?"),
        ({"qqq": 1}, r"unknown field `qqq`", "known are summary, severity, status, dedup_key"),
        ({"\0": 1}, r"unknown field `\?`", "known are"),
        ({"severity": "page"}, r"\$\[1\].severity: Invalid enum value 'page'", "critical, warning or info"),
        ({"status": "ok"}, r"\$\[1\].status", "firing or resolved"),
        ({"summary": ""}, r"\$\[1\].summary: .*length >= 1", ""),
        ({"summary": "x" * 1025}, r"\$\[1\].summary: .*length <= 1024", ""),
        ({"summary": "a\0b"}, r"\$\[1\].summary has .* NUL", ""),
        ({"dedup_key": ""}, r"\$\[1\].dedup_key", ""),
        ({"dedup_key": "x" * 256}, r"\$\[1\].dedup_key", ""),
        ({"dedup_key": "\0"}, r"\$\[1\].dedup_key has .* NUL", ""),
        ({"labels": ["a"]}, r"\$\[1\].labels: Expected `object`", '{"service": "pay"}'),
        ({"labels": {"pod": 1}}, r"\$\[1\].labels.pod is no text", "quotes"),
        ({"labels": {"pod": None}}, r"\$\[1\].labels.pod is no text", "quotes"),
        ({"labels": {"a b": ["x"]}}, r"\$\[1\].labels\['a b'\] is no text", "quotes"),
        ({"labels": {"": "x"}}, r"\$\[1\].labels\[''\]: a name has 1 to 1024", ""),
        ({"labels": {"\0": "x"}}, r"\$\[1\].labels\['\?'\]: a name has", ""),
        ({"labels": {"x" * 1025: "x"}}, r"\$\[1\].labels.*1024", ""),
        ({"labels": {"x": "y" * 2049}}, r"\$\[1\].labels.x has more than 2048", ""),
        ({"labels": {"x": "\0"}}, r"\$\[1\].labels.x has .* NUL", ""),
        ({"labels": {"severity": "critical"}}, r"\$\[1\].labels.severity is set", "write it as severity"),
        ({"labels": {str(n): "x" for n in range(65)}}, r"\$\[1\].labels: .*length <= 64", "64"),
        ({"annotations": {"summary": "x"}}, r"\$\[1\].annotations.summary is set", "write it as summary"),
        ({"annotations": {"x": "y" * 8193}}, r"\$\[1\].annotations.x has more than 8192", ""),
        ({"links": "https://x.example"}, r"\$\[1\].links: Expected `array`", "https"),
        ({"links": ["https://x.example", "javascript:alert(1)"]}, r"\$\[1\].links\[1\] is no address", "https"),
        ({"links": ["https://"]}, r"\$\[1\].links\[0\] is no address", "https"),
        ({"links": ["https://x.example/ a"]}, r"\$\[1\].links\[0\] is no address", "https"),
        ({"links": ["http://["]}, r"\$\[1\].links\[0\] is no address", "https"),
        ({"links": ["https://x.example/" + "x" * 2048]}, r"\$\[1\].links\[.*length <= 2048", "https"),
        ({"links": ["https://x.example"] * 17}, r"\$\[1\].links: .*length <= 16", "16"),
        ({"starts_at": "2026-11-24T05:00:00"}, r"\$\[1\].starts_at: .*timezone", "with a zone"),
        ({"starts_at": "yesterday"}, r"\$\[1\].starts_at: Invalid RFC3339", "with a zone"),
        ({"starts_at": 1795496400}, r"\$\[1\].starts_at: Expected `datetime", "with a zone"),
        ({"starts_at": "0001-01-01T00:00:00Z"}, r"\$\[1\].starts_at is before the year 2000", "with a zone"),
        ({"starts_at": "1970-01-01T00:00:00+08:00"}, r"\$\[1\].starts_at is before the year 2000", "with a zone"),
        ({"starts_at": "2026-11-26T05:00:00Z"}, r"\$\[1\].starts_at is more than a day ahead", "with a zone"),
        ({"starts_at": "9999-12-31T23:59:59-23:59"}, r"\$\[1\].starts_at is more than a day ahead", "with a zone"),
        ({"ends_at": "2026-11-24T05:00:00Z"}, r"\$\[1\].ends_at: an alert that fires has no end", "resolved"),
        (
            {"status": "resolved", "starts_at": "2026-11-24T05:00:00Z", "ends_at": "2026-11-24T04:59:59Z"},
            r"\$\[1\].ends_at is before starts_at",
            "",
        ),
    ],
)
def test_a_wrong_key_is_named_with_its_place(wrong: dict[str, Any], message: str, hint: str) -> None:
    """The whole list is refused, for a mistake in the second alert; the hint says what to write."""
    with pytest.raises(Refusal, match=message) as caught:
        read(b"[" + body() + b"," + body(**wrong) + b"]", NOW_MS)
    assert caught.value.status == 422
    assert hint in caught.value.hint
    assert caught.value.hint
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_key_twice_counts_as_its_last() -> None:
    """That is what JSON readers do; it is defined, not refused."""
    (alert,) = read(b'{"summary": "a", "severity": "info", "summary": "b", "severity": "critical"}', NOW_MS).alerts
    assert (alert.annotations["summary"], alert.labels["severity"]) == ("b", "critical")


def test_null_is_not_said() -> None:
    """Where a program writes what it does not know as null."""
    (alert,) = read(body(dedup_key=None, starts_at=None, ends_at=None), NOW_MS).alerts
    assert (alert.starts_ms, alert.ends_ms) == (NOW_MS, None)


def test_a_clock_that_is_ahead() -> None:
    """Nothing begins or ends in the future: what ends by our clock would otherwise have ended before it began."""
    (alert,) = read(body(starts_at=HOUR_AHEAD), NOW_MS).alerts
    assert alert.starts_ms == NOW_MS
    (alert,) = read(body(status="resolved", starts_at="2026-11-24T05:00:00Z", ends_at=HOUR_AHEAD), NOW_MS).alerts
    assert alert.ends_ms == NOW_MS
