"""The peer: alerta-server, which does the same up to here (Alertmanager's webhook, deduplication, a database), with PostgreSQL.

PostgreSQL has the settings that it comes with, fsync among them, on a loopback port; connections need no password, which would only
cost the peer time. alerta-server runs under gunicorn, two workers with eight threads each; peers/alertad.conf has its settings.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
from collections import Counter
from pathlib import Path

import psycopg

from benchmarks import measure
from benchmarks.noc.payload import numbers
from benchmarks.noc.processes import MEASURED, Process
from benchmarks.noc.servers import Server, answers
from kunobs.local.files import cache_root
from kunobs.local.ports import choose

INSTALL = "bash benchmarks/noc/install-peers.sh"
_OWN = Path(__file__).parent / "peers"
_WORKERS, _THREADS = 2, 8
_START_SECONDS = 60.0


class Alerta(Server):
    """alerta-server and its PostgreSQL, all of their processes on the same core."""

    name = "alerta"
    path = "/webhooks/prometheus"

    def __init__(self) -> None:
        self._program = cache_root() / "peers" / "alerta" / "bin" / "gunicorn"
        self._database: Process | None = None
        self._server: Process | None = None

    def missing(self) -> str:
        if not self._program.exists():
            return f"not installed: {INSTALL}"
        return "" if _binaries() is not None else "not installed: initdb (Debian's package postgresql)"

    def start(self, folder: Path, provider: str) -> None:
        self._start_database(folder)
        self.port = choose((self._database_port,))
        environ = {"ALERTA_SVR_CONF_FILE": str(_OWN / "alertad.conf"), "DATABASE_URL": self._url("monitoring")}
        command = [
            str(self._program), "--preload", "-w", str(_WORKERS), "--threads", str(_THREADS), "-b", f"127.0.0.1:{self.port}",
            "alerta:create_app()",
        ]  # fmt: skip
        self._server = Process("alerta", command, folder, core=MEASURED, environ=environ)
        self._server.until(lambda: answers(self.port, "/management/gtg"), _START_SECONDS, "good to go")

    def cpu(self) -> float:
        return sum(measure.cpu_seconds(process.pid) for process in self._processes())

    def rss(self) -> int:
        """What its processes have now; pages that several share count once, which VmHWM could not tell."""
        return sum(_proportional(pid) for process in self._processes() for pid in measure._tree(process.pid))

    def kill(self) -> None:
        """PostgreSQL stays, to be asked."""
        assert self._server is not None
        self._server.crash()

    def kept(self) -> Counter[int]:
        with psycopg.connect(self._url("monitoring")) as connection:
            rows = connection.execute("SELECT resource FROM alerts").fetchall()
        return Counter(number for (resource,) in rows for number in numbers(resource.encode()))

    def end(self) -> None:
        for process in self._processes():
            process.crash()

    def log(self) -> str:
        return "\n".join(process.log() for process in self._processes())

    def _processes(self) -> list[Process]:
        return [process for process in (self._server, self._database) if process is not None]

    def _url(self, database: str) -> str:
        return f"postgresql://alerta@127.0.0.1:{self._database_port}/{database}"

    def _start_database(self, folder: Path) -> None:
        binaries = _binaries()
        assert binaries is not None
        home = folder / "postgres"
        home.mkdir()
        privileges: list[str] = []
        if os.geteuid() == 0:
            # It refuses to run as root.
            nobody = pwd.getpwnam("nobody")
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
            privileges = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        initdb = [
            str(binaries / "initdb"),
            "-D",
            str(home / "data"),
            "-U",
            "alerta",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        subprocess.run(["setpriv", *privileges, *initdb], check=True, stdout=subprocess.DEVNULL, cwd=home)
        self._database_port = choose(())
        command = [
            str(binaries / "postgres"), "-D", str(home / "data"), "-p", str(self._database_port), "-h", "127.0.0.1", "-k", "",
        ]  # fmt: skip
        self._database = Process("postgres", command, home, core=MEASURED, privileges=privileges, end=signal.SIGQUIT)
        self._database.until(self._made, _START_SECONDS, "a connection")

    def _made(self) -> bool:
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(self._url("postgres"), autocommit=True) as connection,
        ):
            connection.execute("CREATE DATABASE monitoring")
            return True
        return False


def _binaries() -> Path | None:
    """Debian's newest PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
