"""Real Prometheus replicas with the configuration that is generated, made faster, and a target whose alerts a test switches."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from ruamel.yaml import YAML

from kunobs.config.monitoring import MonitoringConfig
from kunobs.generate.prometheus import prometheus_files
from kunobs.local.ports import HOST, choose
from tests.platform.prometheus import tool
from tests.platform.victim import Victim
from tests.support import wait_until


class Switches:
    """A target whose alerts are switched on and off by the test."""

    def __init__(self, count: int) -> None:
        self.on: set[int] = set()
        self.deaf: set[str] = set()
        self.answers: Counter[tuple[str, int]] = Counter()
        switches = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                replica = self.path.partition("?replica=")[2]
                status = 503 if replica in switches.deaf else 200
                switches.answers[replica, status] += 1
                body = "".join(f'ha_switch{{n="{n}"}} {int(n in switches.on)}\n' for n in range(count)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.address = f"{HOST}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class Scrape:
    """The scrape of one replica, which fails while it is killed or stopped; its twin's goes on."""

    def __init__(self, switches: Switches, replica: str) -> None:
        self._switches = switches
        self._replica = replica

    def kill(self) -> None:
        """From now on, and at least once."""
        self._switches.deaf.add(self._replica)
        self._another(503)

    def start(self) -> None:
        """It works again."""
        self._switches.deaf.discard(self._replica)

    pause, resume = kill, start

    def ready(self) -> None:
        """Wait until it has worked once."""
        self._another(200)

    def _another(self, status: int) -> None:
        before = self._switches.answers[self._replica, status]
        wait_until(lambda: self._switches.answers[self._replica, status] > before, 60, f"a scrape with status {status}")


class Replica(Victim):
    """One replica with its generated configuration, made faster."""

    def __init__(self, folder: Path, replica: str, config: MonitoringConfig, target: str) -> None:
        self.url = f"http://{HOST}:{choose(())}"
        self._folder = folder / f"prometheus-{replica}"
        self._folder.mkdir()
        made: dict[str, Any] = YAML(typ="safe", pure=True).load(prometheus_files(config)[f"prometheus-{replica}.yml"])
        made["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        made["rule_files"] = [str(folder / "rules.yml")] if (folder / "rules.yml").exists() else []
        made["scrape_configs"] = [
            {"job_name": "switches", "params": {"replica": [replica]}, "static_configs": [{"targets": [target]}]}
        ]
        (self._folder / "prometheus.yml").write_text(json.dumps(made))

    def start(self) -> None:
        """A new life."""
        # An alert is over for the Alertmanagers four of these after it was last sent. Prometheus 2.42 waits 10 s for one that hangs
        # with each 64 alerts, so with 5 s a hundred alerts were told as resolved while they fired.
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    tool("prometheus"), f"--config.file={self._folder}/prometheus.yml", f"--storage.tsdb.path={self._folder}/data",
                    f"--web.listen-address={self.url.removeprefix('http://')}", "--rules.alert.resend-delay=15s",
                ],
                stdout=log, stderr=log,
            )  # fmt: skip

    def ready(self) -> None:
        """Wait for it."""
        wait_until(lambda: self._ask("/-/ready") is not None, 60, f"{self.url} is ready")

    def fires(self, name: str) -> bool:
        """It has evaluated the alert as firing; False also when it does not answer."""
        answer = self._ask("/api/v1/alerts")
        found = answer.json()["data"]["alerts"] if answer is not None else []
        return any(one["labels"]["alertname"] == name and one["state"] == "firing" for one in found)

    def _ask(self, path: str) -> requests.Response | None:
        try:
            answer = requests.get(self.url + path, timeout=2)
        except requests.RequestException:
            return None
        return answer if answer.status_code == 200 else None
