"""What the three services share: prepare, start, wait until ready, stop, and say how they are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kunobs.errors import LocalStackError
from kunobs.local.ports import HOST, require_free
from kunobs.local.process import ManagedProcess
from kunobs.local.tools import Tools

READY_TIMEOUT = 180.0
STOP_GRACE = 20.0
LOG_LIMIT = 16 * 1024 * 1024
_TAIL_LINES = 12


@dataclass(frozen=True)
class ServiceStatus:
    """How one service is; sizes in bytes, uptime in seconds, pid None unless it runs."""

    name: str
    program: str
    version: str
    state: str  # running | paused | stopped | died
    endpoint: str
    pid: int | None
    uptime: float
    memory: int
    data: int
    log: str


class Service(ABC):
    """A Java program of the stack, its folder and its process; all methods may be called from any thread."""

    program: ClassVar[str]
    title: ClassVar[str]
    ready_marker: ClassVar[bytes]

    def __init__(self, name: str, folder: Path, version: str, tools: Tools, heap: str) -> None:
        self.name = name
        self.folder = folder
        self.stack = folder.parent.name
        self.version = version
        self.tools = tools
        self.heap = heap
        self.log_file = folder / "server.log"
        self.process = ManagedProcess(folder / "process.json", tools.clock)

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """Where clients connect."""

    @property
    @abstractmethod
    def ports(self) -> tuple[int, ...]:
        """Every port the service listens on."""

    @abstractmethod
    def prepare(self) -> list[str]:
        """Write the service's files, format its storage if new, and return the command that runs it."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid

    def start(self) -> None:
        """Start it and wait until it serves; one that runs already is only woken if paused.

        Raises LocalStackError with the end of its log when it dies or does not get ready, DownloadError for its jars.
        """
        if self.pid is not None:
            self.resume()
            self._wait_answering()
            return
        began = self.tools.clock.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._require_space()
        for port in self.ports:
            require_free(port, self.name, self.stack)
        scratch = self.folder / "tmp"
        shutil.rmtree(scratch, ignore_errors=True)  # native libraries that a killed JVM left
        scratch.mkdir()
        command = self.prepare()
        offset = self._rotate_log()
        # Without a UTF-8 locale Java cannot open a path that is not ASCII.
        environ = {**self.tools.environ, "LC_ALL": "C.UTF-8"}
        self.process.start(command, log=self.log_file, cwd=self.folder, environ=environ)
        self._wait_ready(offset)
        seconds = self.tools.clock.monotonic() - began
        self.tools.reporter.note(
            f"{self.name}: {self.title} {self.version} on {self.endpoint}, ready after {seconds:.1f} s"
        )

    def stop(self, *, grace: float = STOP_GRACE) -> bool:
        """Stop it gracefully, by force after `grace` seconds; True when no force was needed."""
        return self.process.stop(grace=grace)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.process.kill()

    def restart(self) -> None:
        """Stop, then start on the same port and data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: it accepts connections and answers nothing, as a host that swaps or a network that hangs."""
        self.process.pause()

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self.process.signal(signal.SIGCONT)

    def status(self) -> ServiceStatus:
        """How it is now."""
        pid = self.pid
        if pid is not None:
            state = "paused" if self.process.paused() else "running"
        else:
            state = "died" if self.process.recorded() is not None else "stopped"
        return ServiceStatus(
            name=self.name,
            program=self.program,
            version=self.version,
            state=state,
            endpoint=self.endpoint,
            pid=pid,
            uptime=self.process.uptime(),
            memory=self.process.rss(),
            data=_disk_use(self.folder / "data"),
            log=str(self.log_file),
        )

    def log_tail(self, lines: int = _TAIL_LINES, *, since: int = 0) -> str:
        """The last lines of its log, of those after byte `since`."""
        try:
            with self.log_file.open("rb") as file:
                file.seek(max(since, self.log_file.stat().st_size - 65536))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _require_space(self) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < self.tools.minimum_free:
            raise LocalStackError(
                f"{self.name} needs {self.tools.minimum_free / 1e9:.1f} GB free in {self.folder}, "
                f"{free / 1e9:.1f} GB are",
                hint=f"kunobs local down --wipe --stack {self.stack}   # deletes its data; "
                "or: export XDG_STATE_HOME=/a/larger/disk",
            )

    def _rotate_log(self) -> int:
        """Keep one old log when it has grown large; returns the offset at which this run's lines begin."""
        if not self.log_file.exists():
            return 0
        size = self.log_file.stat().st_size
        if size < LOG_LIMIT:
            return size
        self.log_file.replace(self.log_file.with_suffix(".log.1"))
        return 0

    def _wait_ready(self, offset: int) -> None:
        deadline = self.tools.clock.monotonic() + READY_TIMEOUT
        while True:
            # Liveness first: a marker written just before a death must not be missed, nor a death after it.
            alive = self.pid is not None
            with self.log_file.open("rb") as file:
                file.seek(offset)
                if self.ready_marker in file.read():
                    return
            if not alive:
                self.process.forget()
                raise self._failure("died while starting", offset)
            if self.tools.cache.cancelled.is_set():
                self.stop(grace=1.0)
                raise LocalStackError(f"{self.name}: start was interrupted")
            if self.tools.clock.monotonic() >= deadline:
                error = self._failure(f"is not ready after {READY_TIMEOUT:.0f} s", offset)
                self.stop()
                raise error
            self.tools.clock.sleep(0.05)

    def _wait_answering(self) -> None:
        """A process that another command started may not listen yet."""
        deadline = self.tools.clock.monotonic() + READY_TIMEOUT
        while self.pid is not None and self.tools.clock.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.ports[0])) == 0:
                    return
            self.tools.clock.sleep(0.05)
        raise self._failure("runs but does not listen", 0)

    def _failure(self, what: str, since: int) -> LocalStackError:
        status = self.process.exit_status()
        code = "" if status is None else f" (exit status {status})"
        return LocalStackError(
            f"{self.name}: {self.title} {self.version} {what}{code}; the end of {self.log_file}:\n"
            f"{self.log_tail(since=since)}",
            hint=f"less {self.log_file}",
        )


def _disk_use(folder: Path) -> int:
    """Bytes on disk, so that preallocated index files count as what they hold."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
            except OSError:  # deleted meanwhile
                continue
    return total
