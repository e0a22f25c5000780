"""Clusters that must be heard: their Prometheus replicas by an alert that always fires, their Alertmanagers by asking them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kunobs.noc.accept.alert import Alert, Post
from kunobs.noc.decide.incidents import Decision
from kunobs.noc.decide.intake import take
from kunobs.noc.heartbeats import api_v2
from kunobs.noc.heartbeats.alertmanagers import AlertmanagerWatch
from kunobs.noc.heartbeats.ask import Asker
from kunobs.noc.heartbeats.plan import place
from kunobs.noc.heartbeats.verbs import heartbeat_forget, heartbeat_list
from kunobs.noc.heartbeats.watchdog import MOST_REPLICAS, watchdog
from kunobs.testing.alertmanager import FakeAlertmanager
from kunobs.testing.clock import FakeClock
from tests.unit.test_noc_heartbeats import PEOPLE, HeartBench

CLUSTERS = """
integrations:
  prod: {token: t, tenant: platform}
  lab: {token: t, tenant: platform}
clusters:
  prod: {integration: prod, tenant: db}
"""


class Cluster(HeartBench):
    """A relay, and what a cluster's Alertmanagers post to it."""

    watch: AlertmanagerWatch | None = None

    def posts(self, *alerts: Alert, integration: str = "prod") -> list[Decision]:
        """A post of an integration goes through the watchdog first."""
        rules = self.relay.policy.integrations[integration].rules
        post = Post("http://am-0:9093", alerts)

        def change(tx: Any, policy: Any, now: int) -> list[Decision]:
            rest = watchdog(tx, policy, integration, post, now)
            return take(tx, policy, "platform", integration, rest, b"{}", rules, now) if rest.alerts else []

        decisions = self.relay.change(change).result()
        self.relay.settle()
        return decisions

    def barks(self, *replicas: str, integration: str = "prod", **labels: str) -> None:
        """Watchdogs that fire, since long ago."""
        alerts = [
            Alert(
                "firing", {"alertname": "KunWatchdog", "severity": "none", "prometheus": each} | labels, starts_ms=1000
            )
            for each in replicas
        ]
        self.posts(*alerts, integration=integration)

    def resolves(self, replica: str, ends_ms: int) -> None:
        """A Watchdog that ended then."""
        labels = {"alertname": "KunWatchdog", "severity": "none", "prometheus": replica}
        self.posts(Alert("resolved", labels, starts_ms=1000, ends_ms=ends_ms))

    def asks(self, seconds: int, *barking: str) -> None:
        """Time passes, and all are asked whenever it is time; these replicas bark meanwhile."""
        for at in range(0, seconds, 10):
            if barking and at % 50 == 0:
                self.barks(*barking)
            assert self.watch is not None
            self.watch.turn()
            self.watch.wait()
            self.relay.settle()
            self.advance("10s")

    def open(self) -> list[tuple[str, str, str]]:
        """(alertname, severity, which one) of open incidents."""
        found = []
        for severity, text in self.rows("SELECT severity, labels FROM incident WHERE state <> 'resolved' ORDER BY id"):
            labels = json.loads(text)
            which = labels.get("replica") or labels.get("alertmanager") or labels.get("cluster", "")
            found.append((labels["alertname"], severity, which))
        return found


@pytest.fixture
def noc(tmp_path: Path) -> Iterator[Cluster]:
    """One cluster; it is heard every minute and may be two minutes late."""
    with Cluster(PEOPLE + CLUSTERS, tmp_path) as bench:
        yield bench


def test_a_watchdog_opens_nothing(noc: Cluster) -> None:
    """Its replica is known and up; what else the post brings is an incident as ever."""
    watched = Alert("firing", {"alertname": "KunWatchdog", "prometheus": "k8s-0"}, starts_ms=1000)
    other = Alert("firing", {"alertname": "DiskFull"}, starts_ms=1000)
    assert [decision.alert for decision in noc.posts(watched, other)] == [other]
    assert noc.states() == {"prod/k8s-0": "up"}
    assert noc.open() == [("DiskFull", "warning", "")]
    noc.barks("k8s-0")
    assert [row[0] for row in noc.rows("SELECT count(*) FROM inbox")] == [1]


