"""Who is reached, when, by what, and that nobody else is: a whole relay on a virtual clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.notify.contract import Limit, Permanent, Retry
from kunobs.testing.noc import NocBench

CONFIG = """
channels:
  wecom_robot: {ops: {key: k}, audit: {key: k2}}
  wecom_app: {app: {corp_id: c, agent_id: 1, secret: s}}
  phone: {call: {url: "http://gateway/call", hmac_secret: s}}
people:
  li: {wecom: lilei, phone: "+8613800000001", by: [app, call]}
  wang: {wecom: wangwu, phone: "+8613800000002", by: [app, call]}
  chief: {phone: "+8613800000009"}
teams:
  db: {people: [li, wang]}
schedules:
  platform:
    time_zone: Asia/Shanghai
    fallback: chief
    layers:
      - {rotation: weekly, start: "2023-11-06", handover: "09:00", people: [li, wang]}
ladders:
  standard:
    steps:
      - {to: [channel:ops], mention: [schedule:platform], wait: 5m}
      - {to: [schedule:platform], by: [app], wait: 10m}
      - {to: [person:wang], by: [app, call], wait: 10m}
    repeat: 1
    remind: 30m
    unack_after: 4h
  quiet:
    steps:
      - {to: [channel:audit]}
route:
  ladder: standard
  routes:
    - {match: ['team="audit"'], ladder: quiet}
storm: {incidents: 5, within: 1m, update: 2m}
"""


@pytest.fixture
def noc() -> Iterator[NocBench]:
    """A relay; it is Tuesday, Li's second week: on call is Wang."""
    with NocBench(CONFIG) as bench:
        yield bench


def test_up_the_ladder_until_somebody_takes_it(noc: NocBench) -> None:
    """Each step at its time; after 15 minutes the second person's phone rings, and nothing else is sent."""
    incident = noc.fires(alertname="DiskFull", severity="critical")
    noc.expect("ops")
    noc.advance("4m59s")
    noc.expect()
    noc.advance("2s")
    noc.expect("app wangwu")
    noc.advance("10m")
    noc.expect("app wangwu", "call +8613800000002")
    noc.act(incident, "ack", "wang")
    noc.expect("ops taken", "app wangwu taken")
    noc.advance("3h")
    noc.expect()
    noc.ends(alertname="DiskFull", severity="critical")
    noc.expect("ops resolved", "app wangwu resolved")
    noc.advance("24h")
    noc.expect()


def test_resolved_before_the_next_step(noc: NocBench) -> None:
    """Whoever was called hears that it is over, nobody else."""
    noc.fires(alertname="DiskFull", severity="critical")
    noc.ends(alertname="DiskFull", severity="critical")
    noc.expect("ops", "ops resolved")
    noc.advance("24h")
    noc.expect()


def test_the_end_of_the_ladder(noc: NocBench) -> None:
    """It is gone through once more, then the last step is repeated for ever, and the board sounds."""
    incident = noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("25m10s")
    noc.expect("ops", "app wangwu", "app wangwu", "call +8613800000002", "ops reminder")
    noc.advance("15m")
    noc.expect("app wangwu reminder", "app wangwu reminder", "call +8613800000002 reminder")
    assert noc.rows("SELECT loud_ms FROM incident") == [(None,)]
    noc.advance("30m")
    noc.expect("app wangwu reminder", "call +8613800000002 reminder")
    assert noc.rows("SELECT loud_ms FROM incident") != [(None,)]
    noc.advance("1h")
    noc.expect(*["app wangwu reminder", "call +8613800000002 reminder"] * 2)
    noc.act(incident, "ack")
    assert noc.rows("SELECT loud_ms FROM incident") == [(None,)]


def test_what_was_taken_and_still_fires_is_open_again(noc: NocBench) -> None:
    """After unack_after, from the first step."""
    incident = noc.fires(alertname="DiskFull", severity="critical")
    noc.act(incident, "ack")
    noc.expect("ops", "ops taken")
    noc.advance("3h59m")
    noc.expect()
    noc.advance("2m")
    noc.expect("ops")
    noc.advance("5m")
    noc.expect("app wangwu")


def test_whoever_has_it_may_want_help(noc: NocBench) -> None:
    """Escalating calls the next step now, taken or not; giving back begins anew."""
    incident = noc.fires(alertname="DiskFull", severity="critical")
    noc.act(incident, "ack")
    noc.news()
    noc.act(incident, "escalate")
    noc.expect("app wangwu")
    noc.act(incident, "ack", "wang")
    noc.news()
    noc.act(incident, "unack", "wang")
    noc.expect("ops")


