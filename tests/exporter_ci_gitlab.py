"""The two pages of GitLab's API that the ci exporter asks for, with keyset pagination as documented, and every way to be no help."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "glpat-0123456789"


@dataclass
class FakeGitlab:
    """Jobs by project number, newest first when asked; `trouble` is how it answers: "" well, else as named in `_Handler`."""

    now: Callable[[], float]
    jobs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)
    trouble: str = ""
    retry_after: str = "30"
    url: str = ""
    requests: list[tuple[float, str]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)

    def add(self, job: dict[str, Any]) -> None:
        """A job, or its newer state."""
        jobs = self.jobs.setdefault(job["pipeline"]["project_id"], [])
        jobs[:] = sorted([*(one for one in jobs if one["id"] != job["id"]), job], key=lambda one: -one["id"])

    @property
    def times(self) -> list[float]:
        """When it was asked."""
        return [at for at, _ in self.requests]


class _Handler(BaseHTTPRequestHandler):
    gitlab: FakeGitlab

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        """Answer, or do what the trouble says."""
        gitlab = self.gitlab
        gitlab.requests.append((gitlab.now(), self.path))
        gitlab.tokens.add(self.headers.get("PRIVATE-TOKEN"))
        if gitlab.trouble:
            getattr(self, f"_{gitlab.trouble}")()
            return
        parts = urlsplit(self.path)
        words = [unquote(word) for word in parts.path.split("/")]
        assert words[1:4] == ["api", "v4", "projects"], self.path
        project = int(words[4]) if words[4].isdigit() else gitlab.paths.get(words[4], 0)
        jobs = gitlab.jobs.get(project)
        if jobs is None:
            self._send(404, {"message": "404 Project Not Found"})
        elif len(words) == 7:
            found = next((job for job in jobs if job["id"] == int(words[6])), None)
            self._send(200 if found else 404, found or {"message": "404 Not Found"})
        else:
            self._page(jobs, {key: values[0] for key, values in parse_qs(parts.query).items()})

    def _page(self, jobs: list[dict[str, Any]], query: dict[str, str]) -> None:
        assert (query["pagination"], query["order_by"], query["sort"]) == ("keyset", "id", "desc")
        below = int(query.get("cursor", 2**62))
        size = int(query["per_page"])
        assert size <= 100
        found = [job for job in jobs if job["id"] < below]
        headers = {}
        if len(found) > size:
            following = f"http://elsewhere.example.com/api/v4/x?pagination=keyset&order_by=id&sort=desc&per_page={size}"
            headers["Link"] = f'<{following}&cursor={found[size - 1]["id"]}>; rel="next"'
        self._send(200, found[:size], headers)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        if headers is None:
            headers = {}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _limited(self) -> None:
        self._send(429, {"message": "too many"}, {"Retry-After": self.gitlab.retry_after})

    def _html(self) -> None:
        self._send(200, b"<html>Sign in</html>")

    def _object(self) -> None:
        self._send(200, {"jobs": []})

    def _denied(self) -> None:
        self._send(401, {"message": "401 Unauthorized"})

    def _failing(self) -> None:
        self._send(502, b"<html>Bad Gateway</html>")

    def _redirecting(self) -> None:
        self._send(302, b"", {"Location": "/users/sign_in"})

    def _hanging(self) -> None:
        self.gitlab.released.wait(60)

    def _resetting(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _garbage(self) -> None:
        self.wfile.write(b"\0\xff" * 500)

    def _dripping(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.gitlab.released.wait(0.02):
            with contextlib.suppress(OSError):
                self.wfile.write(b" ")
                continue
            break


@contextlib.contextmanager
def gitlab(now: Callable[[], float]) -> Iterator[FakeGitlab]:
    """One that listens on this machine."""
    fake = FakeGitlab(now)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gitlab": fake}))
    server.daemon_threads = True
    setattr(server, "handle_error", lambda request, address: None)  # noqa: B010 - it would print
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.released.set()
        server.shutdown()
        server.server_close()
