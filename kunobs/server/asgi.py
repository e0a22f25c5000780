"""The little of ASGI that the server's own pages need: types, one header, one whole response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

PLAIN = b"text/plain; charset=utf-8"


def header(scope: Scope, name: bytes) -> bytes | None:
    """The request header (name in lower case), several joined by commas; None when absent."""
    values = [value for key, value in scope["headers"] if key == name]
    return b",".join(values) if values else None


def text_header(scope: Scope, name: bytes) -> str:
    """The request header as text, empty when absent; every byte is a character."""
    return (header(scope, name) or b"").decode("latin-1")


async def respond(
    send: Send, status: int, body: str | bytes, *, content_type: bytes = PLAIN, headers: Headers = ()
) -> None:
    """A whole response with its length."""
    content = body.encode() if isinstance(body, str) else body
    lines = [(b"content-type", content_type), (b"content-length", str(len(content)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": content})
