"""An Alertmanager's API v2 for tests: /api/v2/status and /api/v2/alerts as the real one answers them (read off 0.25.0 and 0.28.1).

with FakeAlertmanager(clock) as alertmanager:
    alertmanager.fires(alertname="DiskFull")
    alertmanager.restart()          # and it has forgotten
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, Literal

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.testing.gateway import Asked, Provider


@dataclass
class FakeAlert:
    """One that is there; times in seconds since the epoch."""

    labels: dict[str, str]
    starts: float
    updated: float
    ends: float
    silenced: list[str] = field(default_factory=list)
    inhibited: list[str] = field(default_factory=list)


class FakeAlertmanager(Provider):
    """`down` makes it unreachable. `peers` are the names of all members of its cluster, itself included; none without a cluster."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK, version: str = "0.28.1", peers: Sequence[str] = ()) -> None:
        super().__init__(clock)
        self.version, self.peers = version, tuple(peers)
        self.started = clock.now()
        self.there: dict[str, FakeAlert] = {}
        self.down = False
        handler: Any = self._server.RequestHandlerClass
        said = {"date_time_string": lambda _, __=None: formatdate(self.clock.now(), usegmt=True)}
        self._server.RequestHandlerClass = type("Handler", (handler,), said)

    def fires(self, *, lasts: float = 1e9, **labels: str) -> FakeAlert:
        """Prometheus says so, and until when that is true without being said again."""
        now = self.clock.now()
        alert = self.there.setdefault(fingerprint(labels), FakeAlert(labels, now, now, now))
        alert.updated, alert.ends = now, now + lasts
        return alert

    def ends(self, **labels: str) -> None:
        """Prometheus says that it is over."""
        self.there[fingerprint(labels)].ends = self.clock.now() - 0.001

    def restart(self) -> None:
        """Alerts are kept in memory only."""
        self.started = self.clock.now()
        self.there.clear()

    def respond(self, asked: Asked) -> tuple[int, bytes] | Literal["reset", "cut"]:
        """As its kind does, or nothing at all."""
        if self.down:
            self.asked.append(asked)
            return "reset"
        return super().respond(asked)

    def answer(self, asked: Asked) -> tuple[int, object]:
        """Status or alerts."""
        if asked.path == "/api/v2/status":
            return 200, self._status()
        if asked.path == "/api/v2/alerts":
            return 200, self._alerts(asked)
        return 404, {"code": 404, "message": f"path {asked.path} was not found"}

    def _status(self) -> object:
        peers = [{"address": f"10.0.0.{n}:9094", "name": name} for n, name in enumerate(self.peers, start=1)]
        cluster: dict[str, object] = {"peers": peers, "status": "ready" if peers else "disabled"}
        if peers:
            cluster["name"] = self.peers[0]
        return {
            "cluster": cluster,
            "config": {"original": "route:\n  receiver: kunobs\n"},
            "uptime": _time(self.started),
            "versionInfo": {
                "branch": "HEAD",
                "buildDate": "20250307-15:05:18",
                "buildUser": "root@fa3ca569dfe4",
                "goVersion": "go1.23.7",
                "revision": "b2099eaa2c9ebc25edb26517cb9c732738e93910",
                "version": self.version,
            },
        }

    def _alerts(self, asked: Asked) -> object:
        found = []
        for key, alert in sorted(self.there.items()):
            muted = bool(alert.silenced or alert.inhibited)
            hidden = {"active": not muted, "silenced": bool(alert.silenced), "inhibited": bool(alert.inhibited)}
            if alert.ends < self.clock.now() or any(
                asked.query.get(name) == "false" and on for name, on in hidden.items()
            ):
                continue
            status: dict[str, object] = {
                "inhibitedBy": alert.inhibited,
                "silencedBy": alert.silenced,
                "state": "suppressed" if muted else "active",
            }
            if tuple(map(int, self.version.split("."))) >= (0, 28):
                status["mutedBy"] = []
            found.append(
                {
                    "annotations": {},
                    "endsAt": _time(min(alert.ends, self.clock.now() + 240)),
                    "fingerprint": key,
                    "receivers": [{"name": "kunobs"}],
                    "startsAt": _time(alert.starts),
                    "status": status,
                    "updatedAt": _time(alert.updated),
                    "generatorURL": "http://prometheus:9090/graph",
                    "labels": alert.labels,
                }
            )
        return found


def fingerprint(labels: dict[str, str]) -> str:
    """Prometheus' own: FNV-1a over the sorted labels, each text followed by a byte 255 (common/model/signature.go)."""
    sum64 = 0xCBF29CE484222325
    for pair in sorted(labels.items()):
        for text in pair:
            for byte in text.encode() + b"\xff":
                sum64 = ((sum64 ^ byte) * 0x100000001B3) % (1 << 64)
    return f"{sum64:016x}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
