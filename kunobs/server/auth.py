"""Basic auth: bcrypt once per password and not per scrape, the same work for users who do not exist."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping

import bcrypt

from kunobs.server.threads import in_thread

CACHED = 128
MAX_WAITING = 64
# bcrypt reads no further; the library raises instead of cutting.
BCRYPT_BYTES = 72


class Busy(Exception):
    """More passwords wait for their check than will be checked."""


class Authenticator:
    """Checks credentials one at a time beside the event loop and remembers the results."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        # Apart, so that guessing cannot push out the scraper's good password.
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._bad: OrderedDict[bytes, None] = OrderedDict()
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def allows(self, authorization: bytes | None, users: Mapping[bytes, bytes]) -> bool:
        """True when the header names a user and its password; Busy when too many wait."""
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        user, password = credentials
        hashed = users.get(user)
        against = hashed or _impossible(users)
        ticket = hmac.digest(self._key, b"\0".join((_hex(user), against, password)), "sha256")
        known = self._recall(ticket)
        if known is None:
            known = await self._check(ticket, against, password, exists=hashed is not None)
        return known

    async def _check(self, ticket: bytes, hashed: bytes, password: bytes, *, exists: bool) -> bool:
        if self._waiting >= MAX_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._turn:
                known = self._recall(ticket)
                if known is not None:
                    return known
                matches = await in_thread(lambda: _matches(password, hashed), "kunobs-bcrypt")
        finally:
            self._waiting -= 1
        allowed = matches and exists
        _remember(self._good if allowed else self._bad, ticket)
        return allowed

    def _recall(self, ticket: bytes) -> bool | None:
        for cache, answer in ((self._good, True), (self._bad, False)):
            if ticket in cache:
                cache.move_to_end(ticket)
                return answer
        return None


def _remember(cache: OrderedDict[bytes, None], ticket: bytes) -> None:
    cache[ticket] = None
    if len(cache) > CACHED:
        cache.popitem(last=False)


def _credentials(authorization: bytes | None) -> tuple[bytes, bytes] | None:
    scheme, _, encoded = (authorization or b"").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except binascii.Error:
        return None
    return (user, password) if colon else None


def _matches(password: bytes, hashed: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:BCRYPT_BYTES], hashed)
    except ValueError:
        return False


def _impossible(users: Mapping[bytes, bytes]) -> bytes:
    """A hash no password has, of the highest cost among the users': as slow to refuse as theirs."""
    cost = max((hashed[4:6] for hashed in users.values()), default=b"10")
    return b"$2b$" + cost + b"$" + b"." * 53


def _hex(user: bytes) -> bytes:
    return binascii.hexlify(user)
