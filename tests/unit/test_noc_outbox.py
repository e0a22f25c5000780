"""Messages on their way: written once, sent in order, sent again when nobody knows, dropped when they are no longer true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kunobs.noc.notify import outbox
from kunobs.noc.notify.contract import (
    Event,
    Frozen,
    Limit,
    Message,
    Ok,
    Outcome,
    Partial,
    Permanent,
    RefreshToken,
    Retry,
)
from kunobs.testing.noc import NocBench
from tests.unit.test_noc_ladder import CONFIG


@pytest.fixture
def noc() -> Iterator[NocBench]:
    """A relay."""
    with NocBench(CONFIG) as bench:
        yield bench


def test_a_retry_is_the_same_to_the_byte(noc: NocBench) -> None:
    """So that a provider can recognise it; a reminder differs, so that it is not recognised."""
    seen: list[Frozen] = []
    robot = noc.channels["ops"]
    send = robot.send
    robot.send = lambda frozen: (seen.append(frozen), send(frozen))[1]
    robot.outcomes = [Retry("timeout", "no answer", delivered_maybe=True), Retry("http_500", "HTTP 500")]
    noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("10s")
    assert len(seen) == 3
    assert len(set(seen)) == 1
    noc.advance("26m")
    assert len({frozen.body for frozen in seen}) > 1
    assert len({frozen.key for frozen in seen}) == len({frozen.body for frozen in seen})


def test_a_lease_that_ran_out_is_sent_again(noc: NocBench) -> None:
    """The process died between the claim and the record."""
    noc.relay.post("platform", "t", *_post(noc)).result()
    jobs = noc.relay.claim("ops", 10)
    assert [job.attempts for job in jobs] == [0]
    assert noc.relay.claim("ops", 10) == []
    noc.advance("59s")
    noc.expect()
    noc.advance("2s")
    noc.expect("ops")


def test_another_life_does_not_wait_for_the_lease(tmp_path: Path) -> None:
    """The store is this process' alone, so whatever was being sent is not any more."""
    with NocBench(CONFIG, folder=tmp_path) as first:
        first.relay.post("platform", "t", *_post(first)).result()
        first.relay.claim("ops", 10)
    with NocBench(CONFIG, folder=tmp_path) as second:
        second.relay.reclaim()
        second.relay.settle()
        second.expect("ops")


def test_an_ack_stops_what_was_not_sent(noc: NocBench) -> None:
    """State is looked at before every attempt, not once."""
    noc.channels["ops"].always = Retry("http_500", "HTTP 500")
    incident = noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("1s")
    noc.channels["ops"].always = None
    noc.act(incident, "ack")
    noc.advance("1h")
    received = [(each["kind"], each["incident"]) for each in noc.channels["ops"].received]
    assert ("page", incident) not in received
    states = noc.rows(
        "SELECT state, answer FROM outbox WHERE incident_id = ? AND channel = 'ops' AND kind = 'page'", incident
    )
    assert states == [("dropped", "the incident is acked")]


def test_parts_are_sent_in_order(noc: NocBench) -> None:
    """The second waits until the first is over; a first one that is refused takes the others with it."""
    robot = noc.channels["ops"]
    robot.pack = lambda message, address: [b'{"kind":"page","part":%d}' % number for number in (1, 2, 3)]
    robot.outcomes = [Retry("http_500", "HTTP 500")]
    noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("10s")
    assert [each["part"] for each in robot.received] == [1, 2, 3]
    robot.received.clear()
    robot.outcomes = [Permanent("40058", "too long")]
    noc.fires(alertname="Other", severity="warning")
    states = noc.rows("SELECT part, state FROM outbox WHERE title = 'Other' AND channel = 'ops' ORDER BY part")
    assert states == [(1, "failed"), (2, "failed"), (3, "failed")]


def test_what_is_written_twice_is_there_once(noc: NocBench) -> None:
    """The key is the same for ever."""
    from kunobs.noc.decide.reach import Address

    policy, address = noc.relay.policy, Address("ops", "", "", "zh")
    message = Message(key="1-1-abc", kind="page", tenant="t", incident=0, severity="critical", title="x", text="y")
    assert noc.store.write(lambda tx: outbox.put(tx, policy, message, address, 0))
    assert not noc.store.write(lambda tx: outbox.put(tx, policy, message, address, 0))


@pytest.mark.parametrize(
    ("outcomes", "state", "wait"),
    [
        ([Ok("id-1")], "sent", "0s"),
        ([RefreshToken("42001", "expired"), Ok()], "sent", "0s"),
        ([RefreshToken("42001", "expired"), RefreshToken("42001", "expired"), Ok()], "sent", "5s"),
        ([Retry("timeout", "no answer"), Ok()], "sent", "2s"),
        ([Retry("http_503", "HTTP 503", after=7)], "sent", "8s"),
        ([Permanent("60020", "not allowed", dead="channel")], "failed", "0s"),
        ([Partial([("li", "gone")])], "sent", "0s"),
    ],
)
def test_outcomes(noc: NocBench, outcomes: list[Outcome], state: str, wait: str) -> None:
    """What each means for the message."""
    noc.channels["ops"].outcomes = list(outcomes)
    noc.fires(alertname="DiskFull", severity="warning")
    noc.advance(wait)
    assert noc.rows("SELECT state FROM outbox WHERE channel = 'ops' AND title = 'DiskFull'") == [(state,)]


