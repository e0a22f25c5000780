"""Fanout, indexer and exporters as child processes that a later demo can find and stop, should this one be killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import kunobs
from kunobs.clock import Clock
from kunobs.errors import LocalStackError
from kunobs.local.ports import HOST, choose
from kunobs.local.process import ManagedProcess
from kunobs.names import LEGS

_TAIL_LINES = 15
# Longer than the legs' own drain_timeout, so that they stop by themselves.
_STOP_GRACE = 30.0


class Leg:
    """One `kunobs NAME ARGUMENTS`; its log is `NAME.log` in the stack's folder, its address a key of `section`."""

    def __init__(
        self, name: str, folder: Path, clock: Clock, *, arguments: tuple[str, ...] = (), section: str = ""
    ) -> None:
        self.name = name
        self._arguments, self._section = arguments, section or name
        self.log_file = folder / f"{name}.log"
        self.address = ""
        self._process = ManagedProcess(folder / f"{name}.json", clock)
        self._folder = folder

    def start(self, config: Path, port: int, environ: Mapping[str, str]) -> None:
        """Start it with `config`, its HTTP server on `port`."""
        self.address = f"{HOST}:{port}"
        listen = {f"KUNOBS_{self._section.upper()}__LISTEN": self.address}
        self._process.start(
            [*_python(), "-m", "kunobs", self.name, *self._arguments, "-c", str(config)],
            log=self.log_file,
            cwd=self._folder,
            environ={**own_config_only(environ), **_search_path(environ), **listen},
        )
        self.require_alive()

    def require_alive(self) -> None:
        """Raise LocalStackError with the end of the log when it has ended."""
        if self._process.pid is None:
            raise self._failure(f"ended by itself with exit status {self._process.exit_status()}")

    def stop(self) -> None:
        """SIGTERM, and wait until it has drained. Raises LocalStackError when it failed or had to be killed."""
        self.require_alive()
        gently = self._process.stop(grace=_STOP_GRACE)
        if not gently:
            raise self._failure(f"did not stop within {_STOP_GRACE:.0f} s of SIGTERM")
        if self._process.exit_status():
            raise self._failure(f"failed while stopping, exit status {self._process.exit_status()}")

    def kill(self) -> None:
        """End it, whatever state it is in; also one that an earlier demo left."""
        self._process.stop(grace=5.0)

    def log_tail(self) -> str:
        """The last lines of its log."""
        try:
            lines = self.log_file.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_TAIL_LINES:])

    def _failure(self, what: str) -> LocalStackError:
        return LocalStackError(
            f"kunobs {self.name} {what}; the end of {self.log_file}:\n{self.log_tail()}", hint=f"less {self.log_file}"
        )


def both(folder: Path, clock: Clock) -> tuple[Leg, ...]:
    """The two legs of the stack in `folder`."""
    return tuple(Leg(name, folder, clock) for name in LEGS)


def start(legs: tuple[Leg, ...], config: Path, environ: Mapping[str, str]) -> None:
    """Start all legs on ports of their own."""
    taken: set[int] = set()
    for leg in legs:
        port = choose(taken)
        taken.add(port)
        leg.start(config, port, environ)


def _python() -> list[str]:
    """This Python, with the same care about what else is on its path: `-m` alone puts the working directory first."""
    return [sys.executable, "-I" if sys.flags.isolated else "-P"]


def own_config_only(environ: Mapping[str, str]) -> dict[str, str]:
    """Without the user's KUNOBS_<SECTION>__<KEY>, which may lead to a production cluster."""
    return {name: value for name, value in environ.items() if not (name.startswith("KUNOBS_") and "__" in name)}


def _search_path(environ: Mapping[str, str]) -> dict[str, str]:
    """A checkout that is on our path without being installed must be on the child's too."""
    root = Path(kunobs.__file__).resolve().parent.parent
    if sys.flags.isolated or root.name in ("site-packages", "dist-packages"):
        return {}
    others = [entry for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return {"PYTHONPATH": os.pathsep.join([str(root), *others])}
