"""An exporter behind a real server for tests: collectors that the test holds and releases, and scrapes as Prometheus makes them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import requests
from prometheus_client import CollectorRegistry

from exporters.kit import Collector, Context, Exporter, Label, Limits, MetricSpec
from exporters.kit.answer import Answers
from exporters.kit.check import check
from kunobs.catalogue import CATALOGUE
from kunobs.catalogue.metrics import Metrics
from kunobs.server import Server
from kunobs.server.metrics import ServerMetrics
from kunobs.server.scrape import MetricsApp
from tests.unit.server_support import samples, serving

OPEN = MetricSpec("t_doors_open", "gauge", "Doors that are open now.", labels=(Label("house"),))
STEPS = MetricSpec("t_steps_total", "counter", "Steps that were heard.", labels=(Label("house"), Label("stair")))


@dataclass
class Gate:
    """A collector that emits its rows, waits until it is let through, and counts how often it was begun."""

    name: str = "doors"
    spec: MetricSpec = OPEN
    rows: Sequence[tuple[object, ...]] = (("a", 1),)
    open: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    starts: int = 0
    first: bool = True

    def collect(self, ctx: Context) -> None:
        """Emit, then wait; or wait first where `first` is false."""
        self.starts += 1
        self.begun.release()
        if self.first:
            ctx.emit(self.spec, self.rows)
        self.open.wait()
        if not self.first:
            ctx.emit(self.spec, self.rows)

    @property
    def collector(self) -> Collector:
        """It, declared."""
        return Collector(self.name, (self.spec,), self.collect)


@dataclass
class Scraped:
    """An answer: its status, its text, and its samples by name and label values."""

    status: int
    text: str

    @property
    def samples(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """(name, label values in the order of the label names) -> value."""
        return {
            (name, tuple(value for _, value in labels)): value for (name, labels), value in samples(self.text).items()
        }

    def value(self, name: str, *labels: str) -> float | None:
        """One sample; None when it is not there."""
        return self.samples.get((name, labels))


class Scraper:
    """Scrapes one server."""

    def __init__(self, server: Server) -> None:
        self._url = server.url
        self.address = server.address

    def __call__(
        self, path: str = "/metrics", timeout: float | None = None, headers: Mapping[str, str] | None = None
    ) -> Scraped:
        """One scrape with Prometheus' timeout header; the answer has passed the exposition checker."""
        sent = dict(headers or {})
        if timeout is not None:
            sent["X-Prometheus-Scrape-Timeout-Seconds"] = str(timeout)
        answer = requests.get(self._url + path, headers=sent, timeout=60)
        if answer.status_code == 200 and path.startswith(("/metrics", "/probe")):
            assert [f for f in check(answer.content, CATALOGUE) if "kunobs" in f.text or f.fatal] == []
        return Scraped(answer.status_code, answer.text)


@contextlib.contextmanager
def exporting(*exporters: Exporter) -> Iterator[Scraper]:
    """The exporters behind a server of their own; what runs between scrapes the test enters itself."""
    registry = CollectorRegistry()
    answers = Answers(exporters, registry)
    probe = MetricsApp(answers.probe, ServerMetrics(Metrics(registry, "test")))
    with serving(registry, source=answers.metrics, routes={"/probe": probe}, max_scrapes=40) as server:
        yield Scraper(server)


def single(*collectors: Collector, **limits: float) -> Exporter:
    """An exporter of these, called `t`."""
    return Exporter("t", collectors, limits=Limits(**limits))  # type: ignore[arg-type]
