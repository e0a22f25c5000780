"""Ten thousand histories of beats, restarts and clocks that are set: no false alarm, and none later than a second.

Everything runs on true time, which is the monotonic clock. Each history is judged twice. Whether an alarm was false is asked of the
sender alone: did it send, heard or not, within period and grace? When an alarm had to come is asked of an oracle that knows what was
heard, and that each end of our deafness counts as a beat; it knows no store, no timer and no wall clock.
"""

from __future__ import annotations

import math
import os
import random
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest

from kunobs import log
from kunobs.config import load_text
from kunobs.noc.decide import due, intake
from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats.deadlines import Deadlines
from kunobs.noc.heartbeats.named import Call, say
from kunobs.noc.heartbeats.states import heartbeat_due
from kunobs.noc.relay import Relay
from kunobs.noc.store.sqlite import SqliteTx
from kunobs.testing.clock import FakeClock
from tests.unit.test_noc_heartbeats import empty_database

SEED = int(os.environ.get("SEED", "7"))
WORLDS, JOBS, LENGTH = 250, 40, 200.0
ALARM, END = "alarm", "end"
Seen = list[tuple[str, float]]


class MemoryStore:
    """A store without a disk, for one thread; it outlives the relays of its world."""

    dialect = "sqlite"

    def __init__(self, image: bytes) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.deserialize(image)
        self._tx = SqliteTx(self._connection)

    def submit(self, change: Any) -> Future[Any]:
        """Run it now."""
        future: Future[Any] = Future()
        future.set_result(self.write(change))
        return future

    def write(self, change: Any) -> Any:
        """Run it now."""
        self._connection.execute("BEGIN")
        try:
            return change(self._tx)
        finally:
            self._connection.execute("COMMIT")

    def read(self, query: Any) -> Any:
        """Run it now."""
        return query(self._tx)

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


@dataclass(frozen=True)
class Job:
    """A sender; times are true seconds. `sent` are its beats, heard or not."""

    name: str
    period: float
    grace: float
    sent: Sequence[float]


@dataclass(frozen=True)
class World:
    """`deaf` are times of a dead process, `jumps` of a clock that was set: when, when we look at the clocks, by how much."""

    jobs: Sequence[Job]
    deaf: Sequence[tuple[float, float]]
    jumps: Sequence[tuple[float, float, float]]

    def hears(self, at: float) -> bool:
        """Whether somebody listens then."""
        return not any(start <= at < end for start, end in self.deaf)


def expected(world: World, job: Job) -> Seen:
    """What must be raised and ended when: silence counts from a beat that was heard, or from the last time we could hear again."""
    marks = [(0.0, False), *((at, True) for at in job.sent if world.hears(at))]
    marks += [(end, False) for _, end in world.deaf]
    marks += [(at, False) for jump in world.jumps for at in jump[:2]]
    found: Seen = []
    down = False
    since = 0.0
    for at, beat in [*sorted(marks), (math.inf, False)]:
        ends = since + job.period + job.grace
        if not down and ends < min(at, LENGTH) and world.hears(ends):
            found.append((ALARM, ends))
            down = True
        if beat and down:
            found.append((END, at))
            down = False
        since = at
    return found


def any_job(dice: random.Random, name: str, period: float, grace: float) -> Job:
    """It beats within its promise, dies, and perhaps comes back; sometimes to the last moment of its grace, or much too often."""
    sent = []
    at = dice.uniform(0, period)
    dies = dice.choice([math.inf, dice.uniform(0, LENGTH)])
    back = dies + dice.uniform(0, LENGTH / 2)
    pace = dice.choice([0.2, 0.7, 0.99])
    while at < LENGTH:
        if not dies < at < back:
            sent.append(round(at, 3))
        longest = period + grace - 0.01
        at += longest if dice.random() < 0.1 else dice.uniform(pace * period, longest)
    return Job(name, period, grace, sent)


def any_world(dice: random.Random, plans: Sequence[tuple[str, float, float]]) -> World:
    """A few times of deafness, from a moment to longer than any period, and a few jumps, from seconds to a year."""
    times = sorted(dice.uniform(5, LENGTH - 30) for _ in range(2 * dice.choice([0, 1, 1, 2])))
    deaf = []
    for start, latest in zip(times[::2], times[1::2], strict=True):
        deaf.append((round(start, 3), round(min(start + dice.choice([0.0, 1.0, 15.0, 120.0]), latest), 3)))
    jumps = []
    for _ in range(dice.choice([0, 0, 1, 3])):
        at = round(dice.uniform(5, LENGTH - 30), 3)
        noticed = at + dice.choice([0.0, round(dice.uniform(0.1, 0.9), 3)])
        if not any(start - 3 <= at < end + 3 for start, end in deaf) and all(abs(at - jump[0]) > 3 for jump in jumps):
            by = dice.choice([-1, 1]) * dice.choice([2.5, 20.0, 130.0, 7200.0, 86400.0 * 366])
            jumps.append((at, noticed, by))
    return World([any_job(dice, *plan) for plan in plans], deaf, sorted(jumps))


