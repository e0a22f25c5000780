"""100,000 series from rows to gzip: the kit's columns against prometheus_client's generate_latest, the same labels and values.

Each run is a process of its own, `python -m benchmarks.exporters.render kit|library N`, for what is measured is also the
memory that it takes beyond the rows.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily

from benchmarks.measure import ROOT, peak_rss
from exporters.kit.budget import Budget
from exporters.kit.context import Context
from kunobs.catalogue.types import Label, MetricSpec
from kunobs.server.columns import Row
from kunobs.server.negotiate import TEXT
from kunobs.server.render import gzipped

SERIES = 100_000
SPEC = MetricSpec(
    "kunobs_bench_lag_messages",
    "gauge",
    "Messages that a group has not read yet, as a Kafka exporter shows them.",
    labels=(Label("namespace"), Label("group"), Label("partition")),
)


def rows(number: int) -> list[Row]:
    """As an exporter has them: 500 namespaces, 200 groups, whole numbers and fractions."""
    return [(f"team-{n % 500}", f"consumer-{n % 200}", n % 64, n * 1.25 if n % 4 else n) for n in range(number)]


def kit(given: list[Row]) -> int:
    """What a scrape does: emitted into the collection, then streamed into gzip; the bytes on the wire."""
    context = Context((SPEC,), float("inf"), Budget(10_000_000, 1 << 30))
    context.emit(SPEC, given)
    (emitted,) = context.so_far()[0]
    return sum(len(block) for block in gzipped(emitted.columns.text(TEXT)))


class _Custom:
    def __init__(self, given: list[Row]) -> None:
        self._given = given

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(SPEC.name, SPEC.help, labels=SPEC.label_names)
        for *labels, value in self._given:
            family.add_metric([str(label) for label in labels], value)
        yield family


def library(given: list[Row]) -> int:
    """What prometheus_client's own server does with a custom collector: the text, then gzip.compress."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Custom(given))  # type: ignore[arg-type]
    return len(gzip.compress(generate_latest(registry)))


def library_with_our_gzip(given: list[Row]) -> int:
    """The same with gzip at level 1, so that the difference is the rendering's alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Custom(given))  # type: ignore[arg-type]
    return len(zlib.compress(generate_latest(registry), 1))


WAYS = {"kit": kit, "library": library, "library_level_1": library_with_our_gzip}


def one(way: str, number: int = SERIES) -> dict[str, Any]:
    """Seconds and extra MiB of one way, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.exporters.render", way, str(number)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(way: str, number: int) -> None:
    """Measure in this process and print it as JSON."""
    import os

    given = rows(number)
    # Once on a few rows, so that no import and no first call is measured.
    WAYS[way](given[:100])
    before = peak_rss(os.getpid())
    began = time.perf_counter()
    size = WAYS[way](given)
    seconds = time.perf_counter() - began
    extra = (peak_rss(os.getpid()) - before) / (1 << 20)
    print(json.dumps({"seconds": seconds, "extra_mb": extra, "bytes": size}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
