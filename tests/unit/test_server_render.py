"""Rendering: the same samples as the registry holds, in both formats, piece by piece."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Metric, Summary
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from kunobs.server.negotiate import OPENMETRICS, TEXT, Format
from kunobs.server.render import blocks, gzipped, render

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
HOSTILE = 'back\\slash "quote" new\nline ünïcode 命名 \u2028 {}=,'


def parsed(text: str, wanted: Format) -> Samples:
    """What the library's parsers read in the text."""
    families: Iterable[Metric] = (
        openmetrics_parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        if wanted is OPENMETRICS
        else text_string_to_metric_families(text)
    )
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def registry() -> CollectorRegistry:
    """One metric of each type, with labels that need escaping."""
    registry = CollectorRegistry()
    Counter("t_events", "Events.", ["namespace"], registry=registry).labels(HOSTILE).inc(3)
    Gauge("t_lag", HOSTILE, registry=registry).set(-1.5)
    Histogram("t_wait_seconds", "Wait.", buckets=(1, 5), registry=registry).observe(2)
    Summary("t_size_bytes", "Size.", registry=registry).observe(7)
    Info("t_build", "Build.", registry=registry).info({"version": HOSTILE})
    return registry


EXPECTED: Samples = {
    ("t_events_total", (("namespace", HOSTILE),)): 3,
    ("t_lag", ()): -1.5,
    ("t_wait_seconds_bucket", (("le", "1.0"),)): 0,
    ("t_wait_seconds_bucket", (("le", "5.0"),)): 1,
    ("t_wait_seconds_bucket", (("le", "+Inf"),)): 1,
    ("t_wait_seconds_count", ()): 1,
    ("t_wait_seconds_sum", ()): 2,
    ("t_size_bytes_count", ()): 1,
    ("t_size_bytes_sum", ()): 7,
    ("t_build_info", (("version", HOSTILE),)): 1,
}


@pytest.mark.parametrize("wanted", [TEXT, OPENMETRICS], ids=lambda wanted: wanted.name)
def test_samples_survive(registry: CollectorRegistry, wanted: Format) -> None:
    """The parsers read back exactly what was set, escapes included, and no creation times."""
    assert parsed(b"".join(render(registry, wanted)).decode(), wanted) == EXPECTED


def test_openmetrics_ends_once(registry: CollectorRegistry) -> None:
    """The end mark is there once, last, also for an empty registry; the text format has none."""
    body = b"".join(render(registry, OPENMETRICS))
    assert body.endswith(b"# EOF\n")
    assert body.count(b"# EOF") == 1
    assert b"".join(render(CollectorRegistry(), OPENMETRICS)) == b"# EOF\n"
    assert b"".join(render(CollectorRegistry(), TEXT)) == b""
    assert b"# EOF" not in b"".join(render(registry, TEXT))


def test_created_of_custom_collectors_is_left_out() -> None:
    """A family that brings its creation time is shown without, and a gauge that is named so keeps its samples."""

    class Custom:
        def collect(self) -> Iterator[Metric]:
            counter = CounterMetricFamily("t_jobs", "Jobs.", labels=["q"])
            counter.add_metric(["a"], 4, created=1234.0)
            yield counter
            yield GaugeMetricFamily("t_file_created", "Time.", value=9)

    body = b"".join(render(Custom(), TEXT)).decode()
    assert parsed(body, TEXT) == {("t_jobs_total", (("q", "a"),)): 4, ("t_file_created", ()): 9}


def test_families_are_rendered_one_after_the_other() -> None:
    """The first family's text is there before the second is collected."""
    collected: list[str] = []

    class Slow:
        def collect(self) -> Iterator[Metric]:
            for name in ("t_a", "t_b"):
                collected.append(name)
                yield GaugeMetricFamily(name, "Help.", value=1)

    parts = render(Slow(), TEXT)
    assert b"t_a 1.0" in next(parts)
    assert collected == ["t_a"]


@given(st.lists(st.binary(max_size=50), max_size=50), st.integers(1, 100))
def test_blocks_keep_the_bytes(parts: list[bytes], size: int) -> None:
    """Pieces have the size asked for, the last one what is left, and together they are what went in."""
    made = list(blocks(parts, size))
    assert b"".join(made) == b"".join(parts)
    assert all(len(block) == size for block in made[:-1])
    assert all(0 < len(block) <= size for block in made)


@given(st.lists(st.binary(max_size=500), max_size=50))
def test_gzip_is_read_back(parts: list[bytes]) -> None:
    """An independent reader gets the same bytes."""
    assert gzip.decompress(b"".join(gzipped(parts))) == b"".join(parts)


def test_gzip_streams() -> None:
    """Output comes before the input ends: memory is bounded by the compressor, not by the scrape."""
    noise = random.Random(1)
    taken: list[int] = []

    def parts() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield noise.randbytes(10_000)

    next(blocks(gzipped(parts()), 1000))
    assert len(taken) < 50
