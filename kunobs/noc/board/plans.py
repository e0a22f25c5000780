"""Pages to plan with: who stands in on a schedule, and what is silenced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.admin import verbs
from kunobs.noc.board.context import BoardOf, Number, Who, done, visitor
from kunobs.noc.board.duty import read_duties, read_stand_ins
from kunobs.noc.store.port import Tx

router = APIRouter(dependencies=[Depends(visitor)])
SPANS = (1800, 3600, 7200, 4 * 3600, 8 * 3600, 86400, 3 * 86400, 7 * 86400, 30 * 86400)
"""Seconds for which something can be silenced."""


@dataclass(frozen=True)
class Silence:
    """One that is not over; `covers` counts the open incidents it holds back."""

    number: int
    tenant: str
    matchers: Sequence[str]
    starts_ms: int
    ends_ms: int
    author: str
    comment: str
    covers: int


@router.get("/board/schedules")
def schedules(board: BoardOf, who: Who) -> Response:
    """Who is on call."""
    policy, now_ms = board.relay.policy, board.relay.now_ms()
    duties = board.relay.store.read(lambda tx: read_duties(tx, policy, now_ms, turns=3))
    stand_ins = board.relay.store.read(lambda tx: read_stand_ins(tx, policy, now_ms))
    return board.page(
        "schedules.html", who, duties=duties, stand_ins=stand_ins, people=policy.people, shades=list(policy.people)
    )


@router.post("/board/schedules/override")
def add_override(
    board: BoardOf,
    who: Who,
    schedule: Annotated[str, Form()],
    person: Annotated[str, Form()],
    ends: Annotated[str, Form()],
    starts: Annotated[str, Form()] = "",
) -> Response:
    """Somebody stands in, from now or a time on; times are of the schedule's zone."""
    relay = board.relay
    found = relay.policy.schedules.get(schedule)
    zone = found.clock.zone if found else relay.policy.zone
    starts_ms = _instant(starts, zone) if starts else relay.now_ms()
    ends_ms = _instant(ends, zone)
    if ends_ms <= relay.now_ms():
        raise Refusal(422, "it is over already", hint="give it a later end")
    verbs.override_add(relay, schedule, person, starts_ms, ends_ms, who.by)
    return done(who, board, "added", "/board/schedules")


@router.post("/board/schedules/override/{number}/end")
def end_override(number: Number, board: BoardOf, who: Who) -> Response:
    """Nobody stands in any more."""
    verbs.override_end(board.relay, number, who.by)
    return done(who, board, "ended", "/board/schedules")


@router.get("/board/silences")
def silences(board: BoardOf, who: Who, matchers: str = "", tenant: str = "") -> Response:
    """What is silenced; a link may fill in the form."""
    policy, now_ms = board.relay.policy, board.relay.now_ms()
    found = board.relay.store.read(lambda tx: read_silences(tx, now_ms))
    tenants = {row[0] for row in board.relay.store.read(lambda tx: tx.rows("SELECT DISTINCT tenant FROM incident"))}
    tenants |= {integration.tenant for integration in policy.integrations.values()} | {policy.config.tenant}
    return board.page(
        "silences.html", who, silences=found, tenants=sorted(tenants), spans=SPANS, matchers=matchers[:4000], tenant=tenant
    )  # fmt: skip


@router.post("/board/silences/add")
def add_silence(
    board: BoardOf,
    who: Who,
    matchers: Annotated[str, Form()],
    comment: Annotated[str, Form()],
    tenant: Annotated[str, Form()] = "",
    seconds: Annotated[int, Form()] = 3600,
) -> Response:
    """Silence what fits all matchers, one a line."""
    lines = [line.strip() for line in matchers.splitlines() if line.strip()]
    verbs.silence_add(board.relay, tenant, lines, seconds, who.by, comment.strip())
    return done(who, board, "added", "/board/silences")


@router.post("/board/silences/{number}/end")
def end_silence(number: Number, board: BoardOf, who: Who) -> Response:
    """It is over now."""
    verbs.silence_end(board.relay, number, who.by)
    return done(who, board, "ended", "/board/silences")


def read_silences(tx: Tx, now_ms: int) -> list[Silence]:
    """Those that are not over, the next to end first."""
    rows = tx.rows(
        "SELECT id, tenant, matchers, starts_ms, ends_ms, author, comment FROM silence WHERE ends_ms > ? ORDER BY ends_ms, id",
        now_ms,
    )
    covered: dict[int, int] = dict(
        tx.rows(
            "SELECT silence_id, count(*) FROM incident WHERE state <> 'resolved' AND silence_id IS NOT NULL GROUP BY silence_id"
        )
    )
    return [
        Silence(
            number, tenant, msgspec.json.decode(matchers), starts_ms, ends_ms, author, comment, covered.get(number, 0)
        )
        for number, tenant, matchers, starts_ms, ends_ms, author, comment in rows
    ]


def _instant(text: str, zone: ZoneInfo) -> int:
    """Milliseconds of `2026-01-05T09:00` on the zone's clocks."""
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)
    except (ValueError, OverflowError, OSError) as error:
        raise Refusal(422, f"{text[:40]!r} is no date and time", hint="write it as in 2026-01-05T09:00") from error
