"""Accepts connections, each through its TLS handshake beside the others: a silent one delays nobody."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from typing import Any

from kunobs.log import get_logger, repeated
from kunobs.server.metrics import ServerMetrics
from kunobs.server.pool import Connection, Pool
from kunobs.server.web_state import Active, WebState

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RETRY_ACCEPT = 0.1
_AT_ONCE = 64
_FAREWELL = 1.0
_FULL_TEXT = b"all connections are busy: max_connections\n"
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 5\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n\r\n%s" % (len(_FULL_TEXT), _FULL_TEXT)
)

log = get_logger("server")
MakeProtocol = Callable[[Connection, Active], asyncio.Protocol]


class Acceptor:
    """The listening sockets of one server."""

    def __init__(
        self,
        sockets: list[socket.socket],
        *,
        pool: Pool,
        web: WebState,
        metrics: ServerMetrics,
        make_protocol: MakeProtocol,
        handshake_timeout: float,
    ) -> None:
        self._sockets, self._pool, self._web, self._metrics = sockets, pool, web, metrics
        self._make_protocol = make_protocol
        self._handshake_timeout = handshake_timeout
        self._loop = asyncio.get_running_loop()
        self._tasks = {self._loop.create_task(self._accept(listening)) for listening in sockets}

    async def close(self) -> None:
        """Accept no more and end the handshakes under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listening in self._sockets:
            listening.close()

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                accepted, _ = await self._loop.sock_accept(listening)
            except OSError as error:
                await self._accept_failed(error)
                continue
            self._begin(accepted)
            await self._more(listening)
            # sock_accept does not yield while connections are waiting.
            await asyncio.sleep(0)

    async def _more(self, listening: socket.socket) -> None:
        """Others that wait already: one in each turn of the loop is too slow for a storm, and the kernel cuts whom it cannot queue."""
        for _ in range(_AT_ONCE):
            if self._pool.full:
                # Each would cut another that had no turn to be read yet.
                return
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                await self._accept_failed(error)
                return
            accepted.setblocking(False)
            self._begin(accepted)

    async def _accept_failed(self, error: OSError) -> None:
        repeated(log, "accept", "a connection could not be accepted", error=str(error))
        if error.errno not in _EXHAUSTED or not self._pool.evict():
            await asyncio.sleep(_RETRY_ACCEPT)
        await asyncio.sleep(0)

    def _begin(self, accepted: socket.socket) -> None:
        active = self._web.current()
        connection = Connection(end=accepted.close)
        if not self._pool.admit(connection):
            self._metrics.dropped.labels("full").inc()
            _refuse(accepted, plain=active.context is None)
            return
        task = self._loop.create_task(self._open(accepted, connection, active))
        connection.end = task.cancel
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, accepted: socket.socket, connection: Connection, active: Active) -> None:
        options: dict[str, Any] = {}
        if active.context is not None:
            options = {
                "ssl": active.context,
                "ssl_handshake_timeout": self._handshake_timeout,
                "ssl_shutdown_timeout": _FAREWELL,
            }
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._make_protocol(connection, active), accepted, **options
            )
        except OSError:
            # A stranger, a port scanner or a client that does not know our CA.
            self._metrics.dropped.labels("tls_handshake").inc()
            self._pool.gone(connection)
        except BaseException:
            accepted.close()
            self._pool.gone(connection)
            raise


def _refuse(accepted: socket.socket, *, plain: bool) -> None:
    with contextlib.suppress(OSError):
        if plain:
            accepted.send(_FULL)
        accepted.shutdown(socket.SHUT_WR)
    accepted.close()
