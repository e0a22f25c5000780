"""What the services of one stack share: the jars, the Java runtimes, the clock, and somebody to report to."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import DownloadError
from kunobs.local.artifacts import ArtifactCache
from kunobs.local.java import Java, find_java
from kunobs.local.lockfile import Lock
from kunobs.local.progress import Reporter

MINIMUM_FREE = 1_000_000_000


@dataclass
class Tools:
    """What services need from outside: jars, Java, time, a way to talk; each jar set is verified once per instance."""

    cache: ArtifactCache
    reporter: Reporter = field(default_factory=Reporter)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Clock = SYSTEM_CLOCK
    minimum_free: int = MINIMUM_FREE

    def __post_init__(self) -> None:
        self._jars: dict[str, dict[str, list[Path]]] = {}
        self._failures: dict[str, DownloadError] = {}
        self._locks = {"kafka": threading.Lock(), "elasticsearch": threading.Lock()}
        self._java: dict[int, Java] = {}
        self._java_lock = threading.Lock()

    def jars(self, program: str, version: str) -> dict[str, list[Path]]:
        """The program's jars by place, downloaded if need be. Raises DownloadError."""
        lock = Lock.load(program, version)
        with self._locks[program]:
            if lock.name not in self._jars:
                if lock.name in self._failures:  # of the other cluster a moment ago
                    raise self._failures[lock.name]
                try:
                    self._jars[lock.name] = self.cache.fetch(lock, self.reporter)
                except DownloadError as error:
                    self._failures[lock.name] = error
                    raise
            return self._jars[lock.name]

    def begin(self) -> None:
        """Forget an interrupt and failed downloads: they are tried again."""
        self.cache.cancelled.clear()
        self._failures.clear()

    def java(self, minimum: int) -> Java:
        """A Java runtime of at least `minimum`; what was passed over is noted once. Raises LocalStackError."""
        with self._java_lock:
            if minimum not in self._java:
                self._java[minimum], notes = find_java(minimum, environ=self.environ)
                for note in notes:
                    self.reporter.note(f"java: {note}")
            return self._java[minimum]
