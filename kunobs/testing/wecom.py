"""`WecomServer`: WeCom on a loopback port, as strict as the real one, which knows what people would have seen and breaks on demand."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.testing.wecom_apps import App
from kunobs.testing.wecom_events import Callback
from kunobs.testing.wecom_robots import Robots
from kunobs.testing.wecom_rules import Received, Refused

__all__ = ["Call", "Received", "WecomServer"]

Fault = int | Literal["http_500", "html", "reset", "slow", "cut", "bad_token"]
_AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
_GET = ("gettoken", "agent/get", "user/get")
_LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class Call:
    """A request: `path` as in `message/send`; `result` is the errcode of the answer, or the fault's name."""

    path: str
    body: bytes
    at: float
    result: int | str


class WecomServer:
    """A context manager; point `api:` of a channel at `url`. It keeps the limits of WeCom by `clock`.

    `robots` are names of groups by key; `users` may be written to. Change `app.users`, `app.closed`, `app.callback` and `robots` at any
    time. `received` is what people saw, in order; `discarded` what WeCom dropped without a word.
    """

    def __init__(
        self,
        users: Collection[str] = ("zhangsan", "lisi"),
        robots: Mapping[str, str] = {"robot-key": "ops"},
        *,
        corp_id: str = "ww0123456789abcdef",
        secret: str = "application-secret",  # noqa: S107
        agent_id: int = 1000002,
        token: str = "callback-token",  # noqa: S107
        aes_key: str = _AES_KEY,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.app = App(corp_id, secret, agent_id, users, clock)
        self.robots = dict(robots)
        self.callback = Callback(token, aes_key, corp_id, clock)
        self.received: list[Received] = []
        self.calls: list[Call] = []
        self._robots = Robots(self.robots, clock)
        self._clock = clock
        self._lock = threading.Lock()
        self._faults: defaultdict[str, deque[tuple[Fault, threading.Event]]] = defaultdict(deque)
        self._releases: list[threading.Event] = []
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> WecomServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for released in self._releases:
            released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def discarded(self) -> list[Received]:
        """What was over a member's limit: answered with errcode 0, seen by nobody."""
        return self.app.discarded

    def seen_by(self, to: str) -> list[Received]:
        """What a person (by userid) or a group (by name) saw."""
        with self._lock:
            return [each for each in self.received if each.to == to]

    def called(self, path: str) -> list[Call]:
        """The requests of one interface, as in `gettoken`."""
        with self._lock:
            return [call for call in self.calls if call.path == path]

    def fail(self, path: str, what: Fault, times: int = 1) -> threading.Event:
        """Spoil the next `times` requests of `path`, after those already to be spoilt.

        An errcode, `http_500`, `html` (with status 200) and `reset` are not carried out; `cut` is, and its answer breaks off; `slow` is
        once the event is set that is returned; `bad_token` revokes the token before it is looked at.
        """
        released = threading.Event()
        with self._lock:
            self._releases.append(released)
            self._faults[path.removeprefix("/cgi-bin/")].extend([(what, released)] * times)
        return released

    def press(self, task_id: str, userid: str, key: str) -> tuple[dict[str, str], bytes]:
        """The parameters and the body that WeCom posts when `userid` presses a button; ValueError for one that was not sent to him."""
        with self._lock:
            card = self.app.cards.get(task_id)
            if (
                card is None
                or key not in card.keys
                or not any(each.to == userid and each.task_id == task_id for each in self.received)
            ):
                raise ValueError(f"{userid} has no button {key!r} of a card {task_id!r}")
            code = self.app.new_code(card)
        return self.callback.post(self.callback.pressed(task_id, userid, key, code, self.app.agent_id))

    def fault(self, path: str) -> tuple[Fault, threading.Event] | None:
        """What is to happen to this request."""
        with self._lock:
            faults = self._faults.get(path)
            return faults.popleft() if faults else None

    def note(self, path: str, body: bytes, result: int | str) -> None:
        """Keep a request that was not looked at."""
        with self._lock:
            self.calls.append(Call(path, body, self._clock.now(), result))

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        """Carry a request out; the whole of WeCom without HTTP."""
        said: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}
        with self._lock:
            try:
                said |= self._carry_out(method, path, query, body)
            except Refused as refused:
                said = refused.answer
            self.calls.append(Call(path, body, self._clock.now(), said["errcode"]))
            return said

    def _carry_out(self, method: str, path: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        if (method == "GET") != (path in _GET):
            raise Refused(
                43001 if path in _GET else 43002, "require GET method" if path in _GET else "require POST method"
            )
        if path == "gettoken":
            return self.app.login(query)
        if path == "webhook/send":
            self.received.append(self._robots.send(query.get("key", ""), body))
            return {}
        self.app.admit(path, query)
        match path:
            case "message/send":
                answer, seen = self.app.send(body)
                self.received += seen
                return answer
            case "message/update_template_card":
                self.app.update(body)
                return {"invaliduser": []}
            case "agent/get":
                return self.app.about(query)
            case "user/get":
                return self.app.member(query)
        raise Refused(-1, f"{path} is not known to this mock")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # With the usual 5, the sixth of many who connect at once waits a second.
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: WecomServer

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        url = urlsplit(self.path)
        path, query = url.path.removeprefix("/cgi-bin/"), dict(parse_qsl(url.query, keep_blank_values=True))
        fault = self.owner.fault(path)
        what: int | str = fault[0] if fault else "none"
        if fault and what == "slow":
            fault[1].wait(_LONGEST_WAIT)
        if what == "bad_token":
            self.owner.app.revoke()
        if what in ("none", "slow", "bad_token", "cut"):
            content = json.dumps(self.owner.answer(self.command, path, query, body), ensure_ascii=False).encode()
            self._write(200, "application/json", content, cut=what == "cut")
            return
        self.owner.note(path, body, what)
        if isinstance(what, int):
            self._write(200, "application/json", json.dumps({"errcode": what, "errmsg": "told to"}).encode())
        elif what == "html":
            self._write(200, "text/html", b"<html>Please log in to the network</html>")
        elif what == "http_500":
            self._write(500, "text/plain", b"internal error")
        else:
            self._hang_up()

    def _write(self, status: int, kind: str, content: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def handle(self) -> None:
        # A client that is killed or tired of waiting is no news.
        with contextlib.suppress(ConnectionError):
            super().handle()

    do_GET = do_POST = _respond

    def log_message(self, *_: object) -> None:
        """Quiet."""
