"""Who asks, by a token of the store, and what an endpoint may do for them: everything is about one tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from kunobs.config.noc.tenants import TenantConfig
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.decide.policy import Policy
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import Change, Tx

T = TypeVar("T")
REMEMBERED = 5.0
"""Seconds that a token which was revoked may go on working."""
_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A tenant's token, kn_…, as `kunobs noc tokens add` prints it. Everything is about that tenant only.",
)


class Tokens:
    """Tokens of the store; those that were right are not asked for again for a few seconds."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._known: dict[bytes, tuple[str, int | None, float]] = {}

    async def tenant(self, token: str) -> str:
        """Whose it is. Raises Refusal 401, StoreUnavailable."""
        digest = sha256(token.encode("latin-1")).digest()
        tenant, ends_ms, until = self._known.get(digest, ("", None, 0.0))
        if self._relay.clock.monotonic() >= until:
            self._known.pop(digest, None)
            tenant, ends_ms = await self._ask(digest) if token.startswith("kn_") else ("", None)
        if not tenant or (ends_ms is not None and ends_ms <= self._relay.now_ms()):
            raise Refusal(
                401,
                "no token, or none that is known",
                hint="send Authorization: Bearer kn_…; the platform makes tokens",
            )
        return tenant

    async def _ask(self, digest: bytes) -> tuple[str, int | None]:
        row = await asyncio.to_thread(
            self._relay.store.read, lambda tx: tx.row("SELECT tenant, ends_ms FROM token WHERE hash = ?", digest)
        )
        if row is None:
            return "", None
        # Only what was right is kept, or guesses would fill the memory.
        self._known[digest] = (row[0], row[1], self._relay.clock.monotonic() + REMEMBERED)
        return row[0], row[1]


@dataclass(frozen=True)
class Caller:
    """A tenant, and the relay on its behalf."""

    relay: Relay
    tenant: str

    @property
    def limits(self) -> TenantConfig:
        """How far it may go."""
        return self.relay.policy.config.tenants.limits(self.tenant)

    async def change(self, change: Callable[[Tx, Policy, int], T]) -> T:
        """Run it in the store; it is on disk when this returns. What it made due is looked at at once."""
        return await asyncio.wrap_future(self.relay.urgent(change))

    async def read(self, query: Change[T]) -> T:
        """Run a query beside the writes."""
        return await asyncio.to_thread(self.relay.store.read, query)


async def _caller(request: Request, _: Annotated[Any, Security(_bearer)]) -> Caller:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in ("POST", "PUT") and kind != "application/json":
        hint = "send Content-Type: application/json, as curl --json does"
        raise Refusal(415, "the body is not sent as application/json", hint=hint)
    return Caller(request.app.state.relay, request.scope["tenant"])


Who = Annotated[Caller, Depends(_caller)]
