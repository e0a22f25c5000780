"""`POST /gitlab`: GitLab's webhooks. 200 means that it is on the disk.

GitLab does not send a failed webhook again (app/services/web_hook_service.rb: whatever the answer, it is only logged; a person may
resend it), and disables a hook after four failures in succession, on GitLab.com for good after forty
(https://docs.gitlab.com/user/project/integrations/webhooks/#auto-disabled-webhooks). So a kind that is not counted is 200, 4xx is
for what cannot be read at all, and what a 503 lost the reconcile brings back.
"""

from __future__ import annotations

import asyncio
import hmac
import sqlite3
from collections.abc import Callable
from hashlib import sha256

import msgspec

from exporters.ci import payload
from exporters.ci.ledger import Ledger
from exporters.ci.store import Store, StoreError
from exporters.ci.tally import Tally
from kunobs.config.secret import Secret
from kunobs.errors import KunobsError
from kunobs.server.asgi import Receive, Scope, Send, respond, text_header
from kunobs.server.body import TooLarge, limited
from kunobs.server.threads import Landing, in_thread

PATH = "/gitlab"
# Below the server's own limit for bodies, so that a claim of more is counted here where it can be.
LARGEST = 1_000_000
# From here on reading the JSON would hold up the event loop for milliseconds.
_LARGE = 32 * 1024
_JSON, _PROBLEM = b"application/json", b"application/problem+json"


class _Answer(KunobsError):
    """A refusal: its status, its outcome for the metrics."""

    def __init__(self, status: int, outcome: str, text: str, hint: str) -> None:
        super().__init__(text, hint=hint)
        self.status, self.outcome = status, outcome


class Ingest:
    """An ASGI app. `store()` is None while nothing can be taken; `lost()` is called when a webhook was answered 503."""

    def __init__(
        self,
        secret: Secret,
        ledger: Ledger,
        tally: Tally,
        store: Callable[[], Store | None],
        lost: Callable[[], None],
    ) -> None:
        self._secret = sha256(secret.reveal().encode()).digest() if secret else b""
        self._ledger, self._tally, self._store, self._lost = ledger, tally, store, lost
        self._landing: Landing | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one post."""
        kind, outcome = "other", "unavailable"
        try:
            self._allow(scope)
            body = await _body(scope, receive)
            webhook = (
                payload.read(body) if len(body) < _LARGE else await in_thread(lambda: payload.read(body), "ci-read")
            )
            kind = webhook.kind
            outcome = "ignored" if kind == "other" else await self._keep(webhook)
        except _Answer as refusal:
            outcome = refusal.outcome
            await _problem(send, refusal.status, refusal)
        except payload.MalformedError as error:
            outcome = "malformed"
            await _problem(send, 400, error)
        except StoreError as error:
            self._lost()
            await _problem(send, 503, error)
        else:
            await respond(send, 200, msgspec.json.encode({"event": kind, "outcome": outcome}), content_type=_JSON)
        finally:
            self._tally.add(kind, outcome)

    def _allow(self, scope: Scope) -> None:
        if scope["method"] != "POST":
            raise _Answer(405, "refused", f"{scope['method'][:20]} is not known here", "use POST")
        token = sha256(text_header(scope, b"x-gitlab-token").encode("latin-1")).digest()
        if not self._secret or not hmac.compare_digest(token, self._secret):
            hint = "the webhook's secret token in GitLab must be exporters.ci.secret_file's"
            raise _Answer(401, "refused", "the header X-Gitlab-Token is not the secret token", hint)

    async def _keep(self, webhook: payload.Webhook) -> str:
        store = self._store()
        if store is None:
            raise StoreError("this exporter is starting or about to end", hint="resend it")
        loop = asyncio.get_running_loop()
        if self._landing is None or self._landing.loop is not loop:
            self._landing = Landing(loop)

        def change(connection: sqlite3.Connection, now: float) -> bool:
            return self._ledger.webhook(connection, webhook, now)

        return "kept" if await self._landing.wait(store.submit(change)) else "unchanged"


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body; _Answer for one that is too large or was cut."""
    parts: list[bytes] = []
    try:
        receive = limited(scope, receive, LARGEST)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Answer(400, "malformed", "the connection was closed within the body", "")
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)
    except TooLarge as error:
        hint = "a pipeline of so many jobs: use job events only"
        raise _Answer(413, "too_large", f"the body is larger than {LARGEST} bytes", hint) from error


async def _problem(send: Send, status: int, error: KunobsError) -> None:
    """RFC 9457, so that GitLab's page of recent events shows why."""
    body = {"title": "not accepted", "status": status, "detail": str(error)} | (
        {"hint": error.hint} if error.hint else {}
    )
    headers = [(b"retry-after", b"60")] if status == 503 else []
    await respond(send, status, msgspec.json.encode(body), content_type=_PROBLEM, headers=headers)
