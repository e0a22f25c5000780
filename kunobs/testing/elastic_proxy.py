"""`FaultyElastic`: a proxy before a real Elasticsearch that, by seed, refuses, lies, hangs up and dawdles."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_REJECTED = {"type": "es_rejected_execution_exception", "reason": "rejected execution of coordinating operation"}
_MISFIT = {
    "type": "document_parsing_exception",
    "reason": "[1:1] failed to parse field [agent] of type [long] in document",
}


@dataclass(frozen=True)
class Faults:
    """Probabilities. The first three are of a bulk request, at most one happens to it; `item_…` are of an item.

    `refuse` and `unavailable` answer 429 and 503 to the request as a whole, half of the times after it was carried out. `cut`
    closes the connection, half of the times after it was carried out. `delay` is in seconds, at most.
    """

    refuse: float = 0.0
    unavailable: float = 0.0
    cut: float = 0.0
    item_429: float = 0.0
    """Not carried out."""
    item_429_lie: float = 0.0
    """Carried out, and said not to be."""
    item_400: float = 0.0
    """Not carried out, as if a field did not fit."""
    delay: float = 0.0


class FaultyElastic:
    """Listens on a port of its own, as a context manager; change `faults` at any time.

    `done` counts faults by name; after `faults = Faults()` everything passes.
    """

    def __init__(self, target: str, faults: Faults = Faults(), seed: int = 0) -> None:
        self.faults = faults
        self.done: Counter[str] = Counter()
        self._target = urlsplit(target).netloc
        self._seed = seed
        self._number = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> FaultyElastic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def next_dice(self) -> random.Random:
        """The dice of the next bulk request: the same seed gives the n-th request the same fate."""
        with self._lock:
            self._number += 1
            return random.Random(f"{self._seed}/{self._number}")

    def count(self, fault: str, times: int = 1) -> None:
        """A fault happened."""
        with self._lock:
            self.done[fault] += times

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Let Elasticsearch answer."""
        connection = HTTPConnection(self._target, timeout=120)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


class _HangUp(Exception):
    """The client gets no answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: FaultyElastic

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {
            k.lower(): v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length")
        }
        try:
            if urlsplit(self.path).path == "/_bulk":
                status, content = self._bulk(headers, body)
            else:
                status, _, content = self.owner.forward(self.command, self.path, headers, body)
        except (_HangUp, OSError, HTTPException):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        try:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("x-elastic-product", "Elasticsearch")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            # The client was killed meanwhile.
            self.close_connection = True

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _respond

    def _bulk(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        dice, faults = self.owner.next_dice(), self.owner.faults
        if headers.pop("content-encoding", "") == "gzip":
            body = gzip.decompress(body)
        if faults.delay:
            time.sleep(dice.random() * faults.delay)
        fate, after = dice.random(), dice.random() < 0.5
        for name, chance in (("refuse", faults.refuse), ("unavailable", faults.unavailable), ("cut", faults.cut)):
            if fate < chance:
                return self._whole(name, headers, body, after=after)
            fate -= chance
        return self._items(dice, headers, body)

    def _whole(self, name: str, headers: dict[str, str], body: bytes, *, after: bool) -> tuple[int, bytes]:
        self.owner.count(f"{name}_{'after' if after else 'before'}")
        if after:
            self.owner.forward("POST", self.path, headers, body)
        if name == "cut":
            raise _HangUp
        status = 429 if name == "refuse" else 503
        return status, json.dumps({"error": _REJECTED, "status": status}).encode()

    def _items(self, dice: random.Random, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        faults = self.owner.faults
        actions = _pairs(body)
        fates: list[dict[str, Any] | None] = []
        passed: list[bytes] = []
        for lines in actions:
            refused = None
            if len(lines) == 2 and dice.random() < faults.item_429:
                refused = {"status": 429, "error": _REJECTED}
                self.owner.count("item_429")
            elif len(lines) == 2 and dice.random() < faults.item_400 and b'"agent"' in lines[1]:
                refused = {"status": 400, "error": _MISFIT}
                self.owner.count("item_400")
            else:
                passed += lines
            fates.append(refused)
        items: list[dict[str, Any]] = []
        if passed:
            status, _, content = self.owner.forward("POST", self.path, headers, b"\n".join([*passed, b""]))
            if status != 200:
                return status, content
            items = json.loads(content).get("items", [])
        answers = iter(items)
        merged = [{"create": fate} if fate is not None else self._lie(dice, next(answers)) for fate in fates]
        errors = any("error" in each for row in merged for each in row.values())
        return 200, json.dumps({"errors": errors, "items": merged}, separators=(",", ":")).encode()

    def _lie(self, dice: random.Random, row: dict[str, Any]) -> dict[str, Any]:
        if "create" in row and row["create"].get("status") == 201 and dice.random() < self.owner.faults.item_429_lie:
            self.owner.count("item_429_lie")
            return {"create": {"status": 429, "error": _REJECTED}}
        return row

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _pairs(body: bytes) -> list[list[bytes]]:
    """The lines of each action."""
    lines = body.split(b"\n")[:-1]
    found: list[list[bytes]] = []
    at = 0
    while at < len(lines):
        length = 1 if lines[at].startswith(b'{"delete"') else 2
        found.append(lines[at : at + length])
        at += length
    return found
