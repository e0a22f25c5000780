"""Jobs that must be heard: every state at its time, over restarts, clocks that are set and reloads; and what their URLs answer."""

from __future__ import annotations

import asyncio
import json
import math
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from kunobs.config import load_text
from kunobs.config.noc.root import NocConfig
from kunobs.errors import KunobsError
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.decide import due
from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats.deadlines import Deadlines
from kunobs.noc.heartbeats.expected import next_ms
from kunobs.noc.heartbeats.http import build_heartbeats
from kunobs.noc.heartbeats.named import Call, read, say
from kunobs.noc.heartbeats.raised import NAMES
from kunobs.noc.heartbeats.states import STATES, heartbeat_due
from kunobs.noc.heartbeats.verbs import heartbeat_forget, heartbeat_list
from kunobs.noc.relay import Relay, signing_secret
from kunobs.noc.store.migrate import FILE, migrate
from kunobs.noc.store.port import StoreUnavailable
from kunobs.noc.store.sqlite import SqliteStore
from kunobs.testing.noc import NocBench
from tests.support import REPOSITORY

PEOPLE = """
language: en
channels:
  wecom_robot: {ops: {key: k}, db: {key: k2}}
ladders:
  standard: {steps: [{to: [channel:ops], wait: 9h}], repeat: 0, remind: 9h}
  db: {steps: [{to: [channel:db], wait: 9h}], repeat: 0, remind: 9h}
route:
  ladder: standard
  routes: [{tenant: db, ladder: db}]
"""
JOBS = """
heartbeats:
  backup: {period: 10m, grace: 2m, token: s3cret-token}
  report: {cron: "0 3 * * *", time_zone: Asia/Shanghai, grace: 1h, severity: warning, token: t2}
  dump: {tenant: db, period: 1h, grace: 1m}
"""


class HeartBench(NocBench):
    """As a process: the first turn before the first timer, then one before each look at the timers, but not each second."""

    stopped = math.inf

    def __init__(self, noc: str, folder: Path) -> None:
        self._file = folder / FILE
        self._file.write_bytes(empty_database())
        super().__init__(noc, folder=folder)
        due._KINDS.setdefault("heartbeat", heartbeat_due)  # type: ignore[attr-defined]
        self._begin()

    def _begin(self) -> None:
        self.deadlines = Deadlines(self.relay, self.stopped)
        settle = self.relay.settle

        def turn_and_settle() -> int:
            self.deadlines.turn()
            return settle()

        self.relay.settle = turn_and_settle  # type: ignore[method-assign]
        self.relay.settle()

    def restart(self, seconds: float, noc: str = "") -> None:
        """The process dies and another begins after that time, over the same folder, perhaps with another configuration."""
        self.store.close()
        if noc:
            self.config = _read(noc)
        self.clock.advance(seconds)
        self.store = SqliteStore(self._file)
        self.relay = Relay(self.store, Policy(self.config, self.channels, signing_secret(self.store)), self.clock)
        self._begin()

    def reload(self, noc: str) -> None:
        """Another configuration."""
        self.config = _read(noc)
        self.relay.policy = Policy(self.config, self.channels, signing_secret(self.store))
        self.relay.settle()

    def say(self, name: str, word: Any = "") -> None:
        """A job calls its URL."""
        call = Call(name, "", word, in_url=True)
        assert self.relay.urgent(lambda tx, policy, now: say(tx, policy, call, now)).result()
        self.relay.settle()

    def states(self) -> dict[str, str]:
        """By name."""
        return dict(self.rows("SELECT name, state FROM heartbeat"))

    def firing(self) -> list[str]:
        """Titles of open incidents."""
        return [row[0] for row in self.rows("SELECT title FROM incident WHERE state <> 'resolved' ORDER BY id")]

    def to_clock(self, text: str) -> None:
        """Let time pass until then, UTC."""
        wanted = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        self.advance(f"{int(wanted - self.clock.now() + 0.5)}s")


@cache
def empty_database() -> bytes:
    """Alembic takes its time."""
    with tempfile.TemporaryDirectory() as folder:
        migrate(folder)
        return (Path(folder) / FILE).read_bytes()


def _read(noc: str) -> NocConfig:
    text = "\n".join("  " + line for line in noc.strip("\n").splitlines())
    return load_text(f"version: 1\nnoc:\n{text}", sections=["noc"]).noc


