"""Real Alertmanagers: Debian's and the newest, alone or as a pair, each with ports and data of its own.

with Alertmanager(program(NEWEST), folder, f"{relay}/v1/alertmanager/prod", group_interval="60s") as one:
    one.post([firing(1, "hook")])
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from kunobs.local.ports import HOST, choose
from tests.platform.agent import mount_namespace
from tests.platform.conftest import need
from tests.platform.victim import Victim
from tests.support import wait_until

DEBIAN, NEWEST = "0.25.0", "0.34.2"
TOKEN = "t0ken"
"""What the relay of noc_world asks for."""
Alert = dict[str, Any]
_SHORT = {"group_by": ["..."], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "4h"}


def program(version: str) -> list[str | Path]:
    """How to run what tools/install-platform.sh got; where that is not possible the test is skipped, or fails in CI."""
    tools = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kunobs" / "tools"
    debian = tools / f"prometheus-alertmanager-{version}" / "usr"
    if version != DEBIAN:
        found = tools / f"alertmanager-{version}" / "alertmanager"
        need(found.exists(), f"needs Alertmanager {version}: make test-platform builds it")
        return [found]
    need(debian.exists(), f"needs Debian's Alertmanager {version}: make test-platform unpacks it")
    unshare = mount_namespace()
    need(bool(unshare), "needs mounts of its own: run as root, or allow unprivileged user namespaces")
    # Debian's reads its templates from /usr/share, and it is not installed.
    own = 'mount --bind "$0/share" /usr/share && exec "$0/bin/prometheus-alertmanager" "$@"'
    return [*unshare, "sh", "-c", own, debian]


def firing(number: int, via: str, began: datetime | None = None, **labels: str) -> Alert:
    """An alert as Prometheus posts it: AlertNUMBER, to reach somebody that way; it began just now unless said otherwise."""
    name = f"Alert{number}"
    return {
        "labels": {"alertname": name, "via": via, "severity": "critical"} | labels,
        "annotations": {"summary": name},
        "startsAt": (began or datetime.now(UTC)).isoformat(),
        "generatorURL": "http://prometheus:9090/graph",
    }


def ended(alert: Alert) -> Alert:
    """The same alert, over by now."""
    return alert | {"endsAt": datetime.now(UTC).isoformat()}


def ago(seconds: float) -> datetime:
    """So long before now."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


