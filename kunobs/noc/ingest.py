"""`POST /v1/alertmanager/{integration}` and its like: plain ASGI, because every Alertmanager opens thousands of connections in a storm.

The answer decides what the sender does. 2xx: it is on disk, never say it again. 5xx: say it again soon. 4xx: Alertmanager gives up
until its next group interval, so it is for what can never succeed, and never for "too much" (its notify/util.go, Retrier.Check).
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from hashlib import sha256

import msgspec

from kunobs.noc.accept import alertmanager
from kunobs.noc.accept.alert import Post
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.decide.incidents import Decision
from kunobs.noc.decide.policy import Integration
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.problem import problem
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable
from kunobs.server.asgi import Receive, Scope, Send, respond, text_header
from kunobs.server.body import TooLarge, limited
from kunobs.server.threads import Landing

LARGEST = 16 << 20


class Ingest:
    """An ASGI app at `/v1/alertmanager/`. `draining()` says that nothing new is taken, as the process is about to end."""

    def __init__(self, relay: Relay, metrics: NocMetrics, draining: Callable[[], bool]) -> None:
        self._relay = relay
        self._metrics = metrics
        self._draining = draining
        self._landing: Landing | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one post."""
        status = 200
        try:
            integration = self._allowed(scope)
            body = await read_body(scope, receive)
            if self._draining():
                raise draining()
            with self._metrics.post_seconds.time():
                decisions = await self._keep(integration, alertmanager.read(body), body)
        except Refusal as refusal:
            status = refusal.status
            await problem(send, status, str(refusal), refusal.hint)
        except StoreUnavailable as trouble:
            status = 503
            await problem(send, status, str(trouble), trouble.hint)
        else:
            for decision in decisions:
                self._metrics.alerts.labels(decision.outcome).inc()
            answer = [{"outcome": decision.outcome, "incident": decision.incident} for decision in decisions]
            await respond(send, 200, msgspec.json.encode({"alerts": answer}), content_type=b"application/json")
        finally:
            self._metrics.posts.labels(str(status)).inc()

    def _allowed(self, scope: Scope) -> Integration:
        name = scope["path"].removeprefix("/v1/alertmanager/")
        if scope["method"] != "POST":
            raise Refusal(405, f"{scope['method']} is not known here", hint="use POST")
        integration = self._relay.policy.integrations.get(name)
        # One answer for a wrong name and a wrong token, or names could be guessed.
        if integration is None or integration.kind != "alertmanager" or not fits(bearer(scope), integration.token_hash):
            raise Refusal(
                401,
                f"no Alertmanager integration {name[:63]!r}, or not its token",
                hint="see noc.integrations of kunobs.yaml; send the header Authorization: Bearer TOKEN",
            )
        return integration

    async def _keep(self, integration: Integration, post: Post, body: bytes) -> list[Decision]:
        loop = asyncio.get_running_loop()
        if self._landing is None or self._landing.loop is not loop:
            self._landing = Landing(loop)
        return await self._landing.wait(
            self._relay.post(integration.tenant, integration.name, post, body, integration.rules)
        )


def draining() -> StoreUnavailable:
    """What is answered while the process ends."""
    return StoreUnavailable("draining", "this relay is about to end; post again, to it or to its successor")


def bearer(scope: Scope) -> str:
    """The bearer token of a request, empty where there is none."""
    scheme, _, token = text_header(scope, b"authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def fits(token: str, wanted: bytes) -> bool:
    """Whether the token has this hash; an empty hash asks for none."""
    return not wanted or hmac.compare_digest(sha256(token.encode("latin-1")).digest(), wanted)


async def read_body(scope: Scope, receive: Receive, limit: int = LARGEST) -> bytes:
    """The whole body. Raises Refusal for one that is too large or was cut."""
    parts: list[bytes] = []
    try:
        receive = limited(scope, receive, limit)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(400, "the connection was closed within the body")
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)
    except TooLarge as error:
        raise Refusal(
            413, f"the body is larger than {limit} bytes", hint="set max_alerts in the webhook's configuration"
        ) from error
