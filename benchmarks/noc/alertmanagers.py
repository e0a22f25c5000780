"""Two real Alertmanagers in a cluster on loopback ports, both with the same groups, and what they say of their notifications."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.noc.processes import AROUND, Process
from benchmarks.noc.servers import Server, answers, fetch
from kunobs.local.files import cache_root
from kunobs.local.ports import choose

INSTALL = "bash tools/install-platform.sh prometheus_alertmanager"
_VERSION = "0.25.0"
_START_SECONDS = 60.0
_MOUNTS = ["unshare", "--mount", "--propagation", "private"]
# What it says of its webhooks; newer versions have more labels.
_SAMPLE = re.compile(r'^alertmanager_(\w+)\{[^}]*integration="webhook"[^}]*\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Told:
    """Of all of them: requests begun, those answered or broken, those that failed (any other status than 2xx, no connection), and seconds."""

    requests: int
    ended: int
    failed: int
    seconds: float

    @property
    def accepted(self) -> int:
        """Answered with 2xx."""
        return self.ended - self.failed


def program() -> list[str]:
    """Debian's as a command: from PATH, or as tools/install-platform.sh unpacks it; empty where neither can run."""
    installed = shutil.which("prometheus-alertmanager")
    if installed:
        return [installed]
    unpacked = cache_root() / "tools" / f"prometheus-alertmanager-{_VERSION}" / "usr"
    for unshare in (_MOUNTS, [*_MOUNTS, "--map-root-user"]):
        if unpacked.exists() and not subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
            # Debian's reads its templates from /usr/share, and it is not installed.
            own = 'mount --bind "$0/share" /usr/share && exec "$0/bin/prometheus-alertmanager" "$@"'
            return [*unshare, "sh", "-c", own, str(unpacked)]
    return []


class Pair:
    """Two members; the second does not wait for the first, as when the gossip between them is cut: both send everything."""

    def __init__(self) -> None:
        self._members: list[Process] = []
        self._ports: list[int] = []

    def start(self, folder: Path, relay: Server) -> None:
        """Return when both know each other."""
        found = program()
        taken: list[int] = []
        while len(taken) < 4:
            taken.append(choose(taken))
        self._ports, gossip = taken[:2], taken[2:]
        config = folder / "alertmanager.yaml"
        config.write_text(json.dumps(_config(relay)))
        for number, (port, own) in enumerate(zip(self._ports, gossip, strict=True)):
            data = folder / f"alertmanager-{number}"
            command = [
                *found, f"--config.file={config}", f"--storage.path={data}", f"--web.listen-address=127.0.0.1:{port}",
                f"--cluster.listen-address=127.0.0.1:{own}", f"--cluster.peer=127.0.0.1:{gossip[1 - number]}",
                "--cluster.peer-timeout=0s", "--log.level=error",
            ]  # fmt: skip
            self._members.append(Process(data.name, command, folder, core=AROUND))
        for member, port in zip(self._members, self._ports, strict=True):
            member.until(lambda port=port: _settled(port), _START_SECONDS, "the cluster")  # type: ignore[misc]

    def fire(self, alerts: Iterable[dict[str, Any]]) -> None:
        """Post them to both at once, as Prometheus does."""
        body = json.dumps(list(alerts)).encode()
        with ThreadPoolExecutor(len(self._ports)) as pool:
            list(pool.map(lambda port: fetch(port, "/api/v2/alerts", body), self._ports))

    def told(self) -> Told:
        """Their counters now."""
        sums: dict[str, float] = {}
        for port in self._ports:
            for name, value in _SAMPLE.findall(fetch(port, "/metrics").decode()):
                sums[name] = sums.get(name, 0.0) + float(value)
        return Told(
            int(sums.get("notification_requests_total", 0)),
            int(sums.get("notification_latency_seconds_count", 0)),
            int(sums.get("notification_requests_failed_total", 0)),
            sums.get("notification_latency_seconds_sum", 0.0),
        )

    def end(self) -> None:
        """Kill them."""
        for member in self._members:
            member.crash()


def _config(relay: Server) -> dict[str, Any]:
    credentials = relay.headers["Authorization"].removeprefix("Bearer ")
    url = f"http://127.0.0.1:{relay.port}{relay.path}"
    hook = {"url": url, "http_config": {"authorization": {"credentials": credentials}}}
    return {
        "route": {"receiver": "relay", "group_by": ["alertname", "inst"], "group_wait": "2s"},
        "receivers": [{"name": "relay", "webhook_configs": [hook]}],
    }


def _settled(port: int) -> bool:
    if not answers(port, "/-/ready"):
        return False
    cluster = json.loads(fetch(port, "/api/v2/status"))["cluster"]
    return bool(cluster["status"] == "ready" and len(cluster["peers"]) == 2)
