"""The states of heartbeats, and the timers that end them.

new ──beat──> up ──expected time──> late ──grace──> down (somebody is told) ──beat──> up (it is over)
 └────────────── the same two deadlines ─────────────^        paused: nothing is expected

What decides is the time in `detail`, a timer only says when to look: one that comes too early, twice or from before a reload does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats import raised
from kunobs.noc.heartbeats.plan import Plan, plan_of, plans
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Row, Tx
from kunobs.noc.store.timers import cancel_timer, set_timer

TIMER = "heartbeat"
STATES = ("new", "up", "late", "down", "paused")
WAITING = ("new", "up", "late")
# The fact that says when we were last known to listen, and how old it may be for silence to be the other side's.
LISTENING = "listening_ms"
FRESH_MS = 2000
_COLUMNS = "name, state, seen_ms, since_ms, detail"


class Detail(msgspec.Struct, omit_defaults=True):
    """Column `detail`, as JSON. Times are in milliseconds.

    `plan` is what `expected_ms` was computed by. A job has `started_ms` while it runs, then `took_ms`. `began_ms` is the newest start
    of a Watchdog alert. `about` is what the other side said of itself. `failed` when it is down because it said so.
    """

    plan: str = ""
    expected_ms: int = 0
    started_ms: int | None = None
    took_ms: int | None = None
    began_ms: int = 0
    about: str = ""
    failed: bool = False


_decode = msgspec.json.Decoder(Detail).decode
_encode = msgspec.json.Encoder().encode


@dataclass
class Heartbeat:
    """A row; `seen_ms` is None before the first beat, `since_ms` when the state began."""

    name: str
    state: str
    seen_ms: int | None
    since_ms: int
    detail: Detail


def find(tx: Tx, name: str) -> Heartbeat | None:
    """The heartbeat, None for one that nobody knows."""
    row = tx.row(f"SELECT {_COLUMNS} FROM heartbeat WHERE name = ?", name)
    return _heartbeat(row) if row else None


def every(tx: Tx) -> Iterator[Heartbeat]:
    """All, by name."""
    return map(_heartbeat, tx.rows(f"SELECT {_COLUMNS} FROM heartbeat ORDER BY name"))


def known(tx: Tx, plan: Plan, now_ms: int) -> Heartbeat:
    """The plan's heartbeat; a new one where it has none yet."""
    found = find(tx, plan.name)
    if found is None:
        detail = Detail(plan.text, plan.expected_ms(now_ms))
        found = Heartbeat(plan.name, "paused" if plan.paused else "new", None, now_ms, detail)
        note(tx, now_ms, "heartbeat known", heartbeat=plan.name)
    return found


def beat(tx: Tx, policy: Policy, plan: Plan, heartbeat: Heartbeat, now_ms: int) -> None:
    """It lives. What the caller has changed in the heartbeat is kept with it."""
    detail = heartbeat.detail
    heartbeat.seen_ms = max(now_ms, heartbeat.seen_ms or 0)
    detail.plan, detail.expected_ms, detail.failed = plan.text, plan.expected_ms(now_ms), False
    _move(tx, policy, plan, heartbeat, "paused" if plan.paused else "up", now_ms)


def down(tx: Tx, policy: Policy, plan: Plan, heartbeat: Heartbeat, now_ms: int) -> None:
    """It is silent, or says itself that it failed."""
    _move(tx, policy, plan, heartbeat, "paused" if plan.paused else "down", now_ms)


def save(tx: Tx, heartbeat: Heartbeat) -> None:
    """Keep it, and look at it again when its state may end by itself."""
    tx.run(
        f"INSERT INTO heartbeat ({_COLUMNS}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state,"
        " seen_ms = excluded.seen_ms, since_ms = excluded.since_ms, detail = excluded.detail",
        heartbeat.name, heartbeat.state, heartbeat.seen_ms, heartbeat.since_ms, _encode(heartbeat.detail).decode(),
    )  # fmt: skip
    if heartbeat.state in WAITING:
        set_timer(tx, TIMER, heartbeat.name, heartbeat.detail.expected_ms)
    else:
        cancel_timer(tx, TIMER, heartbeat.name)


