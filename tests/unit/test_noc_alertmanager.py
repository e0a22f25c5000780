"""Alertmanager's webhook: what each version sends, and what a stranger may send instead."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kunobs.noc.accept.alert import Alert, identity
from kunobs.noc.accept.alertmanager import read
from kunobs.noc.accept.refusal import Refusal

START = "2026-11-24T05:00:00.123456789Z"
START_MS = 1795496400123


def alert(**changes: Any) -> dict[str, Any]:
    """An alert as 0.25 sends it; None takes a key away."""
    found: dict[str, Any] = {
        "status": "firing",
        "labels": {"alertname": "HighLatency", "severity": "critical", "namespace": "pay-prod"},
        "annotations": {"summary": "支付延迟"},
        "startsAt": START,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus-0:9090/graph?g0.expr=up",
        "fingerprint": "66fb29f14b8a7a1c",
    } | changes
    return {key: value for key, value in found.items() if value is not None}


def message(*alerts: dict[str, Any], **changes: Any) -> bytes:
    """A body as 0.25 sends it; None takes a key away."""
    found: dict[str, Any] = {
        "receiver": "noc",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "HighLatency"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager-0:9093",
        "version": "4",
        "groupKey": '{}:{alertname="HighLatency"}',
        "truncatedAlerts": 0,
    } | changes
    return json.dumps({key: value for key, value in found.items() if value is not None}).encode()


def test_a_firing_and_a_resolved_alert_in_one_body() -> None:
    """Each counts for itself, whatever the body's status is."""
    post = read(message(alert(), alert(status="resolved", endsAt="2026-11-24T13:10:00+08:00"), truncatedAlerts=3))
    firing, resolved = post.alerts
    assert (post.sender, post.truncated, post.group) == (
        "http://alertmanager-0:9093",
        3,
        '{}:{alertname="HighLatency"}',
    )
    assert (firing.status, firing.starts_ms, firing.ends_ms) == ("firing", START_MS, None)
    assert firing.links == ("http://prometheus-0:9090/graph?g0.expr=up",)
    assert (resolved.status, resolved.ends_ms) == ("resolved", START_MS - 123 + 600_000)


def test_links_of_a_rule_come_before_its_query() -> None:
    """What to do first; an annotation that is no address is no link."""
    annotations = {
        "logs_url": "https://kibana/x",
        "runbook_url": "https://git/KunX.md",
        "dashboard_url": "javascript:alert(1)",
    }
    found = read(message(alert(annotations=annotations))).alerts[0].links
    assert found == ("https://git/KunX.md", "https://kibana/x", "http://prometheus-0:9090/graph?g0.expr=up")


def test_newer_versions_say_more() -> None:
    """Fields of 0.32 and 0.34, and of versions to come, change nothing."""
    newer = {"notification_reason": "first notification", "routeLabels": {"team": "pay"}, "someday": [1]}
    assert read(message(alert(), **newer)) == read(message(alert()))


def test_the_least_that_is_needed() -> None:
    """Annotations, links and the group may be left out."""
    bare = alert(annotations=None, generatorURL=None, fingerprint=None, endsAt=None)
    post = read(message(bare, groupKey=None, truncatedAlerts=None, externalURL=None))
    assert post.alerts[0].annotations == {}
    assert post.alerts[0].links == ()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "truncated"),
        (b"hello", "malformed"),
        (b"[]", "Expected `object`"),
        (b"\xff{}", "invalid start byte"),
        (b'{"version": "4", "alerts": "' + b"\xff" + b'"}', "invalid start byte"),
        (b"[" * 100_000, "Expected `object`"),
        (message(version="3"), "'3' is not known"),
        (message(alert(), version=4), r"\$\.version"),
        (message(alert(labels={"pod": 1})), r"\$\.alerts\[0\]\.labels"),
        (message(alert(), alert(labels=None)), r"labels.*\$\.alerts\[1\]"),
        (message(alert(status="pending")), r"\$\.alerts\[0\]\.status"),
        (message(alert(startsAt="yesterday")), r"\$\.alerts\[0\]\.startsAt"),
        (message(alert(startsAt="0001-01-01T00:00:00Z")), r"\$\.alerts\[0\]\.startsAt is no time"),
        (message(alerts=None), "`alerts`"),
        (message(alert(), truncatedAlerts="many"), r"\$\.truncatedAlerts"),
    ],
)
def test_a_refusal_names_the_place(body: bytes, place: str) -> None:
    """What is no webhook can never be accepted, and its sender is told why."""
    with pytest.raises(Refusal, match=place) as caught:
        read(body)
    assert caught.value.status == 400
    assert caught.value.hint


def test_no_bytes_break_the_reader() -> None:
    """A seeded mutator: an answer or a refusal, nothing else."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    whole = message(alert(), alert(status="resolved", endsAt=START))
    refused = 0
    for _ in range(20_000):
        body = bytearray(whole)
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(len(body))
            body[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
        try:
            read(bytes(body))
        except Refusal:
            refused += 1
    assert 0 < refused < 20_000


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
def test_identity_is_the_labels(one: dict[str, str], other: dict[str, str]) -> None:
    """Equal where the labels are, in whatever order, and only there."""
    same = dict(reversed(one.items()))
    assert identity("t", Alert("firing", one)) == identity("t", Alert("resolved", same, starts_ms=5))
    assert (identity("t", Alert("firing", one)) == identity("t", Alert("firing", other))) is (one == other)
    assert identity("t", Alert("firing", one)) != identity("u", Alert("firing", one))


def test_replica_labels_are_no_part_of_it() -> None:
    """Labels that tell replicas apart are dropped; a dedup key stands for all labels."""
    first, second = ({"alertname": "A", "replica": each} for each in "ab")
    assert identity("t", Alert("firing", first)) != identity("t", Alert("firing", second))
    assert identity("t", Alert("firing", first), {"replica"}) == identity("t", Alert("firing", second), {"replica"})
    keyed = [identity("t", Alert("firing", labels, dedup_key="disk-7")) for labels in (first, second)]
    assert keyed[0] == keyed[1]
    assert keyed[0] != identity("t", Alert("firing", {"dedup": "disk-7"}))
