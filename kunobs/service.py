"""The one way a process starts, becomes ready, drains, and leaves with a code that means something.

The first SIGTERM or SIGINT begins the drain, the second leaves at once, and so does the drain's deadline:

    0  main returned: drained, or its work is done      3  the drain took longer than drain_timeout
    1  main failed                                      4  a second signal: left without draining
    2  configuration or command line is wrong

Signals reach a thread of ours through a pipe that Python's C handler writes to, so they work while main is inside a C
call, and nothing of ours runs in the middle of main's own code.
"""

from __future__ import annotations

import contextlib
import os
import platform
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import FrameType
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector

from kunobs import __version__
from kunobs.catalogue.metrics import Metrics
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import KunobsError, UsageError
from kunobs.log import get_logger

if TYPE_CHECKING:
    from kunobs.server import Server
    from kunobs.server.asgi import App
    from kunobs.server.scrape import Source

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# How long a last line may take when stderr is blocked.
LAST_WORDS = 0.5
_NO_SIGNAL = b"\0"


class Exit(IntEnum):
    """The exit codes; a KunobsError brings its own, 1 or 2."""

    DRAINED = 0
    FAILED = 1
    CONFIG = 2
    DEADLINE = 3
    ABANDONED = 4


@dataclass(frozen=True)
class Serve:
    """The process' HTTP server, see kunobs.server.Server; `config` must hold no secret."""

    listen: str
    registry: CollectorRegistry
    config: Mapping[str, object] = field(default_factory=dict)
    web_config_file: str = ""
    max_connections: int = 512
    idle_timeout: float = 60.0
    max_body: int = 1024 * 1024
    max_scrapes: int = 8
    routes: Mapping[str, App] = field(default_factory=dict)
    links: Sequence[str] = ()
    source: Source | None = None


