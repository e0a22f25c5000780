"""`/a/{token}`: what a signed link opens, for people without a session; only a press takes anything, a preview does not."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.board.actions import outcome
from kunobs.noc.board.context import BoardOf, board_of, language_of
from kunobs.noc.board.wall import cards_of
from kunobs.noc.decide import drill
from kunobs.noc.decide.incident import find
from kunobs.noc.decide.policy import Policy
from kunobs.noc.notify.links import Claim
from kunobs.noc.store.port import Tx

public = APIRouter()
_ACTIONS = {"ack": "ack", "escalate": "escalate", "silence": "silence:3600"}


@public.get("/a/{token}")
def confirm(token: str, request: Request, board: BoardOf) -> Response:
    """What is to be taken, and the buttons."""
    return _page(request, token, board.relay.policy.links.read(token, board.relay.now_ms()))


@public.post("/a/{token}")
def take(
    token: str,
    request: Request,
    board: BoardOf,
    action: Annotated[str, Form()] = "ack",
    name: Annotated[str, Form()] = "",
) -> Response:
    """Do it, by the name of the person who was sent the link, or the one that is given where a group was."""
    relay = board.relay
    claim = relay.policy.links.read(token, relay.now_ms())
    if action not in _ACTIONS or "\0" in name:
        raise Refusal(422, f"{action[:40]!r} is no action of a link", hint="ack, escalate or silence")
    if not board.links.allows(f"{claim.incident}/{claim.person}"):
        raise Refusal(429, "too many presses on this link", hint="wait a few seconds")
    person = relay.policy.people.get(claim.person)
    by = person.name if person else claim.person or name
    before = relay.act(claim.incident, _ACTIONS[action], by, "link").result()
    if before.group_key == drill.KEY:
        relay.change(lambda tx, _, now: answered(tx, claim, now)).result()
        return _page(request, token, claim, "link.thanks")
    return _page(request, token, claim, f"said.{outcome(before, action)}")


def answered(tx: Tx, claim: Claim, now_ms: int) -> None:
    """A drill's pages to this person have reached somebody, by whichever of them it was; a group's link says nobody.

    A press can overtake the answer to the request that sent the page.
    """
    tx.run(
        "UPDATE outbox SET receipt = 'acted', receipt_ms = ? WHERE incident_id = ? AND kind = 'drill' AND person = ?"
        " AND person <> '' AND state IN ('sending', 'sent') AND receipt <> 'acted'",
        now_ms, claim.incident, claim.person,
    )  # fmt: skip


def _page(request: Request, token: str, claim: Claim, said: str = "") -> Response:
    board = board_of(request)
    policy: Policy = board.relay.policy
    person = policy.people.get(claim.person)
    found = board.relay.store.read(
        lambda tx: [cards_of(tx, policy, [each]) for each in [find(tx, claim.incident)] if each]
    )
    if not found:
        raise Refusal(404, f"there is no incident {claim.incident} any more")
    card = found[0][0]
    text = board.renderer.render(
        "link.html",
        language_of(request, person.language if person else ""),
        who=None,
        path="",
        card=card,
        is_drill=card.incident.group_key == drill.KEY,
        name=person.name if person else claim.person,
        asks_name=not claim.person,
        token=token,
        said=said,
        detail=policy.links.detail(claim.incident),
    )
    return HTMLResponse(text)
