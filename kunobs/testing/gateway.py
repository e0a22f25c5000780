"""Systems that are spoken to by HTTP, for tests: `PhoneGateway`, `WebhookSink`, and `Provider`, which others are made of.

They are strict as the real ones are, remember what a person would have received, and fail when told to:

    with PhoneGateway("secret") as gateway:
        gateway.fail("cut")
        ...
        assert [call.to for call in gateway.received] == ["+8613800000000"]
"""

from __future__ import annotations

import contextlib
import hmac
import json
import re
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from kunobs.clock import SYSTEM_CLOCK, Clock

Fault = int | Literal["http_500", "html", "reset", "slow", "cut"]
"""A number is the provider's own code for an error. `html` is a proxy's page with status 200; `reset` ends the connection before and
`cut` after the request was carried out; `slow` waits for `release` first."""


@dataclass(frozen=True)
class Asked:
    """A request; names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ValueError."""
        value = json.loads(self.body.decode())
        if not isinstance(value, dict):
            raise ValueError("no object")
        return value


class Provider:
    """Listens on a loopback port of its own, as a context manager. `asked` are all requests."""

    fails_at = ""
    """Where faults happen that name no place: in requests whose path contains this."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.clock = clock
        self.asked: list[Asked] = []
        self.release = threading.Event()
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, *faults: Fault, at: str | None = None) -> None:
        """The next requests, one fault each; `at` is a part of the path."""
        with self._lock:
            self._faults += [(self.fails_at if at is None else at, fault) for fault in faults]

    def answer(self, asked: Asked) -> tuple[int, object]:
        """Status and JSON value of a request that is carried out; one at a time."""
        raise NotImplementedError

    def refuse(self, code: int) -> tuple[int, object]:
        """What a fault that is a number looks like."""
        return code, {"error": code}

    def respond(self, asked: Asked) -> tuple[int, bytes] | Literal["reset", "cut"]:
        """What goes out for a request, its fault included."""
        with self._lock:
            self.asked.append(asked)
            at = next((n for n, (place, _) in enumerate(self._faults) if place in asked.path), None)
            fault = self._faults.pop(at)[1] if at is not None else None
        if fault == "reset":
            return "reset"
        if fault == "http_500":
            return 500, b"Internal Server Error"
        if fault == "html":
            return 200, b"<html><body>502 Bad Gateway</body></html>"
        if fault == "slow":
            self.release.wait()
        with self._lock:
            status, value = self.refuse(fault) if isinstance(fault, int) else self.answer(asked)
        content = b"" if status in (204, 304) else json.dumps(value, ensure_ascii=False).encode()
        return "cut" if fault == "cut" else (status, content)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: Provider

    def _respond(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
        answer = self.owner.respond(asked)
        if isinstance(answer, str):
            self.close_connection = True
            if answer == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            else:
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer[0])
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])

    def handle(self) -> None:
        # A client that waited long enough is gone.
        with contextlib.suppress(ConnectionError, ValueError):
            super().handle()

    do_GET = do_POST = do_PUT = _respond

    def log_message(self, *_: object) -> None:
        """Quiet."""


@dataclass(frozen=True)
class Call:
    """A telephone that rang."""

    call_id: str
    idempotency_key: str
    to: str
    text: str
    language: str
    ack_keys: Mapping[str, str]


_CALL_FIELDS = {"idempotency_key": str, "to": str, "text": str, "language": str, "ack_keys": dict}
_WINDOWS = ((60, 1), (3600, 5), (86400, 20))


class PhoneGateway(Provider):
    """A gateway as docs/phone.md has it, for a carrier that takes 1, 5 and 20 calls to a person in a minute, hour and day.

    `received` are the calls that were made. A number as a fault is an HTTP status.
    """

    def __init__(self, secret: str, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(clock)
        self.received: list[Call] = []
        self._secret = secret
        self._known: dict[str, tuple[bytes, Call]] = {}
        self._times: dict[str, list[float]] = {}

    def answer(self, asked: Asked) -> tuple[int, object]:
        """202 with a call_id; 409 with the same one for a call that was asked for before."""
        if not signed(self._secret, asked, self.clock.now()):
            return 401, {"error": "signature"}
        if asked.method == "GET":
            return 200, {}
        try:
            wanted = asked.object()
        except ValueError as error:
            return 400, {"error": str(error)}
        problem = _wrong_call(wanted)
        if problem:
            return 400, {"error": problem}
        if wanted["idempotency_key"] in self._known:
            body, call = self._known[wanted["idempotency_key"]]
            return (409, {"call_id": call.call_id}) if body == asked.body else (400, {"error": "another call's key"})
        times, now = self._times.setdefault(wanted["to"], []), self.clock.now()
        if any(sum(at > now - seconds for at in times) >= most for seconds, most in _WINDOWS):
            return 429, {"error": "the carrier takes no more calls to this number"}
        call = Call(call_id=f"call-{len(self.received) + 1}", **wanted)
        times.append(now)
        self._known[call.idempotency_key] = (asked.body, call)
        self.received.append(call)
        return 202, {"call_id": call.call_id}

    def report(self, call: Call, event: str, **more: str) -> tuple[bytes, str]:
        """What the gateway would post to us: the body, and the value of X-Kunobs-Signature."""
        fields = {"call_id": call.call_id, "idempotency_key": call.idempotency_key, "to": call.to, "event": event}
        body = json.dumps(fields | more).encode()
        at = int(self.clock.now())
        return body, f"t={at},v1={_mac(self._secret, str(at), body)}"


class WebhookSink(Provider):
    """Takes JSON objects that have an Idempotency-Key, and with a `secret` only signed ones; `received` are the bodies.

    One that comes again is taken, counted in `again`, and not received twice. A number as a fault is an HTTP status.
    """

    def __init__(self, secret: str = "", clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(clock)
        self.received: list[dict[str, Any]] = []
        self.again = 0
        self._secret = secret
        self._known: dict[str, bytes] = {}

    def answer(self, asked: Asked) -> tuple[int, object]:
        """200, or a 4xx that says what is missing."""
        if self._secret and not signed(self._secret, asked, self.clock.now()):
            return 401, {"error": "signature"}
        key = asked.headers.get("idempotency-key", "")
        if not key or asked.method != "POST":
            return 400, {"error": "no Idempotency-Key"}
        try:
            posted = asked.object()
        except ValueError as error:
            return 400, {"error": str(error)}
        if key in self._known:
            self.again += 1
            return (200, {}) if self._known[key] == asked.body else (422, {"error": "another body's key"})
        self._known[key] = asked.body
        self.received.append(posted)
        return 200, {}


def signed(secret: str, asked: Asked, now: float) -> bool:
    """Whether the request has a signature of the last five minutes; written from docs/phone.md and not from our own code."""
    parts = dict(each.split("=", 1) for each in asked.headers.get("x-kunobs-signature", "").split(",") if "=" in each)
    at = parts.get("t", "")
    if not at.isdigit() or abs(now - int(at)) > 300:
        return False
    return hmac.compare_digest(_mac(secret, at, asked.body), parts.get("v1", ""))


def _mac(secret: str, at: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), at.encode() + b"." + body, "sha256").hex()


def _wrong_call(wanted: Mapping[str, Any]) -> str:
    if set(wanted) != set(_CALL_FIELDS):
        return f"fields {sorted(wanted)}"
    for name, kind in _CALL_FIELDS.items():
        if not isinstance(wanted[name], kind):
            return f"{name} is no {kind.__name__}"
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", wanted["to"]):
        return "to is no number"
    if not 1 <= len(wanted["text"]) <= 350 or re.search(r"[<>&\x00-\x1f*`\[\]]", wanted["text"]):
        return "text cannot be spoken"
    if not re.fullmatch(r"[0-9a-z-]{1,64}", wanted["idempotency_key"]) or wanted["language"] not in ("zh", "en"):
        return "idempotency_key or language"
    return "" if set(wanted["ack_keys"].values()) <= {"ack", "escalate"} else "ack_keys"
