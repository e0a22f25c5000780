"""A requests session whose timeout is for the whole answer: requests' own begins anew with each byte that drips in."""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from kunobs import __version__


class _UntilDeadline(io.RawIOBase):
    """A socket's bytes until a deadline."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock, self._raw = sock, raw
        timeout = sock.gettimeout()
        # The socket itself lives by the machine's clock, whatever clock a test has.
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As a socket's; TimeoutError at the deadline."""
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Close what is read."""
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """Its head and body are read from the stream above."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_UntilDeadline(sock, self.fp.detach()))


class _Plain(HTTPConnection):
    response_class = _Response


class _Tls(HTTPSConnection):
    response_class = _Response


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


def session(ca_file: str = "") -> requests.Session:
    """For one thread. `timeout=` bounds connecting, and then the whole answer with head and body, in seconds."""
    made = requests.Session()
    made.headers["User-Agent"] = f"kunobs/{__version__}"
    made.verify = ca_file or True
    # The environment's proxies and .netrc are not part of our configuration.
    made.trust_env = False
    made.mount("http://", _Adapter(pool_connections=2, pool_maxsize=2))
    made.mount("https://", _Adapter(pool_connections=2, pool_maxsize=2))
    return made
