"""The HTTP server of a process: binds, serves from a thread with its own event loop, stops within bounds."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from uvicorn.server import ServerState

from kunobs.catalogue.metrics import Metrics
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.log import get_logger, repeated
from kunobs.server.acceptor import Acceptor
from kunobs.server.address import Address, bind, parse
from kunobs.server.app import Application
from kunobs.server.asgi import App
from kunobs.server.body import limited_body
from kunobs.server.metrics import ServerMetrics
from kunobs.server.pages import Check, get_only, landing_page, state_page
from kunobs.server.pool import Connection, Pool
from kunobs.server.protocol import Deadlines, Protocol, make_config
from kunobs.server.scrape import MAX_SCRAPES, MetricsApp, Source, from_registry
from kunobs.server.threads import report
from kunobs.server.tls import allowed_name
from kunobs.server.web_state import Active, WebState

REQUEST_TIMEOUT = 10.0
WRITE_TIMEOUT = 30.0
MAX_BODY = 1024 * 1024
# Requests that are answered at a time, but for GET and HEAD; more than one transaction of a relay takes.
MAX_BUSY = 1024
# The server's end comes last in a process, when what is worth waiting for has been answered.
GRACE = 1.0

log = get_logger("server")


class Server:
    """`/metrics`, `/-/healthy`, `/-/ready`, `/` and a process' own `routes` on one address.

    `config` is shown to everybody, so it must hold no secret. `ready` and `healthy` answer "" or why not, and like the
    routes they run in the server's event loop and must not block. A route replaces a built-in page of the same path;
    one whose path ends with "/" answers everything below it. The landing page shows them all, and `links` beside them.
    `source` replaces what `/metrics` collects.
    """

    def __init__(
        self,
        part: str,
        listen: str,
        registry: CollectorRegistry,
        *,
        config: Mapping[str, object],
        ready: Check,
        healthy: Check,
        web_config_file: str = "",
        max_connections: int = 512,
        max_busy: int = MAX_BUSY,
        idle_timeout: float = 60.0,
        request_timeout: float = REQUEST_TIMEOUT,
        write_timeout: float = WRITE_TIMEOUT,
        max_body: int = MAX_BODY,
        max_scrapes: int = MAX_SCRAPES,
        routes: Mapping[str, App] | None = None,
        links: Sequence[str] = (),
        source: Source | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """ConfigError when `listen` or the web configuration file is wrong."""
        self._address = parse(listen)
        self._metrics = ServerMetrics(Metrics(registry, part))
        self._web = WebState(web_config_file, self._metrics, clock)
        self._pool = Pool(max_connections, max_busy, self._metrics)
        self._deadlines = Deadlines(request_timeout, idle_timeout, write_timeout)
        own = {path: limited_body(app, max_body) for path, app in (routes or {}).items()}
        paths = ("/metrics", "/-/healthy", "/-/ready", *own)
        shown = (*paths, *links)
        landing = landing_page(part, config=config, ready=ready, healthy=healthy, paths=shown, clock=clock)
        scrape = MetricsApp(source or from_registry(registry), self._metrics, max_scrapes=max_scrapes)
        pages = {
            "/metrics": get_only(scrape),
            "/-/healthy": get_only(state_page(healthy, "healthy")),
            "/-/ready": get_only(state_page(ready, "ready")),
            "/": get_only(landing),
        } | own
        self._config = make_config(Application(pages, self._web, self._metrics, clock))
        self._state = ServerState()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """`host:port` bound to, with the real port where 0 was asked for."""
        return str(self._address)

    @property
    def url(self) -> str:
        """Where a program on this machine reaches the server."""
        scheme = "https" if self._web.current().context else "http"
        return f"{scheme}://{self._address.reachable}"

    def start(self) -> str:
        """Listen and serve; the bound address. ListenError when the address cannot be had."""
        sockets = bind(self._address)
        self._address = Address(self._address.host, sockets[0].getsockname()[1])
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(sockets, started.set), name="kunobs-server", daemon=True
        )
        self._thread.start()
        started.wait()
        log.info("listening", address=self.address, tls=self._web.current().context is not None)
        return self.address

    def stop(self, grace: float = GRACE) -> None:
        """Close the address, give answers under way `grace` seconds, cut the rest; twice does no harm."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = None
        report(loop, lambda: self._begin_stop(grace))
        thread.join(grace + 5.0)

    def _run(self, sockets: list[socket.socket], started: Callable[[], None]) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve(sockets, started))
        except Exception:
            # Nobody else would say why the process is deaf.
            log.exception("the HTTP server died")
        finally:
            started()

    async def _serve(self, sockets: list[socket.socket], started: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_log_loop_error)
        self._stopping: asyncio.Future[float] = self._loop.create_future()
        acceptor = Acceptor(
            sockets,
            pool=self._pool,
            web=self._web,
            metrics=self._metrics,
            make_protocol=self._make_protocol,
            handshake_timeout=self._deadlines.request,
        )
        started()
        grace = await self._stopping
        await acceptor.close()
        for connection in list(self._state.connections):
            connection.close_when_done()  # type: ignore[union-attr]
        if self._state.tasks:
            await asyncio.wait(list(self._state.tasks), timeout=grace)
        for left in self._pool.everyone():
            left.end()
        # One turn of the loop, for the transports to close their sockets.
        await asyncio.sleep(0)

    def _begin_stop(self, grace: float) -> None:
        if not self._stopping.done():
            self._stopping.set_result(grace)

    def _make_protocol(self, connection: Connection, active: Active) -> Protocol:
        sans = active.config.tls.client_allowed_sans if active.config.tls else frozenset()

        def client_allowed(certificate: Any) -> bool:
            return not sans or allowed_name(certificate, sans)

        return Protocol(self._config, self._state, connection, self._pool, self._deadlines, client_allowed)


def _log_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    text = context["message"]
    repeated(log, f"loop {text}", text, level="error", exc_info=context.get("exception"))
