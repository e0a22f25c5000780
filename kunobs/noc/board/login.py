"""Into the board and out of it, and what people change about their own account."""

from __future__ import annotations

import secrets
import threading
from typing import Annotated

import pyotp
from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from kunobs.log import get_logger, repeated
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.board import accounts, sessions
from kunobs.noc.board.context import BoardOf, Visitor, Who, board_of, check_form, done, home, language_of, visitor

public = APIRouter()
router = APIRouter(dependencies=[Depends(visitor)])
_FORM_COOKIE = "kunobs_login"
_PATH = "/board"
# bcrypt is slow by design: a flood of passwords must leave threads and processors to alerts and to those who take them.
_CHECKS = threading.BoundedSemaphore(4)
_log = get_logger("noc.board")


@public.get("/board/login")
def login_page(request: Request, next: str = "/board") -> Response:
    """The form."""
    return _form(request, home(next))


async def _own_form(request: Request) -> None:
    """The form has the token of the cookie that came with it, so that nobody logs others in as himself."""
    await check_form(request, request.cookies.get(_FORM_COOKIE, ""))


@public.post("/board/login", dependencies=[Depends(_own_form)])
def log_in(
    request: Request,
    board: BoardOf,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/board",
) -> Response:
    """A session for who has the password and the code of now."""
    name, address = name.strip(), request.client.host if request.client else ""
    if not (board.addresses.allows(address) and board.accounts.allows(name) and _CHECKS.acquire(blocking=False)):
        return _form(request, home(next), "login.often", 429)
    try:
        welcome = accounts.may_enter(board.relay, name, password, code)
    finally:
        _CHECKS.release()
    if not welcome:
        # Not the name: people type passwords there.
        repeated(_log, "login", "a login was refused", address=address)
        return _form(request, home(next), "login.wrong", 403)
    board.addresses.forgive(address)
    board.accounts.forgive(name)
    answer = RedirectResponse(home(next), 303)
    _set_cookie(board.relay.policy.config.public_url, answer, sessions.COOKIE, sessions.begin(board.relay, name))
    answer.delete_cookie(_FORM_COOKIE, path=_PATH)
    return answer


@router.post("/board/logout")
def log_out(board: BoardOf, who: Who) -> Response:
    """The session is over."""
    sessions.end(board.relay, who.session)
    answer = RedirectResponse("/board/login", 303)
    answer.delete_cookie(sessions.COOKIE, path=_PATH)
    return answer


@router.get("/board/account")
def account(board: BoardOf, who: Who) -> Response:
    """Language, password, authenticator."""
    secret = pyotp.random_base32()
    return board.page("account.html", who, secret=secret, otpauth=accounts.otpauth(who.session.account, secret))


@router.post("/board/account/language")
def set_language(board: BoardOf, who: Who, language: Annotated[str, Form()] = "") -> Response:
    """Another language."""
    accounts.set_language(board.relay, who.session.account, language)
    return done(who, board, "saved", "/board/account")


@router.post("/board/account/password")
def set_password(
    board: BoardOf, who: Who, old: Annotated[str, Form()] = "", new: Annotated[str, Form()] = ""
) -> Response:
    """Another password, for who knows the present one."""
    _prove(board, who, old)
    accounts.set_password(board.relay, who.session.account, new, keep=who.session.hash)
    return done(who, board, "password", "/board/account")


@router.post("/board/account/totp")
def renew_totp(
    board: BoardOf,
    who: Who,
    old: Annotated[str, Form()] = "",
    secret: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
) -> Response:
    """Another authenticator, for who knows the password and shows a code of the new one."""
    _prove(board, who, old)
    accounts.renew_totp(board.relay, who.session.account, secret, code, keep=who.session.hash)
    return done(who, board, "renewed", "/board/account")


def _prove(board: BoardOf, who: Visitor, password: str) -> None:
    if not board.accounts.allows(who.session.account):
        raise Refusal(429, board.renderer.text(who.language, "login.often"))
    if not accounts.knows_password(board.relay, who.session.account, password):
        raise Refusal(403, board.renderer.text(who.language, "account.wrong"))


def _form(request: Request, next: str, trouble: str = "", status: int = 200) -> Response:
    board, language = board_of(request), language_of(request)
    # The same token as before, or a second tab would make the first one's form too old.
    token = request.cookies.get(_FORM_COOKIE, "")
    token = token if len(token) == 43 else secrets.token_urlsafe(32)
    text = board.renderer.render(
        "login.html", language, who=None, path="/board/login", next=next, token=token, trouble=trouble
    )
    answer = HTMLResponse(text, status)
    _set_cookie(board.relay.policy.config.public_url, answer, _FORM_COOKIE, token)
    return answer


def _set_cookie(public_url: str, answer: Response, name: str, value: str) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=sessions.LASTS_MS // 1000,
        path=_PATH,
        secure=public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