def test_only_the_clusters_own(noc: Cluster) -> None:
    """The same alert by another integration is an alert, and so is another one by this; such a post is not even copied."""
    noc.barks("k8s-0", integration="lab")
    noc.posts(Alert("firing", {"alertname": "Watchdog"}, starts_ms=1000))
    assert noc.states() == {}
    assert [row[0] for row in noc.open()] == ["KunWatchdog", "Watchdog"]
    post = Post("am", (Alert("firing", {"alertname": "Other"}),))
    policy = noc.relay.policy
    assert noc.store.write(lambda tx: watchdog(tx, policy, "prod", post, 1)) is post
    assert noc.store.write(lambda tx: watchdog(tx, policy, "lab", post, 1)) is post


def test_a_relay_without_clusters_pays_nothing() -> None:
    """Neither the store nor an alert is touched."""

    class Untouchable:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    post: Any = Untouchable()
    policy: Any = SimpleNamespace(config=SimpleNamespace(clusters={}))
    assert watchdog(Untouchable(), policy, "prod", post, 1) is post


def test_one_silent_then_all(noc: Cluster) -> None:
    """A warning for the first; the second makes the cluster blind, which is critical and says it for both."""
    noc.barks("k8s-0", "k8s-1")
    noc.advance("1m")
    noc.barks("k8s-1")
    noc.advance("1m59s")
    assert noc.open() == []
    noc.advance("2s")
    assert noc.open() == [("KunobsReplicaSilent", "warning", "k8s-0")]
    assert noc.firing() == ["Prometheus k8s-0 of cluster prod is silent, last heard: 2023-11-15 06:13:20"]
    noc.advance("1m")
    silent, blind = ("KunobsReplicaSilent", "warning", "k8s-0"), ("KunobsClusterBlind", "critical", "prod")
    assert noc.open() == [silent, blind]
    assert (
        noc.firing()[1] == "cluster prod is blind: none of its Prometheus is heard, the last one: 2023-11-15 06:14:20"
    )
    assert {row[0] for row in noc.rows("SELECT tenant FROM incident")} == {"db"}
    noc.expect("db", "db")
    noc.advance("1h")
    noc.expect()
    noc.barks("k8s-0")
    assert noc.open() == [("KunobsReplicaSilent", "warning", "k8s-1")]
    noc.expect("db resolved", "db resolved", "db")
    noc.barks("k8s-1")
    assert noc.open() == []
    noc.expect("db resolved")


def test_a_cluster_of_one(noc: Cluster) -> None:
    """Its only replica is all of them."""
    noc.barks("k8s-0")
    noc.advance("3m1s")
    assert noc.open() == [("KunobsClusterBlind", "critical", "prod")]
    noc.barks("k8s-0")
    assert noc.open() == []


def test_resolved_is_down_now(noc: Cluster) -> None:
    """Prometheus has stopped sending; an end from before its newest start has been overtaken."""
    noc.barks("k8s-0", "k8s-1")
    noc.resolves("k8s-0", ends_ms=999)
    noc.resolves("k8s-9", ends_ms=noc.relay.now_ms())
    assert noc.states() == {"prod/k8s-0": "up", "prod/k8s-1": "up"}
    noc.resolves("k8s-0", ends_ms=noc.relay.now_ms())
    assert noc.open() == [("KunobsReplicaSilent", "warning", "k8s-0")]
    noc.resolves("k8s-1", ends_ms=noc.relay.now_ms())
    assert noc.open()[1:] == [("KunobsClusterBlind", "critical", "prod")]


def test_a_watchdog_that_is_back_may_be_as_old_as_before(noc: Cluster) -> None:
    """When only the way to Alertmanager was cut, Prometheus repeats the old start."""
    noc.barks("k8s-0")
    noc.resolves("k8s-0", ends_ms=noc.relay.now_ms())
    assert noc.states() == {"prod/k8s-0": "down"}
    noc.barks("k8s-0")
    assert noc.states() == {"prod/k8s-0": "up"}


