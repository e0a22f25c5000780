"""Before a request reaches FastAPI: is anything taken now, who asks, is it small enough.

In this order, so that a stranger costs no memory, and a body is read once and within its limit.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from kunobs.catalogue.noc import CODES
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.api.caller import Tokens
from kunobs.noc.api.problems import refused, unavailable
from kunobs.noc.ingest import LARGEST, bearer, draining, read_body
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable
from kunobs.server.asgi import App, Message, Receive, Scope, Send

ALERTS = "/v1/alerts"
PUBLIC = ("/v1/openapi.json", "/v1/docs")
"""Without a token: they hold nothing of anybody."""
SMALL = 1024 * 1024
"""Bytes of every body but that of alerts."""


class Front:
    """The app behind; `going()` says that nothing new is taken, as the process is about to end."""

    def __init__(self, app: App, relay: Relay, metrics: NocMetrics, going: Callable[[], bool]) -> None:
        self._app = app
        self._tokens = Tokens(relay)
        self._metrics = metrics
        self._going = going

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == ALERTS and scope["method"] == "POST":
            await self._counted(scope, receive, send)
        else:
            await self._answer(scope, receive, send, SMALL)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and str(message["status"]) in CODES:
                self._metrics.posts.labels(str(message["status"])).inc()
            await send(message)

        with self._metrics.post_seconds.time():
            await self._answer(scope, receive, watched, LARGEST)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, largest: int) -> None:
        response: Response
        try:
            if self._going():
                raise draining()
            if scope["path"] not in PUBLIC:
                scope["tenant"] = await self._tokens.tenant(bearer(scope))
            body = await _body(scope, receive, largest)
        except Refusal as refusal:
            response = refused(refusal)
        except StoreUnavailable as trouble:
            response = unavailable(trouble)
        else:
            await self._app(scope, _again(body, receive), send)
            return
        await response(scope, receive, send)


async def _body(scope: Scope, receive: Receive, largest: int) -> bytes:
    try:
        return await read_body(scope, receive, largest)
    except Refusal as refusal:
        if refusal.status != 413:
            raise
        # Its hint is about Alertmanager.
        raise Refusal(413, str(refusal), hint="send less at once") from refusal


def _again(body: bytes, receive: Receive) -> Receive:
    """The body that was read, then whatever comes."""
    given = False

    async def repeat() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return repeat