@pytest.fixture
def noc(tmp_path: Path) -> Iterator[HeartBench]:
    """Three jobs; it is 2023-11-14 22:13:20 UTC, a quarter past six in Shanghai."""
    with HeartBench(PEOPLE + JOBS, tmp_path) as bench:
        yield bench


def test_silent_to_the_second(noc: HeartBench) -> None:
    """Up for a period, late for its grace, then down and somebody is told; the next beat is the end of it."""
    noc.say("backup")
    noc.expect()
    noc.advance("9m59s")
    assert noc.states()["backup"] == "up"
    noc.advance("1s10ms")
    assert noc.states()["backup"] == "late"
    noc.advance("1m58s")
    assert noc.states()["backup"] == "late"
    noc.expect()
    noc.advance("2s")
    assert noc.states()["backup"] == "down"
    noc.expect("ops")
    assert noc.firing() == ["job backup is late, last heard: 2023-11-15 06:13:20"]
    noc.advance("5h")
    assert noc.news() == ["db"]
    noc.say("backup")
    noc.expect("ops resolved")
    assert noc.states()["backup"] == "up"
    noc.advance("12m1s")
    noc.expect("ops")


def test_each_beat_begins_a_period(noc: HeartBench) -> None:
    """However early it comes."""
    for _ in range(30):
        noc.say("backup")
        noc.advance("11m59s")
    noc.say("backup")
    noc.say("backup")
    noc.advance("11m59s")
    assert "ops" not in noc.news()
    noc.advance("2s")
    noc.expect("ops")


def test_one_that_was_never_heard_is_down_too(noc: HeartBench) -> None:
    """A URL with a typing error would never be missed."""
    assert noc.states() == {"backup": "new", "report": "new", "dump": "new"}
    noc.advance("12m1s")
    assert noc.states()["backup"] == "down"
    assert noc.firing() == ["job backup is late, last heard: never"]


def test_its_tenant_and_severity(noc: HeartBench) -> None:
    """It goes by its tenant's ladder, as severe as it says."""
    noc.advance("61m1s")
    assert noc.news() == ["db", "ops"]
    found = noc.rows("SELECT tenant, severity, labels FROM incident WHERE tenant = 'db'")
    labels = {"alertname": "KunobsHeartbeatLate", "heartbeat": "dump", "severity": "critical"}
    assert [(row[0], row[1], json.loads(row[2])) for row in found] == [("db", "critical", labels)]


def test_a_schedule_and_not_the_last_beat(noc: HeartBench) -> None:
    """Three o'clock in Shanghai is 19:00 UTC: a beat at any other time does not move it."""
    noc.to_clock("2023-11-15 15:00")
    noc.say("report")
    noc.to_clock("2023-11-15 18:59")
    assert noc.states()["report"] == "up"
    noc.to_clock("2023-11-15 19:01")
    assert noc.states()["report"] == "late"
    noc.say("report")
    assert noc.states()["report"] == "up"
    noc.to_clock("2023-11-16 19:59")
    assert noc.states()["report"] == "late"
    noc.to_clock("2023-11-16 20:01")
    assert noc.states()["report"] == "down"


def test_a_job_whose_clock_is_ahead(noc: HeartBench) -> None:
    """Some seconds early is for this occurrence; half a minute early is not."""
    noc.to_clock("2023-11-15 18:59:55")
    noc.say("report")
    noc.to_clock("2023-11-15 20:05")
    assert noc.states()["report"] == "up"
    noc.to_clock("2023-11-16 18:59:30")
    noc.say("report")
    noc.to_clock("2023-11-16 20:05")
    assert noc.states()["report"] == "down"


