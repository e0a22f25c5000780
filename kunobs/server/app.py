"""From a request to the page that answers it: rate limit, basic auth, route, and an answer when a page fails."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate

from kunobs.clock import Clock
from kunobs.log import get_logger, repeated
from kunobs.server.asgi import App, Message, Receive, Scope, Send, header, respond
from kunobs.server.auth import Authenticator, Busy
from kunobs.server.metrics import ServerMetrics
from kunobs.server.pages import not_found
from kunobs.server.protocol import MAX_HEADER_BYTES
from kunobs.server.rate import RateLimit
from kunobs.server.web_config import WebConfig
from kunobs.server.web_state import WebState

log = get_logger("server")


class Application:
    """The ASGI app of the whole server; a path that ends with / takes everything below it."""

    def __init__(self, pages: Mapping[str, App], web: WebState, metrics: ServerMetrics, clock: Clock) -> None:
        self._pages = pages
        self._below = sorted((path for path in pages if path.endswith("/") and path != "/"), key=len)[::-1]
        self._missing = not_found(pages)
        self._web, self._metrics, self._clock = web, metrics, clock
        self._auth = Authenticator()
        self._rate = RateLimit(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; an exception leaves only when the response had begun, to cut the connection."""
        config = self._web.current().config
        out = _Response(_whole(send) if scope["http_version"] == "1.0" else send, config, self._clock)
        try:
            refusal = _refusal(scope)
            if refusal:
                await respond(out, *refusal, headers=[(b"connection", b"close")])
            elif not self._rate.allows(config.rate_interval, config.rate_burst):
                await respond(out, 429, "too many requests: rate_limit of the web configuration\n")
            elif not config.users or await self._auth.allows(header(scope, b"authorization"), config.users):
                await self._page(scope["path"])(scope, receive, out)
            else:
                self._metrics.auth_failures.inc()
                challenge = [(b"www-authenticate", b'Basic realm="kunobs", charset="UTF-8"')]
                await respond(out, 401, "basic auth: wrong or no user and password\n", headers=challenge)
        except Busy:
            await respond(out, 503, "too many passwords to check\n", headers=[(b"retry-after", b"1")])
        except Exception as error:
            where = ascii(scope["path"])[:200]
            key = f"page {type(error).__name__}"
            repeated(log, key, "a page failed", level="error", path=where, exc_info=error)
            if out.started:
                raise
            await respond(out, 500, "this page failed; the log says why\n")

    def _page(self, path: str) -> App:
        exact = self._pages.get(path)
        if exact is not None:
            return exact
        return next((self._pages[below] for below in self._below if path.startswith(below)), self._missing)


def _refusal(scope: Scope) -> tuple[int, str] | None:
    if scope["http_version"] not in ("1.0", "1.1"):
        return 505, "HTTP/1.1 is spoken here\n"
    size = len(scope["raw_path"]) + len(scope["query_string"])
    for name, value in scope["headers"]:
        size += len(name) + len(value)
    return (431, f"the headers are larger than {MAX_HEADER_BYTES} bytes\n") if size > MAX_HEADER_BYTES else None


def _whole(send: Send) -> Send:
    """A `send` for HTTP/1.0, which knows no chunks: the body is gathered where its length was not given."""
    start: Message = {}
    body = bytearray()

    async def gather(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            return
        body.extend(message.get("body", b""))
        if not message.get("more_body"):
            headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
            await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
            await send({"type": "http.response.body", "body": bytes(body)})

    return gather


class _Response:
    """A `send` that adds the headers every response has."""

    def __init__(self, send: Send, config: WebConfig, clock: Clock) -> None:
        self._send, self._config, self._clock = send, config, clock
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            common = {b"x-content-type-options": b"nosniff"} | dict(self._config.headers)
            common[b"date"] = formatdate(self._clock.now(), usegmt=True).encode()
            own = [(name, value) for name, value in message.get("headers", ()) if name not in common]
            message = {**message, "headers": [*own, *common.items()]}
        await self._send(message)
