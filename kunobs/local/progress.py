"""What `kunobs local` says while it works: a bar on a terminal, plain lines elsewhere, nothing for programs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn


class Reporter:
    """Says nothing; the base of those that do. Its methods may be called from several threads."""

    def note(self, text: str) -> None:
        """One step that is done or a fact worth knowing."""

    @contextmanager
    def download(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """A download of `total` bytes; yields a function that takes the bytes received since its last call."""
        yield lambda _size: None


class PlainReporter(Reporter):
    """A line per step, and a line per quarter of a download."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._lock = threading.Lock()

    def note(self, text: str) -> None:
        with self._lock:
            print(text, file=self._out, flush=True)

    @contextmanager
    def download(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Say 0, 25, 50, 75 and 100 %."""
        received, said = 0, 0
        self.note(f"downloading {label}: {total / 1e6:.0f} MB")

        def advance(size: int) -> None:
            nonlocal received, said
            with self._lock:
                received += size
                quarter = min(4, received * 4 // max(total, 1))
                if said < quarter < 4:
                    said = quarter
                    print(f"downloading {label}: {25 * quarter} %", file=self._out, flush=True)

        yield advance
        self.note(f"downloaded {label}")


class RichReporter(Reporter):
    """A bar per download above a list of steps, on a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=self._console,
        )
        self._open = 0
        self._lock = threading.Lock()

    def note(self, text: str) -> None:
        self._progress.console.print(text, highlight=False, markup=False)

    @contextmanager
    def download(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar of its own."""
        with self._lock:
            self._open += 1
            if self._open == 1:
                self._progress.start()
        task = self._progress.add_task(label, total=total)
        try:
            yield lambda size: self._progress.advance(task, size)
        finally:
            with self._lock:
                self._open -= 1
                if self._open == 0:
                    self._progress.stop()


def reporter_for(stream: TextIO) -> Reporter:
    """The reporter that suits `stream`: bars only where a person watches."""
    return RichReporter(Console(file=stream)) if stream.isatty() else PlainReporter(stream)
