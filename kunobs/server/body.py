"""A limit on the bodies that routes receive, kept while they are read and not only by what the client claims."""

from __future__ import annotations

from kunobs.server.asgi import App, Message, Receive, Scope, Send, header, respond


class TooLarge(Exception):
    """The body is, or claims to be, larger than it may be."""


def limited(scope: Scope, receive: Receive, limit: int) -> Receive:
    """The request's `receive`, which raises TooLarge once more than `limit` bytes came; at once where more are claimed."""
    received = 0
    if int(header(scope, b"content-length") or b"0") > limit:
        raise TooLarge

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise TooLarge
        return message

    return counted


def limited_body(app: App, limit: int) -> App:
    """The app, with 413 for a body of more than `limit` bytes."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await app(scope, limited(scope, receive, limit), watched)
        except TooLarge:
            if started:
                raise
            await respond(send, 413, f"the body is larger than {limit} bytes\n")

    return answer
