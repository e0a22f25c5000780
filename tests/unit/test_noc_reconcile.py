"""What no Alertmanager has any more is over; whatever is in doubt closes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kunobs.noc.accept.alert import Alert
from kunobs.noc.heartbeats.alertmanagers import AGAIN_S, RECONCILE_S, AlertmanagerWatch
from kunobs.testing.alertmanager import FakeAlertmanager
from kunobs.testing.clock import FakeClock
from kunobs.testing.gateway import Asked
from tests.unit.test_noc_heartbeats import PEOPLE
from tests.unit.test_noc_watchdog import Cluster

CONFIG = """
integrations:
  prod: {token: t, tenant: platform, identity_drop_labels: [replica]}
  lab: {token: t, tenant: platform}
clusters:
  prod: {integration: prod, resend_interval: 60s, alertmanagers: [URLS]}
"""


class Pair(Cluster):
    """A cluster with two Alertmanagers, `one` and `other`, and two replicas of Prometheus."""

    one: FakeAlertmanager
    other: FakeAlertmanager

    def fires(self, *, tenant: str = "platform", summary: str = "", **labels: str) -> int:
        """Both Alertmanagers have it, and one has posted it; its incident."""
        self.one.fires(**labels)
        self.other.fires(**labels)
        return self.posted(**labels)

    def posted(self, *, integration: str = "prod", **labels: str) -> int:
        """It was posted, whoever has it."""
        alert = Alert("firing", labels, starts_ms=self.relay.now_ms() - 5000)
        incident = self.posts(alert, integration=integration)[0].incident or 0
        self.clock.advance(0.001)
        return incident

    def over(self, **labels: str) -> None:
        """It ends, and nobody tells us."""
        self.one.ends(**labels)
        self.other.ends(**labels)

    def states_of(self, *incidents: int) -> list[str]:
        """Of these incidents."""
        found = dict(self.rows("SELECT id, state FROM incident"))
        return [found[number] for number in incidents]

    def lives(self, seconds: float = RECONCILE_S) -> None:
        """Time passes, and everything is heard that should be."""
        self.asks(int(seconds) + 10, "k8s-0", "k8s-1")


@pytest.fixture
def noc(tmp_path: Path) -> Iterator[Pair]:
    """Everything is well, and has been for minutes."""
    clock = FakeClock(1_700_000_000.0)
    with (
        FakeAlertmanager(clock) as one,
        FakeAlertmanager(clock) as other,
        Pair(PEOPLE + configured(one, other), tmp_path) as bench,
    ):
        bench.one, bench.other = one, other
        one.clock = other.clock = bench.clock
        bench.watch = AlertmanagerWatch(bench.relay)
        bench.lives(130)
        yield bench
        bench.watch.close()


def configured(*alertmanagers: FakeAlertmanager) -> str:
    """CONFIG with these."""
    return CONFIG.replace("URLS", ", ".join(f"'{each.url}'" for each in alertmanagers))


def test_what_nobody_has_is_resolved(noc: Pair) -> None:
    """Everyone who was called is told, the journal says how we know, and what still fires stays open."""
    first = noc.fires(alertname="DiskFull", severity="critical")
    second = noc.fires(alertname="NodeDown", severity="critical")
    noc.expect("ops", "ops")
    noc.over(alertname="DiskFull", severity="critical")
    noc.lives()
    assert noc.states_of(first, second) == ["resolved", "firing"]
    noc.expect("ops resolved")
    found = noc.rows("SELECT incident_id, data FROM journal WHERE kind = 'resolved unseen'")
    assert [(number, json.loads(data)) for number, data in found] == [(first, {"alert": 1, "cluster": "prod"})]
    noc.lives(1000)
    noc.expect()


def test_what_fires_again_is_new(noc: Pair) -> None:
    """Also with the start that it had: Prometheus keeps it when only a rule could not be evaluated."""
    alert = Alert("firing", {"alertname": "DiskFull"}, starts_ms=noc.relay.now_ms() - 60_000)
    noc.posts(alert)
    noc.lives()
    assert noc.states_of(1) == ["resolved"]
    noc.posts(alert)
    assert noc.states_of(1, 2) == ["resolved", "firing"]


def test_the_resolve_that_comes_after_all(noc: Pair) -> None:
    """Changes nothing."""
    noc.posted(alertname="DiskFull")
    noc.lives()
    noc.news()
    noc.posts(Alert("resolved", {"alertname": "DiskFull"}, starts_ms=1, ends_ms=noc.relay.now_ms()))
    noc.expect()
    assert noc.states_of(1) == ["resolved"]


def one_is_down(noc: Pair) -> None:
    noc.other.down = True


def one_answers_a_page(noc: Pair) -> None:
    noc.other.fail(*["html"] * 500, at="/api/v2/alerts")


def one_has_no_status(noc: Pair) -> None:
    noc.other.fail(*["http_500"] * 500, at="/api/v2/status")


def one_was_restarted(noc: Pair) -> None:
    noc.other.restart()


def one_has_it(noc: Pair) -> None:
    noc.other.fires(alertname="DiskFull")


def one_has_it_silenced(noc: Pair) -> None:
    noc.other.fires(alertname="DiskFull").silenced.append("ed411cae-78ea-47bc-90f5-1e474d6f526e")


def one_has_it_inhibited(noc: Pair) -> None:
    noc.other.fires(alertname="DiskFull").inhibited.append("a88e9fda770d6767")


def another_replica_has_it(noc: Pair) -> None:
    noc.other.fires(alertname="DiskFull", replica="b")


@pytest.mark.parametrize(
    ("doubt", "lasts"),
    [
        (one_is_down, RECONCILE_S),
        (one_answers_a_page, RECONCILE_S),
        (one_has_no_status, RECONCILE_S),
        (one_was_restarted, 100),
        (one_has_it, RECONCILE_S),
        (one_has_it_silenced, RECONCILE_S),
        (one_has_it_inhibited, RECONCILE_S),
        (another_replica_has_it, RECONCILE_S),
    ],
)
def test_every_doubt_closes_nothing(noc: Pair, doubt: Callable[[Pair], None], lasts: float) -> None:
    """All Alertmanagers must answer, be old enough, and have nothing like it."""
    noc.posted(alertname="DiskFull")
    # The next look is at the beginning of the doubt.
    noc.watch = AlertmanagerWatch(noc.relay)
    doubt(noc)
    noc.lives(lasts)
    assert noc.states_of(1) == ["firing"]
    assert noc.one.asked[-1].path.startswith("/api/v2/")
    noc.watch.close()


def test_judged_soon_after_the_doubt(noc: Pair) -> None:
    """A restarted Alertmanager is believed after two resend intervals, and not minutes later."""
    noc.posted(alertname="DiskFull")
    noc.watch = AlertmanagerWatch(noc.relay)
    noc.other.restart()
    noc.lives(120)
    assert noc.states_of(1) == ["firing"]
    noc.lives(AGAIN_S)
    assert noc.states_of(1) == ["resolved"]
    noc.watch.close()


def test_a_restart_between_alerts_and_status(noc: Pair) -> None:
    """Its empty list was that of a new process: the status is asked last."""
    noc.fires(alertname="DiskFull")

    class Restarting:
        """Restarts before it lists its alerts."""

        def __call__(self, asked: Asked) -> tuple[int, object]:
            if asked.path == "/api/v2/alerts":
                noc.other.restart()
                noc.one.restart()
            return answer(asked)

    answer = noc.other.answer
    noc.other.answer = noc.one.answer = Restarting()  # type: ignore[method-assign]
    noc.lives()
    assert noc.states_of(1) == ["firing"]


def test_without_a_date_its_age_is_unknown(noc: Pair) -> None:
    """Our clock may not be its clock."""
    noc.posted(alertname="DiskFull")
    handler: Any = noc.other._server.RequestHandlerClass
    handler.date_time_string = lambda _, __=None: "some time"
    noc.lives()
    assert noc.states_of(1) == ["firing"]


@pytest.mark.parametrize("ahead", [-7200.0, 7200.0])
def test_their_clock_is_theirs(noc: Pair, ahead: float) -> None:
    """An age is not told by our clock."""
    noc.posted(alertname="DiskFull")
    theirs = FakeClock(noc.clock.now() + ahead)
    noc.other.clock = theirs
    noc.other.started = theirs.now() - 50
    noc.lives(20)
    assert noc.states_of(1) == ["firing"]
    theirs.advance(100)
    noc.lives()
    assert noc.states_of(1) == ["resolved"]


@pytest.mark.parametrize("barking", [(), ("k8s-0",)])
def test_every_replica_must_be_heard(noc: Pair, barking: tuple[str, ...]) -> None:
    """Of one Prometheus that is silent nothing is known."""
    noc.posted(alertname="DiskFull")
    noc.asks(60)
    noc.watch = AlertmanagerWatch(noc.relay)
    noc.asks(310, *barking)
    assert noc.states_of(1)[0] == "firing"
    noc.watch.close()


def test_after_a_restart_the_last_beat_of_before_is_not_fresh(noc: Pair) -> None:
    """A heartbeat that is held is up, but nobody has heard it."""
    noc.posted(alertname="DiskFull")
    noc.restart(600)
    noc.watch = AlertmanagerWatch(noc.relay)
    noc.asks(50)
    assert set(noc.states().values()) == {"up"}
    assert noc.states_of(1) == ["firing"]
    noc.lives(40)
    assert noc.states_of(1) == ["resolved"]
    noc.watch.close()


def test_a_watchdog_that_was_resolved(noc: Pair) -> None:
    """Down is down, however young."""
    noc.posted(alertname="DiskFull")
    noc.watch = AlertmanagerWatch(noc.relay)
    noc.barks("k8s-1")
    noc.barks("k8s-0")
    noc.resolves("k8s-0", noc.relay.now_ms())
    noc.asks(50)
    assert noc.states_of(1) == ["firing"]
    noc.watch.close()


def test_a_cluster_nobody_was_heard_of(noc: Pair) -> None:
    """No replica is known: none is heard."""
    noc.store.write(lambda tx: tx.run("DELETE FROM heartbeat WHERE name LIKE '%k8s%'"))
    noc.posted(alertname="DiskFull")
    noc.asks(320)
    assert noc.states_of(1) == ["firing"]


def test_only_what_came_by_its_integration(noc: Pair) -> None:
    """What another one posted, alone or as well, and the relay's own alerts are none of this cluster's."""
    noc.posted(alertname="Lab", integration="lab")
    noc.posted(alertname="Both")
    noc.posted(alertname="Both", integration="lab")
    mine = noc.posted(alertname="Mine")
    noc.other.down = True
    noc.lives(200)
    noc.other.down = False
    noc.lives(40)
    noc.lives()
    found = {json.loads(labels)["alertname"]: state for labels, state in noc.rows("SELECT labels, state FROM incident")}
    assert found == {"Lab": "firing", "Both": "firing", "Mine": "resolved", "KunobsAlertmanagerSilent": "resolved"}
    assert noc.states_of(mine) == ["resolved"]


def test_a_shared_integration_is_not_judged(noc: Pair) -> None:
    """An alert of the other cluster is in none of our Alertmanagers."""
    config = configured(noc.one, noc.other) + "  lab: {integration: prod, alertname: LabDog}\n"
    noc.reload(PEOPLE + config)
    noc.posted(alertname="DiskFull")
    noc.lives()
    assert noc.states_of(1) == ["firing"]


class Meanwhile:
    """Does something while the last Alertmanager answers for its status."""

    def __init__(self, noc: Pair, does: Callable[[], object]) -> None:
        self.noc, self.does, self.real = noc, does, noc.other.answer
        self.asked = self.done = False

    def __call__(self, asked: Asked) -> tuple[int, object]:
        if asked.path == "/api/v2/alerts":
            self.asked = True
        elif self.asked:
            self.asked = False
            self.does()
            self.done = True
        return self.real(asked)


def test_one_that_fires_again_while_we_ask(noc: Pair) -> None:
    """It was said after the question, so the answer does not count for it; for the other it does."""
    noc.posted(alertname="DiskFull")
    noc.posted(alertname="NodeDown")
    # What is posted within the server's thread must not wait for the question to end.
    again = Meanwhile(noc, lambda: noc.posted(alertname="DiskFull"))
    noc.other.answer = again  # type: ignore[method-assign]
    noc.lives(RECONCILE_S - 20)
    noc.watch = AlertmanagerWatch(noc.relay)
    noc.barks("k8s-0", "k8s-1")
    noc.watch.turn()
    noc.watch.wait()
    assert again.done
    assert noc.states_of(1, 2) == ["firing", "resolved"]
    noc.watch.close()


def test_a_reload_while_we_ask(noc: Pair) -> None:
    """Another Alertmanager would have had to be asked."""
    noc.posted(alertname="DiskFull")
    config = configured(noc.one, noc.other).replace("alertmanagers: [", "alertmanagers: ['http://127.0.0.1:9', ")
    reload = Meanwhile(noc, lambda: noc.reload(PEOPLE + config))
    noc.other.answer = reload  # type: ignore[method-assign]
    noc.watch = AlertmanagerWatch(noc.relay)
    noc.barks("k8s-0", "k8s-1")
    noc.watch.turn()
    noc.watch.wait()
    assert reload.done
    assert noc.states_of(1) == ["firing"]
    noc.watch.close()


def test_some_alerts_of_an_incident(noc: Pair) -> None:
    """Those that are gone end, the incident with the last."""
    noc.reload(PEOPLE + configured(noc.one, noc.other).replace("[replica]}", "[], group_by: [job]}"))
    noc.fires(alertname="A", job="etl")
    noc.posted(alertname="B", job="etl")
    noc.lives()
    assert noc.rows("SELECT status FROM alert ORDER BY id") == [("firing",), ("resolved",)]
    assert noc.states_of(1) == ["firing"]
    noc.over(alertname="A", job="etl")
    noc.lives()
    assert noc.states_of(1) == ["resolved"]


def test_nobody_is_asked_where_nothing_fires(noc: Pair) -> None:
    """A list of alerts costs the Alertmanager."""
    noc.lives(1000)
    assert [asked for asked in noc.one.asked if asked.path == "/api/v2/alerts"] == []


def test_how_often(noc: Pair) -> None:
    """Every five minutes; after a doubt sooner."""
    noc.fires(alertname="DiskFull")
    noc.lives(1500)
    assert sum(asked.path == "/api/v2/alerts" for asked in noc.one.asked) == 5


def test_very_many(noc: Pair) -> None:
    """Thousands that nobody has end in steps, and a long list is read whole."""
    noc.relay.policy.config.storm.__dict__["incidents"] = 100_000
    alerts = [Alert("firing", {"alertname": "A", "n": str(n), "pad": "x" * 100}, starts_ms=1000) for n in range(450)]
    noc.posts(*alerts)
    for alert in alerts[:200]:
        noc.other.fires(**alert.labels)
    noc.lives()
    assert noc.rows("SELECT state, count(*) FROM incident GROUP BY state ORDER BY state") == [
        ("firing", 200),
        ("resolved", 250),
    ]
