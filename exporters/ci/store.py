"""The store: one SQLite file and one thread that writes it, whose every commit carries all changes that wait by then.

A change's future is done when its transaction is on the disk. Only this connection writes and checkpoints: two that do can
corrupt a database in SQLite before 3.51.3 (https://sqlite.org/wal.html, "the WAL-reset bug"). Scrapes open the file read-only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from exporters.ci import schema
from exporters.ci.ledger import Ledger
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import KunobsError, UnavailableError
from kunobs.log import get_logger, repeated

FILE = "ci.sqlite"
# More per commit would let the first wait for the last.
_AT_ONCE = 256
_CLEANING = 600.0
_log = get_logger("exporter.ci")
_HINTS = {
    "SQLITE_FULL": "free some space on its file system",
    "SQLITE_IOERR": "look at dmesg and the disk",
    "SQLITE_READONLY": "is its file system mounted read-only?",
    "SQLITE_CANTOPEN": "do the folder and its rights exist?",
    "SQLITE_BUSY": "which other program has it open? fuser {path}",
    "SQLITE_NOTADB": "keep it for inquiry and begin anew: mv {path} {path}.old",
    "SQLITE_CORRUPT": "keep it for inquiry and begin anew: mv {path} {path}.old",
}
# What a change does wrong by itself, and no disk.
_OWN = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)

Result = TypeVar("Result")
Change = Callable[[sqlite3.Connection, float], Result]


class StoreError(UnavailableError):
    """The store takes nothing now; what was to be stored is not."""


class Store:
    """Owns `folder`/ci.sqlite. KunobsError when another process has it, it is newer, foreign or damaged."""

    def __init__(self, folder: Path, ledger: Ledger, clock: Clock = SYSTEM_CLOCK) -> None:
        self.path = folder / FILE
        self._ledger, self._clock = ledger, clock
        self._waiting: queue.SimpleQueue[tuple[Change[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        # Between the look at `_closed` and the queue, so that nothing is put in after the last was taken out.
        self._door = threading.Lock()
        self._cleaned = clock.monotonic()
        # While it is open SQLite keeps the -wal and -shm files, which scrapes need and may not make, also while nothing is written.
        self._anchor: sqlite3.Connection | None = None
        self._lock = _own(self.path)
        try:
            self._connection: sqlite3.Connection | None = self.open()
        except BaseException as error:
            os.close(self._lock)
            if isinstance(error, sqlite3.Error):
                raise self._unavailable(error) from error
            raise
        self._thread = threading.Thread(target=self._work, name="kunobs-ci-store", daemon=True)
        self._thread.start()

    def submit(self, change: Change[Result]) -> Future[Result]:
        """Run `change(connection, now)` in the next transaction. The future's result means that it is on the disk.

        StoreError in the future: nothing of it is. Any other exception is the change's own, and nothing of it is kept.
        """
        future: Future[Result] = Future()
        with self._door:
            if not self._closed:
                self._waiting.put((change, future))
                return future
        future.set_exception(StoreError("the store is closed"))
        return future

    def close(self) -> None:
        """Commit what waits and let go of the file."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        # The writer last: it takes the WAL into the file.
        for connection in (self._anchor, self._connection):
            if connection is not None:
                connection.close()
        os.close(self._lock)

    def open(self) -> sqlite3.Connection:
        """A connection to a file that is known to be ours and sound."""
        connection = schema.connect(self.path, self._clock.now())
        try:
            self._ledger.load(connection)
            anchor, self._anchor = self._anchor, schema.reader(self.path)
            self._anchor.execute("SELECT count(*) FROM meta").fetchone()
        except BaseException:
            connection.close()
            raise
        if anchor is not None:
            anchor.close()
        return connection

    # The writing thread.

    def _work(self) -> None:
        ending = False
        while not ending:
            batch = [self._waiting.get()]
            with contextlib.suppress(queue.Empty):
                while len(batch) < _AT_ONCE:
                    batch.append(self._waiting.get_nowait())
            ending = None in batch
            # Whoever gave up waiting is left out.
            self._commit([one for one in batch if one is not None and one[1].set_running_or_notify_cancel()])

    def _commit(self, batch: list[tuple[Change[Any], Future[Any]]]) -> None:
        """One transaction for all; when a change fails by itself, each has one of its own."""
        if not batch:
            return
        try:
            connection = self._connection = self._connection or self.open()
            connection.execute("BEGIN IMMEDIATE")
            now = self._clock.now()
            results = [change(connection, now) for change, _ in batch]
            if self._clock.monotonic() - self._cleaned >= _CLEANING:
                self._cleaned = self._clock.monotonic()
                self._ledger.clean(connection, now)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - the thread must live, and everybody must hear
            self._failed(batch, error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)

    def _failed(self, batch: list[tuple[Change[Any], Future[Any]]], error: Exception) -> None:
        """Nothing of the batch is kept. After a failed fsync nobody knows what the disk has: the file is opened anew."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.rollback()
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        own = not isinstance(error, (sqlite3.DatabaseError, KunobsError)) or isinstance(error, _OWN)
        if own and len(batch) > 1:
            for one in batch:
                self._commit([one])
            return
        if not own:
            error = self._unavailable(error)
            repeated(_log, "ci store", "the store takes nothing", reason=str(error), hint=error.hint)
        for _, future in batch:
            future.set_exception(error)

    def _unavailable(self, error: Exception) -> StoreError:
        name = getattr(error, "sqlite_errorname", "")
        hint = next((text for prefix, text in _HINTS.items() if name.startswith(prefix)), getattr(error, "hint", ""))
        hint = hint.replace("{path}", str(self.path))
        return StoreError(f"{self.path}: {error}" if name else str(error), hint=hint)


def _own(path: Path) -> int:
    """Lock the file for this process; the lock ends with the process however that ends."""
    lock = path.with_suffix(".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{lock}: {error.strerror}", hint=f"mkdir -p {path.parent}; set exporters.ci.data") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreError(f"{path} is another process'", hint=f"fuser {lock}") from error
    return handle
