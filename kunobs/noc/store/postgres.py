"""The store that relays share: PostgreSQL with one writing thread, whose every commit carries all changes that wait by then.

Each batch begins by taking an advisory lock, in READ COMMITTED whatever the database's default is: so the journal's chain has one writer
at a time in all relays together, and that one sees what the batch before it committed.

Every wait ends. The server cancels a statement after `timeout` and ends a session that is idle in a transaction, or a frozen relay would
keep the lock; after twice that this side gives up, because a server that is stopped does neither, and TCP does not notice.

When the connection ends within COMMIT nobody knows whether the batch was kept. That is StoreUnavailable("commit_unknown"): the change
is submitted again, and finds by a key what it may have done before.

Unlike SQLite's, a change that catches an error of the database fails all the same (its savepoint has ended), and U+0000 in a text
becomes U+FFFD (PostgreSQL has no such text).
"""

from __future__ import annotations

import contextlib
import math
import queue
import re
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from functools import lru_cache, partial
from typing import Any, Literal, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.adapt import Buffer, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumperUnknown

from kunobs import crash
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.secret import Secret
from kunobs.errors import ConfigError
from kunobs.log import get_logger, repeated
from kunobs.noc.store.port import Change, Row, StoreUnavailable, Tx

T = TypeVar("T")
Batch = list[tuple[Change[Any], Future[Any]]]
LOCK = 0x6B756E6F6273
"""The key of the advisory lock that a batch and a migration hold."""
_log = get_logger("noc.store")
# PostgreSQL keeps 64 subtransactions of a session in shared memory; with more, everybody's snapshots become slow.
_AT_ONCE = 64
_READERS = 8
_BEGIN = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({LOCK}); SAVEPOINT change"
# Only when something was written, or two relays whose every notification makes the other look would never rest.
_COMMIT = "SELECT pg_notify('kunobs_noc', '{}') WHERE txid_current_if_assigned() IS NOT NULL; COMMIT"
_SESSION = (
    "SET statement_timeout = {0}; SET idle_in_transaction_session_timeout = {0};"
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_DEFAULTS = "application_name=kunobs connect_timeout=5 keepalives_idle=10 keepalives_interval=5 keepalives_count=3 tcp_user_timeout=15000"
# By the beginning of the SQLSTATE; the first that fits (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_KINDS = {
    "08": ("connection", "is the server up, and its host and port right?"),
    "25006": ("read_only", "a standby? name all servers in the URL and add target_session_attrs=read-write"),
    "25P03": ("timeout", "was this process stopped, or the machine overloaded?"),
    "28": ("denied", "look at the user, the password and the server's pg_hba.conf"),
    "3D000": ("denied", "createdb -E UTF8 -O USER DATABASE"),
    "40": ("conflict", "which other program changes these tables? SELECT * FROM pg_stat_activity"),
    "42501": ("denied", "do the database and its tables belong to the user of the URL?"),
    "53100": ("disk_full", "free some space on the server's file system"),
    "53300": ("too_many_connections", "SHOW max_connections; is there a limit for the user or the database?"),
    "53": ("out_of_resources", "look at the server's log"),
    "55P03": ("timeout", "who holds the lock? SELECT * FROM pg_stat_activity"),
    "57014": ("timeout", "is the server overloaded, or a lock held? SELECT * FROM pg_stat_activity"),
    "57P": ("shutting_down", "is the server being restarted? look at its log"),
    "58": ("disk_error", "look at the server's log"),
}
# libpq does not hand on the SQLSTATE of a refused connection, only what the server said.
_REFUSALS = {
    "53300": re.compile("too many|remaining connection slots"),
    "57P03": re.compile("the database system is"),
    "28000": re.compile("authentication failed|no password supplied|pg_hba.conf|not permitted to log in"),
    "3D000": re.compile("does not exist"),
}
_PIECES = re.compile(r"'[^']*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|[?%]", re.DOTALL)


class Hung(psycopg.OperationalError):
    """The server did not answer before the connection's deadline."""


class Connection(psycopg.Connection[Row]):
    """A connection that gives up at `deadline`, in seconds of the monotonic clock."""

    deadline = math.inf

    def control(self, statements: str, within: float | None = None) -> None:
        """Run several statements at once, without parameters; with `within`, that many seconds are left for them and for what follows."""
        if within is not None:
            self.deadline = SYSTEM_CLOCK.monotonic() + within
        self.execute(statements.encode(), prepare=False)

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """psycopg asks its generators for news ten times a second, whether there are any or not."""
        return super().wait(self._within(gen), *args, **kwargs)

    def _within(self, gen: PQGen[T]) -> PQGen[T]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if SYSTEM_CLOCK.monotonic() > self.deadline:
                    raise Hung("the server does not answer")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