def test_an_ack_counts_once(noc: NocBench) -> None:
    """A second one tells nobody and changes no name."""
    incident = noc.fires(alertname="DiskFull", severity="critical")
    noc.act(incident, "ack", "wang")
    noc.news()
    noc.act(incident, "ack", "li")
    noc.expect()
    assert noc.rows("SELECT acked_by FROM incident") == [("wang",)]


@pytest.mark.parametrize(
    ("action", "by"), [("jump", "li"), ("ack", " "), ("silence:5", "li"), ("silence:x", "li"), ("comment", "li")]
)
def test_actions_that_cannot_be(noc: NocBench, action: str, by: str) -> None:
    """Refused with a status and a reason."""
    incident = noc.fires(alertname="DiskFull")
    with pytest.raises(Refusal) as caught:
        noc.act(incident, action, by)
    assert caught.value.status == 422
    with pytest.raises(Refusal):
        noc.act(999, "ack")
    with pytest.raises(Refusal):
        noc.act(incident, "ack", tenant="somebody-else")


def test_info_is_told_to_groups_only(noc: NocBench) -> None:
    """No ladder, no people."""
    noc.fires(alertname="Deployed", severity="info")
    noc.expect("ops")
    noc.advance("24h")
    noc.expect()


def test_routes(noc: NocBench) -> None:
    """The deepest that matches; the root takes the rest."""
    noc.fires(alertname="Login", team="audit", severity="critical")
    noc.expect("audit")


def test_a_silence_ends_and_what_still_fires_is_paged(noc: NocBench) -> None:
    """Nothing while it lasts, not even a resolve; afterwards the whole ladder."""
    first = noc.fires(alertname="DiskFull", host="a", severity="critical")
    noc.act(first, "silence:3600")
    noc.expect("ops")
    noc.advance("59m")
    noc.expect()
    noc.advance("2m")
    noc.expect("ops")
    noc.act(first, "silence:3600")
    noc.ends(alertname="DiskFull", host="a", severity="critical")
    noc.expect("ops resolved")
    noc.fires(alertname="DiskFull", host="a", severity="critical")
    noc.expect()
    noc.ends(alertname="DiskFull", host="a", severity="critical")
    noc.expect()


def test_a_storm_is_one_incident(noc: NocBench) -> None:
    """Five are paged, the rest by one living summary whose sum is right; it ends with the last of them."""
    for number in range(40):
        noc.fires(alertname="DiskFull" if number % 2 else "NodeDown", host=str(number), severity="critical")
    noc.expect(*["ops"] * 5, "ops storm")
    assert "35" not in noc.channels["ops"].received[-1]["title"]
    noc.advance("2m1s")
    noc.expect("ops storm")
    text = noc.channels["ops"].received[-1]["text"]
    assert "35 个事件" in text
    counts = [int(line.rpartition("：")[2]) for line in text.splitlines()[1:]]
    assert sum(counts) == 35
    for number in range(5, 40):
        noc.ends(alertname="DiskFull" if number % 2 else "NodeDown", host=str(number), severity="critical")
    assert noc.news().count("ops resolved") == 1
    assert noc.rows("SELECT state FROM incident WHERE group_key = 'storm'") == [("resolved",)]


def test_flapping_is_told_once(noc: NocBench) -> None:
    """Three times it pages, the fourth says that it flaps, then only what stays is paged."""
    for _ in range(8):
        noc.fires(alertname="Link", severity="warning")
        noc.advance("1m")
        noc.ends(alertname="Link", severity="warning")
        noc.advance("1m")
    assert noc.news().count("ops") == 4
    assert "反复触发" in [each for each in noc.channels["ops"].received if each["kind"] == "page"][-1]["text"]
    noc.fires(alertname="Link", severity="warning")
    noc.expect()
    noc.advance("10m1s")
    noc.expect("ops")


def test_worse_is_paged_again(noc: NocBench) -> None:
    """What was taken as a warning and becomes critical is open again."""
    with NocBench(CONFIG) as bench:
        from kunobs.noc.accept.alert import Alert, Post
        from kunobs.noc.decide.incidents import Rules

        rules = Rules(group_by=("job",), severity=bench.relay.policy.severity)

        def fires(severity: str) -> None:
            alert = Alert("firing", {"job": "etl", "severity": severity}, starts_ms=bench.relay.now_ms())
            bench.relay.post("platform", "t", Post("am", (alert,)), b"", rules).result()
            bench.relay.settle()

        fires("warning")
        bench.act(1, "ack")
        bench.expect("ops", "ops taken")
        fires("info")
        bench.expect()
        fires("critical")
        bench.expect("ops")
        assert bench.rows("SELECT id, severity, state FROM incident") == [(1, "critical", "firing")]


