"""Schedules as people ask about them: who is on call now, who is next, who stands in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from kunobs.noc.decide.policy import Policy
from kunobs.noc.decide.reach import overrides
from kunobs.noc.decide.schedules.schedule import on_call, slots
from kunobs.noc.decide.schedules.wall import END_MS
from kunobs.noc.store.port import Tx

_DAY_MS = 86400 * 1000
_AHEAD_MS = 28 * _DAY_MS
DRAWN_MS = 14 * _DAY_MS


@dataclass(frozen=True)
class Turn:
    """Somebody's turn; `why` is override, fallback or `layer 1`, `ends_ms` None for ever. `person` is the key of a colour."""

    person: str
    name: str
    starts_ms: int
    ends_ms: int | None
    why: str


@dataclass(frozen=True)
class Duty:
    """A schedule: whose turn is now, whose are next, and a strip of the days to come as (turn, start, width) in thousandths.

    `days` are the midnights on the strip, as (label, place).
    """

    schedule: str
    zone: str
    now: Turn
    next: Sequence[Turn]
    strip: Sequence[tuple[Turn, int, int]]
    days: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class StandIn:
    """An override that is not over."""

    number: int
    schedule: str
    zone: str
    name: str
    starts_ms: int
    ends_ms: int
    author: str


def read_duties(tx: Tx, policy: Policy, now_ms: int, turns: int) -> list[Duty]:
    """Every schedule with at most `turns` turns after this one."""
    found = []
    for name, schedule in policy.schedules.items():
        standing = overrides(tx, name, now_ms)
        now = on_call(schedule, now_ms, standing)
        coming = slots(schedule, now.end_ms, min(now.end_ms + _AHEAD_MS, END_MS), standing)[:turns]
        drawn = slots(schedule, now_ms, min(now_ms + DRAWN_MS, END_MS), standing)
        found.append(
            Duty(
                name,
                schedule.clock.zone.key,
                _turn(policy, *now),
                [_turn(policy, *slot) for slot in coming],
                [
                    (
                        _turn(policy, *slot),
                        _place(slot.start_ms, now_ms),
                        _place(slot.end_ms, now_ms) - _place(slot.start_ms, now_ms),
                    )
                    for slot in drawn
                ],
                _days(now_ms, schedule.clock.zone),
            )
        )
    return found


def read_stand_ins(tx: Tx, policy: Policy, now_ms: int) -> list[StandIn]:
    """Those of now and later, the earliest first."""
    rows = tx.rows(
        "SELECT id, schedule, person, starts_ms, ends_ms, author FROM override WHERE ends_ms > ? ORDER BY starts_ms, id",
        now_ms,
    )
    return [
        StandIn(number, schedule, _zone(policy, schedule), _name(policy, person), starts_ms, ends_ms, author)
        for number, schedule, person, starts_ms, ends_ms, author in rows
    ]


def _place(at_ms: int, now_ms: int) -> int:
    return (at_ms - now_ms) * 1000 // DRAWN_MS


def _days(now_ms: int, zone: ZoneInfo) -> list[tuple[str, int]]:
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    found = []
    for later in range(1, DRAWN_MS // _DAY_MS + 1):
        day = datetime.combine(today + timedelta(days=later), time(), zone)
        found.append((day.strftime("%m-%d"), _place(int(day.timestamp() * 1000), now_ms)))
    return found


def _turn(policy: Policy, person: str, start_ms: int, end_ms: int, why: str) -> Turn:
    return Turn(person, _name(policy, person), start_ms, end_ms if end_ms < END_MS else None, why)


def _zone(policy: Policy, schedule: str) -> str:
    return policy.schedules[schedule].clock.zone.key if schedule in policy.schedules else policy.zone.key


def _name(policy: Policy, person: str) -> str:
    return policy.people[person].name if person in policy.people else person
