"""`/v1/incidents`: what is open, what became of one, and what people do about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from kunobs.noc.api import quota
from kunobs.noc.api.caller import Who
from kunobs.noc.api.silences import room
from kunobs.noc.api.texts import LARGEST_NUMBER, By, Comment, Given, When, at
from kunobs.noc.api.views import IncidentOut, WholeIncident, brief, own_incident, whole
from kunobs.noc.decide import actions
from kunobs.noc.decide.incident import select
from kunobs.noc.decide.policy import Policy
from kunobs.noc.store.port import Tx

router = APIRouter(tags=["incidents"])
Id = Annotated[
    int, Path(alias="id", ge=1, le=LARGEST_NUMBER, description="The number after # in messages.", examples=[1])
]


class Incidents(BaseModel):
    """The newest first."""

    incidents: list[IncidentOut]
    cursor: str | None = Field(description="Names the next page; null on the last one.")


class Filter(Given):
    """Which incidents, and how many at once."""

    state: Literal["open", "firing", "acked", "resolved"] | None = Field(
        default=None, description="open is firing or acked."
    )
    since: When | None = Field(default=None, description="Opened at this time or later.")
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(
        default=None, pattern="^[0-9]{1,15}-[0-9]{1,18}$", description="That of the page before."
    )


class ActIn(Given):
    """Who does it, and why."""

    by: By
    comment: Comment = ""
    seconds: int = Field(default=3600, ge=60, le=30 * 86400, description="How long a silence lasts; for nothing else.")


@router.get("/v1/incidents", summary="List incidents")
async def list_incidents(who: Who, wanted: Annotated[Filter, Query()]) -> Incidents:
    """Those of the token's tenant."""
    where: list[str] = ["tenant = ?"]
    values: list[Any] = [who.tenant]
    if wanted.state == "open":
        where.append("state <> 'resolved'")
    elif wanted.state:
        where.append("state = ?")
        values.append(wanted.state)
    if wanted.since:
        where.append("opened_ms >= ?")
        values.append(at(wanted.since))
    if wanted.cursor:
        where.append("(opened_ms, id) < (?, ?)")
        values += map(int, wanted.cursor.split("-"))
    query = f"WHERE {' AND '.join(where)} ORDER BY opened_ms DESC, id DESC LIMIT ?"
    found = await who.read(lambda tx: select(tx, query, *values, wanted.limit + 1))
    page = found[: wanted.limit]
    more = len(found) > len(page)
    return Incidents(
        incidents=[brief(each) for each in page],
        cursor=f"{page[-1].opened_ms}-{page[-1].id}" if more else None,
    )


@router.get("/v1/incidents/{id}", summary="One incident")
async def one_incident(who: Who, number: Id) -> WholeIncident:
    """Its alerts, the messages about it and how far each came, and what happened, in order."""
    return await who.read(lambda tx: whole(tx, who.tenant, number))


@router.post("/v1/incidents/{id}/{action}", summary="Do something about it")
async def act(
    who: Who,
    number: Id,
    action: Annotated[
        Literal["ack", "unack", "escalate", "comment", "resolve", "silence"],
        Path(description="ack takes it, unack gives it back, escalate calls the next step of its ladder now."),
    ],
    given: ActIn,
) -> IncidentOut:
    """As it is then. What is done already, or is too late, changes nothing and is no error."""

    def change(tx: Tx, policy: Policy, now_ms: int) -> IncidentOut:
        allowed = quota.limit(policy, who.tenant, "actions")
        if after := quota.spend(tx, allowed, 1, now_ms):
            raise quota.too_much(after, allowed)
        if action == "silence":
            room(tx, policy, who.tenant, now_ms)
        full = f"silence:{given.seconds}" if action == "silence" else action
        actions.act(tx, policy, number, full, given.by, "api", now_ms, comment=given.comment, tenant=who.tenant)
        return brief(own_incident(tx, who.tenant, number))

    return await who.change(change)
