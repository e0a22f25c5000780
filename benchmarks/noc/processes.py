"""Programs that the benchmark starts: what is measured has a core of its own, and none outlives the one who started it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks.measure import ROOT
from kunobs.clock import SYSTEM_CLOCK

T = TypeVar("T")
_LOOK = 0.005
_CORES = sorted(os.sched_getaffinity(0))
MEASURED, AROUND = _CORES[0], _CORES[-1]
"""The core for what is measured, and the one for everything else; the same where there is one only."""


def missing_tools() -> str:
    """Which programs of util-linux are not there."""
    return ", ".join(name for name in ("setpriv", "taskset") if shutil.which(name) is None)


class Process:
    """A program in a session of its own, so that Ctrl-C reaches the benchmark alone, which then ends it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        core: int,
        environ: Mapping[str, str] | None = None,
        privileges: Sequence[str] = (),
        end: signal.Signals = signal.SIGKILL,
        talks: bool = False,
    ) -> None:
        self.name, self._end = name, end
        self._log = folder / f"{name}.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("KUNOBS_")}
        prefix = ["setpriv", "--pdeathsig", end.name.removeprefix("SIG"), *privileges, "taskset", "-c", str(core)]
        with self._log.open("ab") as log:
            self.popen = subprocess.Popen(
                [*prefix, *command],
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else log,
                stderr=log,
                cwd=folder if privileges else ROOT,
                env=inherited | dict(environ or {}),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The first process of its session."""
        return self.popen.pid

    def log(self) -> str:
        """The end of what it said."""
        return self._log.read_text(errors="replace")[-2000:]

    def check(self) -> None:
        """Raise when it has died."""
        code = self.popen.poll()
        if code is not None:
            raise RuntimeError(f"{self.name} left with {code}:\n{self.log()}")

    def until(self, condition: Callable[[], T | None], seconds: float, what: str) -> T:
        """What `condition` gives as soon as that is true. Raises RuntimeError when it dies, or after so many seconds."""
        deadline = SYSTEM_CLOCK.monotonic() + seconds
        while not (found := condition()):
            self.check()
            if SYSTEM_CLOCK.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: not within {seconds:g} s: {what}\n{self.log()}")
            SYSTEM_CLOCK.sleep(_LOOK)
        return found

    def crash(self) -> None:
        """The end, for the whole session at once: SIGKILL, or what it was started with."""
        with contextlib.suppress(ProcessLookupError):
            if self._end is signal.SIGKILL:
                os.killpg(self.popen.pid, self._end)
            else:
                self.popen.send_signal(self._end)
        self.popen.wait(60)
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def say(self, line: str) -> None:
        """A line to its standard input."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()

    def hear(self) -> str:
        """A line of its standard output. Raises RuntimeError at its end."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line:
            self.popen.wait(10)
            self.check()
        return line.decode()
