"""`GET /v1/limits`: how far the tenant may go, and how much of this minute is left."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from kunobs.noc.api import quota
from kunobs.noc.api.caller import Who
from kunobs.noc.notify.budget import left

router = APIRouter(tags=["limits"])


class Limits(BaseModel):
    """Set by the platform."""

    tenant: str
    alerts_per_minute: int
    alerts_left: int = Field(description="Alerts that may be posted now.")
    silences: int
    receivers: int
    routes: int
    kinds: list[str] = Field(description="Kinds of receivers.")
    webhook_hosts: list[str] = Field(description="Hosts of webhooks; none where it is empty.")
    mail_domains: list[str] = Field(description="Domains of mail addresses; none where it is empty.")


@router.get("/v1/limits", summary="What this tenant may do")
async def get_limits(who: Who) -> Limits:
    """And how much of it is left."""
    policy, now_ms, limits = who.relay.policy, who.relay.now_ms(), who.limits
    free = await who.read(lambda tx: left(tx, quota.limit(policy, who.tenant), now_ms))
    return Limits(
        tenant=who.tenant,
        alerts_per_minute=limits.alerts_per_minute,
        alerts_left=free,
        silences=limits.silences,
        receivers=limits.receivers,
        routes=limits.routes,
        kinds=list(limits.kinds),
        webhook_hosts=list(limits.webhook_hosts),
        mail_domains=list(limits.mail_domains),
    )
