"""Local accounts: a name, a password and a TOTP secret, each code of which is taken once; the operator makes the first."""

from __future__ import annotations

import hmac
import re
from typing import Any

import bcrypt
import pyotp

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.relay import Relay
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx

ROUNDS = 12
LEAST_CHARACTERS = 10
# bcrypt reads no further.
MOST_BYTES = 72
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_STEP_S = 30
# Clocks of phones are off by this many steps, before and after.
_DRIFT = 1
_NO_SECRET = "A" * 32


def add_account(relay: Relay, name: str, password: str) -> str:
    """The otpauth URL for the person's authenticator, which is shown this once. Raises Refusal."""
    if not _NAME.fullmatch(name):
        raise Refusal(422, f"{name[:63]!r} is no name for an account", hint="letters, digits, . _ and -, at most 63")
    hashed, secret = _hashed(password), pyotp.random_base32()

    def change(tx: Tx, _: object, now: int) -> None:
        if not tx.run(
            "INSERT INTO account (name, password, totp, totp_used, language, created_ms) VALUES (?, ?, ?, 0, '', ?)"
            " ON CONFLICT (name) DO NOTHING",
            name, hashed, secret, now,
        ):  # fmt: skip
            raise Refusal(409, f"there is an account {name!r} already", hint="remove it first, or reset its TOTP")
        note(tx, now, "account added", account=name)

    relay.change(change).result()
    return otpauth(name, secret)


def remove_account(relay: Relay, name: str) -> bool:
    """End its sessions and delete it; whether there was one."""

    def change(tx: Tx, _: object, now: int) -> bool:
        tx.run("DELETE FROM session WHERE account = ?", name)
        gone = tx.run("DELETE FROM account WHERE name = ?", name)
        if gone:
            note(tx, now, "account removed", account=name)
        return bool(gone)

    return relay.change(change).result()


def list_accounts(relay: Relay) -> list[dict[str, Any]]:
    """name, created_ms, language and how many sessions each has; nothing secret."""
    now = relay.now_ms()
    rows = relay.store.read(
        lambda tx: tx.rows(
            "SELECT name, created_ms, language,"
            " (SELECT count(*) FROM session WHERE session.account = account.name AND ends_ms > ?)"
            " FROM account ORDER BY name",
            now,
        )
    )
    return [dict(zip(("name", "created_ms", "language", "sessions"), row, strict=True)) for row in rows]


def reset_totp(relay: Relay, name: str) -> str:
    """A new TOTP secret and no session any more; its otpauth URL. Raises Refusal where there is no such account."""
    secret = pyotp.random_base32()
    _replace(relay, name, "TOTP reset", "totp", secret)
    return otpauth(name, secret)


def renew_totp(relay: Relay, name: str, secret: str, code: str, keep: bytes) -> None:
    """The person's own new secret, which a code of it proves; other sessions than `keep` end. Raises Refusal."""
    if not re.fullmatch(r"[A-Z2-7]{32}", secret) or totp_step(secret, code, relay.clock.now()) is None:
        raise Refusal(422, "the code does not fit to the new secret", hint="scan it again and type the code of now")
    _replace(relay, name, "TOTP renewed", "totp", secret, keep)


def set_password(relay: Relay, name: str, password: str, keep: bytes = b"") -> None:
    """Another password; other sessions than `keep` end. Raises Refusal."""
    _replace(relay, name, "password changed", "password", _hashed(password), keep)


def set_language(relay: Relay, name: str, language: str) -> None:
    """zh, en, or empty for what the browser asks for. Raises Refusal."""
    if language not in ("", "zh", "en"):
        raise Refusal(422, f"{language[:20]!r} is no language of the board", hint="zh or en")
    relay.change(lambda tx, _, now: tx.run("UPDATE account SET language = ? WHERE name = ?", language, name)).result()


def knows_password(relay: Relay, name: str, password: str) -> bool:
    """Whether it is the account's; as slow for an account that does not exist."""
    return _matches(password, _found(relay, name)[0])


def may_enter(relay: Relay, name: str, password: str, code: str) -> bool:
    """Whether name, password and code fit, once for each code; as slow for a name that does not exist."""
    hashed, secret = _found(relay, name)
    right = _matches(password, hashed)
    step = totp_step(secret, code, relay.clock.now())
    if not right or step is None:
        return False
    used = "UPDATE account SET totp_used = ? WHERE name = ? AND totp = ? AND password = ? AND totp_used < ?"
    return bool(relay.change(lambda tx, _, now: tx.run(used, step, name, secret, hashed, step)).result())


def totp_step(secret: str, code: str, now: float) -> int | None:
    """The time step whose code this is, of those that may be meant now."""
    code = "".join(code.split())
    totp, found = pyotp.TOTP(secret), None
    for drift in range(-_DRIFT, _DRIFT + 1):
        if hmac.compare_digest(totp.at(int(now), counter_offset=drift).encode(), code.encode()):
            found = int(now) // _STEP_S + drift
    return found


def otpauth(name: str, secret: str) -> str:
    """What an authenticator reads from a QR code or a link."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="kunobs")


def _found(relay: Relay, name: str) -> tuple[str, str]:
    row = None
    if _NAME.fullmatch(name):
        row = relay.store.read(lambda tx: tx.row("SELECT password, totp FROM account WHERE name = ?", name))
    # A hash that no password has, of the cost of the others.
    return (row[0], row[1]) if row else (f"$2b${ROUNDS:02}${'.' * 53}", _NO_SECRET)


def _matches(password: str, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode()[:MOST_BYTES], hashed.encode())
    except ValueError:
        return False


def _hashed(password: str) -> str:
    if len(password) < LEAST_CHARACTERS or len(password.encode()) > MOST_BYTES:
        raise Refusal(
            422,
            f"a password has at least {LEAST_CHARACTERS} characters and at most {MOST_BYTES} bytes",
            hint="a few words that only you put together",
        )
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(ROUNDS)).decode()


def _replace(relay: Relay, name: str, what: str, column: str, value: str, keep: bytes = b"") -> None:
    def change(tx: Tx, _: object, now: int) -> None:
        used = ", totp_used = 0" if column == "totp" else ""
        if not tx.run(f"UPDATE account SET {column} = ?{used} WHERE name = ?", value, name):
            raise Refusal(404, f"there is no account {name[:63]!r}")
        tx.run("DELETE FROM session WHERE account = ? AND hash <> ?", name, keep)
        note(tx, now, what, account=name)

    relay.change(change).result()
