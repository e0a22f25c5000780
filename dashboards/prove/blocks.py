"""The world in a real Prometheus: OpenMetrics, blocks made by promtool, and a server on them."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from dashboards.prove.world import Series
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import UnavailableError

HOST = "127.0.0.1"
_START = 60.0


def openmetrics(series: Iterable[Series], end: int) -> Iterator[str]:
    """The samples of each family, in the order that OpenMetrics wants: family, series, time."""
    for _, family in groupby(series, key=lambda one: one.spec.name):
        for one in sorted(family, key=lambda each: (each.name, each.labels)):
            labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in one.labels)
            for at, value in one.samples(end):
                yield f"{one.name}{{{labels}}} {value} {at}\n"
    yield "# EOF\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def make(promtool: Path, series: Iterable[Series], end: int, folder: Path) -> None:
    """Blocks in `folder`/data. UnavailableError when promtool refuses."""
    page = folder / "world.om"
    with page.open("w") as file:
        file.writelines(openmetrics(series, end))
    done = subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", page, folder / "data"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    page.unlink()
    if done.returncode:
        raise UnavailableError(f"promtool makes no blocks: {done.stderr[-500:]}")


def _free() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def record(promtool: Path, rules: str, url: str, end: int, span: int, folder: Path) -> None:
    """Blocks of what recording rules would have recorded, asked of a running Prometheus. UnavailableError when promtool refuses."""
    file = folder / "recording.yml"
    file.write_text(rules)
    done = subprocess.run(
        [
            promtool, "tsdb", "create-blocks-from", "rules", f"--start={end - span}", f"--end={end}", f"--url={url}",
            "--eval-interval=60s", f"--output-dir={folder / 'data'}", file,
        ],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if done.returncode:
        raise UnavailableError(f"promtool records nothing: {done.stderr[-500:]}")


class Server:
    """What is asked of a running Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **parameters: str | int | float) -> Any:
        """The data of an answer. ValueError says what Prometheus has against the query."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - an address of ours
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error).get("error", str(error))) from None

    def ready(self) -> bool:
        """It answers."""
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
        return False


@contextmanager
def running(prometheus: Path, folder: Path, port: int, clock: Clock = SYSTEM_CLOCK) -> Iterator[Server]:
    """A server on `folder`/data that scrapes nothing; port 0 is any free one."""
    port = port or _free()
    config = folder / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1h}\n")
    server = Server(f"http://{HOST}:{port}")
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                prometheus, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={HOST}:{port}", "--storage.tsdb.retention.time=10y", "--log.level=warn",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        until = clock.monotonic() + _START
        while not server.ready():
            if process.poll() is not None or clock.monotonic() > until:
                raise UnavailableError(f"Prometheus does not start: {(folder / 'prometheus.log').read_text()[-500:]}")
            clock.sleep(0.1)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
