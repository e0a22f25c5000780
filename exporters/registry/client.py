"""One region's registry: the few requests of the distribution API that the exporter makes, each bounded in time and size."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3

from exporters.registry import timed
from exporters.registry.auth import Credentials
from exporters.registry.errors import RegistryError
from exporters.registry.texts import MANIFESTS, digest_of, document, names, next_page, same_origin, seconds
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.exporters.registry import RegionConfig

GONE = b""
"""The digest of a tag that is answered with 404."""
UNKNOWN = b"?"
"""The digest of a tag that is there, but its answer does not say."""
LARGEST = 16 << 20
MAX_PAGES = 2000
# All pages together may take as long as so many slow ones.
PAGES = 10
_PAUSE = 5.0


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    url: str


class Client:
    """Safe between threads: each has a session of its own. Everything raises RegistryError."""

    def __init__(self, config: RegionConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        self.url = config.url
        self._ca_file = config.ca_file
        self._credentials = Credentials(config.url, config.username, config.password.reveal(), clock)
        self._clock = clock
        self._own = threading.local()

    def ask(
        self,
        method: str,
        path: str,
        timeout: float,
        *,
        scope: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One answer, whatever its status but 401, 403, 429: those raise. `path` may be a URL of the same server."""
        until = self._clock.monotonic() + timeout
        url = same_origin(self.url, self.url, path)
        answer = self._once(method, url, until, scope, headers, body)
        if answer.status == 401:
            self._credentials.learn(answer.headers.get("WWW-Authenticate"), scope)
            answer = self._once(method, url, until, scope, headers, body)
        if answer.status in (401, 403):
            raise RegistryError(
                f"{method} {urlsplit(url).path}: {answer.status}",
                hint="check username and password_file of this region",
            )
        retry = answer.headers.get("Retry-After")
        if answer.status == 429 or (answer.status == 503 and retry):
            after = seconds(retry, _PAUSE)
            raise RegistryError(f"{method} {urlsplit(url).path}: {answer.status}", site_wide=True, after=after)
        return answer

    def ping(self, timeout: float) -> bool:
        """GET /v2/ as nobody: True when we must say who we are."""
        with self._failures("GET /v2/"):
            answer = self._send("GET", f"{self.url}/v2/", self._clock.monotonic() + timeout, {}, None)
        if answer.status not in (200, 401):
            raise RegistryError(f"GET /v2/: {answer.status}", hint="is this a registry?")
        if answer.status == 200 and "Docker-Distribution-Api-Version" not in answer.headers and answer.body.strip():
            document(answer.body, "GET /v2/")
        return answer.status == 401

    def catalog(self, timeout: float, most: int) -> list[str]:
        """The first `most` + 1 repositories, page by page; `timeout` is for each page."""
        return self._pages("/v2/_catalog?n=1000", "repositories", timeout, "registry:catalog:*", most) or []

    def tags(self, repository: str, timeout: float, most: int) -> list[str] | None:
        """The first `most` + 1 tags of a repository; None when the registry does not know it."""
        path = f"/v2/{repository}/tags/list?n=1000"
        return self._pages(path, "tags", timeout, f"repository:{repository}:pull", most)

    def digest(self, repository: str, tag: str, timeout: float) -> bytes:
        """What the tag points to: the digest's bytes, GONE or UNKNOWN."""
        path = f"/v2/{repository}/manifests/{tag}"
        headers = {"Accept": MANIFESTS}
        answer = self.ask("HEAD", path, timeout, scope=f"repository:{repository}:pull", headers=headers)
        if answer.status == 404:
            return GONE
        if answer.status != 200:
            raise RegistryError(f"HEAD {path}: {answer.status}")
        return digest_of(answer.headers.get("Docker-Content-Digest")) or UNKNOWN

    def _pages(self, path: str, key: str, timeout: float, scope: str, most: int) -> list[str] | None:
        found: list[str] = []
        until = self._clock.monotonic() + PAGES * timeout
        url: str | None = path
        seen: set[str] = set()
        while url is not None and len(found) <= most:
            if url in seen or len(seen) >= MAX_PAGES:
                raise RegistryError(f"GET {path}: its Link goes on for ever, after {len(seen)} pages")
            seen.add(url)
            answer = self.ask("GET", url, min(timeout, self._left(until)), scope=scope)
            if answer.status == 404 and key == "tags":
                return None
            if answer.status != 200:
                raise RegistryError(f"GET {path}: {answer.status}")
            found += names(document(answer.body, f"GET {path}"), key)
            url = next_page(self.url, answer.url, answer.headers.get("Link"))
        # A registry may list one twice while it changes between two pages.
        return list(dict.fromkeys(found))

    def _once(
        self, method: str, url: str, until: float, scope: str, headers: Mapping[str, str] | None, body: bytes | None
    ) -> Answer:
        with self._failures(f"{method} {urlsplit(url).path}"):
            own = self._credentials.header(self._session, scope, self._left(until))
            return self._send(method, url, until, {**(headers or {}), **own}, body)

    def elsewhere(self, url: str, timeout: float) -> Answer:
        """GET what a registry redirects to, usually its storage: without credentials."""
        with self._failures("GET the redirect"):
            return self._send("GET", url, self._clock.monotonic() + timeout, {}, None)

    def _send(self, method: str, url: str, until: float, headers: Mapping[str, str], body: bytes | None) -> Answer:
        with self._session.request(
            method,
            url,
            data=body,
            headers=dict(headers),
            timeout=self._left(until),
            allow_redirects=False,
            stream=True,
        ) as response:
            content = response.raw.read(LARGEST + 1, decode_content=True)
            if len(content) > LARGEST:
                raise RegistryError(f"{method} {urlsplit(url).path}: the answer is above {LARGEST >> 20} MiB")
            return Answer(response.status_code, content, response.headers, url)

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._own, "session"):
            self._own.session = timed.session(self._ca_file)
        session: requests.Session = self._own.session
        return session

    def _left(self, until: float) -> float:
        left = until - self._clock.monotonic()
        if left <= 0:
            raise RegistryError("no answer in time", site_wide=True)
        return left

    @contextmanager
    def _failures(self, what: str) -> Iterator[None]:
        """What requests and urllib3 raise, as RegistryError without the URL: a redirect's query can be a password."""
        try:
            yield
        except (requests.Timeout, TimeoutError, urllib3.exceptions.TimeoutError) as error:
            raise RegistryError(f"{what}: no answer in time", site_wide=True) from error
        except requests.exceptions.SSLError as error:
            raise RegistryError(f"{what}: the certificate or the handshake is wrong", site_wide=True) from error
        except (requests.ConnectionError, urllib3.exceptions.ProtocolError, ConnectionError) as error:
            raise RegistryError(f"{what}: no connection ({_reason(error)})", site_wide=True) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise RegistryError(f"{what}: the answer is broken ({type(error).__name__})") from error


def _reason(error: BaseException) -> str:
    text = str(error)
    known = {"refused": "refused", "resol": "its name is not known", "reset": "cut", "closed": "cut", "aborted": "cut"}
    return next((word for part, word in known.items() if part in text), type(error).__name__)