@pytest.mark.parametrize(
    ("cron", "zone", "after", "wanted"),
    [
        ("0 3 * * *", "Asia/Shanghai", "2024-01-01T19:00:00", "2024-01-02T19:00:00"),
        ("0 3 * * *", "Asia/Shanghai", "2024-01-01T18:59:59.999", "2024-01-01T19:00:00"),
        # Berlin, 2024-03-31: 02:30 is left out, and what has its time there comes when clocks have jumped.
        ("30 2 * * *", "Europe/Berlin", "2024-03-30T12:00:00", "2024-03-31T01:00:00"),
        ("30 2 * * *", "Europe/Berlin", "2024-03-31T01:00:00", "2024-04-01T00:30:00"),
        ("30 * * * *", "Europe/Berlin", "2024-03-31T00:30:00", "2024-03-31T01:30:00"),
        # 2024-10-27: 02:30 comes twice, and what has its time there comes once, but what is hourly comes twice.
        ("30 2 * * *", "Europe/Berlin", "2024-10-26T12:00:00", "2024-10-27T00:30:00"),
        ("30 2 * * *", "Europe/Berlin", "2024-10-27T00:30:00", "2024-10-28T01:30:00"),
        ("45 2 * * *", "Europe/Berlin", "2024-10-27T01:15:00", "2024-10-28T01:45:00"),
        ("30 * * * *", "Europe/Berlin", "2024-10-27T00:30:00", "2024-10-27T01:30:00"),
        ("0 0 29 2 *", "UTC", "2025-01-01T00:00:00", "2028-02-29T00:00:00"),
    ],
)
def test_when_cron_comes(cron: str, zone: str, after: str, wanted: str) -> None:
    """Instants in UTC, worked out by hand from the days of time changes."""
    found = next_ms(cron, zone, round(datetime.fromisoformat(f"{after}+00:00").timestamp() * 1000))
    assert datetime.fromtimestamp(found / 1000, UTC).isoformat() == f"{wanted}+00:00"


def test_failed_and_running(noc: HeartBench) -> None:
    """/fail is down now, once; /start moves no deadline; how long it took is kept."""
    noc.say("backup", "fail")
    noc.expect("ops")
    assert noc.firing() == ["job backup says that it failed"]
    noc.say("backup", "fail")
    noc.expect()
    noc.say("backup", "start")
    assert noc.states()["backup"] == "down"
    noc.advance("3m")
    noc.say("backup")
    noc.expect("ops resolved")
    found = {each["name"]: each for each in heartbeat_list(noc.relay)}
    assert found["backup"]["took_ms"] == 180_000
    noc.say("backup", "start")
    noc.advance("12m1s")
    noc.expect("ops")


def test_failed_again_in_the_same_moment(noc: HeartBench) -> None:
    """No alert is taken for overtaken by its own end."""
    for _ in range(3):
        noc.say("backup", "fail")
        noc.say("backup")
    noc.expect(*["ops", "ops resolved"] * 3)


def test_reloads(noc: HeartBench) -> None:
    """What is paused, taken away, of another tenant or less severe says so of itself; a new promise begins anew."""
    noc.say("backup", "fail")
    noc.say("report", "fail")
    noc.expect("ops", "ops")
    noc.reload(PEOPLE + JOBS.replace("period: 10m", "paused: true, period: 10m").replace("severity: warning, ", ""))
    assert noc.states() == {"backup": "paused", "report": "down", "dump": "new"}
    noc.expect("ops resolved", "ops resolved", "ops")
    noc.say("backup", "fail")
    noc.say("backup")
    noc.advance("30m")
    noc.expect()
    noc.reload(PEOPLE + JOBS.replace("period: 10m", "period: 20m"))
    noc.expect("ops", "ops resolved")
    noc.advance("21m59s")
    assert noc.states()["backup"] == "late"
    noc.reload(PEOPLE + "heartbeats: {backup: {period: 20m, grace: 2m, token: x}}")
    assert noc.states() == {"backup": "late"}
    noc.expect("ops resolved")
    noc.advance("2s")
    noc.expect("ops")
    noc.reload(PEOPLE)
    noc.expect("ops resolved")
    assert noc.states() == {}
    assert noc.rows("SELECT * FROM timer WHERE kind = 'heartbeat'") == []


@pytest.mark.parametrize("at_once", [True, False], ids=["reload", "restart"])
def test_a_new_promise_begins_now(noc: HeartBench, at_once: bool) -> None:
    """A shorter period is not missed by what kept the longer one, nor a schedule by what came at another time."""
    noc.say("dump")
    noc.say("report")
    noc.advance("59m")
    noc.news()
    other = JOBS.replace("period: 1h, grace: 1m", "period: 5m, grace: 1m").replace("0 3 * * *", "30 7 * * *")
    noc.reload(PEOPLE + other) if at_once else noc.restart(1, PEOPLE + other)
    noc.advance("5m50s")
    assert noc.states()["dump"] == "late"
    noc.advance("11s")
    assert noc.states()["dump"] == "down"
    # Half past seven in Shanghai.
    noc.to_clock("2023-11-14 23:31")
    assert noc.states()["report"] == "late"
    noc.to_clock("2023-11-15 00:31")
    assert noc.states()["report"] == "down"