class _Text(StrDumperUnknown):
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\ufffd"))


class _Flag(Loader):
    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class _Number(Loader):
    """sum() of bigints is numeric."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return int(text) if text.lstrip(b"-").isdigit() else float(text)


class Server:
    """Where the database is, for people (`place`) and for psycopg. Raises ConfigError for a URL that cannot be read."""

    def __init__(self, url: str, timeout: float) -> None:
        self.timeout = timeout
        try:
            parts = {**conninfo_to_dict(_DEFAULTS), **conninfo_to_dict(url), "client_encoding": "UTF8"}
        except psycopg.Error:
            parts = {"host": "@"}
        host, port, database = (str(parts.get(key, "")) for key in ("host", "port", "dbname"))
        # A password that is not escaped leaks into these, and from them into libpq's errors.
        if "@" in host + port + database:
            raise ConfigError(
                "the PostgreSQL URL cannot be read",
                hint="postgresql://user:password@host:5432/database, with %40 for @, %2F for / and %25 for % in the password",
            )
        self.place = f"{host}:{port}/{database}"
        self._conninfo = Secret(make_conninfo(**parts))  # type: ignore[arg-type]

    def connect(self) -> Connection:
        """A new connection, each statement its own transaction. Raises StoreUnavailable."""
        try:
            connection = Connection.connect(self._conninfo.reveal(), autocommit=True)
        except psycopg.Error as error:
            raise self.unavailable(error) from error
        adapters = connection.adapters
        for kind in (int, bool):
            adapters.register_dumper(kind, Int8Dumper)
        adapters.register_dumper(str, _Text)
        adapters.register_loader("bool", _Flag)
        adapters.register_loader("numeric", _Number)
        try:
            connection.control(_SESSION.format(int(self.timeout * 1000)), 2 * self.timeout)
        except psycopg.Error as error:
            connection.close()
            raise self.unavailable(error) from error
        return connection

    def unavailable(self, error: BaseException) -> StoreUnavailable:
        """The same for the callers of the store."""
        if isinstance(error, StoreUnavailable):
            return error
        kind, hint = kind_of(error) or ("other", "")
        said = (isinstance(error, psycopg.Error) and error.diag.message_primary) or str(error)
        return StoreUnavailable(kind, f"{self.place}: {type(error).__name__}: {' '.join(said.split())}", hint=hint)


def kind_of(error: BaseException) -> tuple[str, str] | None:
    """(kind, hint) of an error that is the server's; None for a change's own."""
    if isinstance(error, Hung):
        return "timeout", "is the server's machine alive? is the server's process stopped?"
    if not isinstance(error, psycopg.Error):
        return None
    code = error.sqlstate
    if code is None and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        code = next((code for code, said in _REFUSALS.items() if said.search(str(error))), "08")
    return next((found for beginning, found in _KINDS.items() if code and code.startswith(beginning)), None)


@lru_cache(1024)
def translate(sql: str) -> bytes:
    """`?` as psycopg's `%s`; what stands in quotes and comments is left alone."""
    return _PIECES.sub(lambda piece: "%s" if piece[0] == "?" else piece[0].replace("%", "%%"), sql).encode()


class _PostgresTx:
    """A Tx over a connection."""

    def __init__(self, connection: Connection) -> None:
        self._execute = connection.execute

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        cursor = self._execute(translate(sql), parameters)
        return cursor.fetchall() if cursor.description else []

    def row(self, sql: str, *parameters: Any) -> Row | None:
        return next(iter(self.rows(sql, *parameters)), None)

    def run(self, sql: str, *parameters: Any) -> int:
        return self._execute(translate(sql), parameters).rowcount


