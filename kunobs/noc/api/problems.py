"""Whatever goes wrong -> a problem as RFC 9457 has it, never a page of a framework."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.problem import TYPE, problem_body
from kunobs.noc.store.port import StoreUnavailable

RETRY_AFTER = 5
"""Seconds after which a 503 is worth another attempt."""
_PAGE = "GET /v1/docs lists what is here"
_HINTS = {404: _PAGE, 405: _PAGE}


class TooMuch(Refusal):
    """Over a quota: 429, and after how many seconds it is worth another attempt."""

    def __init__(self, message: str, after: int, *, hint: str) -> None:
        super().__init__(429, message, hint=hint)
        self.after = after


def answer(status: int, detail: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """The response."""
    body = problem_body(status, detail, hint, title=HTTPStatus(status).phrase.lower())
    return Response(body, status, headers, media_type=TYPE.decode())


def refused(refusal: Refusal) -> Response:
    """What the sender has to change, or wait for."""
    headers = {}
    if isinstance(refusal, TooMuch):
        headers["retry-after"] = str(refusal.after)
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    return answer(refusal.status, str(refusal), refusal.hint, headers)


def unavailable(trouble: StoreUnavailable) -> Response:
    """Nothing was kept; the same may succeed later. What the store says is for the operator, and is in the log."""
    detail = str(trouble) if trouble.kind == "draining" else f"the store takes nothing now: {trouble.kind}"
    return answer(503, detail, "send the same again", {"retry-after": str(RETRY_AFTER)})


def handle(app: FastAPI) -> None:
    """Every error that an endpoint or the framework raises."""

    async def on_refusal(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101  that is what it is registered for
        return refused(error)

    async def on_trouble(_: Request, error: Exception) -> Response:
        assert isinstance(error, StoreUnavailable)  # noqa: S101  likewise
        return unavailable(error)

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  likewise
        return _invalid(error)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  likewise
        if error.status_code == 404:
            return answer(404, "nothing is here", _PAGE)
        headers = {"allow": _allowed(request)} if error.status_code == 405 else error.headers
        return answer(error.status_code, error.detail, _HINTS.get(error.status_code, ""), headers)

    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(StoreUnavailable, on_trouble)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def _invalid(error: RequestValidationError) -> Response:
    """What is wrong and where; what was sent is not repeated, since a secret may be part of it."""
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        return answer(
            400, f"the body is no JSON, from character {found[0]['loc'][-1]} on", "send a JSON object in UTF-8"
        )
    said = "; ".join(f"{_place(each['loc'])}: {_words(each['msg'])}" for each in found[:5])
    return answer(422, _printable(said, 1000), _PAGE)


def _place(where: tuple[str | int, ...]) -> str:
    return ".".join(str(part)[:60] for part in where)


def _words(message: str) -> str:
    return message.removeprefix("Value error, ")


def _printable(text: str, longest: int) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:longest])


def _allowed(request: Request) -> str:
    """All methods of the path: the framework names those of one of its routes only."""
    found: set[str] = set()
    paths = request.app.openapi()["paths"]
    asked = request.scope["path"].split("/")
    for path, operations in paths.items():
        parts = path.split("/")
        if len(parts) == len(asked) and all(
            part == given or part.startswith("{") for part, given in zip(parts, asked, strict=True)
        ):
            found |= {method.upper() for method in operations}
    return ", ".join(sorted(found)) or "GET"
