"""What Prometheus would see of the demo: the exporters of Kafka and of logs as a process of their own, scraped once."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from kunobs.clock import Clock
from kunobs.errors import LocalStackError
from kunobs.local.demo.legs import Leg
from kunobs.local.ports import choose

EXPORTERS = ("kafka", "logs")
_READY_TIMEOUT = 60.0
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Scrape:
    """One answer: its series, its collectors and whether they brought all, and fanout's lag by its checkpoints."""

    series: int
    collectors: Mapping[str, bool]
    fanout_lag: float
    namespaces: int

    @property
    def failed(self) -> list[str]:
        """The collectors that did not bring all."""
        return sorted(name for name, good in self.collectors.items() if not good)


def scrape(folder: Path, config: Path, environ: Mapping[str, str], clock: Clock) -> Scrape:
    """Start the exporters, scrape them, stop them. Raises LocalStackError with the end of their log."""
    process = Leg("exporter", folder, clock, arguments=EXPORTERS, section="exporters")
    process.kill()
    try:
        process.start(config, choose(()), environ)
        _await(process, clock)
        with urllib.request.urlopen(f"http://{process.address}/metrics", timeout=_TIMEOUT) as answer:
            found = read(answer.read().decode())
        process.stop()
    finally:
        process.kill()
    return found


def _await(process: Leg, clock: Clock) -> None:
    deadline = clock.monotonic() + _READY_TIMEOUT
    while True:
        try:
            with urllib.request.urlopen(f"http://{process.address}/-/ready", timeout=5):
                return
        except OSError:
            process.require_alive()
            if clock.monotonic() >= deadline:
                raise LocalStackError(
                    f"the exporters are not ready; the end of their log:\n{process.log_tail()}"
                ) from None
            clock.sleep(0.1)


def read(text: str) -> Scrape:
    """The scrape in an exposition."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return Scrape(
        series=len(samples),
        collectors={
            f"{one.labels['exporter']}/{one.labels['collector']}": one.value == 1
            for one in samples
            if one.name == "kunobs_exporter_collector_success"
        },
        fanout_lag=sum(one.value for one in samples if one.name == "kunobs_kafka_fanout_lag"),
        namespaces=len({one.labels["namespace"] for one in samples if one.labels.get("namespace")}),
    )
