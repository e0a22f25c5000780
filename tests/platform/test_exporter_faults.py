"""The fault matrix: every exporter against every fault of its dependency, scraped by a real Prometheus.

100 scrapes of each cell in CI (SCRAPES=1000 in make chaos). `up` must be 1 in all of them, each answered 0.3 s before
Prometheus would give up, and threads, descriptors and memory must not grow; promtool has nothing against any answer. PROVE=1 writes docs/proof/exporter-faults.json.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exporters.kit import Exporter
from exporters.known import KNOWN, build
from kunobs.config import load_text
from kunobs.local import LocalStack
from kunobs.local.ports import HOST
from tests.exporter_faults import FAULTS, answering, faulty
from tests.exporter_world import Scraper, exporting
from tests.platform.prometheus import Prometheus, promtool_check
from tests.support import REPOSITORY, wait_until

SCRAPES = int(os.environ.get("SCRAPES", "100"))
# Prometheus' timeout is the interval.
INTERVAL = 1.0
MARGIN = 0.3

CONFIGS = {
    "kafka": "kafka:\n  public: {{brokers: ['{address}']{sasl}}}\nexporters:\n  kafka: {{clusters: [public], {limits}}}\n",
    "logs": "kafka:\n  tenant: {{brokers: ['{address}']{sasl}}}\nelasticsearch: {{urls: ['http://{http}']}}\n"
    "exporters:\n  logs: {{{limits}}}\n",
    "registry": "exporters:\n  registry:\n    min_interval: 0s\n    regions:\n      a: {{url: 'http://{http}', role: primary}}\n",
    "redis": "exporters:\n  redis:\n    min_interval: 0s\n    clusters:\n"
    "      shop: {{namespace: shop, master: mymaster, sentinels: ['{redis}']}}\n",
    "ci": "exporters:\n  ci: {{data: '{folder}', secret: s3cret-s3cret-s3cret, gitlab_url: 'http://{http}', token: t0ken,\n"
    "       projects: [team/shop], {limits}}}\n",
}


def test_every_exporter_has_a_row() -> None:
    """A new exporter gets a configuration here."""
    assert set(CONFIGS) == set(KNOWN)


class _Unauthorized(BaseHTTPRequestHandler):
    """Elasticsearch, a registry and GitLab that do not know us."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def refusing(stack: LocalStack) -> Iterator[dict[str, str]]:
    """Servers that answer, each in its own protocol, that we may not: a real Kafka with another password."""
    server = ThreadingHTTPServer((HOST, 0), _Unauthorized)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sasl = ", sasl: {mechanism: SCRAM-SHA-256, username: admin, password: wrong}"
    try:
        with answering(b"-NOAUTH Authentication required.\r\n" * 20) as redis:
            yield {
                "address": stack.broker("tenant").endpoint,
                "http": f"{HOST}:{server.server_port}",
                "redis": redis,
                "sasl": sasl,
            }
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.timeout(3600)
def test_no_scrape_fails(tmp_path: Path, platform_stack: LocalStack) -> None:
    """Every cell at once, each an exporter behind a server of its own."""
    with contextlib.ExitStack() as stack:
        jobs: dict[str, list[str]] = {}
        scrapes: dict[str, Scraper] = {}
        for fault in FAULTS:
            for name, text in CONFIGS.items():
                folder = tmp_path / f"{name}-{fault}"
                folder.mkdir()
                if fault == "refused":
                    places = stack.enter_context(refusing(platform_stack))
                else:
                    address = stack.enter_context(faulty(fault))
                    places = {"address": address, "http": address, "redis": address, "sasl": ""}
                text = text.format(folder=folder, limits="min_interval: 0s", **places)
                exporter = _built(name, text)
                stack.enter_context(exporter.running())
                scrape = stack.enter_context(exporting(exporter))
                jobs[f"{name}/{fault}"], scrapes[f"{name}/{fault}"] = [scrape.address], scrape
        prometheus = stack.enter_context(Prometheus(tmp_path / "prometheus", jobs, interval=f"{INTERVAL:g}s"))

        def scraped(number: int) -> Callable[[], bool]:
            return lambda: min(prometheus.by_job("count_over_time(up[1d])").values(), default=0) >= number

        wait_until(scraped(SCRAPES // 4), timeout=SCRAPES * INTERVAL * 3, what="the first quarter of the scrapes")
        before = _used()
        wait_until(scraped(SCRAPES), timeout=SCRAPES * INTERVAL * 6, what="all scrapes")
        after = _used()
        unclean = {job: promtool_check(scrape(timeout=INTERVAL).text) for job, scrape in scrapes.items()}
        counts = prometheus.by_job("count_over_time(up[1d])")
        # In one query, for scrapes go on meanwhile.
        failed = prometheus.by_job("count_over_time(up[1d]) - sum_over_time(up[1d])")
        print("failed at", prometheus.query("timestamp(up == 0)"), "of", counts)
        slowest = prometheus.by_job("max_over_time(scrape_duration_seconds[1d])")
    assert not {job: said for job, said in unclean.items() if said}
    assert set(counts) == set(jobs)
    assert not {job: number for job, number in failed.items() if number}
    late = {job: seconds for job, seconds in slowest.items() if seconds > INTERVAL - MARGIN}
    assert not late, late
    assert after[0] <= before[0] + 5, f"threads: {before[0]}, then {after[0]}"
    assert after[1] <= before[1] + 20, f"descriptors: {before[1]}, then {after[1]}"
    assert after[2] <= before[2] + 32, f"MiB: {before[2]:.0f}, then {after[2]:.0f}"
    if os.environ.get("PROVE"):
        _write({job: (int(counts[job]), int(failed[job])) for job in jobs})


def _built(name: str, text: str) -> Exporter:
    return build(name, load_text("version: 1\n" + text))


def _used() -> tuple[int, int, float]:
    """Threads, descriptors and MiB of this process, in which all exporters are."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return threading.active_count(), len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _write(cells: dict[str, tuple[int, int]]) -> None:
    """exporter -> fault -> {"scrapes", "failed"}, rounded down to what was asked for, so that it is the same each time."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for job, (scrapes, failed) in cells.items():
        name, _, fault = job.partition("/")
        found.setdefault(name, {})[fault] = {"scrapes": min(scrapes, SCRAPES), "failed": failed}
    place = REPOSITORY / "docs" / "proof" / "exporter-faults.json"
    place.write_text(json.dumps(found, indent=2) + "\n")
