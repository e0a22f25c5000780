"""A real PostgreSQL for tests: a cluster of its own in a temporary folder, on a port of its own, that dies with the tests."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kunobs.local.ports import HOST, choose
from tests.support import wait_until

PASSWORD = "corr@ct/horse%"
"""Of both roles; it has to be escaped in a URL."""
ESCAPED = "corr%40ct%2Fhorse%25"
# Processes crash here, not machines, and what a process wrote outlives it.
_SETTINGS = (
    "fsync=off",
    "max_connections=60",
    "shared_buffers=16MB",
    "log_min_messages=fatal",
    "unix_socket_directories=",
)


class Postgres:
    """A cluster that can be stopped and started again; its schemas and databases belong to the role `relay`, which is no superuser."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries, self._data, self.port = binaries, folder / "data", choose(())
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        # It ends with the tests, however they end.
        self._prefix = ["setpriv", "--pdeathsig", "QUIT"]
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._prefix += [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        secret = folder / "password"
        secret.write_text(PASSWORD)
        subprocess.run(
            [*self._prefix, binaries / "initdb", "-D", self._data, "-U", "admin", "--pwfile", secret, "-A", "scram-sha-256",
             "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        self.start()
        self.admin(f"CREATE ROLE relay LOGIN PASSWORD '{PASSWORD}'")

    def start(self) -> None:
        """Return when it answers."""
        options = [
            part
            for setting in (f"port={self.port}", f"listen_addresses={HOST}", *_SETTINGS)
            for part in ("-c", setting)
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, self._binaries / "postgres", "-D", self._data, *options], stderr=log, cwd=self._data
            )
        wait_until(self._answers, what=f"PostgreSQL answers: {self._log.read_text()}")

    def stop(self) -> None:
        """As if it crashed ("immediate"): what was not committed is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def admin(self, statement: str, database: str = "postgres", options: str = "") -> list[tuple[Any, ...]]:
        """Run statements as superuser; the rows of the last."""
        with self.connect(database, options) as connection:
            cursor = connection.execute(statement.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def connect(self, database: str = "postgres", options: str = "") -> psycopg.Connection[Any]:
        """A connection of somebody else's, as superuser."""
        return psycopg.connect(
            host=HOST,
            port=self.port,
            user="admin",
            password=PASSWORD,
            dbname=database,
            options=options,
            autocommit=True,
        )

    def place(self, *, database: bool = False) -> Place:
        """An empty schema, or where a test changes the database itself, an empty database, which takes longer."""
        name = f"test{next(self._numbers)}"
        if database:
            self.admin(f"CREATE DATABASE {name} OWNER relay")
            return Place(self, name)
        self.admin(f"CREATE SCHEMA {name} AUTHORIZATION relay")
        return Place(self, "postgres", f"-csearch_path={name}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        with contextlib.suppress(psycopg.OperationalError), self.connect():
            return True
        return False


@dataclass
class Place:
    """What belongs to one test."""

    cluster: Postgres
    database: str
    options: str = ""

    @property
    def url(self) -> str:
        """What a relay is given."""
        options = f"?options={self.options.replace('=', '%3D')}" if self.options else ""
        return f"postgresql://relay:{ESCAPED}@{HOST}:{self.cluster.port}/{self.database}{options}"

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Run statements there as superuser; the rows of the last."""
        return self.cluster.admin(statement, self.database, self.options)

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of somebody else's."""
        return self.cluster.connect(self.database, self.options)

    def set(self, setting: str) -> None:
        """Change what the database's next sessions begin with."""
        self.cluster.admin(f"ALTER DATABASE {self.database} {setting}")


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A cluster; where the programs are missing the test is skipped, and fails with CI=true."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    wanted = {"setpriv (util-linux)": shutil.which("setpriv"), "initdb (Debian's package postgresql)": found}
    missing = ", ".join(name for name, there in wanted.items() if not there)
    if missing:
        assert os.environ.get("CI") != "true", f"{missing} is missing"
        pytest.skip(f"{missing} is missing")
    folder = Path(tempfile.mkdtemp(prefix="kunobs-postgres-"))
    cluster = None
    try:
        cluster = Postgres(found[-1].parent, folder)
        yield cluster
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder)