def test_a_robot_that_is_gone(noc: NocBench) -> None:
    """The next step is now; the relay's own alert goes by another way than the dead robot."""
    noc.channels["ops"].always = Permanent("93000", "invalid webhook url", dead="channel")
    noc.fires(alertname="DiskFull", severity="critical")
    noc.expect("app wangwu", "app wangwu")
    titles = [each["title"] for each in noc.channels["app"].received]
    assert any("channel ops fails" in title for title in titles)
    noc.channels["ops"].always = None
    noc.fires(alertname="Other", severity="warning")
    assert noc.news() == ["app wangwu resolved", "ops"]


def test_a_person_is_reached_another_way(noc: NocBench) -> None:
    """Two failures, and the phone rings beside the retries; the first way still may come through."""
    noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("4m59s")
    noc.news()
    noc.channels["app"].outcomes = [
        Retry("http_500", "HTTP 500"),
        Retry("timeout", "no answer"),
        Retry("timeout", "no answer"),
    ]
    noc.advance("3s")
    noc.expect("call +8613800000002")
    noc.advance("30s")
    noc.expect("app wangwu")


def test_a_budget_is_never_exceeded_and_nothing_is_lost(noc: NocBench) -> None:
    """20 in a minute, 5 of them for critical ones; what waits comes as a digest that names every incident."""
    noc.relay.policy.config.storm.__dict__["incidents"] = 10_000
    robot = noc.channels["ops"]
    robot.limit = [Limit("ops/robot", 20, 60, 5)]
    incidents = [noc.fires(alertname="Disk", host=str(n), severity="warning") for n in range(60)]
    assert len(robot.received) == 15
    noc.fires(alertname="Disk", host="c", severity="critical")
    assert len(robot.received) == 16
    noc.advance("4m")
    told = "\n".join(each["text"] + f" #{each['incident']} " for each in robot.received) + " "
    assert all(f"#{number} " in told.replace("\n", " ") for number in incidents)
    assert {row[0] for row in noc.rows("SELECT DISTINCT state FROM outbox")} <= {"sent", "digested"}


def test_nobody_escalates_what_is_silenced_or_spoken_for(noc: NocBench) -> None:
    """The answer says what to do instead."""
    incident = noc.fires(alertname="DiskFull", severity="critical")
    noc.act(incident, "silence:3600")
    with pytest.raises(Refusal, match="silence 1 covers it"):
        noc.act(incident, "escalate")
    for number in range(8):
        last = noc.fires(alertname="Down", host=str(number), severity="critical")
    noc.news()
    with pytest.raises(Refusal, match="speaks for it"):
        noc.act(last, "escalate")
    noc.expect()


def test_a_silence_is_of_its_tenant(noc: NocBench) -> None:
    """Equal labels of another tenant are paged."""
    from kunobs.noc.decide import silences

    noc.store.write(
        lambda tx: silences.add(
            tx,
            "pay",
            ['alertname="DiskFull"'],
            noc.relay.now_ms(),
            noc.relay.now_ms() + 3600_000,
            "li",
            "x",
            noc.relay.now_ms(),
        )
    )
    noc.fires(tenant="pay", alertname="DiskFull")
    noc.expect()
    noc.fires(tenant="search", alertname="DiskFull")
    noc.expect("ops")


def test_who_heard_nothing_hears_no_end(noc: NocBench) -> None:
    """A page that still waited for the provider's limit is dropped with its incident, and no resolve is told."""
    noc.channels["ops"].limit = [Limit("ops", 1, 600)]
    noc.fires(alertname="First", severity="warning")
    noc.fires(alertname="Second", severity="warning")
    noc.ends(alertname="Second", severity="warning")
    noc.advance("20m")
    assert {each["title"] for each in noc.channels["ops"].received} == {"First"}


def test_one_failure_calls_nobody_else(noc: NocBench) -> None:
    """A provider may stumble; the second failure is what takes another way."""
    noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("4m59s")
    noc.news()
    noc.channels["app"].outcomes = [Retry("http_500", "HTTP 500")]
    noc.advance("1m")
    noc.expect("app wangwu")


def test_a_limit_at_the_last_step_makes_no_noise() -> None:
    """Nobody else is left to call: it waits for the provider's minute, and nothing is written again and again meanwhile."""
    config = """
channels: {phone: {call: {url: "http://x/call", hmac_secret: s}}}
people: {li: {phone: "+8613800000001"}}
ladders: {std: {steps: [{to: [person:li], wait: 1h}], repeat: 0, remind: 1h}}
route: {ladder: std}
"""
    with NocBench(config) as noc:
        noc.channels["call"].limit = [Limit("call/li", 1, 600)]
        noc.fires(alertname="First", severity="critical")
        noc.fires(alertname="Second", severity="critical")
        noc.advance("9m")
        noc.expect("call +8613800000001")
        assert noc.rows("SELECT count(*) FROM outbox") == [(2,)]
        noc.advance("2m")
        noc.expect("call +8613800000001")
