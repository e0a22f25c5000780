"""Whether we are well, and that somebody outside hears of us only then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kunobs.noc.heartbeats.audit import audit
from kunobs.noc.heartbeats.ping import Ping
from kunobs.noc.notify.contract import Limit, Permanent, Retry
from kunobs.testing.gateway import Asked, Provider
from tests.unit.test_noc_heartbeats import PEOPLE, HeartBench


class Outside(Provider):
    """Somebody who is pinged."""

    def answer(self, asked: Asked) -> tuple[int, object]:
        """Taken."""
        return 200, {}


class Bench(HeartBench):
    """A relay that is audited."""

    def troubles(self) -> list[str]:
        """What the audit finds now."""
        return self.relay.change(audit).result()

    def fails(self, outcome: Any, channel: str = "ops") -> None:
        """Every request of the channel ends like this."""
        self.channels[channel].always = outcome


@pytest.fixture
def noc(tmp_path: Path) -> Iterator[Bench]:
    """A relay whose pings go nowhere yet."""
    with Bench(PEOPLE + "ping: {oldest_due: 5m}", tmp_path) as bench:
        yield bench


def test_all_is_well(noc: Bench) -> None:
    """At the start, after work, and long after it."""
    assert noc.troubles() == []
    noc.fires(alertname="DiskFull", severity="critical")
    assert noc.troubles() == []
    noc.advance("2h")
    assert noc.troubles() == []


def test_a_message_is_due_for_long(noc: Bench) -> None:
    """Nobody sends: a message that waits longer than `oldest_due`, by its channel."""
    noc.fires(alertname="DiskFull")
    noc.relay.change(lambda tx, _, now: tx.run("UPDATE outbox SET state = 'due', due_ms = ?", now)).result()
    noc.clock.advance(299)
    assert noc.troubles() == []
    noc.clock.advance(2)
    assert noc.troubles() == [
        "channel ops: a message is due for 301 s",
        "channel ops: messages wait, and none was sent yet",
    ]


def test_a_channel_fails(noc: Bench) -> None:
    """From the moment that the relay knows it, until something gets through; one that a reload took away does not count."""
    noc.fails(Permanent("93000", "invalid webhook url", dead="channel"))
    noc.fires(alertname="DiskFull", severity="critical")
    assert noc.troubles() == ["channel ops fails"]
    noc.fails(None)
    noc.fires(alertname="NodeDown", severity="critical")
    assert noc.troubles() == []
    noc.relay.change(lambda tx, _, __: tx.run("INSERT INTO fact VALUES ('failing/gone', 'x')")).result()
    assert noc.troubles() == []


def test_retries_that_never_succeed(noc: Bench) -> None:
    """Each is due again soon, so only what was not sent tells."""
    noc.fails(Retry("http_500", "HTTP 500"))
    noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("4m50s")
    noc.relay.change(lambda tx, _, __: tx.run("DELETE FROM fact WHERE name LIKE 'failing/%'")).result()
    assert noc.troubles() == []
    noc.advance("1m")
    assert noc.troubles() == ["channel ops fails", "channel ops: messages wait, and none was sent yet"]


def test_waiting_for_a_budget_is_no_trouble(noc: Bench) -> None:
    """As long as something goes out."""
    noc.relay.policy.config.storm.__dict__["incidents"] = 10_000
    noc.channels["ops"].limit = [Limit("ops", 1, 200, 0)]
    for number in range(6):
        noc.fires(alertname="DiskFull", host=str(number), severity="critical")
    for _ in range(10):
        noc.advance("1m")
        assert noc.troubles() == []


def test_a_tenants_own_receiver_is_no_trouble_of_ours(noc: Bench) -> None:
    """However long its messages wait."""
    noc.fires(alertname="DiskFull")
    sql = "UPDATE outbox SET state = 'due', due_ms = created_ms, channel = 'tenant/pay/hook'"
    noc.relay.change(lambda tx, _, __: tx.run(sql)).result()
    noc.relay.change(lambda tx, _, __: tx.run("INSERT INTO fact VALUES ('failing/tenant/pay/hook', 'x')")).result()
    noc.clock.advance(3000)
    assert noc.troubles() == []


def test_nobody_runs_timers(noc: Bench) -> None:
    """Then nobody climbs a ladder either."""
    noc.fires(alertname="DiskFull", severity="critical")
    noc.relay.change(lambda tx, _, now: tx.run("UPDATE timer SET due_ms = ?", now)).result()
    noc.clock.advance(59)
    assert noc.troubles() == []
    noc.clock.advance(5)
    assert noc.troubles() == ["timers are 64 s late"]


def test_the_clock_is_sane(noc: Bench) -> None:
    """Not before what is on record, and not set a moment ago."""
    noc.fires(alertname="DiskFull", severity="critical")
    noc.clock.jump(-4)
    assert noc.troubles() == []
    noc.clock.jump(-60)
    assert noc.troubles() == ["the clock is 64 s behind the journal"]
    noc.deadlines.turn()
    noc.clock.advance(70)
    assert noc.troubles() == ["the clock was set a moment ago"]
    noc.clock.advance(230)
    assert noc.troubles() == []
    noc.clock.jump(3600)
    noc.deadlines.turn()
    assert noc.troubles() == ["the clock was set a moment ago"]


def test_it_writes(noc: Bench) -> None:
    """A store that can only be read would look well."""
    assert noc.troubles() == []
    first = noc.rows("SELECT value FROM fact WHERE name = 'audit_ms'")
    noc.clock.advance(10)
    assert noc.troubles() == []
    assert int(noc.rows("SELECT value FROM fact WHERE name = 'audit_ms'")[0][0]) == int(first[0][0]) + 10_000


# The ping.


@pytest.fixture
def pinged(tmp_path: Path) -> Iterator[tuple[Bench, Ping, Outside]]:
    """A relay whose pings are taken."""
    with (
        Outside() as outside,
        Bench(PEOPLE + f"ping: {{url: '{outside.url}/ping/secret-uuid', every: 60s}}", tmp_path) as noc,
    ):
        ping = Ping(noc.relay)
        yield noc, ping, outside
        ping.close()


def turns(noc: Bench, ping: Ping, seconds: int) -> None:
    """One a second."""
    for _ in range(seconds):
        noc.clock.advance(1)
        ping.turn()
        ping.wait()


def test_pings_while_all_is_well(pinged: tuple[Bench, Ping, Outside]) -> None:
    """The first after a minute of life, then each minute."""
    noc, ping, outside = pinged
    turns(noc, ping, 59)
    assert outside.asked == []
    turns(noc, ping, 182)
    assert [(asked.method, asked.path) for asked in outside.asked] == [("GET", "/ping/secret-uuid")] * 4
    assert (ping.sent, ping.failed, ping.troubles) == (4, 0, [])


def test_no_ping_while_the_audit_fails(pinged: tuple[Bench, Ping, Outside]) -> None:
    """And again when it passes."""
    noc, ping, outside = pinged
    noc.fails(Permanent("93000", "invalid webhook url", dead="channel"))
    noc.fires(alertname="DiskFull", severity="critical")
    turns(noc, ping, 121)
    assert outside.asked == []
    assert ping.troubles == ["channel ops fails"]
    noc.fails(None)
    noc.fires(alertname="NodeDown", severity="critical")
    turns(noc, ping, 60)
    assert len(outside.asked) == 1


def test_no_ping_without_a_store(pinged: tuple[Bench, Ping, Outside]) -> None:
    """Nothing is kept, so nothing is well."""
    noc, ping, outside = pinged
    noc.store.close()
    turns(noc, ping, 61)
    assert outside.asked == []
    assert ping.troubles == ["the store takes nothing: closed"]
    noc.restart(0)


def test_an_audit_that_breaks(pinged: tuple[Bench, Ping, Outside]) -> None:
    """Is no audit that passes."""
    noc, ping, outside = pinged
    noc.relay.change(lambda tx, _, __: tx.run("INSERT INTO fact VALUES ('clock_set_ms', 'no number')")).result()
    turns(noc, ping, 61)
    assert outside.asked == []
    assert ping.troubles == ["the audit failed: ValueError"]


@pytest.mark.parametrize("fault", ["http_500", "reset", 404])
def test_a_ping_that_is_not_taken(pinged: tuple[Bench, Ping, Outside], capfd: Any, fault: Any) -> None:
    """Counts as failed, and its URL is a secret."""
    noc, ping, outside = pinged
    outside.fail(fault)
    turns(noc, ping, 61)
    assert (ping.sent, ping.failed) == (0, 1)
    turns(noc, ping, 60)
    assert (ping.sent, ping.failed) == (1, 1)
    assert "secret-uuid" not in "".join(capfd.readouterr())


def test_a_slow_ping_holds_nobody_up(pinged: tuple[Bench, Ping, Outside]) -> None:
    """`turn` returns, and no second one is begun meanwhile."""
    noc, ping, outside = pinged
    outside.fail("slow")
    for _ in range(600):
        noc.clock.advance(1)
        ping.turn()
    outside.release.set()
    ping.wait()
    assert len(outside.asked) == 1


def test_an_audit_without_a_ping(noc: Bench) -> None:
    """What is wrong is known to whoever asks us."""
    ping = Ping(noc.relay)
    noc.relay.change(lambda tx, _, now: tx.run("INSERT INTO fact VALUES ('failing/ops', 'x')")).result()
    turns(noc, ping, 61)
    assert (ping.sent, ping.troubles) == (0, ["channel ops fails"])
    ping.close()
