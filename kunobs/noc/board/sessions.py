"""Who is logged in: a random cookie, of which the store has the hash, and a token for the forms of that session."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from kunobs.noc.relay import Relay
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx

COOKIE = "kunobs_board"
LASTS_MS = 12 * 3600 * 1000


@dataclass(frozen=True)
class Session:
    """A row, with its account's language ("" for what the browser asks for)."""

    hash: bytes
    account: str
    csrf: str
    ends_ms: int
    language: str


def begin(relay: Relay, account: str) -> str:
    """A new session; the cookie's value."""
    cookie = secrets.token_urlsafe(32)

    def change(tx: Tx, _: object, now: int) -> None:
        tx.run(
            "INSERT INTO session (hash, account, csrf, ends_ms) VALUES (?, ?, ?, ?)",
            _hash(cookie), account, secrets.token_urlsafe(32), now + LASTS_MS,
        )  # fmt: skip
        note(tx, now, "logged in", account=account)

    relay.change(change).result()
    return cookie


def find(relay: Relay, cookie: str) -> Session | None:
    """The session of a cookie, None where there is none or it is over."""
    if not cookie:
        return None
    now = relay.now_ms()
    row = relay.store.read(
        lambda tx: tx.row(
            "SELECT s.hash, s.account, s.csrf, s.ends_ms, a.language FROM session s JOIN account a ON a.name = s.account"
            " WHERE s.hash = ? AND s.ends_ms > ?",
            _hash(cookie), now,
        )
    )  # fmt: skip
    return Session(*row) if row else None


def end(relay: Relay, session: Session) -> None:
    """It is over."""
    relay.change(lambda tx, _, now: tx.run("DELETE FROM session WHERE hash = ?", session.hash)).result()


def same_origin(relay: Relay, origin: str, host: str) -> bool:
    """Whether a form was sent by a page of ours: of this host, or of the public URL where a proxy changes the host.

    Browsers say the origin with every form they post; a client that says none has no cookie that a stranger could use.
    """
    if not origin:
        return True
    public = urlsplit(relay.policy.config.public_url)
    return origin in (f"http://{host}", f"https://{host}", f"{public.scheme}://{public.netloc}")


def _hash(cookie: str) -> bytes:
    return sha256(cookie.encode("utf-8", "replace")).digest()
