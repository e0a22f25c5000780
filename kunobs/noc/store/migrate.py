"""Bring a database to the schema of this version, by Alembic."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from kunobs.errors import KunobsError

HEAD = "0001"


def migrate_sqlite(path: Path) -> None:
    """Before the store's own connection is opened. Raises KunobsError when a newer kunobs has written the file."""
    found = _version(path)
    if found == HEAD:
        return
    if found > HEAD:
        raise KunobsError(
            f"{path} has schema {found}, this kunobs knows {HEAD}",
            hint="install the version that wrote it, or a newer one; it is never migrated back",
        )
    # Half a second to import, and needed once in a version's life.
    import sqlalchemy
    from alembic import command
    from alembic.config import Config

    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    # Python's sqlite3 would commit after each table, and a crash between two would leave half a schema.
    sqlalchemy.event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    sqlalchemy.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
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