class PostgresStore:
    """A Store in a database that `migrate` has prepared. It connects when it is first used, and again after a loss."""

    dialect: Literal["sqlite", "postgres"] = "postgres"

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        self._server = Server(url, timeout)
        self._name = uuid.uuid4().hex
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = threading.Event()
        self._writer: Connection | None = None
        self._reading = threading.BoundedSemaphore(_READERS)
        self._idle: list[Connection] = []
        self._threads = [threading.Thread(target=self._work, name="store", daemon=True)]
        self._threads[0].start()

    def submit(self, change: Change[T]) -> Future[T]:
        future: Future[T] = Future()
        with self._door:
            if self._closed.is_set():
                future.set_exception(StoreUnavailable("closed", "the store is closed"))
            else:
                self._waiting.put((change, future))
        return future

    def write(self, change: Change[T]) -> T:
        return self.submit(change).result()

    def read(self, query: Change[T]) -> T:
        if self._closed.is_set():
            raise StoreUnavailable("closed", "the store is closed")
        if not self._reading.acquire(timeout=self._server.timeout):
            raise StoreUnavailable("busy", f"{self._server.place}: {_READERS} reads are running, and none ends")
        try:
            with self._door:
                kept = self._idle.pop() if self._idle else None
            connection = self._begun(kept, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return query(_PostgresTx(connection))
            finally:
                self._give_back(connection)
        except psycopg.Error as error:
            raise self._server.unavailable(error) from error
        finally:
            self._reading.release()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call it, in a thread of its own, after another relay changed something; and once whenever it may have missed that."""
        thread = threading.Thread(target=self._listen, args=(callback,), name="store-listen", daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        with self._door:
            if self._closed.is_set():
                return
            self._closed.set()
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._let_go()
        for reader in self._idle:
            reader.close()

    # The writing thread.

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            self._commit([first, *self._following(_AT_ONCE - 1)])

    def _following(self, most: float) -> Batch:
        """Those that wait already, up to the end that `close` has put behind them."""
        found: Batch = []
        with contextlib.suppress(queue.Empty):
            while len(found) < most:
                following = self._waiting.get_nowait()
                if following is None:
                    self._waiting.put(None)
                    break
                found.append(following)
        return found

    def _commit(self, batch: Batch) -> None:
        """One transaction for all; each change in a savepoint of its own. Whoever gave up waiting is left out."""
        batch = [(change, future) for change, future in batch if future.set_running_or_notify_cancel()]
        try:
            try:
                answers = self._run(batch)
            except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
                self._let_go()
                answers = self._run(batch)
        except Exception as error:  # noqa: BLE001  the thread must live, and everybody must hear
            self._give_up(batch, error)
            return
        crash.reach("noc.after_commit")
        for answer in answers:
            answer()

    def _run(self, batch: Batch) -> list[Callable[[], None]]:
        connection = self._writer = self._begun(self._writer, _BEGIN)
        answers: list[Callable[[], None]] = []
        for change, future in batch:
            try:
                result = change(_PostgresTx(connection))
                connection.control("RELEASE change; SAVEPOINT change")
            except BaseException as error:
                if kind_of(error):
                    raise
                connection.control("ROLLBACK TO change")
                answers.append(partial(future.set_exception, error))
            else:
                answers.append(partial(future.set_result, result))
        crash.reach("noc.before_commit")
        try:
            connection.control(_COMMIT.format(self._name))
        except psycopg.Error as error:
            if connection.closed or isinstance(error, Hung):
                known = self._server.unavailable(error)
                raise StoreUnavailable("commit_unknown", f"{known} (within COMMIT)", hint=known.hint) from error
            raise
        return answers

    def _give_up(self, batch: Batch, error: Exception) -> None:
        """Whoever waits by now is told too: the next attempt to connect may take as long again."""
        trouble = self._server.unavailable(error)
        repeated(_log, f"store:{trouble.kind}", "the store takes nothing", reason=str(trouble), hint=trouble.hint)
        self._let_go()
        waiting = [pair for pair in self._following(math.inf) if pair[1].set_running_or_notify_cancel()]
        for _, future in batch + waiting:
            future.set_exception(trouble)

    # Connections.

    def _begun(self, kept: Connection | None, begin: str) -> Connection:
        """A connection in a transaction: the kept one, or another where that was lost while nobody used it."""
        connection = kept or self._server.connect()
        try:
            connection.control(begin, 2 * self._server.timeout)
        except psycopg.Error:
            lost = kept is not None and kept.closed
            connection.close()
            if not lost:
                raise
            return self._begun(None, begin)
        return connection

    def _let_go(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def _give_back(self, connection: Connection) -> None:
        with contextlib.suppress(psycopg.Error):
            connection.control("ROLLBACK")
        with self._door:
            if not self._closed.is_set() and connection.info.transaction_status == TransactionStatus.IDLE:
                self._idle.append(connection)
                return
        connection.close()

    # The listening thread.

    def _listen(self, callback: Callable[[], None]) -> None:
        while not self._closed.is_set():
            try:
                with contextlib.closing(self._server.connect()) as connection:
                    connection.control("LISTEN kunobs_noc")
                    callback()
                    connection.deadline = math.inf
                    while not self._closed.is_set():
                        for notice in connection.notifies(timeout=0.2):
                            if notice.payload != self._name:
                                callback()
            except Exception as error:  # noqa: BLE001  the thread must live; without it changes are only found later
                trouble = self._server.unavailable(error)
                repeated(_log, f"listen:{trouble.kind}", "changes of other relays are not heard", reason=str(trouble))
                self._closed.wait(1.0)


_: type[Tx] = _PostgresTx