def test_a_second_refusal_of_the_token_waits(noc: NocBench) -> None:
    """The first one is the token's fault, a second one the provider's."""
    noc.channels["ops"].outcomes = [RefreshToken("42001", "expired"), RefreshToken("42001", "expired")]
    noc.fires(alertname="DiskFull", severity="warning")
    assert noc.rows("SELECT state FROM outbox WHERE channel = 'ops'") == [("due",)]


def test_critical_ones_go_first(noc: NocBench) -> None:
    """Whatever was written before them."""
    noc.channels["ops"].always = Retry("http_500", "HTTP 500")
    for severity in ("warning", "warning", "critical"):
        noc.fires(alertname="Disk", host=severity, n=str(noc.clock.now()), severity=severity)
        noc.clock.advance(0.1)
    noc.clock.advance(30)
    assert [job.critical for job in noc.relay.claim("ops", 1)] == [True]


def test_what_died_under_way_is_not_charged_twice(noc: NocBench) -> None:
    """The provider's minute was paid for by the attempt that nobody knows the end of."""
    noc.channels["ops"].limit = [Limit("ops", 1, 3600)]
    noc.relay.post("platform", "t", *_post(noc)).result()
    noc.relay.claim("ops", 10)
    noc.advance("61s")
    noc.expect("ops")


def test_a_digest_holds_nothing_critical(noc: NocBench) -> None:
    """Those wait by themselves, and go first."""
    noc.channels["ops"].limit = [Limit("ops", 1, 60)]
    for number in range(5):
        noc.fires(alertname="Disk", host=str(number), severity="warning")
    noc.fires(alertname="Down", severity="critical")
    states = dict(noc.rows("SELECT critical, count(*) FROM outbox WHERE state = 'digested' GROUP BY critical"))
    assert set(states) == {0}


def test_a_channel_that_raises(noc: NocBench) -> None:
    """Whatever is wrong in it, the message is not lost."""

    def broken(frozen: Frozen) -> Outcome:
        raise ZeroDivisionError

    send, noc.channels["ops"].send = noc.channels["ops"].send, broken
    noc.fires(alertname="DiskFull", severity="warning")
    noc.channels["ops"].send = send
    noc.advance("2s")
    noc.expect("ops")


def test_a_provider_dead_for_an_hour(noc: NocBench) -> None:
    """The other way carries; when it is well again the relay's own alert ends, and nothing old is told."""
    noc.channels["app"].always = Retry("refused", "the connection was refused")
    noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("1h")
    assert "call +8613800000002" in noc.news()
    noc.channels["app"].always = None
    noc.act(1, "ack")
    noc.advance("10m")
    kinds = {each["kind"] for each in noc.channels["app"].received}
    assert "page" not in {each["kind"] for each in noc.channels["app"].received if each["incident"] == 1}
    assert kinds <= {"taken", "page", "reminder", "resolved"}
    assert noc.rows("SELECT name FROM fact WHERE name LIKE 'failing/%'") == []


def test_receipts(noc: NocBench) -> None:
    """Each report counts once, never goes back, and a failed delivery takes another way."""
    noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("5m1s")
    noc.news()
    key = noc.rows("SELECT message FROM outbox WHERE channel = 'app'")[0][0]
    relay = noc.relay

    def report(number: str, **what: object) -> str:
        found: str = relay.event("app", Event(id=number, key=key, **what)).result()  # type: ignore[arg-type]
        relay.settle()
        return found

    assert report("e1", receipt="read") == "taken"
    assert report("e1", receipt="read") == "repeated"
    assert report("e2", receipt="delivered") == "taken"
    assert noc.rows("SELECT receipt FROM outbox WHERE channel = 'app'") == [("read",)]
    assert relay.event("app", Event(id="e9", key="no-such-1")).result() == "unknown"
    assert report("e3", failed="blocked by the user") == "taken"
    noc.expect("call +8613800000002")
    assert report("e4", action="ack", who="wangwu") == "taken"
    assert noc.rows("SELECT state, acked_by FROM incident") == [("acked", "wang")]
    assert noc.rows("SELECT receipt FROM outbox WHERE channel = 'app' AND kind = 'page'") == [("acted",)]


def test_a_button_of_a_stranger(noc: NocBench) -> None:
    """Whoever pressed it is named as the provider knows them, never as somebody else."""
    noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("5m1s")
    key = noc.rows("SELECT message FROM outbox WHERE channel = 'app'")[0][0]
    noc.relay.event("app", Event(id="e1", key=key, action="ack", who="stranger")).result()
    assert noc.rows("SELECT acked_by FROM incident") == [("stranger",)]


def _post(noc: NocBench) -> tuple[object, ...]:
    from kunobs.noc.accept.alert import Alert, Post
    from kunobs.noc.decide.incidents import Rules

    alert = Alert("firing", {"alertname": "DiskFull", "severity": "critical"}, starts_ms=noc.relay.now_ms())
    return Post("am", (alert,)), b"", Rules(severity=noc.relay.policy.severity)