def test_a_start_in_the_future_hides_no_end(noc: Cluster) -> None:
    """Labels and times are the sender's."""
    labels = {"alertname": "KunWatchdog", "prometheus": "k8s-0"}
    noc.posts(Alert("firing", labels, starts_ms=9_999_999_999_999))
    noc.posts(Alert("resolved", labels, starts_ms=1, ends_ms=noc.relay.now_ms()))
    assert noc.states() == {"prod/k8s-0": "down"}


def test_a_new_replica_while_the_cluster_is_blind(noc: Cluster) -> None:
    """It sees."""
    noc.barks("k8s-0")
    noc.advance("3m1s")
    noc.barks("k8s-1")
    assert noc.open() == [("KunobsReplicaSilent", "warning", "k8s-0")]


def test_replicas_that_are_listed(noc: Cluster) -> None:
    """They must be heard from the beginning; others are learned beside them, and only those can be forgotten."""
    noc.reload(PEOPLE + CLUSTERS.replace("tenant: db}", "tenant: db, replicas: [monitoring/k8s, k8s-1]}"))
    noc.barks("k8s-1", "k8s-2")
    assert noc.states() == {"prod/k8s-1": "up", "prod/k8s-2": "up", "prod/monitoring/k8s": "new"}
    noc.advance("2m")
    noc.barks("k8s-1")
    noc.advance("1m1s")
    assert sorted(which for _, _, which in noc.open()) == ["k8s-2", "monitoring/k8s"]
    heartbeat_forget(noc.relay, "prod/k8s-2")
    assert [which for _, _, which in noc.open()] == ["monitoring/k8s"]
    assert "prod/k8s-2" not in noc.states()


def test_a_cluster_that_is_no_longer_configured(noc: Cluster) -> None:
    """Its alerts end with it."""
    noc.barks("k8s-0", "k8s-1")
    noc.advance("3m1s")
    assert ("KunobsClusterBlind", "critical", "prod") in noc.open()
    noc.reload(PEOPLE)
    assert (noc.open(), noc.states()) == ([], {})


def test_another_tenant_after_a_restart(noc: Cluster) -> None:
    """The alert moves with its cluster."""
    noc.barks("k8s-0")
    noc.advance("3m1s")
    noc.expect("db")
    noc.restart(1, PEOPLE + CLUSTERS.replace("tenant: db", "tenant: platform"))
    assert noc.open() == [("KunobsClusterBlind", "critical", "prod")]
    noc.expect("db resolved", "ops")


def test_no_false_alarm_over_a_restart(noc: Cluster) -> None:
    """However long we were down; then each has a period and its grace."""
    noc.barks("k8s-0", "k8s-1")
    noc.restart(3600)
    noc.advance("2m59s")
    assert noc.open() == []
    noc.barks("k8s-0")
    noc.advance("2s")
    assert noc.open() == [("KunobsReplicaSilent", "warning", "k8s-1")]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("", "prod/watchdog"),
        ("alertmanager/am-0:9093", "prod/replica/alertmanager/am-0:9093"),
        ("a\x00b\nc", "prod/a?b?c"),
        ("x" * 5000, "prod/" + "x" * 100),
        ("{0}%s{name}", "prod/{0}%s{name}"),
        ("副本-一", "prod/副本-一"),
    ],
)
def test_odd_names(noc: Cluster, value: str, name: str) -> None:
    """A replica is whatever its label says, but no Alertmanager, and not without limits."""
    noc.barks(value)
    assert noc.states() == {name: "up"}
    noc.advance("3m1s")
    noc.barks(value)
    assert noc.open() == []


def test_not_too_many_are_learned(noc: Cluster) -> None:
    """A label that differs each time does not fill the store; those that are known go on."""
    for number in range(MOST_REPLICAS + 20):
        noc.barks(f"k8s-{number}")
    assert len(noc.states()) == MOST_REPLICAS
    noc.advance("50s")
    noc.barks("k8s-0", "k8s-9999")
    noc.advance("50s")
    assert noc.states()["prod/k8s-0"] == "up"
    assert "prod/k8s-9999" not in noc.states()


