"""The store, read by another process than the relay: it changes nothing, and works beside a running relay or without one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kunobs.errors import KunobsError, UnavailableError
from kunobs.noc.store.migrate import FILE
from kunobs.noc.store.port import Change, T
from kunobs.noc.store.sqlite import SqliteTx


class Reader:
    """Only reads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read(self, query: Change[T]) -> T:
        """Run a query over one moment's state."""
        self._connection.execute("BEGIN")
        try:
            return query(SqliteTx(self._connection))
        finally:
            self._connection.rollback()


@contextmanager
def open_reader(data: str) -> Iterator[Reader]:
    """For a folder or a PostgreSQL URL. Raises KunobsError where there is nothing to read."""
    if "://" in data:
        from kunobs.noc.store.postgres import PostgresStore

        store = PostgresStore(data)
        try:
            yield store  # type: ignore[misc]  # it reads in the same way
        finally:
            store.close()
        return
    path = Path(data) / FILE
    if not path.exists():
        raise KunobsError(
            f"there is no relay's database at {path}", hint="name the file of the relay's configuration: -c kunobs.yaml"
        )
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        connection.execute("SELECT 1 FROM alembic_version")
    except sqlite3.Error as error:
        raise UnavailableError(f"{path} cannot be read: {error}", hint="are you its user? ls -l") from error
    try:
        yield Reader(connection)
    finally:
        connection.close()
