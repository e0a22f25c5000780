"""Alerts into incidents: replicas, restarts, overtaking, groups; and a model that shares no line with the code."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from kunobs.noc.accept.alert import Alert, Post, identity
from kunobs.noc.decide.incidents import Rules, accept
from kunobs.noc.store.journal import first_broken
from kunobs.noc.store.migrate import migrate_sqlite
from kunobs.noc.store.sqlite import SqliteStore
from kunobs.testing.noc import NocBench

MINUTE = 60_000


class Relay:
    """A store, and posts into it; `said` are the outcomes in order."""

    def __init__(self, path: Path, rules: Rules) -> None:
        migrate_sqlite(path)
        self.store, self.rules, self.now = SqliteStore(path), rules, 0
        self.said: list[str] = []

    def post(self, *alerts: Alert, sender: str = "am-0", tenant: str = "platform") -> list[str]:
        """Post these at once."""
        self.now += 1
        decisions = self.store.write(
            lambda tx: accept(tx, tenant, self.now, Post(sender, alerts), self.rules, self.now * 1000)
        )
        outcomes: list[str] = [decision.outcome for decision in decisions]
        self.said += outcomes
        return outcomes

    def incidents(self) -> list[tuple[Any, ...]]:
        """(id, state) of each."""
        return self.store.read(lambda tx: tx.rows("SELECT id, state FROM incident ORDER BY id"))


@pytest.fixture
def rules() -> Rules:
    """Each alert is an incident, whatever its replica label says."""
    return Rules(drop={"replica"})


@pytest.fixture
def relay(tmp_path: Path, rules: Rules) -> Iterator[Relay]:
    """An empty relay."""
    made = Relay(tmp_path / "relay.db", rules)
    yield made
    assert made.store.read(first_broken) is None
    made.store.close()


def fires(starts: int = 0, **labels: str) -> Alert:
    """It fires since minute `starts`."""
    return Alert("firing", {"alertname": "A"} | labels, starts_ms=starts * MINUTE)


def ended(starts: int, ends: int, **labels: str) -> Alert:
    """It fired from minute `starts` to minute `ends`."""
    return Alert("resolved", {"alertname": "A"} | labels, starts_ms=starts * MINUTE, ends_ms=ends * MINUTE)


def test_both_alertmanagers_post(relay: Relay) -> None:
    """One incident; the second copy is told from a repetition, and resolves once."""
    assert relay.post(fires()) == ["opened"]
    assert relay.post(fires(), sender="am-1") == ["copy"]
    assert relay.post(fires()) == ["repeated"]
    assert relay.post(ended(0, 5)) == ["resolved"]
    assert relay.post(ended(0, 5), sender="am-1") == ["copy"]
    assert relay.incidents() == [(1, "resolved")]


def test_prometheus_replicas_one_evaluation_apart(relay: Relay) -> None:
    """Their `startsAt` differ, and a label may tell them apart: one incident, until both have ended."""
    assert relay.post(fires(0, replica="a"), fires(1, replica="b")) == ["opened", "joined"]
    assert relay.post(ended(0, 5, replica="a")) == ["resolved"]
    assert relay.incidents() == [(1, "firing")]
    assert relay.post(ended(1, 6, replica="b")) == ["resolved"]
    assert relay.incidents() == [(1, "resolved")]


def test_restarts_in_mid_firing(relay: Relay) -> None:
    """A restarted Prometheus says a later `startsAt`, a restarted Alertmanager says everything again."""
    relay.post(fires(0))
    assert relay.post(fires(7)) == ["repeated"]
    assert relay.post(fires(7), sender="am-0-again") == ["copy"]
    assert relay.post(ended(7, 9)) == ["resolved"]
    assert relay.incidents() == [(1, "resolved")]


def test_it_fires_again(relay: Relay) -> None:
    """After its recorded end it is a new incident; what began before that end was overtaken by its own resolve."""
    relay.post(fires(0))
    relay.post(ended(0, 5))
    assert relay.post(fires(0), sender="am-1") == ["stale"]
    assert relay.post(fires(5)) == ["stale"]
    assert relay.post(fires(6)) == ["opened"]
    assert relay.post(ended(0, 5), sender="am-1") == ["late"]
    assert relay.incidents() == [(1, "resolved"), (2, "firing")]


def test_a_resolve_of_nothing(relay: Relay) -> None:
    """It is recorded and opens nothing."""
    assert relay.post(ended(0, 5)) == ["unknown"]
    assert relay.incidents() == []


def test_tenants_do_not_share(relay: Relay) -> None:
    """Equal labels of two tenants are two incidents, and one cannot resolve the other's."""
    relay.post(fires(), tenant="pay")
    assert relay.post(fires(), tenant="search") == ["opened"]
    relay.post(ended(0, 1), tenant="search")
    assert relay.incidents() == [(1, "firing"), (2, "resolved")]


