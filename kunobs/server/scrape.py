"""`/metrics`: rendered in a thread of its own, sent as it is made, and never more of them than the limit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry, Metric

from kunobs.errors import KunobsError
from kunobs.log import get_logger, repeated
from kunobs.server.asgi import Receive, Scope, Send, respond, text_header
from kunobs.server.metrics import ServerMetrics
from kunobs.server.negotiate import Format, accepts_gzip, choose_format
from kunobs.server.render import GZIP_BLOCK, Families, blocks, gzipped, render
from kunobs.server.threads import report

MAX_SCRAPES = 8
MAX_PARAMETERS = 1000
# Blocks made ahead of what the client has taken.
AHEAD = 4

log = get_logger("server")


class ScrapeError(Exception):
    """A collector failed after the response had begun; the connection must be cut, not ended."""


class RefusedScrapeError(KunobsError):
    """What a source raises for a request that asks for what there is not; answered 400 with its text."""


@dataclass(frozen=True)
class ScrapeRequest:
    """What a scrape asks for; `timeout` is Prometheus' own deadline in seconds, None when it names none."""

    parameters: Mapping[str, tuple[str, ...]]
    timeout: float | None = None


Source = Callable[[ScrapeRequest], Families]


def from_registry(registry: CollectorRegistry) -> Source:
    """All families of the registry, or those that `name[]` names."""

    def choose(request: ScrapeRequest) -> Families:
        names = request.parameters.get("name[]")
        return registry.restricted_registry(names) if names else registry

    return choose


class MetricsApp:
    """The ASGI app of `/metrics`. `source` is called in the scrape's thread; what it does may block."""

    def __init__(self, source: Source, metrics: ServerMetrics, *, max_scrapes: int = MAX_SCRAPES) -> None:
        self._source = source
        self._metrics = metrics
        self._max = max_scrapes
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one scrape: 400 for a query that asks for what there is not, 503 when too many run, 500 when a collector fails."""
        try:
            request = _read_request(scope)
        except ValueError as error:
            await respond(send, 400, f"bad query: {error}\n")
            return
        chosen = choose_format(text_header(scope, b"accept"))
        zipped = accepts_gzip(text_header(scope, b"accept-encoding"))
        headers = [(b"content-type", chosen.content_type.encode()), (b"vary", b"accept, accept-encoding")]
        if zipped:
            headers.append((b"content-encoding", b"gzip"))
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body"})
        elif self._running >= self._max:
            self._metrics.scrapes_refused.inc()
            text = f"{self._running} scrapes are still running; a collector hangs or too many scrape at once\n"
            await respond(send, 503, text, headers=[(b"retry-after", b"5")])
        else:
            self._running += 1
            rendering = _Rendering(partial(_render, self._source, request, chosen, zipped), self._ended)
            await _send_all(rendering, send, headers)

    def _ended(self) -> None:
        self._running -= 1


def _read_request(scope: Scope) -> ScrapeRequest:
    query = scope["query_string"].decode("latin-1")
    found = parse_qs(query, keep_blank_values=True, errors="replace", max_num_fields=MAX_PARAMETERS)
    header = text_header(scope, b"x-prometheus-scrape-timeout-seconds")
    try:
        timeout = float(header) if header else None
    except ValueError:
        timeout = None
    usable = timeout is not None and 0 < timeout < float("inf")
    return ScrapeRequest({key: tuple(values) for key, values in found.items()}, timeout if usable else None)


def _render(source: Source, request: ScrapeRequest, chosen: Format, zipped: bool) -> Iterator[bytes]:
    parts = blocks(render(source(request), chosen))
    return blocks(gzipped(parts), GZIP_BLOCK) if zipped else parts


class _Rendering:
    """A thread that makes blocks and a loop that takes them; the thread waits when it is too far ahead."""

    def __init__(self, make: Callable[[], Iterator[bytes]], ended: Callable[[], None]) -> None:
        self._make, self._ended = make, ended
        self._loop = asyncio.get_running_loop()
        self._made: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        self._credits = threading.Semaphore(AHEAD)
        self._wanted = True
        threading.Thread(target=self._work, name="kunobs-scrape", daemon=True).start()

    async def next_block(self) -> bytes | None:
        """The next block, None after the last; raises what the collectors raised."""
        block = await self._made.get()
        if isinstance(block, BaseException):
            raise block
        self._credits.release()
        return block

    def abandon(self) -> None:
        """Nobody takes blocks any more: let the thread end at its next one."""
        self._wanted = False
        self._credits.release()

    def _work(self) -> None:
        last: BaseException | None = None
        try:
            for block in self._make():
                if block:
                    self._credits.acquire()
                    if not self._wanted or not report(self._loop, partial(self._made.put_nowait, block)):
                        break
        except BaseException as error:  # noqa: BLE001 - raised again where the response is
            last = error
        report(self._loop, partial(self._finish, last))

    def _finish(self, last: BaseException | None) -> None:
        self._ended()
        self._made.put_nowait(last)


async def _send_all(rendering: _Rendering, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
    """One block becomes a response with a length; a failure before the second block becomes a 500."""
    try:
        try:
            first = await rendering.next_block() or b""
            following = await rendering.next_block() if first else None
        except RefusedScrapeError as error:
            await respond(send, 400, f"{error.render()}\n")
            return
        except Exception as error:  # noqa: BLE001 - collectors may raise anything
            _complain(error)
            await respond(send, 500, f"a collector failed: {type(error).__name__}; the log says more\n")
            return
        if following is None:
            headers = [*headers, (b"content-length", str(len(first)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": first, "more_body": following is not None})
        while following is not None:
            await send({"type": "http.response.body", "body": following, "more_body": True})
            try:
                following = await rendering.next_block()
            except Exception as error:
                _complain(error)
                raise ScrapeError from error
            if following is None:
                await send({"type": "http.response.body"})
    finally:
        rendering.abandon()


def _complain(error: Exception) -> None:
    # prometheus_client appends the whole family, all samples, to what it raises.
    error.args = tuple(argument for argument in error.args if not isinstance(argument, Metric))
    key = f"scrape {type(error).__name__}"
    repeated(log, key, "a collector failed, and the scrape with it", level="error", exc_info=error)
