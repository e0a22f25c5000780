"""A real Prometheus that scrapes what a test serves, and what it has seen: `up`, how long scrapes took, any query.

with Prometheus(folder, {"job": ["127.0.0.1:9520"]}, interval="1s") as prometheus:
    prometheus.query("up")
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import requests

from kunobs.local.ports import HOST, choose
from tests.platform.conftest import need
from tests.support import wait_until

DEBIAN, NEWEST = "2.42.0+ds", "3.16.0"


def tool(name: str, version: str = DEBIAN) -> Path:
    """`prometheus` or `promtool` of what tools/install-platform.sh unpacked, or built."""
    tools = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kunobs" / "tools"
    found = tools / f"prometheus-{version}" / ("usr/bin" if version == DEBIAN else "") / name
    need(found.exists(), f"needs Prometheus {version}: make test-platform gets it")
    return found


def promtool_check(text: str) -> str:
    """What `promtool check metrics` has against an exposition; empty when nothing."""
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, timeout=120, check=False
    )
    return "" if done.returncode == 0 else f"exit {done.returncode}: {done.stdout}{done.stderr}"


class Prometheus:
    """One that scrapes `jobs` (name -> host:port); a context manager that starts and in the end kills it."""

    def __init__(
        self,
        folder: Path,
        jobs: Mapping[str, Iterable[str]],
        *,
        interval: str = "1s",
        version: str = DEBIAN,
        retention: str = "15d",
        scrape_configs: Iterable[Mapping[str, Any]] = (),
        **options: Any,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._retention = retention
        self.url = f"http://{HOST}:{choose(())}"
        self._folder, self._program = folder, tool("prometheus", version)
        config = {
            "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
            "scrape_configs": [
                {"job_name": name, "honor_labels": True, "static_configs": [{"targets": list(targets)}]} | options
                for name, targets in jobs.items()
            ]
            + list(scrape_configs),
        }
        # JSON is YAML too.
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Prometheus:
        with (self._folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--storage.tsdb.retention.time={self._retention}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self._ready, what="Prometheus is ready")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def query(self, expression: str) -> dict[str, float]:
        """An instant query: the labels of each series, as JSON with its keys sorted, and its value."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30).json()
        assert answer["status"] == "success", answer
        result = answer["data"]["result"]
        return {json.dumps(one["metric"], sort_keys=True): float(one["value"][1]) for one in result}

    def targets(self) -> list[dict[str, Any]]:
        """What it scrapes: labels, URL, health."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/api/v1/targets?state=active", timeout=30).json()[
            "data"
        ]["activeTargets"]
        return found

    def by_job(self, expression: str) -> dict[str, float]:
        """The same of series that differ in their job alone."""
        return {json.loads(labels)["job"]: value for labels, value in self.query(expression).items()}

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "prometheus.log").read_text()[-2000:]
        try:
            return requests.get(f"{self.url}/-/ready", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False