@pytest.mark.parametrize("rules", [Rules(group_by=("alertname",))])
def test_a_group_is_one_incident(relay: Relay) -> None:
    """It ends with the last of its alerts, and what fires after that is a new one."""
    assert relay.post(fires(pod="1"), fires(pod="2")) == ["opened", "joined"]
    relay.post(ended(0, 5, pod="1"))
    assert relay.incidents() == [(1, "firing")]
    assert relay.post(fires(7, pod="1")) == ["joined"]
    relay.post(ended(0, 8, pod="2"), ended(7, 8, pod="1"))
    assert relay.post(fires(9, pod="3")) == ["opened"]
    assert relay.incidents() == [(1, "resolved"), (2, "firing")]


def test_what_was_said_to_end_and_still_fires() -> None:
    """Prometheus was cut off, its Alertmanager said that it ended; back again it fires with its old start: opened after some minutes."""
    with NocBench(LADDER) as noc:
        start = noc.relay.now_ms()
        alert = Alert("firing", {"alertname": "Disk"}, starts_ms=start)
        noc.post(alert)
        noc.advance("10m")
        noc.post(replace(alert, status="resolved", ends_ms=noc.relay.now_ms()))
        noc.news()
        noc.advance("1m")
        assert [each.outcome for each in noc.post(alert)] == ["stale"]
        noc.advance("5m")
        noc.expect()
        noc.advance("2m")
        noc.expect("ops")
        assert [each.outcome for each in noc.post(alert)] == ["repeated"]
        noc.post(replace(alert, status="resolved", ends_ms=noc.relay.now_ms()))
        noc.expect("ops resolved")
        assert noc.rows("SELECT state FROM incident") == [("resolved",), ("resolved",)]


def test_repeats_do_not_put_off_what_still_fires() -> None:
    """A busy group is posted every five minutes, and the other Alertmanager tells the old end once more: it is opened all the same."""
    with NocBench(LADDER) as noc:
        start = noc.relay.now_ms()
        alert = Alert("firing", {"alertname": "Disk"}, starts_ms=start)
        noc.post(alert)
        noc.advance("10m")
        end = replace(alert, status="resolved", ends_ms=noc.relay.now_ms())
        noc.post(end)
        noc.news()
        noc.post(alert, sender="am-1")
        noc.advance("1m")
        noc.post(end, sender="am-2")
        noc.advance("4m")
        noc.post(alert, sender="am-1")
        noc.advance("2m")
        noc.expect("ops")


def test_who_said_the_end_is_believed_at_once(tmp_path: Path) -> None:
    """An Alertmanager says things of a group in order, so what it says after the end is after the end."""
    with NocBench(LADDER, folder=tmp_path) as noc:
        alert = Alert("firing", {"alertname": "Disk"}, starts_ms=noc.relay.now_ms())
        rules = Rules(severity=noc.relay.policy.severity)

        def say(status: Literal["firing", "resolved"], sender: str) -> str:
            ends = noc.relay.now_ms() if status == "resolved" else None
            post = Post(sender, (replace(alert, status=status, ends_ms=ends),), ordered=True)
            noc.advance("1m")
            return noc.take(post, "platform", "test", rules)[0].outcome

        said = [say("firing", "am-0"), say("resolved", "am-0"), say("firing", "am-1"), say("firing", "am-0")]
        assert said == ["opened", "resolved", "stale", "opened"]


