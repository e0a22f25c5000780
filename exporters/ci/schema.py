"""The SQLite file: its tables, and why one that is newer, foreign or damaged is not touched."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from kunobs.errors import KunobsError

VERSION = 1
# "kuci", so that another program's file is told from ours.
APPLICATION = 0x6B756369
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # What GitLab is answered must be on the disk, not only in the kernel.
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=5000",
    "PRAGMA journal_size_limit=67108864",
)
# meta: born, heard (last webhook), reconciled. A rank is how far a job has come: 1 pending, 2 running, 3 finished; `queued` is 1
# once its queue time is counted. A span's row is a bucket by its upper bound, so buckets may change between versions.
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE projects (id INTEGER PRIMARY KEY, path TEXT NOT NULL, heard REAL NOT NULL, asked REAL NOT NULL, checked REAL);
CREATE TABLE stages (namespace TEXT NOT NULL, stage TEXT NOT NULL, PRIMARY KEY (namespace, stage)) WITHOUT ROWID;
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY, project INTEGER NOT NULL, namespace TEXT NOT NULL, stage TEXT NOT NULL, runners TEXT NOT NULL,
  rank INTEGER NOT NULL, queued INTEGER NOT NULL, since REAL NOT NULL, heard REAL NOT NULL, finished REAL
);
CREATE INDEX jobs_unfinished ON jobs (project, id) WHERE rank < 3;
CREATE INDEX jobs_finished ON jobs (finished) WHERE rank = 3;
CREATE TABLE ends (
  kind TEXT NOT NULL, id INTEGER NOT NULL, mark TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (kind, id, mark)
) WITHOUT ROWID;
CREATE INDEX ends_at ON ends (at);
CREATE TABLE totals (
  metric TEXT NOT NULL, namespace TEXT NOT NULL, detail TEXT NOT NULL, status TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (metric, namespace, detail, status)
) WITHOUT ROWID;
CREATE TABLE spans (
  metric TEXT NOT NULL, namespace TEXT NOT NULL, stage TEXT NOT NULL, le REAL NOT NULL, n INTEGER NOT NULL, us INTEGER NOT NULL,
  PRIMARY KEY (metric, namespace, stage, le)
) WITHOUT ROWID;
"""


def connect(path: Path, now: float) -> sqlite3.Connection:
    """The one connection that writes. sqlite3.Error when disk or file do not let it, KunobsError for a file that is not ours, newer or damaged."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        version = _version(connection, path)
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        if not version:
            _create(connection, now)
    except BaseException:
        connection.close()
        raise
    return connection


def reader(path: Path, timeout: float = 5.0) -> sqlite3.Connection:
    """A read-only connection, that waits `timeout` s for a lock."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=timeout, check_same_thread=False)


@contextlib.contextmanager
def reading(path: Path, timeout: float) -> Iterator[sqlite3.Connection]:
    """One inside a transaction, so that all it reads is of one moment."""
    with contextlib.closing(reader(path, timeout)) as connection:
        connection.execute("BEGIN")
        yield connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version, 0 for a new file; KunobsError for one that is not ours, is newer, or damaged. Changes nothing."""
    aside = f"keep it for inquiry and begin anew: mv {path} {path}.old"
    version, application = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")
    )
    damage = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if damage != ["ok"]:
        raise KunobsError(f"{path} is damaged: {'; '.join(damage)}", hint=aside)
    if application != APPLICATION and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise KunobsError(f"{path} is another program's database", hint="set exporters.ci.data to a folder of its own")
    if version > VERSION:
        text = f"{path} was written by a newer kunobs: schema {version}, this one knows {VERSION}"
        raise KunobsError(text, hint=f"run the newer kunobs; or {aside}")
    return int(version)


def _create(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("BEGIN")
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('born', ?)", (now,))
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")
