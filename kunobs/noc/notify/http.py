"""One HTTP request to a provider, and every way it can fail as one word. Secrets in the URL never reach a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import requests

from kunobs import __version__
from kunobs.noc.notify.contract import Permanent, Retry

CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 10.0
LARGEST_ANSWER = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """A whole answer; `body` is cut at 64 KiB."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def object(self) -> dict[str, Any] | None:
        """The body as a JSON object, None for anything else: a proxy's HTML with status 200 is no success."""
        try:
            value = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None
        return value if isinstance(value, dict) else None


class Http:
    """A provider's connections; they are kept open. `ca_file` replaces the system's authorities."""

    def __init__(self, ca_file: str = "", timeout: tuple[float, float] = (CONNECT_TIMEOUT, READ_TIMEOUT)) -> None:
        self._session = requests.Session()
        self._session.headers["user-agent"] = f"kunobs/{__version__}"
        self._session.verify = ca_file or True
        # The environment's proxies and .netrc are not part of our configuration.
        self._session.trust_env = False
        adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=32)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._timeout = timeout

    def ask(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer | Retry | Permanent:
        """One attempt; redirects are not followed. Whatever went wrong below HTTP is a Retry."""
        sent = dict(headers or {})
        if body is not None:
            sent.setdefault("content-type", "application/json; charset=utf-8")
        try:
            with self._session.request(
                method, url, data=body, headers=sent, timeout=self._timeout, allow_redirects=False, stream=True
            ) as response:
                content = response.raw.read(LARGEST_ANSWER, decode_content=True)
                return Answer(response.status_code, content, response.headers)
        except requests.exceptions.SSLError:
            return Retry("tls", "the certificate or the handshake is wrong")
        except requests.exceptions.ConnectTimeout:
            return Retry("connect_timeout", "no connection in time")
        except requests.exceptions.ConnectionError as error:
            return _connection(error)
        except requests.exceptions.Timeout:
            return Retry("timeout", "no answer in time", delivered_maybe=True)
        except (requests.exceptions.RequestException, OSError, ValueError, RuntimeError) as error:
            return _broken(error)
        except Exception as error:  # noqa: BLE001  urllib3 has errors of its own below requests'
            return _broken(error)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _connection(error: requests.exceptions.ConnectionError) -> Retry:
    # The text of the error holds the URL, and a robot's URL is its password: only its kind is told.
    text = str(error)
    if "NameResolution" in text or "Name or service" in text or "getaddrinfo" in text:
        return Retry("dns", "the provider's name cannot be resolved")
    if "Connection refused" in text or "NewConnectionError" in text:
        return Retry("refused", "the connection was refused")
    if "Read timed out" in text:
        return Retry("timeout", "no answer in time", delivered_maybe=True)
    return Retry("reset", "the connection was cut", delivered_maybe=True)


def _broken(error: Exception) -> Retry:
    return Retry("broken", f"the answer is broken: {type(error).__name__}", delivered_maybe=True)


def by_status(answer: Answer) -> Retry | Permanent | None:
    """What a status other than 2xx means for any API; None for those. A 3xx or 4xx is a configuration that will not heal itself."""
    if 200 <= answer.status < 300:
        return None
    if answer.status in (408, 425, 429) or answer.status >= 500:
        # A gateway between us and the provider may have passed the request on.
        maybe = answer.status in (502, 504)
        return Retry(f"http_{answer.status}", f"HTTP {answer.status}", after=retry_after(answer), delivered_maybe=maybe)
    return Permanent(f"http_{answer.status}", f"HTTP {answer.status}", dead="channel")


def retry_after(answer: Answer) -> float | None:
    """Seconds of a Retry-After header, at most an hour."""
    text = answer.headers.get("retry-after", "")
    return min(float(text), 3600.0) if text.isdigit() and len(text) < 6 else None
