"""What people do about an incident on the board."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from kunobs.noc.board.context import BoardOf, Number, Who, done, visitor
from kunobs.noc.decide.incident import Incident

router = APIRouter(dependencies=[Depends(visitor)])


@router.post("/board/incidents/{number}/{action}")
def act(
    number: Number,
    action: str,
    board: BoardOf,
    who: Who,
    comment: Annotated[str, Form()] = "",
    seconds: Annotated[str, Form()] = "3600",
    back: Annotated[str, Form()] = "/board",
) -> Response:
    """ack, unack, escalate, comment, resolve or silence (for `seconds`)."""
    wanted = f"silence:{seconds}" if action == "silence" else action
    before = board.relay.act(number, wanted, who.by, "board", comment=comment).result()
    return done(who, board, outcome(before, action), back)


def outcome(before: Incident, action: str) -> str:
    """What to say about an action that was taken, by the incident as it was before (a key `said.…`)."""
    if not before.open and action != "comment":
        return "over"
    return "taken" if action == "ack" and before.state == "acked" else action
