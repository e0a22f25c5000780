"""A Docker registry for tests: one in memory that counts what it is asked and misbehaves on demand, and a push by hand."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from exporters.registry.client import Client
from kunobs.config.exporters.registry import RegionConfig

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = b'{"architecture":"amd64"}'


def sha256(content: bytes) -> str:
    """The digest of some content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest(text: str) -> bytes:
    """An image of one's own for each text."""
    config = {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": len(CONFIG),
        "digest": sha256(CONFIG),
    }
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], "x": text}).encode()


def push(url: str, repository: str, tag: str, text: str, *, blob: bool = True) -> str:
    """Push an image as docker does: its configuration unless that is there, then the manifest; the digest."""
    if blob:
        begun = requests.post(f"{url}/v2/{repository}/blobs/uploads/", timeout=30)
        begun.raise_for_status()
        requests.put(f"{begun.headers['Location']}&digest={sha256(CONFIG)}", data=CONFIG, timeout=30).raise_for_status()
    body = manifest(text)
    answer = requests.put(
        f"{url}/v2/{repository}/manifests/{tag}", data=body, headers={"Content-Type": MANIFEST}, timeout=30
    )
    answer.raise_for_status()
    return sha256(body)


class Handler(BaseHTTPRequestHandler):
    """One request; `reply` answers it."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet: else the client's delayed acknowledgement costs 40 ms for each answer.
    wbufsize = 1 << 16
    server: Server

    def do_GET(self) -> None:
        """Whatever the method is."""
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        fake = self.server.fake
        fake.asked.append((self.command, self.path, dict(self.headers)))
        for part, answer in list(fake.odd.items()):
            if part in self.path:
                answer(self)
                return
        fake.answer(self)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def reply(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        """A whole answer; underscores in header names are dashes."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


class Server(ThreadingHTTPServer):
    """With what the handler needs."""

    daemon_threads = True
    fake: FakeRegistry

    def handle_error(self, *_: object) -> None:
        """A client that leaves is no news."""


@dataclass
class FakeRegistry:
    """`images` is repository -> tag -> manifest; `odd` replaces the answer to paths that hold a text; `asked` is all requests.

    Pages hold `page` entries whatever `n` says, as registries do that ignore it.
    """

    images: dict[str, dict[str, bytes]] = field(default_factory=dict)
    page: int = 1000
    odd: dict[str, Callable[[Handler], None]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: Handler) -> None:
        """As a registry does."""
        path, _, query = handler.path.partition("?")
        parts = path.split("/")
        if path == "/v2/":
            handler.reply(200)
        elif path == "/v2/_catalog":
            self._page(handler, "repositories", list(self.images), query)
        elif path.endswith("/tags/list"):
            found = self.images.get(path[len("/v2/") : -len("/tags/list")])
            self._page(handler, "tags", list(found), query) if found is not None else handler.reply(404)
        elif parts[-2] == "manifests" and handler.command == "PUT":
            self.images.setdefault("/".join(parts[2:-2]), {})[parts[-1]] = handler.body
            handler.reply(201, Docker_Content_Digest=sha256(handler.body))
        elif parts[-2] == "manifests":
            body = self.images.get("/".join(parts[2:-2]), {}).get(parts[-1])
            good = body is not None and MANIFEST in handler.headers.get("Accept", "")
            handler.reply(200, body or b"", Docker_Content_Digest=sha256(body or b"")) if good else handler.reply(404)
        elif parts[-2] == "uploads" and handler.command == "POST":
            handler.reply(202, b"", Location=f"{path}id?_state=x")
        elif parts[-2] == "uploads":
            handler.reply(201 if handler.command == "PUT" else 204, b"")
        else:
            known = {sha256(CONFIG): CONFIG, sha256(b"{}"): b"{}"}
            handler.reply(200, known[parts[-1]]) if parts[-1] in known else handler.reply(404)

    def _page(self, handler: Handler, key: str, items: list[str], query: str) -> None:
        last = dict(part.partition("=")[::2] for part in query.split("&")).get("last", "")
        rest = [item for item in sorted(items) if item > last]
        body = json.dumps({"name": "x", key: rest[: self.page]}).encode()
        link = (
            f'<{handler.path.partition("?")[0]}?last={rest[self.page - 1]}&n={self.page}>; rel="next"'
            if rest[self.page :]
            else ""
        )
        handler.reply(200, body, **({"Link": link} if link else {}))


@contextlib.contextmanager
def fake_registry(repositories: int = 3, tags: int = 4, tls: ssl.SSLContext | None = None) -> Iterator[FakeRegistry]:
    """One with some images on a port of its own."""
    images = {f"team/r{r}": {f"v{t}": manifest(f"{r} {t}") for t in range(tags)} for r in range(repositories)}
    fake = FakeRegistry(images)
    server = Server(("127.0.0.1", 0), Handler)
    server.fake = fake
    fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def drip(seconds: float, pieces: Iterator[bytes] | None = None) -> Callable[[Handler], None]:
    """An answer whose bytes come one by one, `seconds` apart, for ever."""

    def answer(handler: Handler) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        gap = threading.Event()
        handler.close_connection = True
        with contextlib.suppress(OSError):
            handler.wfile.write(head)
            handler.wfile.flush()
            while not gap.wait(seconds):
                handler.wfile.write(b"X-Slow: 1\r\n"[:1] if pieces is None else next(pieces))
                handler.wfile.flush()

    return answer


def basic(user: str, password: str) -> str:
    """The header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def guarded(fake: FakeRegistry, header: str, wanted: Callable[[str], bool]) -> Callable[[Handler], None]:
    """An answer that lets in who shows what is wanted."""

    def answer(handler: Handler) -> None:
        if wanted(handler.headers.get("Authorization", "")):
            fake.answer(handler)
        else:
            handler.reply(401, b"", WWW_Authenticate=header)

    return answer


def client_of(fake: FakeRegistry, username: str = "", password: str = "", ca_file: str = "") -> Client:
    """A client of it."""
    own = {"url": fake.url, "username": username, "password": password, "ca_file": ca_file}
    return Client(RegionConfig.model_validate(own))
