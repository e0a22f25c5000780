"""Pages to look at: the wall, an incident, history, health, and the stream that says when to look again."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.board import sessions
from kunobs.noc.board.context import BoardOf, Number, Who, visitor
from kunobs.noc.board.detail import read_detail
from kunobs.noc.board.health import read_channels, read_hearts
from kunobs.noc.board.history import STATES, Search, search
from kunobs.noc.decide.policy import SEVERITIES
from kunobs.noc.store.port import StoreUnavailable

router = APIRouter(dependencies=[Depends(visitor)])


@router.get("/board")
def wall(board: BoardOf, who: Who) -> Response:
    """The wall."""
    return board.page("wall.html", who, live=board.walls.html(who.language))


@router.get("/board/wall")
def wall_part(board: BoardOf, who: Who) -> Response:
    """Its changing part."""
    return HTMLResponse(board.walls.html(who.language))


@router.get("/board/")
def with_slash() -> Response:
    """As people type it."""
    return RedirectResponse("/board", 308)


@router.get("/board/events")
async def events(request: Request, board: BoardOf) -> Response:
    """Server-sent events; 503 where too many listen."""
    if board.changes.full:
        return Response(status_code=503, headers={"retry-after": "60"})
    cookie = request.cookies.get(sessions.COOKIE, "")

    async def welcome() -> bool:
        try:
            return await asyncio.to_thread(sessions.find, board.relay, cookie) is not None
        except StoreUnavailable:
            return True

    return StreamingResponse(board.changes.stream(welcome), media_type="text/event-stream")


@router.get("/board/incidents/{number}")
def incident(number: Number, board: BoardOf, who: Who) -> Response:
    """One incident. 404 where there is none."""
    policy = board.relay.policy
    found = board.relay.store.read(lambda tx: read_detail(tx, policy, number))
    if found is None:
        raise Refusal(404, f"there is no incident {number}", hint="it may be older than noc.retention")
    return board.page("incident.html", who, detail=found)


@router.get("/board/history")
def history(
    request: Request,
    board: BoardOf,
    who: Who,
    wanted: Annotated[Search, Depends(Search)],
) -> Response:
    """A page of incidents."""
    found = board.relay.store.read(lambda tx: search(tx, wanted))
    older = request.url.include_query_params(before=found.more).query if found.more else ""
    return board.page(
        "history.html", who, wanted=wanted, found=found, states=STATES, severities=SEVERITIES, older=older
    )


@router.get("/board/health")
def health(board: BoardOf, who: Who) -> Response:
    """Channels and heartbeats."""
    policy, now_ms = board.relay.policy, board.relay.now_ms()
    channels = board.relay.store.read(lambda tx: read_channels(tx, policy, now_ms))
    return board.page("health.html", who, channels=channels, groups=board.relay.store.read(read_hearts))