class Alertmanager(Victim):
    """One that posts to `webhook_url`; a context manager that starts and in the end kills it. Its data outlives a kill.

    `peers` are the cluster's other members; None for an Alertmanager that knows of none. `route` are settings of the root route,
    `config` is a whole configuration instead.
    """

    def __init__(
        self,
        program: Sequence[str | Path],
        folder: Path,
        webhook_url: str,
        peers: Sequence[Alertmanager] | None = None,
        *,
        max_alerts: int = 0,
        peer_timeout: str = "500ms",
        config: dict[str, Any] | None = None,
        **route: Any,
    ) -> None:
        folder.mkdir()
        self.peers = None if peers is None else list(peers)
        self.port = choose(())
        self.cluster = f"{HOST}:{choose((self.port,))}"
        self.url = f"http://{HOST}:{self.port}"
        self._program, self._folder, self._peer_timeout = program, folder, peer_timeout
        self._log = folder / "alertmanager.log"
        webhook = {
            "url": webhook_url,
            "send_resolved": True,
            "max_alerts": max_alerts,
            "http_config": {"authorization": {"type": "Bearer", "credentials": TOKEN}},
        }
        config = config or {
            "route": {"receiver": "kunobs"} | _SHORT | route,
            "receivers": [{"name": "kunobs", "webhook_configs": [webhook]}],
        }
        # JSON is YAML too.
        (folder / "alertmanager.yml").write_text(json.dumps(config))

    def __enter__(self) -> Alertmanager:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """A new life; `ready` waits for it."""
        clustered = self.peers is not None
        arguments = [f"--cluster.listen-address={self.cluster if clustered else ''}"]
        arguments += [f"--cluster.peer={peer.cluster}" for peer in self.peers or ()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._program,
                    f"--config.file={self._folder / 'alertmanager.yml'}",
                    f"--storage.path={self._folder / 'data'}",
                    f"--web.listen-address={HOST}:{self.port}",
                    f"--web.external-url={self.url}",
                    f"--cluster.peer-timeout={self._peer_timeout}",
                    # It also says how soon a cluster counts as settled.
                    "--cluster.gossip-interval=20ms",
                    "--cluster.reconnect-interval=500ms",
                    *arguments,
                ],
                stdout=log,
                stderr=log,
            )

    def ready(self) -> None:
        """Wait until it serves and its cluster is whole."""
        wait_until(self._settled, 60, f"Alertmanager on port {self.port}: see {self._log}")

    def _settled(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        try:
            cluster = requests.get(f"{self.url}/api/v2/status", timeout=5).json()["cluster"]
        except requests.RequestException:
            return False
        if self.peers is None:
            return True
        return bool(cluster["status"] == "ready" and len(cluster["peers"]) == 1 + len(self.peers))

    def post(self, alerts: Sequence[Alert]) -> None:
        """What Prometheus posts; accepted once this returns."""
        requests.post(f"{self.url}/api/v2/alerts", json=alerts, timeout=30).raise_for_status()

    def alerts(self) -> list[Alert]:
        """What it has."""
        found: list[Alert] = requests.get(f"{self.url}/api/v2/alerts", timeout=30).json()
        return found

    def log(self) -> str:
        """What it said, in all of its lives."""
        return self._log.read_text(errors="replace")

    def wait_refused(self, count: int, answer: str) -> None:
        """Wait until so many notifications have got this answer: it says so once for each, and tries again."""
        wait_until(lambda: self._refused(answer) >= count, 60, f"{count} times {answer!r} in {self._log}")

    def _refused(self, answer: str) -> int:
        lines = self.log().splitlines()
        return sum("Notify attempt failed, will retry later" in line and answer in line for line in lines)

    def wait_accepted(self, count: int) -> None:
        """Wait until so many of its posts in this life have got a 2xx."""
        wait_until(lambda: self._metric("total") - self.failed() >= count, 60, f"{count} posts of {self.url} accepted")

    def failed(self) -> int:
        """How many have got something else, or no answer."""
        return self._metric("failed_total")

    def _metric(self, name: str) -> int:
        text = requests.get(f"{self.url}/metrics", timeout=30).text
        found = re.findall(
            rf'(?m)^alertmanager_notification_requests_{name}{{[^}}]*integration="webhook"[^}}]*}} (\S+)$', text
        )
        return int(sum(map(float, found)))


class Pair:
    """Two of them: what is done to both."""

    def __init__(self, first: Alertmanager, second: Alertmanager) -> None:
        self.first, self.second = first, second
        self._both = (first, second)

    def start(self) -> None:
        """As each does."""
        for each in self._both:
            each.start()

    def ready(self) -> None:
        """As each does."""
        for each in self._both:
            each.ready()

    def kill(self) -> None:
        """As each does."""
        for each in self._both:
            each.kill()

    def post(self, alerts: Sequence[Alert]) -> None:
        """To both, as Prometheus does."""
        for each in self._both:
            each.post(alerts)

    def wait_accepted(self, count: int) -> None:
        """As each does."""
        for each in self._both:
            each.wait_accepted(count)

    def wait_refused(self, count: int, answer: str) -> None:
        """As each does."""
        for each in self._both:
            each.wait_refused(count, answer)


@contextlib.contextmanager
def pair(version: str, folder: Path, webhook_url: str, *, clustered: bool = True, **settings: Any) -> Iterator[Pair]:
    """Two in one cluster, or two that do not know of each other; started but perhaps not ready."""
    found = program(version)
    first = Alertmanager(found, folder / "am-0", webhook_url, () if clustered else None, **settings)
    second = Alertmanager(found, folder / "am-1", webhook_url, (first,) if clustered else None, **settings)
    if clustered:
        first.peers = [second]
    with first, second:
        yield Pair(first, second)
