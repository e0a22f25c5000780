"""A process that tests kill, stop and let go on."""

from __future__ import annotations

import signal
import subprocess


class Victim:
    """What has one; `_process` is set by its start."""

    _process: subprocess.Popen[bytes] | None = None

    def pause(self) -> None:
        """SIGSTOP: it is there and does nothing, its connections stand."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
