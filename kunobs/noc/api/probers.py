"""`/v1/probers/{integration}`: what commercial probers call, by GET or POST and with a secret of their own kind.

Jiankongbao wants an answer of at most 100 characters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from kunobs.catalogue.noc import CODES
from kunobs.log import get_logger, repeated
from kunobs.noc.accept.prober.known import mappings
from kunobs.noc.accept.prober.mapping import Mapping, read
from kunobs.noc.accept.prober.request import LARGEST
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.decide.incidents import Decision
from kunobs.noc.decide.policy import Integration, Policy
from kunobs.noc.ingest import draining, read_body
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.problem import problem
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable
from kunobs.server.asgi import App, Receive, Scope, Send, respond

PATH = "/v1/probers/"
_log = get_logger("noc.probers")


def build_probers(relay: Relay, metrics: NocMetrics, going: Callable[[], bool]) -> App:
    """An ASGI app at `/v1/probers/`. `going()` says that nothing new is taken, as the process is about to end."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        status = 200
        try:
            if going():
                raise draining()
            with metrics.post_seconds.time():
                decisions = await _take(relay, scope, receive)
        except Refusal as refusal:
            status = refusal.status
            await problem(send, status, str(refusal), refusal.hint)
        except StoreUnavailable as trouble:
            status = 503
            await problem(send, status, f"the store takes nothing now: {trouble.kind}", "send the same again")
        else:
            for decision in decisions:
                metrics.alerts.labels(decision.outcome).inc()
            await respond(send, 200, b'{"status":"ok"}', content_type=b"application/json")
        finally:
            if str(status) in CODES:
                metrics.posts.labels(str(status)).inc()

    return answer


async def _take(relay: Relay, scope: Scope, receive: Receive) -> list[Decision]:
    name, _, path_token = scope["path"].removeprefix(PATH).partition("/")
    policy = relay.policy
    found = _known(policy, name)
    if found is None:
        raise _stranger(name)
    integration, mapping = found
    body = await read_body(scope, receive, LARGEST)
    headers: dict[str, str] = {}
    for key, value in scope["headers"]:
        headers[key.decode("latin-1").lower()] = value.decode("latin-1")
    query = scope["query_string"].decode("utf-8", "replace")
    try:
        post = read(
            mapping,
            integration.token.reveal(),
            scope["method"],
            query,
            headers,
            body,
            relay.now_ms(),
            path_token,
        )
    except Refusal as refusal:
        if refusal.status != 401:
            raise
        repeated(
            _log, f"prober {name}", "a prober is refused", integration=name, reason=str(refusal), hint=refusal.hint
        )
        raise _stranger(name) from refusal
    verify = mapping.config.verify
    kept = body or _evidence(query, verify.parameter if verify.by == "token" else "")
    return await asyncio.wrap_future(relay.post(integration.tenant, integration.name, post, kept, integration.rules))


def _evidence(query: str, secret: str) -> bytes:
    """What came in where all of it stood in the URL, without the parameter that may hold the secret."""
    return urlencode([pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != secret]).encode()


def _known(policy: Policy, name: str) -> tuple[Integration, Mapping] | None:
    integration = policy.integrations.get(name)
    mapping = integration and mappings(policy.config.mappings).get(integration.kind)
    return (integration, mapping) if integration and mapping else None


def _stranger(name: str) -> Refusal:
    # One answer for a wrong name and a wrong secret, or names could be guessed; the log says which.
    return Refusal(
        401,
        f"no prober's integration {name[:63]!r}, or not its secret",
        hint="docs/probers.md says where the secret stands",
    )
