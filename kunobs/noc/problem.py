"""What went wrong, as RFC 9457 has it: a JSON object that a program and a person can read."""

from __future__ import annotations

import msgspec

from kunobs.server.asgi import Send, respond

TYPE = b"application/problem+json"


def problem_body(status: int, detail: str, hint: str = "", title: str = "not accepted") -> bytes:
    """The object."""
    return msgspec.json.encode({"title": title, "status": status, "detail": detail} | ({"hint": hint} if hint else {}))


async def problem(send: Send, status: int, detail: str, hint: str = "") -> None:
    """The whole response."""
    headers = [(b"retry-after", b"5")] if status == 503 else []
    await respond(send, status, problem_body(status, detail, hint), content_type=TYPE, headers=headers)
