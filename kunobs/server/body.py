"""A limit on the bodies that routes receive, kept while they are read and not only by what the client claims."""

from __future__ import annotations

from kunobs.server.asgi import App, Message, Receive, Scope, Send, header, respond


class _TooLarge(Exception):
    pass


def limited_body(app: App, limit: int) -> App:
    """The app, with 413 for a body of more than `limit` bytes."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        started = False
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        claimed = header(scope, b"content-length") or b"0"
        too_large = f"the body is larger than {limit} bytes\n"
        if int(claimed) > limit:
            await respond(send, 413, too_large)
            return
        try:
            await app(scope, counted, watched)
        except _TooLarge:
            if started:
                raise
            await respond(send, 413, too_large)

    return answer
