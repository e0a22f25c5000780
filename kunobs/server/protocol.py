"""uvicorn's HTTP/1.1 connection, with the deadlines it lacks: for a request, for silence, for reading the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from kunobs.server.pool import Connection, Pool

# The parser gathers a request line, headers, chunk extensions and trailers without a limit of its own. What of them comes to an end in
# one piece, the application limits.
MAX_HEADER_BYTES = 16 * 1024
# A byte of a body may come as a chunk of its own, which costs this much more.
_CHUNK_FRAME = 8
MAX_PIPELINED = 16
# Readiness, a scrape or a person at the board do not stand in the queue of those who post.
_ALWAYS = (b"GET ", b"HEAD ")
_UNUSED_KEEP_ALIVE = 10**9
# What goes wrong in a page is logged by the application; the rest of uvicorn's lines a stranger can cause at will.
_silent = logging.getLogger("kunobs.server.uvicorn")
_silent.disabled = True

ClientCheck = Callable[[Any], bool]


@dataclass(frozen=True)
class Deadlines:
    """Seconds: to send a whole request once begun, to be silent between two, to take what is sent."""

    request: float
    idle: float
    write: float


def make_config(app: Any) -> Config:
    """uvicorn's settings for one application; the deadlines and limits are ours."""
    config = Config(
        app,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        http=HttpToolsProtocol,
        timeout_keep_alive=_UNUSED_KEEP_ALIVE,
    )
    config.load()
    return config


class Protocol(HttpToolsProtocol):
    """One connection; tells the pool whether it waits for a request or is being answered."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        connection: Connection,
        pool: Pool,
        deadlines: Deadlines,
        client_allowed: ClientCheck,
    ) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.logger = _silent
        self._connection, self._pool = connection, pool
        self._deadlines = deadlines
        self._client_allowed = client_allowed
        self._timer: asyncio.TimerHandle | None = None
        self._timer_kind = ""
        self._held = b""
        self._receiving = self._refused = False
        self._completed = self._overhead = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._connection.end = transport.abort
        if self._client_allowed(transport.get_extra_info("peercert")):
            self._arm("request", self._deadlines.request)
        else:
            self._pool.drop(self._connection, "client_san")

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._held:
            self._held += data
        elif self._pool.crowded and not self._receiving and not self._answering and not data.startswith(_ALWAYS):
            self._held = data
            self.flow.pause_reading()
            self._disarm()
            self._pool.hold(self._connection, self._let_in)
        else:
            self._feed(data)

    def _let_in(self) -> None:
        data, self._held = self._held, b""
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        completed = self._completed
        super().data_received(data)
        if self._receiving and completed == self._completed:
            self._overhead += len(data)
            if self._overhead > MAX_HEADER_BYTES:
                self.send_400_response("Invalid HTTP request received.")
        self._settle()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._receiving, self._overhead = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer comes when the application has the headers already.
        if self.cycle is None or self.cycle.scope is not self.scope:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests before the first was answered")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise ValueError("RFC 9112 3.2: exactly one Host")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._overhead -= len(body) * (1 + _CHUNK_FRAME)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._receiving, self._completed = False, self._completed + 1
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()
        self._settle()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._arm("write", self._deadlines.write)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._disarm()
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._disarm()
        self._pool.gone(self._connection)

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read; answers to requests that came before it are finished first."""
        self._refused = True
        if self._answering and not self.cycle.more_body:
            self.cycle.keep_alive = False
        elif self._answering and self.cycle.response_started:
            # In the middle of an answer there is no place for another status.
            self.transport.abort()
        else:
            if self._answering:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            super().send_400_response(
                f"{msg} It is no HTTP/1.1, its method is unknown, or its headers are over {MAX_HEADER_BYTES} bytes.\n"
            )

    def close_when_done(self) -> None:
        """Close now, or after the answer under way."""
        self._pool.let_in(self._connection)
        if self._answering:
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _settle(self) -> None:
        """Set the deadline that fits what the connection waits for now."""
        if self.transport.is_closing():
            self._arm_once("write", self._deadlines.write)
        elif self.flow.write_paused:
            return
        elif self._answering and not self.cycle.more_body:
            self._disarm()
            self._pool.busy(self._connection)
        elif not self._receiving and self.cycle is not None:
            self._arm("idle", self._deadlines.idle)
            self._pool.waiting(self._connection)
        else:
            self._arm_once("request", self._deadlines.request)
            self._pool.waiting(self._connection)

    def _arm_once(self, kind: str, seconds: float) -> None:
        """Arm unless that deadline runs already: dripping bytes must not move it."""
        if self._timer is None or self._timer_kind != kind:
            self._arm(kind, seconds)

    def _arm(self, kind: str, seconds: float) -> None:
        self._disarm()
        self._timer_kind = kind
        self._timer = self.loop.call_later(seconds, self._expire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if self._timer_kind == "idle":
            self.transport.close()
            self._settle()
        else:
            self._pool.drop(self._connection, f"{self._timer_kind}_timeout")