class Play:
    """The relay's part of a world: what it raised and ended, at which true time."""

    def __init__(self, world: World, store: MemoryStore, policy: Policy, dice: random.Random) -> None:
        self.world, self.store, self.policy, self.dice = world, store, policy, dice
        self.clock = FakeClock()
        self.turned = self.unnoticed = 0.0
        self.raised: dict[str, Seen] = {job.name: [] for job in world.jobs}

    def own_alert(self, tx: Any, _: Any, labels: Any, __: str, now_ms: int, *, firing: bool, tenant: str) -> None:
        """What replaces intake's: an alert's row and no messages."""
        kind = ALARM if firing else END
        self.raised[labels["heartbeat"]].append((kind, self.clock.monotonic()))
        if firing:
            tx.run(
                "INSERT INTO alert (tenant, fingerprint, incident_id, status, sender, labels, annotations, links, starts_ms, seen_ms,"
                " copies) VALUES (?, ?, 0, 'firing', 'kunobs', ?, '', '', ?, ?, 0)",
                tenant, intake_identity(tenant, labels), "{}", now_ms, now_ms,
            )  # fmt: skip
        else:
            tx.run(
                "UPDATE alert SET status = 'resolved', ends_ms = ? WHERE fingerprint = ?",
                now_ms,
                intake_identity(tenant, labels),
            )

    def begin(self) -> None:
        """A process starts."""
        self.relay = Relay(self.store, self.policy, self.clock)  # type: ignore[arg-type]
        self.deadlines = Deadlines(self.relay)
        self._turn()

    def run(self) -> None:
        """Every event in its order, and between them timers at their time and turns often enough."""
        self.begin()
        for at, kind, what in sorted(self._events(), key=lambda event: event[0]):
            self._until(at)
            if kind == "beat":
                call = Call(what, "", "", in_url=True)
                self.relay.change(lambda tx, policy, now, call=call: say(tx, policy, call, now)).result()
            elif kind == "set":
                self._turn()
                self.clock.jump(what[1])
                # Timers run before the next turn: all that are now overdue.
                self.unnoticed = what[0]
                self._timers()
            elif kind == "turn":
                self._turn()
            else:
                self._pass(what)
                self.begin()
        self._until(LENGTH)

    def _events(self) -> Iterator[tuple[float, str, Any]]:
        for job in self.world.jobs:
            yield from ((at, "beat", job.name) for at in job.sent if self.world.hears(at))
        for start, end in self.world.deaf:
            yield max(0.0, start - self.dice.uniform(0, 0.9)), "turn", ""
            yield start, "deaf", end
        for at, noticed, by in self.world.jumps:
            yield at, "set", (noticed, by)
            yield noticed, "turn", ""

    def _until(self, at: float) -> None:
        while True:
            due_ms = self.relay.next_ms()
            now = self.clock.monotonic()
            wait = math.inf if due_ms is None else max(0.0, due_ms / 1000 - self.clock.now())
            step = min(now + wait, max(self.turned, self.unnoticed) + 25.0)
            if step >= at:
                self._pass(at)
                return
            self._pass(step)
            self._turn()
            self._timers()

    def _turn(self) -> None:
        if self.clock.monotonic() < self.unnoticed:
            return
        self.deadlines.turn()
        self.turned = self.clock.monotonic()

    def _timers(self) -> None:
        while self.relay.run_timers():
            pass

    def _pass(self, at: float) -> None:
        self.clock.advance(max(0.0, at - self.clock.monotonic()))


def intake_identity(tenant: str, labels: Any) -> str:
    """As intake has it."""
    from kunobs.noc.accept.alert import Alert, identity

    return identity(tenant, Alert("firing", labels))


def any_policy(dice: random.Random) -> tuple[Policy, list[tuple[str, float, float]]]:
    """Forty jobs of any period and grace."""
    plans = []
    for number in range(JOBS):
        period = round(dice.choice([dice.uniform(5, 20), dice.uniform(20, 80)]), 3)
        plans.append((f"job-{number}", period, round(dice.choice([1.0, dice.uniform(1, 30)]), 3)))
    lines = "".join(f"    {name}: {{period: {period}s, grace: {grace}s}}\n" for name, period, grace in plans)
    config = load_text(f"version: 1\nnoc:\n  heartbeats:\n{lines}", sections=["noc"]).noc
    return Policy(config, {}, "secret"), plans


def test_ten_thousand_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alarm is true, comes within a second, and ends with the next beat that is heard."""
    print(f"SEED={SEED}")
    dice = random.Random(SEED)
    log.setup("error")
    monkeypatch.setitem(due._KINDS, "heartbeat", heartbeat_due)  # type: ignore[arg-type]
    policies = [any_policy(dice) for _ in range(10)]
    alarms = 0
    for number in range(WORLDS):
        policy, plans = policies[number % len(policies)]
        world = any_world(dice, plans)
        store = MemoryStore(empty_database())
        play = Play(world, store, policy, dice)
        monkeypatch.setattr(intake, "own_alert", play.own_alert)
        play.run()
        store.close()
        for job in world.jobs:
            where = f"SEED={SEED} world {number} {job} deaf {world.deaf} jumps {world.jumps}"
            found = play.raised[job.name]
            for kind, at in found:
                last = max((sent for sent in job.sent if sent <= at), default=0.0)
                assert kind == END or at >= last + job.period + job.grace - 0.005, f"false alarm at {at}: {where}"
            wanted = expected(world, job)
            assert [kind for kind, _ in found] == [kind for kind, _ in wanted], f"{found} not {wanted}: {where}"
            for (_, at), (_, right) in zip(found, wanted, strict=True):
                assert abs(at - right) <= 0.1, f"{found} not {wanted}: {where}"
            alarms += len(found)
    print(f"{WORLDS * JOBS} histories, {alarms} alarms and ends")
    assert alarms > WORLDS * JOBS / 4