# Over our own deafness.


def test_nobody_is_judged_before_the_first_turn(noc: HeartBench) -> None:
    """Timers that run before we know how long we were deaf decide nothing."""
    noc.say("backup")
    noc.clock.advance(3600)
    while noc.relay.run_timers():
        pass
    assert noc.states()["backup"] == "up"
    noc.expect()


@pytest.mark.parametrize("gap", [0.0, 5.0, 700.0, 86_400.0])
def test_no_false_alarm_over_a_restart(noc: HeartBench, gap: float) -> None:
    """A beat that came while we were down is lost; the next one has its whole time."""
    noc.say("backup")
    noc.advance("9m")
    noc.restart(gap)
    assert noc.states()["backup"] in ("up", "late")
    noc.advance("11m59s")
    assert "ops" not in noc.news()
    noc.advance("2s")
    assert noc.news().count("ops") == 1


def test_what_was_over_before_is_said_at_once(noc: HeartBench) -> None:
    """The process died between the deadline and the judgement: no beat can have been lost."""
    noc.say("backup")
    noc.clock.advance(721)
    noc.deadlines.turn()
    noc.restart(30)
    noc.expect("ops")


def test_down_stays_down_over_a_restart(noc: HeartBench) -> None:
    """It is neither told again nor taken back."""
    noc.say("backup", "fail")
    noc.expect("ops")
    noc.restart(60)
    noc.advance("30m")
    noc.expect()
    assert noc.states()["backup"] == "down"


@pytest.mark.parametrize(
    ("dies", "down_for", "judged"),
    [
        # Its time and grace are 19:00 to 20:00.
        ("2023-11-15 18:00", 3000, "2023-11-15 19:59"),
        ("2023-11-15 18:30", 1800, "2023-11-16 19:59"),
        ("2023-11-15 19:30", 10, "2023-11-16 19:59"),
        ("2023-11-15 19:59", 7200, "2023-11-16 19:59"),
        ("2023-11-15 12:00", 86400 * 2, "2023-11-17 19:59"),
    ],
)
def test_a_schedule_is_held_only_where_it_was_touched(noc: HeartBench, dies: str, down_for: float, judged: str) -> None:
    """A daily job is judged on the day of a restart, unless we were deaf when it was due."""
    noc.to_clock("2023-11-15 10:00")
    noc.say("report")
    noc.to_clock(dies)
    noc.restart(down_for)
    noc.to_clock(judged)
    assert noc.states()["report"] == "late"
    noc.advance("1m1s")
    assert noc.states()["report"] == "down"


@pytest.mark.parametrize("jump", [3.0, -3.0, 700.0, -700.0, 86400.0 * 365, -86400.0 * 365])
@pytest.mark.parametrize("turn_first", [True, False])
def test_the_clock_is_set(noc: HeartBench, jump: float, turn_first: bool) -> None:
    """Everything has its whole period again, whether timers or our look at the clocks come first."""
    noc.say("backup")
    noc.advance("11m59s")
    noc.deadlines.turn()
    noc.clock.jump(jump)
    if not turn_first:
        while noc.relay.run_timers():
            pass
    noc.relay.settle()
    noc.advance("11m59s")
    noc.expect()
    noc.advance("2s")
    noc.expect("ops")
    assert noc.rows("SELECT count(*) FROM journal WHERE kind = 'heartbeats held'") == [(1,)]


def test_alerts_of_a_clock_that_was_wrong(noc: HeartBench) -> None:
    """An end that is on record for tomorrow does not swallow today's alert, nor a beginning today's end."""
    noc.say("backup", "fail")
    noc.say("backup")
    noc.say("report", "fail")
    noc.clock.jump(-86400)
    noc.relay.settle()
    noc.news()
    noc.say("backup", "fail")
    noc.say("report")
    noc.expect("ops", "ops resolved")


def test_a_schedule_when_the_clock_is_set_back(noc: HeartBench) -> None:
    """cron does not run again what it has run within three hours, but would after a clock that was wrong by a year."""
    noc.to_clock("2023-11-15 19:05")
    noc.say("report")
    noc.clock.jump(-1800)
    noc.relay.settle()
    noc.to_clock("2023-11-15 20:10")
    assert noc.states()["report"] == "up"
    noc.clock.jump(-7200)
    noc.relay.settle()
    noc.restart(1)
    noc.to_clock("2023-11-15 20:10")
    assert noc.states()["report"] == "up"
    noc.clock.jump(-86400 * 365)
    noc.relay.settle()
    noc.advance("48h")
    assert noc.states()["report"] == "down"


