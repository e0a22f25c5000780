"""The fault matrix: every exporter against every fault of its dependency, scraped by a real Prometheus.

100 scrapes of each cell in CI (SCRAPES=1000 in make chaos). `up` must be 1 in all of them, 19 of 20 answered 0.3 s before
Prometheus would give up, and threads, descriptors and memory must not grow; promtool has nothing against any answer.
PROVE=1 writes docs/proof/exporter-faults.json.
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
import requests

from exporters.known import KNOWN
from kunobs.local import LocalStack
from kunobs.local.ports import HOST
from tests.exporter_cells import Cells
from tests.exporter_faults import FAULTS, answering, faulty
from tests.platform.prometheus import NEWEST, Prometheus, promtool_check
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
    """Every cell at once: a process for each fault, in it every exporter behind a server of its own."""
    with contextlib.ExitStack() as stack:
        cells = {fault: stack.enter_context(_cells(fault, tmp_path, stack, platform_stack)) for fault in FAULTS}
        jobs = {f"{name}/{fault}": at for fault, one in cells.items() for name, at in one.addresses.items()}
        targets = {job: [address] for job, address in jobs.items()}
        prometheus = stack.enter_context(Prometheus(tmp_path / "prometheus", targets, interval=f"{INTERVAL:g}s"))
        # The newest one looks in now and then, with the same patience.
        newest = stack.enter_context(
            Prometheus(
                tmp_path / "newest",
                targets,
                interval=f"{10 * INTERVAL:g}s",
                version=NEWEST,
                scrape_timeout=f"{INTERVAL:g}s",
            )
        )

        def scraped(number: int) -> Callable[[], bool]:
            return lambda: min(prometheus.by_job("count_over_time(up[1d])").values(), default=0) >= number

        wait_until(scraped(SCRAPES // 4), timeout=SCRAPES * INTERVAL * 3, what="the first quarter of the scrapes")
        before = {fault: one.used() for fault, one in cells.items()}
        wait_until(scraped(SCRAPES), timeout=SCRAPES * INTERVAL * 6, what="all scrapes")
        after = {fault: one.used() for fault, one in cells.items()}
        unclean = {job: promtool_check(_scrape(address)) for job, address in jobs.items()}
        counts = prometheus.by_job("count_over_time(up[1d])")
        # In one query, for scrapes go on meanwhile.
        failed = prometheus.by_job("count_over_time(up[1d]) - sum_over_time(up[1d])")
        seen_by_newest = newest.by_job("count_over_time(up[1d])")
        failed_by_newest = newest.by_job("count_over_time(up[1d]) - sum_over_time(up[1d])")
        usual = prometheus.by_job("quantile_over_time(0.95, scrape_duration_seconds[1d])")
        slowest = prometheus.by_job("max_over_time(scrape_duration_seconds[1d])")
    print("slowest", max(slowest.items(), key=lambda one: one[1]), "used", before, after)
    assert not {job: said for job, said in unclean.items() if said}
    assert set(counts) == set(jobs)
    assert not {job: number for job, number in failed.items() if number}
    assert min(seen_by_newest.values()) >= SCRAPES // 20
    assert set(seen_by_newest) == set(jobs)
    assert not {job: number for job, number in failed_by_newest.items() if number}
    # Not the very slowest: a machine that does something else for a moment is no fault of an exporter.
    late = {job: seconds for job, seconds in usual.items() if seconds > INTERVAL - MARGIN}
    assert not late, late
    for fault in FAULTS:
        # Some thirty threads and connections come and go with the scrapes; one that stayed of each would be hundreds by now.
        for what, grown in (("threads", 40), ("descriptors", 60), ("MiB", 16)):
            assert after[fault][what] <= before[fault][what] + grown, (fault, what, before[fault], after[fault])
    if os.environ.get("PROVE"):
        _write({job: (int(counts[job]), int(failed[job])) for job in jobs})


def _cells(fault: str, folder: Path, stack: contextlib.ExitStack, kafka: LocalStack) -> Cells:
    if fault == "refused":
        places = stack.enter_context(refusing(kafka))
    else:
        address = stack.enter_context(faulty(fault))
        places = {"address": address, "http": address, "redis": address, "sasl": ""}
    own = folder / fault
    own.mkdir()
    texts = {
        name: "version: 1\n" + text.format(folder=own, limits="min_interval: 0s", **places)
        for name, text in CONFIGS.items()
    }
    return Cells(texts, own / "log")


def _scrape(address: str) -> str:
    answer = requests.get(
        f"http://{address}/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": str(INTERVAL)}, timeout=30
    )
    return answer.text


def _write(cells: dict[str, tuple[int, int]]) -> None:
    """exporter -> fault -> {"scrapes", "failed"}, rounded down to what was asked for, so that it is the same each time."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for job, (scrapes, failed) in cells.items():
        name, _, fault = job.partition("/")
        found.setdefault(name, {})[fault] = {"scrapes": min(scrapes, SCRAPES), "failed": failed}
    place = REPOSITORY / "docs" / "proof" / "exporter-faults.json"
    place.write_text(json.dumps(found, indent=2) + "\n")