class Lifecycle:
    """What main is told about its own end, and what it tells others about its state. Safe between threads."""

    def __init__(self, drain_timeout: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._drain_timeout, self._clock = drain_timeout, clock
        self._stopping = threading.Event()
        self._deadline: float | None = None
        self._not_ready, self._unhealthy = "starting", ""
        self._on_stop: Callable[[], object] = lambda: None

    @property
    def stopping(self) -> bool:
        """True once the process must finish what it has begun and take nothing new."""
        return self._stopping.is_set()

    @property
    def deadline(self) -> float | None:
        """The clock's monotonic time when the process will be ended; None before the drain begins."""
        return self._deadline

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, at least 0; infinite before the drain begins."""
        return float("inf") if self._deadline is None else max(0.0, self._deadline - self._clock.monotonic())

    def wait(self, seconds: float) -> bool:
        """Wait that long or until the drain begins; True when it has. A test's clock waits in its own way."""
        if self._clock is SYSTEM_CLOCK:
            self._stopping.wait(min(seconds, threading.TIMEOUT_MAX))
        elif not self.stopping:
            self._clock.sleep(seconds)
        return self.stopping

    def stop(self) -> None:
        """Begin the drain from inside, as a signal does from outside; only the first call counts."""
        if not self._stopping.is_set():
            self._deadline = self._clock.monotonic() + self._drain_timeout
            self._stopping.set()
            self._on_stop()

    def ready(self) -> None:
        """The process does its work: /-/ready answers 200."""
        self._not_ready = ""

    def not_ready(self, reason: str) -> None:
        """It does not, and why: /-/ready answers 503 with the reason."""
        self._not_ready = reason or "not ready"

    def healthy(self) -> None:
        """Nothing is wrong that a restart would mend: /-/healthy answers 200."""
        self._unhealthy = ""

    def unhealthy(self, reason: str) -> None:
        """A restart is needed, and why: /-/healthy answers 503 with the reason."""
        self._unhealthy = reason or "unhealthy"

    def why_not_ready(self) -> str:
        """Empty when ready, else the reason; a draining process is not ready."""
        return "draining" if self.stopping else self._not_ready

    def why_unhealthy(self) -> str:
        """Empty when healthy, else the reason."""
        return self._unhealthy


def run(
    part: str,
    main: Callable[[Lifecycle], None],
    *,
    drain_timeout: float,
    serve: Serve | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> int:
    """Run main until it returns and give the exit code; call it from the main thread, once per process.

    main must watch `stopping` (or use `wait`) and return when it has drained.
    """
    life = Lifecycle(drain_timeout, clock)
    with _watching(part, life):
        return _run(part, main, life, serve)


def process_metrics(metrics: Metrics, life: Lifecycle) -> None:
    """The metrics every process has: build, readiness, and prometheus-client's of the process."""
    info = {"version": __version__, "python": platform.python_version(), "part": metrics.part}
    metrics.info("kunobs_build_info").info(info)
    metrics.gauge("kunobs_process_ready").set_function(lambda: 0.0 if life.why_not_ready() else 1.0)
    ProcessCollector(registry=metrics.registry)


def _run(part: str, main: Callable[[Lifecycle], None], life: Lifecycle, serve: Serve | None) -> int:
    log = get_logger(part)
    server: Server | None = None
    try:
        if serve is not None:
            process_metrics(Metrics(serve.registry, part), life)
            server = _start_server(part, life, serve)
        log.info("started", version=__version__)
        main(life)
        log.info("drained" if life.stopping else "finished")
        return int(Exit.DRAINED)
    except KunobsError as error:
        log.error("failed", error=str(error), hint=error.hint, exit_code=error.exit_code)  # noqa: TRY400 - for people
        print(f"kunobs {part}: {error.render()}", file=sys.stderr, flush=True)
        return error.exit_code
    except Exception:
        log.exception("failed unexpectedly", exit_code=int(Exit.FAILED))
        return int(Exit.FAILED)
    finally:
        life.not_ready("stopped")
        if server is not None:
            server.stop()


def _start_server(part: str, life: Lifecycle, serve: Serve) -> Server:
    try:
        # Here, because the plain install has the command line and the client but no server.
        from kunobs.server import Server
    except ImportError as error:
        raise UsageError(f"`kunobs {part}` needs {error.name}", hint="pip install 'kunobs[all]'") from error
    server = Server(
        part,
        serve.listen,
        serve.registry,
        config=serve.config,
        ready=life.why_not_ready,
        healthy=life.why_unhealthy,
        web_config_file=serve.web_config_file,
        max_connections=serve.max_connections,
        idle_timeout=serve.idle_timeout,
        max_body=serve.max_body,
        max_scrapes=serve.max_scrapes,
        routes=serve.routes,
        links=serve.links,
        source=serve.source,
    )
    server.start()
    return server


@contextlib.contextmanager
def _watching(part: str, life: Lifecycle) -> Iterator[None]:
    """Signals and the deadline are watched for the length of the block, and longer while threads are left."""
    before = threading.enumerate()
    watchdog = _Watchdog(part, life)
    watchdog.start()
    try:
        yield
    finally:
        left = [thread.name for thread in threading.enumerate() if not thread.daemon and thread not in before]
        if left and life.stopping:
            # The interpreter waits for them, perhaps for ever: the deadline must stay.
            get_logger(part).warning("threads still run after the drain", threads=left)
        else:
            watchdog.close()


class _Watchdog:
    """The thread that takes signals from the pipe, begins the drain, and ends the process when that takes too long."""

    def __init__(self, part: str, life: Lifecycle) -> None:
        self._log = get_logger(part)
        self._life = life
        self._signalled = False
        self._closed = False
        self._before: dict[int, Any] = {}
        self._wakeup_before = -1
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._thread = threading.Thread(target=self._watch, name="kunobs-watchdog", daemon=True)

    def start(self) -> None:
        """Take over the signals; ValueError outside the main thread."""
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _ignore) for number in SIGNALS}
        self._life._on_stop = self._wake
        self._thread.start()

    def close(self) -> None:
        """Give the signals back to who had them."""
        self._closed = True
        self._wake()
        self._thread.join()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._read)
        os.close(self._write)

    def _wake(self) -> None:
        # A full pipe wakes the thread as well.
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, _NO_SIGNAL)

    def _watch(self) -> None:
        while not self._closed:
            left = self._life.remaining
            select.select([self._read], [], [], None if left == float("inf") else left)
            for number in self._take():
                if number in SIGNALS:
                    self._on_signal(signal.Signals(number).name)
            if self._life.remaining <= 0 and not self._closed:
                self._leave(Exit.DEADLINE, "the drain took too long, leaving", main=_main_stack())

    def _take(self) -> bytes:
        try:
            return os.read(self._read, 4096)
        except BlockingIOError:
            return b""

    def _on_signal(self, name: str) -> None:
        if self._signalled:
            self._leave(Exit.ABANDONED, "second signal, leaving without draining", signal=name)
        self._signalled = True
        # Said before main can answer with "drained".
        self._say("info", "draining", signal=name)
        self._life.stop()

    def _leave(self, code: Exit, event: str, **fields: Any) -> None:
        self._say("error", event, exit_code=int(code), **fields)
        os._exit(code)

    def _say(self, level: str, event: str, **fields: Any) -> None:
        """Log from another thread: main may hold the log's lock, blocked on a stderr that nobody reads."""
        speak = threading.Thread(target=lambda: getattr(self._log, level)(event, **fields), daemon=True)
        speak.start()
        speak.join(LAST_WORDS)


def _ignore(signum: int, frame: FrameType | None) -> None:
    """What Python calls in the main thread; the C handler has written to the pipe before."""


def _main_stack() -> str:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    return "".join(traceback.format_stack(frame, limit=20)) if frame else ""
