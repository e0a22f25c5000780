"""`/v1/silences`: what a tenant does not want to be paged for, and until when."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.api.caller import Who
from kunobs.noc.api.texts import LARGEST_NUMBER, By, Comment, Given, MatcherText, Moment, When, at, moment
from kunobs.noc.decide import silences
from kunobs.noc.decide.policy import Policy
from kunobs.noc.store.port import Row, Tx

router = APIRouter(tags=["silences"])
_COLUMNS = "id, matchers, starts_ms, ends_ms, author, comment"


class SilenceIn(Given):
    """All matchers must match. It ends at a time, or after some seconds; at most 30 days later than it begins."""

    matchers: list[MatcherText] = Field(min_length=1, max_length=20)
    starts_at: When | None = Field(default=None, description="When it begins; now where it is missing.")
    ends_at: When | None = Field(default=None, description="When it ends; or say `seconds`.")
    seconds: Annotated[int, Field(ge=60, le=30 * 86400, examples=[3600])] | None = Field(
        default=None, description="How long it lasts; or say `ends_at`."
    )
    by: By
    comment: Annotated[Comment, Field(min_length=1)]


class SilenceOut(BaseModel):
    """A silence that is not over."""

    id: int
    matchers: list[str]
    starts_at: Moment
    ends_at: Moment
    by: str
    comment: str


class Silences(BaseModel):
    """Those that are not over, the oldest first."""

    silences: list[SilenceOut]


def room(tx: Tx, policy: Policy, tenant: str, now_ms: int) -> None:
    """Raises Refusal where the tenant has as many as it may: each is looked at for each of its incidents."""
    most = policy.config.tenants.limits(tenant).silences
    row = tx.row("SELECT count(*) FROM silence WHERE tenant = ? AND ends_ms > ?", tenant, now_ms)
    if row is not None and row[0] >= most:
        raise Refusal(422, f"there are {most} silences already", hint="end one, or write one whose matchers are wider")


@router.get("/v1/silences", summary="List silences")
async def list_silences(who: Who) -> Silences:
    """The tenant's own; the platform's, which may cover every tenant, are not shown."""
    query, now_ms = f"SELECT {_COLUMNS} FROM silence WHERE tenant = ? AND ends_ms > ? ORDER BY id", who.relay.now_ms()
    rows = await who.read(lambda tx: tx.rows(query, who.tenant, now_ms))
    return Silences(silences=[_out(row) for row in rows])


@router.post("/v1/silences", summary="Add a silence", status_code=201)
async def add_silence(who: Who, given: SilenceIn) -> SilenceOut:
    """What it covers is not paged; what still fires when it ends is."""
    if (given.ends_at is None) == (given.seconds is None):
        raise Refusal(422, "body: ends_at or seconds is wanted, one of them", hint='write "seconds": 3600')

    def change(tx: Tx, policy: Policy, now_ms: int) -> SilenceOut:
        room(tx, policy, who.tenant, now_ms)
        starts_ms = at(given.starts_at) if given.starts_at else now_ms
        ends_ms = at(given.ends_at) if given.ends_at else starts_ms + (given.seconds or 0) * 1000
        number = silences.add(tx, who.tenant, given.matchers, starts_ms, ends_ms, given.by, given.comment, now_ms)
        row = tx.row(f"SELECT {_COLUMNS} FROM silence WHERE id = ?", number)
        assert row is not None  # noqa: S101  it was written in this transaction
        return _out(row)

    return await who.change(change)


@router.delete("/v1/silences/{id}", summary="End a silence", status_code=204)
async def end_silence(
    who: Who,
    number: Annotated[int, Path(alias="id", ge=1, le=LARGEST_NUMBER, examples=[1])],
    by: Annotated[By, Query()] = "api",
) -> None:
    """What it covered and still fires is paged at once."""

    def change(tx: Tx, _: Any, now_ms: int) -> None:
        own = tx.row("SELECT 1 FROM silence WHERE id = ? AND tenant = ?", number, who.tenant)
        if own is None or not silences.end(tx, number, now_ms, by):
            raise Refusal(404, f"there is no silence {number} that could end", hint="GET /v1/silences lists them")

    await who.change(change)


def _out(row: Row) -> SilenceOut:
    number, matchers, starts_ms, ends_ms, author, comment = row
    return SilenceOut(
        id=number,
        matchers=msgspec.json.decode(matchers),
        starts_at=moment(starts_ms),
        ends_at=moment(ends_ms),
        by=author,
        comment=comment,
    )
