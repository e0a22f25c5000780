"""The schema comes whole or not at all, and an older kunobs does not touch a newer one's file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import op

from kunobs.errors import KunobsError
from kunobs.noc.store.migrate import HEAD, migrate, migrate_sqlite
from kunobs.noc.store.port import StoreUnavailable


def tables(path: Path) -> set[str]:
    """Names of the tables in the file."""
    with sqlite3.connect(path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_from_nothing_and_again(tmp_path: Path) -> None:
    """The second time there is nothing to do."""
    path = tmp_path / "relay.db"
    migrate_sqlite(path)
    first = tables(path)
    assert {"inbox", "incident", "alert", "journal"} <= first
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    migrate_sqlite(path)
    assert tables(path) == first


def test_half_a_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash within it is as if it had not begun; the next start does all of it."""
    path = tmp_path / "relay.db"

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_index", die)
        with pytest.raises(RuntimeError, match="killed"):
            migrate_sqlite(path)
    assert tables(path) == set()
    migrate_sqlite(path)
    assert "journal" in tables(path)


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    """The error says which schema it has."""
    path = tmp_path / "relay.db"
    migrate_sqlite(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(KunobsError, match=rf"schema 9999, this kunobs knows {HEAD}"):
        migrate_sqlite(path)


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """It is made, and so is the file in it."""
    migrate(str(tmp_path / "var" / "noc"))
    assert "journal" in tables(tmp_path / "var" / "noc" / "relay.db")


def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    """The error says where and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match=r"file/noc/relay\.db: Not a directory") as caught:
        migrate(str(tmp_path / "file" / "noc"))
    assert caught.value.kind == "cannot_open"
    (tmp_path / "relay.db").mkdir()
    with pytest.raises(StoreUnavailable, match=r"relay\.db: unable to open"):
        migrate(str(tmp_path))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """And not written to."""
    path = tmp_path / "relay.db"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(KunobsError, match=r"relay\.db is damaged"):
        migrate(str(tmp_path))
    assert path.read_bytes() == b"no database" * 100
