"""`POST /v1/alerts`: kept once, whatever the network does, where the sender names an idempotency key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Header, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from kunobs.noc.accept.alert import Post
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.accept.tenant import read
from kunobs.noc.api import quota
from kunobs.noc.api.caller import Who
from kunobs.noc.api.problems import TooMuch
from kunobs.noc.api.texts import Given
from kunobs.noc.decide.incidents import Outcome, Rules
from kunobs.noc.decide.intake import take
from kunobs.noc.decide.policy import Policy
from kunobs.noc.store.port import Tx

DAY_MS = 86_400_000
"""How long a key is known."""
router = APIRouter(tags=["alerts"])


class AlertIn(Given):
    """One alert. It is told from others by `dedup_key`, else by its labels and summary, so say those again to resolve it."""

    summary: str = Field(
        min_length=1, max_length=1024, description="What people read first.", examples=["orders pile up"]
    )
    severity: Literal["critical", "warning", "info"] = Field(default="warning", description="How bad it is.")
    status: Literal["firing", "resolved"] = Field(default="firing", description="Whether it goes on.")
    dedup_key: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None, description="Which alert it is, whatever its labels and summary say.", examples=["orders-7"]
    )
    labels: dict[str, str] = Field(
        default={},
        max_length=64,
        description="What routes and silences match; texts.",
        examples=[{"service": "orders"}],
    )
    annotations: dict[str, str] = Field(
        default={}, max_length=64, description="More for people to read.", examples=[{"runbook": "look at the queue"}]
    )
    links: list[Annotated[str, Field(max_length=2048)]] = Field(
        default=[], max_length=16, description="Pages, http or https.", examples=[["https://wiki.example.com/orders"]]
    )
    starts_at: AwareDatetime | None = Field(
        default=None,
        description="When it began; when it came in where it is missing.",
        examples=["2026-11-24T13:00:00+08:00"],
    )
    ends_at: AwareDatetime | None = Field(
        default=None, description="When it ended; only with status resolved.", examples=[None]
    )


class Done(BaseModel):
    """What one alert did."""

    outcome: Outcome = Field(
        description="opened, joined: begins. repeated, copy: was known. resolved: ended. stale, late, unknown: too old to count."
    )
    incident: int | None = Field(description="The incident it belongs to; null for the end of what never began.")


class PostAnswer(BaseModel):
    """What each alert of a post did, in its order."""

    alerts: list[Done] = Field(examples=[[{"outcome": "opened", "incident": 4711}]])


@dataclass(frozen=True)
class _Kept:
    answer: bytes
    outcomes: Sequence[Outcome] = ()


Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern="^[!-~]*$",
        description="A name for this post. The same key with the same body within a day is answered again and not kept again.",
        examples=["0191d5c0-orders-7"],
    ),
]


@router.post(
    "/v1/alerts",
    summary="Post alerts",
    responses={200: {"model": PostAnswer, "description": "All of them are on disk."}},
)
async def post_alerts(request: Request, who: Who, key: Key = None) -> Response:
    """One alert or a list of at most 1,000. One that is wrong refuses the whole list, so that nobody has to ask which were kept."""
    body = await request.body()
    post = await asyncio.to_thread(read, body, who.relay.now_ms())
    kept = await who.change(lambda tx, policy, now: _keep(tx, policy, who.tenant, post, body, key, now))
    if isinstance(kept, TooMuch):
        raise kept
    for outcome in kept.outcomes:
        request.app.state.metrics.alerts.labels(outcome).inc()
    return Response(kept.answer, media_type="application/json")


def _keep(
    tx: Tx, policy: Policy, tenant: str, post: Post, body: bytes, key: str | None, now_ms: int
) -> _Kept | TooMuch:
    """What is to be answered. That it was too much is returned and not raised, because the tenant's own alert about it is kept."""
    said = sha256(body).hexdigest()
    kind = f"idempotency/{tenant}"
    before = key and tx.row(
        "SELECT answer FROM seen WHERE kind = ? AND id = ? AND at_ms > ?", kind, key, now_ms - DAY_MS
    )
    if before:
        body_before, answer_before = msgspec.json.decode(before[0], type=tuple[str, str])
        if body_before != said:
            raise Refusal(409, "this Idempotency-Key came with another body", hint="a new post needs a new key")
        return _Kept(answer_before.encode())
    whole = quota.limit(policy, tenant)
    after = quota.spend(tx, whole, len(post.alerts), now_ms)
    if after:
        quota.refused(tx, policy, tenant, now_ms)
        return quota.too_much(after, whole)
    decisions = take(tx, policy, tenant, "api", post, body, Rules(severity=policy.severity), now_ms)
    quota.kept(tx, policy, tenant, now_ms)
    answer = msgspec.json.encode(
        {"alerts": [{"outcome": each.outcome, "incident": each.incident} for each in decisions]}
    )
    if key:
        tx.run(
            "INSERT INTO seen (kind, id, at_ms, answer) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET at_ms = excluded.at_ms, answer = excluded.answer",
            kind, key, now_ms, msgspec.json.encode([said, answer.decode()]).decode(),
        )  # fmt: skip
    return _Kept(answer, [each.outcome for each in decisions])
