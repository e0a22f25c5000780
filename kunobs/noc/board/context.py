"""Who asks, and whether they may: every page but the login and the signed links hangs on `visitor`."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.board import sessions
from kunobs.noc.board.events import Changes
from kunobs.noc.board.render import Renderer, preferred
from kunobs.noc.board.sessions import Session
from kunobs.noc.board.texts import TEXTS
from kunobs.noc.board.throttle import Throttle
from kunobs.noc.board.wall_pages import WallPages
from kunobs.noc.notify.contract import Language
from kunobs.noc.relay import Relay

# A request of our own script, which wants no redirect to a page.
SCRIPT = "x-board"


class NoSession(Exception):
    """Nobody is logged in."""


class Board:
    """What all pages share."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.renderer = Renderer(relay)
        self.changes = Changes(relay)
        self.walls = WallPages(relay, self.renderer)
        # One address alone never uses up an account's tries: it could keep its owner out.
        self.accounts = Throttle(relay.clock, 20, 30.0)
        self.addresses = Throttle(relay.clock, 10, 60.0)
        self.links = Throttle(relay.clock, 10, 6.0)

    def page(self, name: str, who: Visitor, /, **values: Any) -> Response:
        """A template's page for somebody who is logged in."""
        text = self.renderer.render(name, who.language, who=who, path=who.path, **values)
        return HTMLResponse(text)


@dataclass(frozen=True)
class Visitor:
    """Somebody who is logged in. `by` is the name their actions go by: the person's of that key, else the account's.

    `said` is what the action before this page says (a key `said.…`); `script` asks for a sentence instead of a page.
    """

    session: Session
    language: Language
    by: str
    path: str
    script: bool
    said: str

    @property
    def csrf(self) -> str:
        """What their forms carry."""
        return self.session.csrf


def board_of(request: Request) -> Board:
    """The board that this app serves."""
    board: Board = request.app.state.board
    return board


def language_of(request: Request, chosen: str = "") -> Language:
    """The account's or person's, else the browser's, else the configuration's."""
    configured = board_of(request).relay.policy.config.language
    return preferred(chosen, request.headers.get("accept-language", ""), configured)


async def visitor(request: Request) -> Visitor:
    """Who asks. Raises NoSession, and Refusal for a form that another site may have made them post."""
    relay = board_of(request).relay
    session = await asyncio.to_thread(sessions.find, relay, request.cookies.get(sessions.COOKIE, ""))
    if session is None:
        raise NoSession
    language = request.state.language = language_of(request, session.language)
    if request.method != "GET":
        await check_form(request, session.csrf)
    known, said = relay.policy.people.get(session.account), request.query_params.get("said", "")
    return Visitor(
        session,
        language,
        known.name if known else session.account,
        request.url.path,
        SCRIPT in request.headers,
        said if f"said.{said}" in TEXTS else "",
    )


async def check_form(request: Request, token: str) -> None:
    """Raises Refusal for a form that does not carry this token or comes from another origin."""
    form = await request.form()
    given = form.get("csrf")
    if not isinstance(given, str) or not token or not hmac.compare_digest(given.encode(), token.encode()):
        raise Refusal(403, "this form is too old or not ours", hint="load the page again")
    headers = request.headers
    if not sessions.same_origin(board_of(request).relay, headers.get("origin", ""), headers.get("host", "")):
        raise Refusal(403, "this form comes from another site", hint="is noc.public_url how browsers reach the board?")
    if any("\0" in str(value) for value in form.values()):
        raise Refusal(422, "no text has a character 0")


def home(path: str) -> str:
    """A path of the board to go on to; the board where it would lead anywhere else."""
    tail = path.removeprefix("/board")
    return path if tail != path and tail[:1] in ("", "/", "?") and not any(c in path for c in "\\\r\n") else "/board"


def done(who: Visitor, board: Board, said: str, back: str) -> Response:
    """What follows an action: a sentence for the script, or the page that the form was on, which shows it."""
    if who.script:
        return JSONResponse({"said": board.renderer.text(who.language, f"said.{said}")})
    path, _, query = home(back).partition("?")
    kept = "&".join(part for part in query.split("&") if part and not part.startswith("said="))
    return RedirectResponse(f"{path}?{kept}{'&' if kept else ''}said={said}", 303)


Number = Annotated[int, Path(ge=1, le=1 << 53)]
BoardOf = Annotated[Board, Depends(board_of)]
Who = Annotated[Visitor, Depends(visitor)]
