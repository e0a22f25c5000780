"""uvicorn's HTTP/1.1 connection, with the deadlines it lacks: for a request, for silence, for reading the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from kunobs.server.pool import Connection, Pool

# What h11 gathers of a request line and headers that do not end; the application limits those that do.
MAX_HEADER_BYTES = 16 * 1024
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
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_keep_alive=_UNUSED_KEEP_ALIVE,
    )
    config.load()
    return config


class Protocol(H11Protocol):
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

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._connection.end = transport.abort
        if self._client_allowed(transport.get_extra_info("peercert")):
            self._arm("request", self._deadlines.request)
        else:
            self._pool.drop(self._connection, "client_san")

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._settle()

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
        # In the middle of an answer there is no place for another status.
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(f"{msg} Or its headers are over {MAX_HEADER_BYTES} bytes.\n")
        else:
            self.transport.abort()

    def close_when_done(self) -> None:
        """Close now, or after the answer under way."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self.cycle.keep_alive = False

    def _settle(self) -> None:
        """Set the deadline that fits what the connection waits for now."""
        if self.transport.is_closing():
            self._arm_once("write", self._deadlines.write)
        elif self.flow.write_paused:
            return
        elif self.conn.their_state in (h11.DONE, h11.MUST_CLOSE):
            self._disarm()
            self._pool.busy(self._connection)
        elif self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0] and self.cycle is not None:
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