def test_a_store_that_failed(noc: HeartBench) -> None:
    """What came meanwhile was refused, so everything has its period again."""
    noc.say("backup")
    noc.advance("11m59s")
    noc.deadlines.turn()
    good = noc.relay.change

    def broken(_: Any) -> Any:
        raise StoreUnavailable("disk_full", "full")

    noc.relay.change = broken  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        noc.deadlines.turn()
    noc.relay.change = good  # type: ignore[method-assign]
    noc.clock.advance(10)
    noc.relay.settle()
    noc.advance("11m58s")
    noc.expect()
    noc.advance("3s")
    noc.expect("ops")


@pytest.mark.parametrize(("stalls", "held"), [(20.0, 0), (60.0, 1)])
def test_a_process_that_stood_still(noc: HeartBench, stalls: float, held: int) -> None:
    """A busy thread is no deafness; a process that was stopped is."""
    noc.deadlines = Deadlines(noc.relay)
    noc.deadlines.turn()
    noc.say("backup")
    noc.clock.advance(stalls)
    noc.relay.settle()
    assert noc.rows("SELECT count(*) FROM journal WHERE kind = 'heartbeats held'") == [(held,)]


def test_nothing_is_written_where_nothing_is_watched(tmp_path: Path) -> None:
    """A turn costs the disk nothing."""
    with HeartBench(PEOPLE, tmp_path) as bench:
        before = bench.rows("SELECT name, value FROM fact ORDER BY name")
        bench.advance("10m")
        bench.clock.advance(1)
        bench.deadlines.turn()
        assert bench.rows("SELECT name, value FROM fact ORDER BY name") == before


# Over HTTP.


def ask(noc: HeartBench, path: str, method: str = "GET", bearer: str = "", body: bytes = b"") -> tuple[int, str]:
    """Status and body of one request."""
    headers = [(b"authorization", f"Bearer {bearer}".encode())] if bearer else []
    scope = {"type": "http", "method": method, "path": f"/v1/heartbeats/{path}", "headers": headers}
    incoming = [{"type": "http.request", "body": part, "more_body": part is not None} for part in (body[:1], body[1:])]
    incoming[-1]["more_body"] = False
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(part: Any) -> None:
        sent.append(part)

    asyncio.run(build_heartbeats(noc.relay)(scope, receive, send))
    assert body == b"" or not incoming or sent[0]["status"] != 200
    return sent[0]["status"], b"".join(part["body"] for part in sent[1:]).decode()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_url_is_a_beat(noc: HeartBench, method: str) -> None:
    """By any of the methods, body or not; it is in the store when the answer is there."""
    assert ask(noc, "backup/s3cret-token", method, body=b"done: 5 files" if method == "POST" else b"") == (200, "ok\n")
    assert noc.states()["backup"] == "up"
    assert ask(noc, "backup/s3cret-token/fail", method) == (200, "ok\n")
    assert noc.states()["backup"] == "down"
    assert ask(noc, "backup/s3cret-token/start", method)[0] == 200
    assert noc.states()["backup"] == "down"


STRANGERS = [
    "backup", "backup/", "backup/wrong", "backup/t2", "nobody/s3cret-token", "nobody/", "/", "", "backup/s3cret-token/",
    "backup/s3cret-token/stop", "backup/s3cret-token/fail/x", "dump/", "dump/fail", "dump/x/fail", "backup/s3cret-token\x00",
    "backup/\udce9", "\ud800/\ud800", "BACKUP/s3cret-token", "../backup/s3cret-token",
]  # fmt: skip


def test_strangers_learn_nothing(noc: HeartBench) -> None:
    """One answer for a wrong name, a wrong token and a wrong word; nothing is noted."""
    for path in STRANGERS:
        status, body = ask(noc, path)
        assert (status, json.loads(body)) == (
            404,
            {
                "title": "not accepted",
                "status": 404,
                "detail": "no such heartbeat, or not its token",
                "hint": "see noc.heartbeats of kunobs.yaml",
            },
        ), path
        assert set(noc.states().values()) == {"new"}, path
    assert "s3cret" not in repr(read("backup/s3cret-token", ""))


