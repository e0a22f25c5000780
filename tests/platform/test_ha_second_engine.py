"""A pair of Prometheus writes to VictoriaMetrics; one is killed for a while. There is no hole, and no second has two samples."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from kunobs.config.monitoring import MonitoringConfig, RemoteWriteConfig
from kunobs.local.ports import HOST, choose
from tests.platform.conftest import need
from tests.platform.replicas import Replica, Switches
from tests.support import wait_until

pytestmark = pytest.mark.platform
TOOLS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kunobs" / "tools"
DEBIAN = "1.79.5+ds1"


class VictoriaMetrics:
    """One that deduplicates by the scrape interval."""

    def __init__(self, folder: Path) -> None:
        program = TOOLS / f"victoria-metrics-{DEBIAN}" / "usr" / "bin" / "victoria-metrics"
        need(program.exists(), f"needs Debian's VictoriaMetrics {DEBIAN}: make test-platform unpacks it")
        self.url = f"http://{HOST}:{choose(())}"
        with (folder / "vm.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program, f"-storageDataPath={folder}/vm", f"-httpListenAddr={self.url.removeprefix('http://')}",
                    "-dedup.minScrapeInterval=1s", "-search.latencyOffset=0s",
                ],
                stdout=log, stderr=log,
            )  # fmt: skip
        wait_until(self._ready, 60, "VictoriaMetrics is ready")

    def close(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait(30)

    def series(self, name: str) -> list[tuple[dict[str, str], list[int]]]:
        """Labels and milliseconds of every sample, after it has deduplicated."""
        answer = requests.get(f"{self.url}/api/v1/export", params={"match[]": name}, timeout=30)
        rows = [json.loads(line) for line in answer.text.splitlines()]
        return [(row["metric"], row["timestamps"]) for row in rows]

    def samples(self, name: str) -> int:
        """Of its only series."""
        found = self.series(name)
        assert len(found) <= 1, [labels for labels, _ in found]
        return len(found[0][1]) if found else 0

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", timeout=5).status_code == 200
        except requests.RequestException:
            return False


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What ends with the test."""
    with ExitStack() as made:
        yield made


def test_a_killed_replica_leaves_no_hole(tmp_path: Path, stack: ExitStack) -> None:
    """Both write the same series, for the label that tells them apart is dropped on the way."""
    switches = Switches(1)
    stack.callback(switches.close)
    engine = VictoriaMetrics(tmp_path)
    stack.callback(engine.close)
    remote = RemoteWriteConfig(kind="victoriametrics", url=f"{engine.url}/api/v1/write")
    config = MonitoringConfig(kubernetes=False, remote_write=remote)
    pair = [Replica(tmp_path, replica, config, switches.address) for replica in config.replicas]
    for one in pair:
        one.start()
        stack.callback(one.kill)
    for one in pair:
        one.ready()
    name = "ha_switch"

    def more(count: int) -> None:
        target = engine.samples(name) + count
        wait_until(lambda: engine.samples(name) >= target, 90, f"{count} more samples")

    more(8)
    pair[0].kill()
    more(10)
    pair[0].start()
    pair[0].ready()
    more(8)
    ((labels, times),) = engine.series(name)
    assert labels == {
        "__name__": name,
        "n": "0",
        "job": "switches",
        "instance": switches.address,
        "cluster": "kubernetes",
    }
    # One a second: none twice, and nowhere two seconds without one. Where a bucket has two, deduplication keeps the later.
    assert max(Counter(at // 1000 for at in times[:-2]).values()) == 1
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) < 2500, gaps
