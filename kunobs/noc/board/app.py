"""The board as one ASGI app at /board, /board/ and /a/: routes, the headers that every answer has, and answers to what goes wrong."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.board import actions, link, login, plans, views
from kunobs.noc.board.context import SCRIPT, Board, NoSession, board_of, language_of
from kunobs.noc.board.render import STATIC
from kunobs.noc.board.texts import TEXTS
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable
from kunobs.server.asgi import App, Message, Receive, Scope, Send
from kunobs.server.body import limited_body

LARGEST = 64 * 1024
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def build_board(relay: Relay) -> App:
    """The app over a relay; its policy may be replaced meanwhile."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.board = Board(relay)
    for router in (login.public, link.public, login.router, views.router, actions.router, plans.router):
        app.include_router(router)
    app.add_api_route("/board/static/{name}", static)
    app.add_exception_handler(NoSession, _no_session)
    for kind in (Refusal, StoreUnavailable, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _trouble)
    return limited_body(_with_headers(app), LARGEST)


def static(name: str, request: Request) -> Response:
    """The style, the script and the icon; they hold nothing secret and the login needs them."""
    content = board_of(request).renderer.static.get(name)
    if content is None:
        raise HTTPException(404)
    # Its address changes with its content.
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=STATIC[name], headers=headers)


def _with_headers(app: App) -> App:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        own = {
            b"content-security-policy": POLICY.encode(),
            # With no-referrer a browser says no origin either, and forms of the board are checked by it.
            b"referrer-policy": b"no-referrer" if scope["path"].startswith("/a/") else b"same-origin",
            b"x-frame-options": b"DENY",
            b"x-robots-tag": b"noindex",
            b"cache-control": b"no-store",
        }

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}
                given += [(name, value) for name, value in own.items() if name not in names]
                message = {**message, "headers": given}
            await send(message)

        await app(scope, receive, marked)

    return answer


async def _no_session(request: Request, error: Exception) -> Response:
    if SCRIPT in request.headers or request.url.path == "/board/events":
        return JSONResponse({"said": ""}, 401)
    if request.method != "GET":
        return RedirectResponse("/board/login", 303)
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/board/login?{urlencode({'next': request.url.path + query})}", 303)


async def _trouble(request: Request, error: Exception) -> Response:
    """A sentence, and what to do, in the browser's language; what comes from the relay itself is in English."""
    hint = ""
    if isinstance(error, Refusal):
        status, said, hint = error.status, str(error), error.hint
    elif isinstance(error, StoreUnavailable):
        # Its words name the store's place, which is not for strangers; the log has them.
        status, said = 503, ""
    elif isinstance(error, HTTPException):
        status, said = error.status_code, ""
    else:
        status, said = 422, "a field is missing or not of its kind"
    board = board_of(request)
    language = getattr(request.state, "language", None) or language_of(request)
    title = f"error.{status}" if f"error.{status}" in TEXTS else "error.title"
    headers = {"retry-after": "5"} if status in (429, 503) else {}
    if SCRIPT in request.headers:
        shown = f"{board.renderer.text(language, title)}: {said}" if said else board.renderer.text(language, title)
        return JSONResponse({"said": shown}, status, headers=headers)
    text = board.renderer.render(
        "error.html", language, who=None, path="", title=title, said=said, hint=hint, status=status
    )
    return HTMLResponse(text, status, headers=headers)