def test_a_watchdog_of_another_name_and_label(noc: Cluster) -> None:
    """As configured."""
    noc.reload(
        PEOPLE + CLUSTERS.replace("tenant: db}", "tenant: db, alertname: Watchdog, replica_label: prometheus_replica}")
    )
    labels = {"alertname": "Watchdog", "prometheus": "p", "prometheus_replica": "r-0"}
    noc.posts(Alert("firing", labels, starts_ms=1))
    assert noc.states() == {"prod/r-0": "up"}


# Alertmanagers.


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Cluster, FakeAlertmanager, FakeAlertmanager]]:
    """A cluster with two Alertmanagers that are asked."""
    clock = FakeClock(1_700_000_000.0)
    with FakeAlertmanager(clock, peers=("a", "b")) as one, FakeAlertmanager(clock, "0.25.0") as other:
        config = CLUSTERS.replace("tenant: db}", f"tenant: db, alertmanagers: ['{one.url}', '{other.url}']}}")
        with Cluster(PEOPLE + config, tmp_path) as bench:
            one.clock = other.clock = bench.clock
            bench.watch = AlertmanagerWatch(bench.relay)
            yield bench, one, other
            bench.watch.close()


def test_each_alertmanager_by_its_own_status(pair: tuple[Cluster, FakeAlertmanager, FakeAlertmanager]) -> None:
    """One of two is a warning, both are critical, and each says when it is back."""
    noc, one, other = pair
    noc.asks(600)
    names = [f"prod/alertmanager/{place(each.url)}" for each in (one, other)]
    assert noc.states() == dict.fromkeys(names, "up")
    about = {each["name"]: each["about"] for each in heartbeat_list(noc.relay)}
    assert about == {names[0]: "0.28.1, ready, 2 peers", names[1]: "0.25.0"}
    other.down = True
    noc.asks(140)
    assert noc.open() == []
    noc.asks(60)
    assert noc.open() == [("KunobsAlertmanagerSilent", "warning", place(other.url))]
    one.fail(*["html"] * 100)
    noc.asks(210)
    assert noc.open()[1:] == [("KunobsClusterMute", "critical", "prod")]
    other.down = False
    noc.asks(60)
    assert noc.open() == [("KunobsAlertmanagerSilent", "warning", place(one.url))]


def test_it_is_asked_twice_a_period(pair: tuple[Cluster, FakeAlertmanager, FakeAlertmanager]) -> None:
    """And not more often."""
    noc, one, _ = pair
    noc.asks(600)
    assert sum(asked.path == "/api/v2/status" for asked in one.asked) == 20


def test_a_slow_one_is_waited_for_by_nobody(pair: tuple[Cluster, FakeAlertmanager, FakeAlertmanager]) -> None:
    """`turn` returns at once, one question at a time is open, and the other Alertmanager is asked as ever."""
    noc, one, other = pair
    one.fail("slow")
    assert noc.watch is not None
    for _ in range(60):
        noc.watch.turn()
        noc.advance("10s")
    assert len(one.asked) <= 1
    one.release.set()
    noc.watch.wait()
    assert len(one.asked) == 1
    assert len(other.asked) >= 1


@pytest.mark.parametrize("fault", ["http_500", "html", "reset", "cut", 401, 302])
def test_what_is_no_answer(pair: tuple[Cluster, FakeAlertmanager, FakeAlertmanager], fault: Any) -> None:
    """A proxy's page with status 200 is none either."""
    noc, one, _ = pair
    one.fail(*[fault] * 50)
    noc.asks(200)
    assert [which for _, _, which in noc.open()] == [place(one.url)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"uptime": 5}',
        b'{"status": "success", "data": {}}',
        b"[" * 100_000,
        b'{"cluster":{"status":"ready"},"versionInfo":{"version":"1"},"uptime":"yesterday"}',
        b"\xff\xfe",
    ],
)
def test_odd_answers(body: bytes) -> None:
    """None of them is a status or a list of alerts, but for the empty list."""

    class Odd(FakeAlertmanager):
        def respond(self, asked: Any) -> Any:
            return 200, body

    asker = Asker()
    with Odd() as alertmanager:
        assert api_v2.status(asker, alertmanager.url) == "no_status"
        assert api_v2.alerts(asker, alertmanager.url) == ([] if body == b"[]" else "no_alerts")
    asker.close()


