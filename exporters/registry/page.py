"""The page /registry/differences: which tags differ, with both digests, as JSON."""

from __future__ import annotations

import asyncio
import json

from exporters.registry.state import State
from exporters.registry.texts import shown
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.server.asgi import App, Receive, Scope, Send, respond
from kunobs.server.pages import get_only

PATH = "/registry/differences"
MAX_ROWS = 1000


def differences(state: State, clock: Clock = SYSTEM_CLOCK) -> App:
    """At most 1,000 differences, those that are confirmed first; `left_out` says how many more there are."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # The lock may be held for some milliseconds, in which the server must answer others.
        body = await asyncio.to_thread(_body, state, clock)
        await respond(send, 200, body, content_type=b"application/json")

    return get_only(answer)


def _body(state: State, clock: Clock) -> bytes:
    with state.lock:
        now = clock.monotonic()
        found = sorted(state.differences(), key=lambda one: (not one[3].confirmed, one[:3]))
        rows = [
            {
                "site": replica,
                "repository": repository,
                "tag": tag,
                "kind": one.kind,
                "confirmed": one.confirmed,
                "seconds": round(now - one.since, 3),
                "primary": _digest(state, state.primary, repository, tag),
                "replica": _digest(state, replica, repository, tag),
            }
            for replica, repository, tag, one in found[:MAX_ROWS]
        ]
    return json.dumps({"differences": rows, "left_out": max(0, len(found) - MAX_ROWS)}, indent=1).encode() + b"\n"


def _digest(state: State, site: str, repository: str, tag: str) -> str | None:
    """The digest, empty when it is not known; None when the region does not have the tag."""
    tags = state.sites[site].tags.get(repository, {})
    if tag not in tags or tags[tag] == b"":
        return None
    digest = tags[tag]
    return shown(digest) if digest is not None and len(digest) > 1 else ""
