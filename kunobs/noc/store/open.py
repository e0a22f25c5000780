"""From the one text of the configuration that says where the data is, to a store that is ready."""

from __future__ import annotations

from pathlib import Path

from kunobs.noc.store.migrate import FILE, is_postgres, migrate
from kunobs.noc.store.port import Store
from kunobs.noc.store.sqlite import SqliteStore


def open_store(data: str) -> Store:
    """A folder or a PostgreSQL URL, migrated. Raises KunobsError (damaged, owned by another process, newer), StoreUnavailable."""
    migrate(data)
    if not is_postgres(data):
        return SqliteStore(Path(data) / FILE)
    # psycopg is not imported, nor its libpq loaded, by a relay that has its own file.
    from kunobs.noc.store.postgres import PostgresStore

    return PostgresStore(data)
