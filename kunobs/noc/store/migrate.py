"""Bring a database to the schema of this version, by Alembic."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from kunobs.errors import ConfigError, KunobsError
from kunobs.noc.store.port import StoreUnavailable

if TYPE_CHECKING:
    import sqlalchemy

HEAD = "0001"
FILE = "relay.db"


def is_postgres(data: str) -> bool:
    """Whether it is a URL and not a folder."""
    return "://" in data


def migrate(data: str) -> None:
    """A folder's relay.db, or the database of a PostgreSQL URL. Raises KunobsError when a newer kunobs has written it, ConfigError, StoreUnavailable."""
    if is_postgres(data):
        migrate_postgres(data)
        return
    path = Path(data) / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        migrate_sqlite(path)
    except OSError as error:
        raise StoreUnavailable("cannot_open", f"{path}: {error.strerror}", hint=f"mkdir -p {path.parent}") from error
    except sqlite3.Error as error:
        if error.sqlite_errorname in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            raise KunobsError(
                f"{path} is damaged: {error}", hint=f"keep it and begin anew: mv {path} {path}.damaged"
            ) from error
        raise StoreUnavailable(
            "cannot_open", f"{path}: {error}", hint=f"look at its folder's rights, and fuser {path}"
        ) from error


def migrate_sqlite(path: Path) -> None:
    """Before the store's own connection is opened. Raises KunobsError when a newer kunobs has written the file, sqlite3.Error."""
    if _settled(_version(path), str(path)):
        return
    # Half a second to import, and needed once in a version's life.
    import sqlalchemy

    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    # Python's sqlite3 would commit after each table, and a crash between two would leave half a schema.
    sqlalchemy.event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    _upgrade(engine, "BEGIN IMMEDIATE", str(path))


def migrate_postgres(url: str) -> None:
    """All of it or nothing; a second relay that starts now waits. Raises KunobsError for a newer schema, ConfigError, StoreUnavailable."""
    import psycopg

    from kunobs.noc.store.postgres import LOCK, Server

    server = Server(url, timeout=10.0)
    try:
        with contextlib.closing(server.connect()) as connection:
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise ConfigError(
                    f"{server.place} has the encoding {encoding}, which does not hold every alert",
                    hint="createdb -E UTF8 -T template0 DATABASE",
                )
            known = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone() == (1,)
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
            if _settled(found[0] if found else "", server.place):
                return
        import sqlalchemy

        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=Server(url, timeout=300.0).connect, isolation_level="READ COMMITTED"
        )
        _upgrade(engine, f"SELECT pg_advisory_xact_lock({LOCK})", server.place)
    except psycopg.Error as error:
        raise server.unavailable(error) from error


def _settled(found: str, place: str) -> bool:
    """Whether there is nothing to do."""
    if found > HEAD:
        raise KunobsError(
            f"{place} has schema {found}, this kunobs knows {HEAD}",
            hint="install the version that wrote it, or a newer one; it is never migrated back",
        )
    return found == HEAD


def _upgrade(engine: sqlalchemy.Engine, begin: str, place: str) -> None:
    import sqlalchemy
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext

    sqlalchemy.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    try:
        with engine.begin() as connection:
            # Another process may have done it while this one waited.
            if not _settled(MigrationContext.configure(connection).get_current_revision() or "", place):
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
    except sqlalchemy.exc.DBAPIError as error:
        raise (error.orig or error) from error
    finally:
        engine.dispose()


def _version(path: Path) -> str:
    if not path.exists() or not path.stat().st_size:
        return ""
    connection = sqlite3.connect(path)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return ""
    finally:
        connection.close()
    return str(row[0]) if row else ""