def test_an_answer_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """But not a channel's 64 KiB, which a status with its configuration has easily."""

    class Long(FakeAlertmanager):
        length = 300_000

        def respond(self, asked: Any) -> Any:
            status, body = super().respond(asked)
            assert isinstance(body, bytes)
            return status, body + b" " * self.length

    asker = Asker()
    with Long() as alertmanager:
        assert isinstance(api_v2.status(asker, alertmanager.url), api_v2.Status)
        monkeypatch.setattr("kunobs.noc.heartbeats.ask.LARGEST", 100_000)
        assert api_v2.status(asker, alertmanager.url) == "too_large"
        monkeypatch.setattr("kunobs.noc.heartbeats.ask.SECONDS", -1.0)
        assert api_v2.status(asker, alertmanager.url) == "too_slow"
    assert api_v2.status(asker, alertmanager.url) == "connection"
    asker.close()


def test_a_redirect_is_no_answer() -> None:
    """It would lead anywhere."""
    asker = Asker()
    with FakeAlertmanager() as elsewhere, FakeAlertmanager() as alertmanager:
        handler: Any = alertmanager._server.RequestHandlerClass
        plain = handler.end_headers

        def end_headers(self: Any) -> None:
            self.send_header("location", f"{elsewhere.url}/api/v2/status")
            plain(self)

        handler.end_headers = end_headers
        alertmanager.fail(302)
        assert api_v2.status(asker, alertmanager.url) == "http_302"
        assert elsewhere.asked == []
    asker.close()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://am-0:9093", "am-0:9093"),
        ("https://am.example.com", "am.example.com:443"),
        ("http://am.example.com/am-1", "am.example.com:80/am-1"),
        ("http://[::1]:9093", "[::1]:9093"),
    ],
)
def test_the_name_of_an_alertmanager(url: str, name: str) -> None:
    """Host and port, and the path where there is one."""
    assert place(url) == name


STATUS = {
    "cluster": {"peers": list, "status": str},
    "config": {"original": str},
    "uptime": str,
    "versionInfo": dict.fromkeys(["branch", "buildDate", "buildUser", "goVersion", "revision", "version"], str),
}
ALERT = {
    "annotations": {},
    "endsAt": str,
    "fingerprint": str,
    "receivers": list,
    "startsAt": str,
    "status": {"inhibitedBy": list, "silencedBy": list, "state": str},
    "updatedAt": str,
    "generatorURL": str,
    "labels": {"alertname": str, "x": str},
}


def shape(value: Any) -> Any:
    """The kinds of its fields."""
    return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else type(value)


def test_the_fake_is_as_the_real_one() -> None:
    """Fields as Alertmanager 0.25.0 and 0.28.1 have them, and the fingerprint that 0.25.0 gave to these labels."""
    with FakeAlertmanager(FakeClock(), "0.25.0") as alertmanager:
        alertmanager.fires(alertname="Part", x="1")
        asker = Asker()
        status = json.loads(asker.get(f"{alertmanager.url}/api/v2/status").body)  # type: ignore[union-attr]
        answer = asker.get(f"{alertmanager.url}/api/v2/alerts")
        asker.close()
    alerts = json.loads(answer.body)  # type: ignore[union-attr]
    assert (shape(status), [shape(alert) for alert in alerts]) == (STATUS, [ALERT])
    assert alerts[0]["fingerprint"] == "ae892dd71ec43226"
    assert answer.headers["date"] == "Tue, 14 Nov 2023 22:13:20 GMT"  # type: ignore[union-attr]
    assert status["uptime"] == "2023-11-14T22:13:20.000Z"
