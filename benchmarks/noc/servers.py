"""What is measured: a server that takes Alertmanager's webhook, how it is started and killed, and what it has kept."""

from __future__ import annotations

import json
import sqlite3
import sys
import urllib.request
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.measure import cpu_seconds, peak_rss
from benchmarks.noc.payload import OWNERS, TEAMS, numbers
from benchmarks.noc.processes import MEASURED, Process
from kunobs.local.ports import choose

_START_SECONDS = 60.0
# The environment's proxies are not asked for what is on this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TOKEN = "t0ken"  # noqa: S105  of a relay that lives for a minute
# The relay has no switch for storms; these are the furthest bounds that its configuration takes.
NO_STORM = {"storm": {"incidents": 100_000, "within": "1s"}}


class Server(ABC):
    """One life of it is between `start` and `crash`."""

    name: str
    path: str
    headers: Mapping[str, str] = {}
    port: int

    def missing(self) -> str:
        """Why it cannot run here, "" when it can."""
        return ""

    @abstractmethod
    def start(self, folder: Path, provider: str) -> None:
        """Return when it takes posts; `provider` is the URL of what it calls."""

    @abstractmethod
    def cpu(self) -> float:
        """Seconds of CPU so far."""

    @abstractmethod
    def rss(self) -> int:
        """Bytes of memory."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL."""

    @abstractmethod
    def kept(self) -> Counter[int]:
        """After `kill`: the numbers of the alerts in its database, as often as they are there."""

    @abstractmethod
    def end(self) -> None:
        """Nothing of it is left; however far `start` came."""

    def log(self) -> str:
        """The end of what it said."""
        return ""


class Kunobs(Server):
    """`kunobs noc` on SQLite, with a key for the posts and a group robot to call, and the defaults for all else."""

    path = "/v1/alertmanager/prod"
    headers = {"Authorization": f"Bearer {_TOKEN}"}  # noqa: RUF012

    def __init__(self, name: str = "kunobs", **noc: Any) -> None:
        self.name = name
        self._noc = noc
        self.process: Process | None = None

    def start(self, folder: Path, provider: str) -> None:
        self.port = choose(())
        self.data = folder / "data"
        config = folder / "kunobs.yaml"
        config.write_text(json.dumps({"version": 1, "noc": self._config(provider) | self._noc}))
        command = [sys.executable, "-m", "kunobs", "noc", "-c", str(config)]
        self.process = Process(self.name, command, folder, core=MEASURED)
        self.process.until(lambda: answers(self.port, "/-/ready"), _START_SECONDS, "ready")

    def cpu(self) -> float:
        return cpu_seconds(self._pid)

    def rss(self) -> int:
        return peak_rss(self._pid)

    def kill(self) -> None:
        self.end()

    def kept(self) -> Counter[int]:
        return Counter(number for (body,) in self.rows("SELECT body FROM inbox") for number in numbers(body)[:1])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read its database beside it, or after its death."""
        with closing(sqlite3.connect(self.data / "relay.db")) as connection:
            return connection.execute(sql).fetchall()

    def end(self) -> None:
        if self.process is not None:
            self.process.crash()

    def log(self) -> str:
        return self.process.log() if self.process else ""

    @property
    def _pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _config(self, provider: str) -> dict[str, Any]:
        return {
            "data": str(self.data),
            "listen": f"127.0.0.1:{self.port}",
            "integrations": {"prod": {"token": _TOKEN}},
            "channels": {"wecom_robot": {"ops": {"key": "key", "api": provider}}},
            "ladders": {"ops": {"steps": [{"to": ["channel:ops"]}]}},
            "route": {"ladder": "ops"},
        }


class KunobsForPeople(Kunobs):
    """Every alert goes to one of 240 people by a WeCom application: so many that none gets more than WeCom takes for one."""

    def _config(self, provider: str) -> dict[str, Any]:
        app = {"corp_id": "ww0123456789abcdef", "agent_id": 1000002, "secret": "secret", "api": provider}
        everyone = {f"p-{team}-{owner}": f"u{team}x{owner}" for team in range(TEAMS) for owner in range(OWNERS)}
        return super()._config(provider) | {
            "channels": {"wecom_app": {"app": app}},
            "people": {name: {"wecom": user} for name, user in everyone.items()},
            "ladders": {name: {"steps": [{"to": [f"person:{name}"]}]} for name in everyone},
            "route": {
                "ladder": "p-0-0",
                "routes": [
                    {
                        "match": [f'team="t{team:02}"'],
                        "routes": [
                            {"match": [f'owner="o{owner:02}"'], "ladder": f"p-{team}-{owner}"}
                            for owner in range(OWNERS)
                        ],
                    }
                    for team in range(TEAMS)
                ],
            },
        }


def fetch(port: int, path: str, body: bytes | None = None) -> bytes:
    """GET, or POST of JSON. Raises OSError where the answer is not 2xx or there is none."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"content-type": "application/json"})
    with _DIRECT.open(request, timeout=60) as answer:
        content: bytes = answer.read()
        return content


def answers(port: int, path: str) -> bool:
    """Whether a GET is answered with 2xx."""
    try:
        fetch(port, path)
    except OSError:
        return False
    return True