def test_a_tenants_token(noc: HeartBench) -> None:
    """A heartbeat without a token of its own takes its tenant's: not another's, not one that is over, not instead of its own."""
    with_token = "INSERT INTO token (id, tenant, hash, comment, created_ms, ends_ms) VALUES (?, ?, ?, '', 0, ?)"
    ends = noc.relay.now_ms() + 60_000
    tokens = [("kn_db", "db", None), ("kn_short", "db", ends), ("kn_other", "platform", None)]
    for token, tenant, until in tokens:
        digest = sha256(token.encode()).digest()
        noc.store.write(lambda tx, row=(token, tenant, digest, until): tx.run(with_token, *row))
    assert ask(noc, "dump", bearer="kn_other")[0] == 404
    assert ask(noc, "backup", bearer="kn_other")[0] == 404
    assert ask(noc, "dump", bearer="kn_nobody")[0] == 404
    assert ask(noc, "dump/x/fail", bearer="kn_db")[0] == 404
    assert noc.states() == {"backup": "new", "report": "new", "dump": "new"}
    assert ask(noc, "dump", bearer="kn_short")[0] == 200
    assert ask(noc, "dump/fail", bearer="kn_db")[0] == 200
    # A bearer token for somebody else, as a proxy may add it, is no harm.
    assert ask(noc, "backup/s3cret-token", bearer="kn_nobody")[0] == 200
    assert noc.states()["dump"] == "down"
    noc.advance("1m")
    assert ask(noc, "dump", bearer="kn_short")[0] == 404


def test_other_methods_and_trouble(noc: HeartBench) -> None:
    """405 names what works; 503 while the store takes nothing, so that the job asks again."""
    assert ask(noc, "backup/s3cret-token", "DELETE")[0] == 405
    noc.store.close()
    for path, bearer in (("backup/s3cret-token", ""), ("dump", "kn_x")):
        status, body = ask(noc, path, bearer=bearer)
        assert status == 503
        assert "s3cret" not in body
        assert "closed" in body
    noc.restart(0)


def test_an_operator_looks_and_forgets(noc: HeartBench) -> None:
    """What is configured cannot be forgotten."""
    assert [each["name"] for each in heartbeat_list(noc.relay)] == ["backup", "dump", "report"]
    assert not re.search("s3cret|t2", json.dumps(heartbeat_list(noc.relay)))
    for name, status in (("backup", 409), ("nobody", 404)):
        with pytest.raises(Refusal) as caught:
            heartbeat_forget(noc.relay, name)
        assert caught.value.status == status


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("heartbeats: {a: {period: 10m, token: 'a/b'}}", "URL can end with"),
        ("heartbeats: {a: {period: 10m, token: 'a?b'}}", "URL can end with"),
        ("heartbeats: {a: {period: 10m, token: fail}}", "URL can end with"),
        ("clusters: {a: {}}", "never be heard"),
        ("clusters: {a: {integration: am, replicas: ['']}}\nintegrations: {am: {}}", "without a name"),
    ],
)
def test_configurations_that_cannot_be(config: str, problem: str) -> None:
    """Said when it is loaded; the token is not repeated."""
    with pytest.raises(KunobsError) as caught:
        _read(PEOPLE + config)
    assert problem in str(caught.value)
    assert not re.search(r"a[/?]b", caught.value.render())


def test_the_examples_of_the_documentation(tmp_path: Path) -> None:
    """Each is a configuration; the names of alerts and states are those that there are."""
    text = (REPOSITORY / "docs" / "heartbeats.md").read_text(encoding="utf-8")
    secrets = re.findall(r"/run/secrets/\w+", text)
    for secret in secrets:
        (tmp_path / Path(secret).name).write_text("some-token")
    examples = [each for each in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if each.startswith("noc:\n")]
    assert len(examples) == 3
    for example in examples:
        ladders = "  ladders: {all: {steps: [{to: [channel:ops]}]}}\n  channels: {wecom_robot: {ops: {key: k}}}\n"
        whole = f"version: 1\n{example}{ladders}  route: {{ladder: all}}\n".replace("/run/secrets", str(tmp_path))
        load_text(whole, sections=["noc"])
    assert set(re.findall(r"`(Kunobs\w+)`", text)) == set(NAMES)
    assert re.findall(r"^\| `(\w+)` \| [^|]*\|$", text, re.MULTILINE) == list(STATES)
