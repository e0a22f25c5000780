"""`POST /v1/alertmanager/{integration}`: plain ASGI, because every Alertmanager opens thousands of connections in a storm.

The answer decides what the sender does. 2xx: it is on disk, never say it again. 5xx: say it again soon. 4xx: Alertmanager gives up
until its next group interval, so it is for what can never succeed, and never for "too much" (its notify/util.go, Retrier.Check).
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from kunobs.clock import Clock
from kunobs.noc.accept import alertmanager
from kunobs.noc.accept.alert import Post
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.decide.incidents import Decision, Rules, accept
from kunobs.noc.store.port import Store, StoreUnavailable, Tx
from kunobs.server.asgi import Receive, Scope, Send, respond, text_header
from kunobs.server.body import TooLarge, limited

LARGEST = 16 << 20
_PROBLEM = b"application/problem+json"
_READERS: Mapping[str, Callable[[bytes], Post]] = {"alertmanager": alertmanager.read}


@dataclass(frozen=True)
class Integration:
    """Somebody who may post. `token_hash` is the SHA-256 of the bearer token, empty where none is asked for."""

    name: str
    kind: str
    tenant: str
    token_hash: bytes = b""
    rules: Rules = field(default_factory=Rules)


class Ingest:
    """An ASGI app below `/v1/`. `draining()` says that nothing new is taken, as the process is about to end."""

    def __init__(
        self, store: Store, integrations: Mapping[str, Integration], clock: Clock, draining: Callable[[], bool]
    ) -> None:
        self._store = store
        self._integrations = integrations
        self._clock = clock
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one post."""
        try:
            integration = self._allowed(scope)
            body = await _body(scope, receive)
            self._open()
            post = _READERS[integration.kind](body)
            decisions = await self._keep(integration, post, body)
        except Refusal as refusal:
            await _problem(send, refusal.status, str(refusal), refusal.hint)
        except StoreUnavailable as trouble:
            await _problem(send, 503, str(trouble), trouble.hint)
        else:
            answer = [{"outcome": decision.outcome, "incident": decision.incident} for decision in decisions]
            await respond(send, 200, msgspec.json.encode({"alerts": answer}), content_type=b"application/json")

    def _open(self) -> None:
        if self._draining():
            raise StoreUnavailable("draining", "this relay is about to end; post again, to it or to its successor")

    def _allowed(self, scope: Scope) -> Integration:
        kind, _, name = scope["path"].removeprefix("/v1/").partition("/")
        if kind not in _READERS:
            raise Refusal(404, f"nothing is taken at {scope['path']}", hint="post to /v1/alertmanager/INTEGRATION")
        if scope["method"] != "POST":
            raise Refusal(405, f"{scope['method']} is not known here", hint="use POST")
        integration = self._integrations.get(name)
        scheme, _, token = text_header(scope, b"authorization").partition(" ")
        given = sha256(token.strip().encode("latin-1")).digest() if scheme.lower() == "bearer" else b""
        # One answer for a wrong name and a wrong token, or names could be guessed.
        if integration is None or integration.kind != kind or not _fits(given, integration.token_hash):
            raise Refusal(
                401,
                f"no integration {name!r} of kind {kind}, or not its token",
                hint="see noc.integrations of kunobs.yaml; send the header Authorization: Bearer TOKEN",
            )
        return integration

    async def _keep(self, integration: Integration, post: Post, body: bytes) -> list[Decision]:
        now_ms = int(self._clock.now() * 1000)

        def change(tx: Tx) -> list[Decision]:
            row = tx.row(
                "INSERT INTO inbox (at_ms, tenant, integration, sender, body) VALUES (?, ?, ?, ?, ?) RETURNING id",
                now_ms, integration.tenant, integration.name, post.sender, body,
            )  # fmt: skip
            assert row is not None  # noqa: S101  RETURNING returns it
            return accept(tx, integration.tenant, row[0], post, integration.rules, now_ms)

        return await asyncio.wrap_future(self._store.submit(change))


def _fits(given: bytes, wanted: bytes) -> bool:
    return not wanted or hmac.compare_digest(given, wanted)


async def _body(scope: Scope, receive: Receive) -> bytes:
    parts: list[bytes] = []
    try:
        receive = limited(scope, receive, LARGEST)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(400, "the connection was closed within the body")
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)
    except TooLarge as error:
        raise Refusal(
            413, f"the body is larger than {LARGEST} bytes", hint="set max_alerts in the webhook's configuration"
        ) from error


async def _problem(send: Send, status: int, detail: str, hint: str) -> None:
    """RFC 9457."""
    problem = {"title": "not accepted", "status": status, "detail": detail} | ({"hint": hint} if hint else {})
    headers = [(b"retry-after", b"5")] if status == 503 else []
    await respond(send, status, msgspec.json.encode(problem), content_type=_PROBLEM, headers=headers)