def test_what_was_overtaken_stays_closed() -> None:
    """The slow Alertmanager tells the end too, within its group interval."""
    with NocBench(LADDER) as noc:
        start = noc.relay.now_ms()
        alert = Alert("firing", {"alertname": "Disk"}, starts_ms=start)
        noc.post(alert)
        noc.advance("10m")
        end = replace(alert, status="resolved", ends_ms=noc.relay.now_ms())
        noc.post(end)
        noc.news()
        noc.post(alert, sender="am-1")
        noc.advance("5m")
        noc.post(end, sender="am-1")
        noc.advance("1h")
        noc.expect()


LADDER = """
channels: {wecom_robot: {ops: {key: k}}}
ladders: {std: {steps: [{to: [channel:ops], wait: 1h}]}}
route: {ladder: std}
"""


def test_the_journal_shows_a_change(relay: Relay) -> None:
    """Whoever edits an entry breaks the seal of that one."""
    for minute in range(5):
        relay.post(fires(minute))
    assert relay.store.read(first_broken) is None
    relay.store.write(lambda tx: tx.run("UPDATE journal SET kind = 'opened' WHERE seq = 3"))
    assert relay.store.read(first_broken) == 3
    relay.store.write(lambda tx: tx.run("UPDATE journal SET kind = 'repeated' WHERE seq = 3"))


class Model:
    """What should happen, told per line of labels as a list of firings."""

    def __init__(self) -> None:
        self.firings: dict[tuple[str, frozenset[tuple[str, str]]], list[list[int | None]]] = {}

    def firing(self, tenant: str, labels: Mapping[str, str]) -> bool:
        """Whether the alert fires now."""
        return bool((f := self.firings.get((tenant, frozenset(labels.items())))) and f[-1][1] is None)

    def post(self, tenant: str, alert: Alert, now_ms: int) -> None:
        """Apply one alert."""
        firings = self.firings.setdefault((tenant, frozenset(alert.labels.items())), [])
        open_now = bool(firings) and firings[-1][1] is None
        if alert.status == "firing" and not open_now:
            if not firings or alert.starts_ms > (firings[-1][1] or 0):
                firings.append([alert.starts_ms, None])
        elif alert.status == "resolved" and open_now:
            ends = now_ms if alert.ends_ms is None else alert.ends_ms
            if ends >= (firings[-1][0] or 0):
                firings[-1][1] = ends


def test_against_a_model(relay: Relay) -> None:
    """Random posts of two senders and two tenants, out of order: an incident is open exactly while one of its alerts fires."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice, model = random.Random(seed), Model()
    lines = [{"alertname": name, "replica": replica} for name in "ABC" for replica in "ab"]
    for step in range(600):
        labels, tenant = dice.choice(lines), dice.choice(["pay", "search"])
        starts = relay.now * 1000 + dice.randrange(-20_000, 20_000)
        alert = Alert(
            dice.choice(["firing", "resolved"]) if step else "resolved",
            labels,
            starts_ms=starts,
            ends_ms=dice.choice([None, starts + dice.randrange(-20_000, 20_000)]),
        )
        relay.post(alert, sender=dice.choice(["am-0", "am-1"]), tenant=tenant)
        model.post(tenant, alert, relay.now * 1000)
        query = "SELECT tenant, group_key FROM incident WHERE state <> 'resolved'"
        found = set(relay.store.read(lambda tx, query=query: tx.rows(query)))
        wanted = {
            (t, identity(t, Alert("firing", one), {"replica"}))
            for t in ("pay", "search")
            for one in lines
            if model.firing(t, one)
        }
        assert found == wanted
    assert set(relay.said) == {"opened", "joined", "repeated", "copy", "resolved", "stale", "late", "unknown"}
