"""How a registry lets us in: nothing, basic, or a token from the server that its WWW-Authenticate names."""

from __future__ import annotations

import threading
from base64 import b64encode
from urllib.parse import urlsplit

import requests

from exporters.registry.errors import RegistryError
from exporters.registry.texts import challenge, document, seconds
from kunobs.clock import Clock

# A token server need not say how long a token lives; the specification's minimum.
LIFE = 60.0
MAX_TOKENS = 4096
LARGEST = 1 << 20


class Credentials:
    """Of one region, for all of its threads."""

    def __init__(self, url: str, username: str, password: str, clock: Clock) -> None:
        self._url, self._clock = url, clock
        text = f"{username}:{password}".encode()
        self._basic = f"Basic {b64encode(text).decode()}" if username else ""
        self._lock = threading.Lock()
        self._scheme = ""
        self._realm: dict[str, str] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def header(self, session: requests.Session, scope: str, timeout: float) -> dict[str, str]:
        """What goes with a request, as far as the registry has said what it wants."""
        with self._lock:
            scheme, realm = self._scheme, self._realm
            token, until = self._tokens.get(scope, ("", 0.0))
        if scheme == "basic":
            return {"Authorization": self._basic}
        if scheme != "bearer":
            return {}
        if not token or self._clock.monotonic() >= until:
            token = self._token(session, scope, realm, timeout)
        return {"Authorization": f"Bearer {token}"}

    def learn(self, header: str | None, scope: str) -> None:
        """Read the challenge of a 401; RegistryError when it asks for what we have not."""
        scheme, realm = challenge(header)
        if scheme not in ("basic", "bearer"):
            asks = f"asks for {scheme[:40]!r}" if scheme else "does not say how"
            raise RegistryError(f"401, and it {asks}", hint="only Basic and Bearer are known")
        if scheme == "basic" and not self._basic:
            raise RegistryError("401: it wants a user", hint="set username and password_file of this region")
        if scheme == "bearer":
            self._check(realm.get("realm", ""))
        with self._lock:
            self._scheme, self._realm = scheme, realm
            self._tokens.pop(scope, None)

    def _check(self, realm: str) -> None:
        try:
            parts = urlsplit(realm)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            sound, parts = False, urlsplit("")
        if not sound:
            raise RegistryError("401, and its realm is no URL", hint="see auth.token.realm of the registry")
        if self._url.startswith("https://") and parts.scheme != "https":
            raise RegistryError("401, and its realm is not https://", hint="our password would go in the clear")

    def _token(self, session: requests.Session, scope: str, realm: dict[str, str], timeout: float) -> str:
        """Ask the token server, https://distribution.github.io/distribution/spec/auth/token/."""
        wanted = {"service": realm.get("service", ""), "scope": scope or realm.get("scope", "")}
        with session.get(
            realm["realm"],
            params={name: value for name, value in wanted.items() if value},
            headers={"Authorization": self._basic} if self._basic else {},
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as answer:
            body = answer.raw.read(LARGEST, decode_content=True)
        if answer.status_code != 200:
            raise RegistryError(
                f"the token server answers {answer.status_code}", hint="check username and password_file of this region"
            )
        found = document(body, "the token server")
        token = found.get("token") or found.get("access_token")
        if not isinstance(token, str) or not token.isprintable() or not token.isascii():
            raise RegistryError("the token server answers without a token")
        life = seconds(str(found.get("expires_in", "")), LIFE)
        with self._lock:
            if len(self._tokens) >= MAX_TOKENS:
                self._tokens.clear()
            # A token that ends under way would be refused.
            self._tokens[scope] = token, self._clock.monotonic() + max(life - 10.0, life / 2)
        return token