def heartbeat_due(tx: Tx, policy: Policy, ref: str, now_ms: int) -> None:
    """A timer of kind `heartbeat`: its time has come, or nearly."""
    heartbeat, plan = find(tx, ref), plan_of(policy.config, ref)
    if heartbeat is None or plan is None or plan.paused or heartbeat.state not in WAITING:
        return
    ends = heartbeat.detail.expected_ms + plan.grace_ms
    if now_ms < heartbeat.detail.expected_ms:
        set_timer(tx, TIMER, ref, heartbeat.detail.expected_ms)
    elif now_ms < ends:
        if heartbeat.state != "late":
            heartbeat.state, heartbeat.since_ms = "late", now_ms
            save(tx, heartbeat)
        set_timer(tx, TIMER, ref, ends)
    elif not _listening(tx, now_ms):
        set_timer(tx, TIMER, ref, now_ms + 1000)
    else:
        down(tx, policy, plan, heartbeat, now_ms)


def sync(tx: Tx, policy: Policy, now_ms: int) -> None:
    """After a start or a reload: heartbeats and their alerts are those of the configuration. A new promise begins now."""
    there = {heartbeat.name: heartbeat for heartbeat in every(tx)}
    for plan in plans(policy.config):
        if plan.name not in there:
            save(tx, known(tx, plan, now_ms))
    for name, heartbeat in there.items():
        found = plan_of(policy.config, name)
        if found is None:
            forget(tx, name, now_ms)
        elif found.paused != (heartbeat.state == "paused"):
            heartbeat.state = "paused" if found.paused else "up" if heartbeat.seen_ms else "new"
            heartbeat.since_ms = now_ms
            rearm(tx, heartbeat, found, found.expected_ms(now_ms))
        elif found.text != heartbeat.detail.plan:
            rearm(tx, heartbeat, found, found.expected_ms(now_ms))
    raised.tidy(tx, policy, now_ms)


def rearm(tx: Tx, heartbeat: Heartbeat, plan: Plan, expected_ms: int) -> None:
    """Expect it at that time."""
    heartbeat.detail.plan, heartbeat.detail.expected_ms = plan.text, expected_ms
    save(tx, heartbeat)


def forget(tx: Tx, name: str, now_ms: int) -> None:
    """It is not expected any more; `raised.tidy` ends what was said about it."""
    tx.run("DELETE FROM heartbeat WHERE name = ?", name)
    cancel_timer(tx, TIMER, name)
    note(tx, now_ms, "heartbeat forgotten", heartbeat=name)


def _move(tx: Tx, policy: Policy, plan: Plan, heartbeat: Heartbeat, state: str, now_ms: int) -> None:
    before = heartbeat.state
    if state != before:
        heartbeat.state, heartbeat.since_ms = state, now_ms
    save(tx, heartbeat)
    if state != before and "down" in (state, before):
        note(tx, now_ms, f"heartbeat {state}", heartbeat=plan.name, seen_ms=heartbeat.seen_ms)
    if state != before and ("down" in (state, before) or before == "new"):
        raised.tell(tx, policy, plan, now_ms)


def _listening(tx: Tx, now_ms: int) -> bool:
    """Whether we are known to hear: not just started, and no clock set, for then all that is silent may be our own doing."""
    row = tx.row("SELECT value FROM fact WHERE name = ?", LISTENING)
    return row is not None and abs(now_ms - int(row[0])) <= FRESH_MS


def _heartbeat(row: Row) -> Heartbeat:
    return Heartbeat(row[0], row[1], row[2], row[3], _decode(row[4] or b"{}"))
