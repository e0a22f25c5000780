"""The pages every process has beside `/metrics`: health, readiness and the landing page."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping

from kunobs.clock import Clock
from kunobs.log import get_logger, repeated
from kunobs.server.asgi import App, Receive, Scope, Send, respond
from kunobs.server.landing import SECURITY_POLICY, page

# Why not, or empty. Called in the event loop, so it must not block.
Check = Callable[[], str]
SHOWN = 200

log = get_logger("server")


def state_page(check: Check, good: str) -> App:
    """200 with `good`, or 503 with the reason why not."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        reason = ask(check)
        await respond(send, 503 if reason else 200, f"{reason or good}\n")

    return answer


def landing_page(
    part: str,
    *,
    config: Mapping[str, object],
    ready: Check,
    healthy: Check,
    paths: Iterable[str],
    clock: Clock,
) -> App:
    """The HTML at `/`."""
    started = clock.monotonic()
    links = tuple(paths)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        text = page(
            part,
            uptime=clock.monotonic() - started,
            ready=ask(ready),
            healthy=ask(healthy),
            paths=links,
            config=config,
        )
        policy = [(b"content-security-policy", SECURITY_POLICY)]
        await respond(send, 200, text, content_type=b"text/html; charset=utf-8", headers=policy)

    return answer


def get_only(app: App) -> App:
    """GET and HEAD as they are, OPTIONS with what is allowed, 405 for the rest."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        allow = [(b"allow", b"GET, HEAD, OPTIONS")]
        if scope["method"] in ("GET", "HEAD"):
            await app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": allow})
            await send({"type": "http.response.body"})
        else:
            await respond(send, 405, f"{scope['method'][:SHOWN]} is not allowed here; use GET\n", headers=allow)

    return answer


def not_found(paths: Iterable[str]) -> App:
    """404 with the pages that exist, the nearest first."""
    known = tuple(paths)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"][:SHOWN]
        near = difflib.get_close_matches(path, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        await respond(send, 404, f"no page at {ascii(path)[1:-1]}; {hint}there are {', '.join(known)}\n")

    return answer


def ask(check: Check) -> str:
    """The check's reason; a check that fails is a reason."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a probe must get an answer
        repeated(log, "health check", "a health check failed", level="error", error=repr(error))
        return f"the check failed: {type(error).__name__}"
