"""The embedded store: SQLite with one writing thread, whose every commit carries all changes that wait by then.

A commit waits for the disk (WAL, synchronous FULL), so what makes many changes a second possible is to share it. Only this
connection writes and checkpoints: two that do can corrupt a database in SQLite before 3.51.3 (https://sqlite.org/wal.html,
"the WAL-reset bug"). Readers open the file read-only.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal, TypeVar

from kunobs import crash
from kunobs.errors import KunobsError
from kunobs.log import get_logger, repeated
from kunobs.noc.store.port import Change, Row, StoreUnavailable, Tx

T = TypeVar("T")
_log = get_logger("noc.store")
# More per commit would let the first wait for the last.
_AT_ONCE = 256
_READERS = 4
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA journal_size_limit=67108864",
)
_KINDS = {
    "SQLITE_FULL": ("disk_full", "free some space on its file system"),
    "SQLITE_IOERR": ("disk_error", "look at dmesg and the disk"),
    "SQLITE_READONLY": ("read_only", "is its file system mounted read-only?"),
    "SQLITE_CANTOPEN": ("cannot_open", "do the folder and its rights exist?"),
    "SQLITE_BUSY": ("busy", "which other program has the database open? fuser FILE"),
}


class SqliteTx:
    """A Tx over a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        return self._execute(sql, parameters).fetchall()

    def row(self, sql: str, *parameters: Any) -> Row | None:
        # All rows are fetched, because an unfinished statement would keep the savepoint from being released.
        found = self._execute(sql, parameters).fetchall()
        return found[0] if found else None

    def run(self, sql: str, *parameters: Any) -> int:
        return self._execute(sql, parameters).rowcount


class SqliteStore:
    """A Store in one file, owned by one process. Raises KunobsError when another has it or the file is damaged."""

    dialect: Literal["sqlite", "postgres"] = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: queue.SimpleQueue[tuple[Change[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        # Between the look at `_closed` and the queue, so that nothing is put in after the last was taken out.
        self._door = threading.Lock()
        self._lock = _own(path)
        self._readers: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        try:
            self._connection: sqlite3.Connection | None = self._open()
        except BaseException:
            os.close(self._lock)
            raise
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    def submit(self, change: Change[T]) -> Future[T]:
        future: Future[T] = Future()
        with self._door:
            if not self._closed:
                self._waiting.put((change, future))
                return future
        future.set_exception(StoreUnavailable("closed", "the store is closed"))
        return future

    def write(self, change: Change[T]) -> T:
        return self.submit(change).result()

    def read(self, query: Change[T]) -> T:
        connection, sound = self._reader(), True
        try:
            connection.execute("BEGIN")
            try:
                return query(SqliteTx(connection))
            finally:
                connection.rollback()
        except sqlite3.Error as error:
            sound = False
            raise self._unavailable(error) from error
        finally:
            if sound and not self._closed and self._readers.qsize() < _READERS:
                self._readers.put(connection)
            else:
                connection.close()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Never called: no other process writes."""

    def close(self) -> None:
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        with contextlib.suppress(queue.Empty):
            while True:
                self._readers.get_nowait().close()
        if self._connection is not None:
            self._connection.close()
        os.close(self._lock)

    # The writing thread.

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            with contextlib.suppress(queue.Empty):
                while len(batch) < _AT_ONCE:
                    following = self._waiting.get_nowait()
                    if following is None:
                        self._waiting.put(None)
                        break
                    batch.append(following)
            self._commit(batch)
        self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                late = self._waiting.get_nowait()
                if late is not None and late[1].set_running_or_notify_cancel():
                    late[1].set_exception(StoreUnavailable("closed", "the store is closed"))

    def _commit(self, batch: list[tuple[Change[Any], Future[Any]]]) -> None:
        """One transaction for all; each change in a savepoint of its own. Whoever gave up waiting is left out."""
        batch = [(change, future) for change, future in batch if future.set_running_or_notify_cancel()]
        done: list[tuple[Future[Any], Any]] = []
        failed: list[tuple[Future[Any], BaseException]] = []
        try:
            connection = self._connection = self._connection or self._connect()
            connection.execute("BEGIN IMMEDIATE")
            tx = SqliteTx(connection)
            for change, future in batch:
                connection.execute("SAVEPOINT change")
                try:
                    done.append((future, change(tx)))
                except BaseException as error:
                    if getattr(error, "sqlite_errorname", "").startswith(tuple(_KINDS)):
                        raise
                    connection.execute("ROLLBACK TO change")
                    failed.append((future, error))
                connection.execute("RELEASE change")
            crash.reach("noc.before_commit")
            connection.commit()
        except Exception as error:  # noqa: BLE001  the thread must live, and everybody must hear
            self._give_up(batch, error)
            return
        crash.reach("noc.after_commit")
        for future, result in done:
            future.set_result(result)
        for future, reason in failed:
            future.set_exception(reason)

    def _give_up(self, batch: list[tuple[Change[Any], Future[Any]]], error: Exception) -> None:
        """Nothing of the batch is kept. After a failed fsync nobody knows what the disk has, so the file is opened and recovered anew."""
        unavailable = self._unavailable(error)
        repeated(
            _log, f"store:{unavailable.kind}", "the store takes nothing", reason=str(unavailable), hint=unavailable.hint
        )
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.rollback()
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        for _, future in batch:
            future.set_exception(unavailable)

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        name = getattr(error, "sqlite_errorname", "")
        for prefix, (kind, hint) in _KINDS.items():
            if name.startswith(prefix):
                return StoreUnavailable(kind, f"{self._path}: {error}", hint=hint)
        return StoreUnavailable("other", f"{self._path}: {name or type(error).__name__}: {error}")

    # Connections.

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=512)
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        return connection

    def _reader(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreUnavailable("closed", "the store is closed")
        with contextlib.suppress(queue.Empty):
            return self._readers.get_nowait()
        address = f"{self._path.absolute().as_uri()}?mode=ro"
        try:
            return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def _open(self) -> sqlite3.Connection:
        """The first connection, once the file is known to be sound."""
        try:
            connection = self._connect()
            found = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
        except sqlite3.OperationalError as error:
            raise self._unavailable(error) from error
        except sqlite3.DatabaseError as error:
            found = [str(error)]
        if found == ["ok"]:
            return connection
        raise KunobsError(
            f"{self._path} is damaged: {'; '.join(found)}",
            hint=f"keep it for inquiry and begin anew: mv {self._path} {self._path}.damaged; or restore a copy",
        )


def _own(path: Path) -> int:
    """Lock the database for this process; the lock ends with the process however that ends."""
    lock = Path(f"{path}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable("cannot_open", f"{lock}: {error.strerror}", hint=f"mkdir -p {path.parent}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise StoreUnavailable("cannot_open", f"{lock}: {error.strerror}") from error
        raise KunobsError(
            f"another process has {path} open", hint=f"is a relay running already? fuser {lock}"
        ) from error
    return handle


_: type[Tx] = SqliteTx
