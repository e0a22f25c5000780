"""`/v1/heartbeats/{name}/{token}`: a job says that it has run, by anything that can ask for a URL.

200 is answered when it is on disk. 503 says try again, as `curl --retry 5` does. Every other doubt is one 404, so that names cannot be
guessed.
"""

from __future__ import annotations

import asyncio

from kunobs.noc.heartbeats.named import allowed_by_bearer, allowed_by_url, read, say
from kunobs.noc.ingest import bearer
from kunobs.noc.problem import problem
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable
from kunobs.server.asgi import App, Receive, Scope, Send, respond

PREFIX = "/v1/heartbeats/"
METHODS = ("GET", "HEAD", "POST")


def build_heartbeats(relay: Relay) -> App:
    """The app at `/v1/heartbeats/`. What a body says is passed over: that a job says something is the message."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in METHODS:
            await problem(send, 405, f"{scope['method']} is not known here", f"use {', '.join(METHODS)}")
            return
        try:
            said = await _said(relay, scope, receive)
        except StoreUnavailable as trouble:
            await problem(send, 503, f"the store takes nothing now: {trouble.kind}", "ask again")
            return
        if not said:
            await problem(send, 404, "no such heartbeat, or not its token", "see noc.heartbeats of kunobs.yaml")
        else:
            await respond(send, 200, "ok\n")

    return answer


async def _said(relay: Relay, scope: Scope, receive: Receive) -> bool:
    call = read(scope["path"].removeprefix(PREFIX), bearer(scope))
    if call is None:
        return False
    config, now_ms = relay.policy.config, relay.now_ms()
    if call.in_url:
        allowed = allowed_by_url(config, call)
    else:
        allowed = await asyncio.to_thread(relay.store.read, lambda tx: allowed_by_bearer(tx, config, call, now_ms))
    if not allowed:
        return False
    # An answer before the end of the body would cut the connection, which the job would take for a failure.
    while (await receive()).get("more_body"):
        pass
    return await asyncio.wrap_future(relay.urgent(lambda tx, policy, now: say(tx, policy, call, now)))
