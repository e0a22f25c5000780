"""A detached process that later commands find again; its start time is kept, so a recycled pid is never touched."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from kunobs.clock import Clock

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Identity:
    """What makes a process the same one: a pid alone comes round again, with start time and boot it does not."""

    pid: int
    start_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The identity of the process that has `pid` now; None when there is none or it is a zombie."""
        try:
            # The command's name may hold spaces and brackets, so fields are counted from its last ")".
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            # A killed JVM is a zombie first and closes its sockets with its last thread.
            if fields[0] in "ZX" and len(os.listdir(f"/proc/{pid}/task")) <= 1:
                return None
        except OSError:
            return None
        return cls(pid, int(fields[19]), _BOOT_ID.read_text().strip())


class ManagedProcess:
    """One program, known by its pid file across commands; every method works from any process of the same user."""

    def __init__(self, pid_file: Path, clock: Clock) -> None:
        self._file = pid_file
        self._clock = clock
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, command: list[str], *, log: Path, cwd: Path, environ: dict[str, str]) -> None:
        """Start `command` in a session of its own, its output appended to `log`."""
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=environ,
                start_new_session=True,
            )
        identity = Identity.of(self._child.pid)
        if identity is None:
            return  # it has ended already; the caller looks at the log
        try:
            temporary = self._file.with_suffix(".tmp")
            temporary.write_text(json.dumps(asdict(identity)))
            temporary.replace(self._file)
        except OSError:
            self._child.kill()  # nobody could find it again
            raise

    @property
    def pid(self) -> int | None:
        """The pid while our process lives, else None."""
        if self._child is not None:
            self._child.poll()  # reaps it: a zombie would keep the pid
        recorded = self.recorded()
        return recorded.pid if recorded is not None and Identity.of(recorded.pid) == recorded else None

    def recorded(self) -> Identity | None:
        """What the pid file says; it stays after a process died by itself and goes when it is stopped on purpose."""
        try:
            return Identity(**json.loads(self._file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def forget(self) -> None:
        """Remove the pid file: the process was stopped on purpose."""
        self._file.unlink(missing_ok=True)

    def exit_status(self) -> int | None:
        """The exit status, when this very program started the process and it has ended."""
        return None if self._child is None else self._child.poll()

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to our process; False when it does not live any more."""
        recorded = self.recorded()
        if recorded is None:
            return False
        try:
            handle = os.pidfd_open(recorded.pid)
        except OSError:
            return False
        try:
            # The handle names one process for good, so looking at the start time after opening it leaves no gap.
            if Identity.of(recorded.pid) != recorded:
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def stop(self, *, grace: float) -> bool:
        """SIGTERM, then SIGKILL after `grace` seconds; True when it ended by itself. Wakes a paused process first."""
        gently = True
        if self.signal(signal.SIGTERM):
            self.signal(signal.SIGCONT)
            gently = self._gone_within(grace)
            if not gently:
                self.kill()
        self.forget()
        return gently

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        if self.signal(signal.SIGKILL):
            self._gone_within(30.0)

    def _gone_within(self, seconds: float) -> bool:
        deadline = self._clock.monotonic() + seconds
        while self.pid is not None:
            if self._clock.monotonic() >= deadline:
                return False
            self._clock.sleep(0.02)
        return True

    def pause(self) -> None:
        """SIGSTOP, and wait until no thread runs: a JVM has dozens, and the last may answer a request meanwhile."""
        if self.signal(signal.SIGSTOP):
            deadline = self._clock.monotonic() + 30.0
            while self.pid is not None and not self.paused() and self._clock.monotonic() < deadline:
                self._clock.sleep(0.005)

    def paused(self) -> bool:
        """True while every thread of the process is stopped by SIGSTOP."""
        pid = self.pid
        if pid is None:
            return False
        with contextlib.suppress(OSError):
            threads = [stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
            return bool(threads) and all(stat.rpartition(")")[2].split()[0] == "T" for stat in threads)
        return False

    def rss(self) -> int:
        """Resident memory in bytes, 0 when it does not run."""
        pid = self.pid
        with contextlib.suppress(OSError, IndexError):
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        return 0

    def uptime(self) -> float:
        """Seconds since it was started, 0 when it does not run."""
        recorded = self.recorded()
        if recorded is None or self.pid is None:
            return 0.0
        return float(Path("/proc/uptime").read_text().split()[0]) - recorded.start_ticks / _TICKS
