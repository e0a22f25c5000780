"""The lag of 50,000 partitions on three brokers: ours, by a request for each partition, and by kafka_exporter.

Every lag of every answer that is measured must equal what was laid on the cluster, or the measurement has failed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.exporters import brokers
from benchmarks.exporters.brokers import Brokers
from benchmarks.exporters.layout import Layout
from benchmarks.exporters.programs import TOPIC, Answer, KafkaExporter, Ours, PerPartition, Program
from benchmarks.measure import Figures
from kunobs.clock import SYSTEM_CLOCK
from kunobs.local.progress import PlainReporter

Key = TypeVar("Key")
THREADS = (1, 8, 32)
# The first scrapes also ask when old offsets were written, 1,000 partitions at a time, and remember it.
SCRAPES = 5
_MIB = 1 << 20


@dataclass
class Kafka:
    """The cluster with all that is laid on it, and what is measured on it."""

    brokers: Brokers
    layout: Layout
    figures: Figures
    note: Callable[[str], None]
    program: str = ""
    """kafka_exporter, where it is there."""
    scrapes: int = SCRAPES
    threads: int = 0
    """Of the reference, once its best number is known."""
    tried: dict[int, float] = field(default_factory=dict)

    def ours(self, folder: Path) -> None:
        """A new process: its first scrape, then the others."""
        ours = Ours(folder, self.brokers.cluster)
        with self._running(ours):
            self._add("kafka_50k_first_lag", [self._asked(ours)])
            self._add("kafka_50k_lag", [self._asked(ours) for _ in range(self.scrapes)])
            coarse = [ours.scrape(TOPIC) for _ in range(self.scrapes)]
            self._add("kafka_50k_topic_lag", coarse)
            wanted: dict[tuple[str, str], int] = {}
            for (group, topic, _), lag in self.layout.lags.items():
                wanted[group, topic] = wanted.get((group, topic), 0) + lag
            _same(ours.name, ours.sums(coarse[-1]), wanted)
            self.figures.add("kafka_50k_rss_mb", ours.rss / _MIB, "MiB")

    def per_partition(self, folder: Path) -> None:
        """The reference at its best number of threads, once its connections are there."""
        if not self.threads:
            self._try_threads(folder)
        self._peer("per_partition", PerPartition(folder, self.brokers.cluster, self.threads))

    def kafka_exporter(self, folder: Path) -> None:
        """The real one."""
        self._peer("kafka_exporter", KafkaExporter(folder, self.brokers.cluster, self.program))

    def _peer(self, key: str, peer: Program) -> None:
        with self._running(peer):
            self._add(f"{key}_50k_first_lag", [self._asked(peer)])
            self._add(f"{key}_50k_lag", [self._asked(peer)])
            self.figures.add(f"{key}_50k_rss_mb", peer.rss / _MIB, "MiB")

    def _try_threads(self, folder: Path) -> None:
        for threads in THREADS:
            one = PerPartition(folder, self.brokers.cluster, threads)
            with self._running(one):
                self.tried[threads] = self._asked(one).seconds
            self.note(f"    {one.name}: {self.tried[threads]:.2f} s")
            self.figures.add(f"per_partition_{threads}_threads_seconds", self.tried[threads], "s")
        self.threads = min(self.tried, key=lambda threads: self.tried[threads])

    @contextmanager
    def _running(self, program: Program) -> Iterator[None]:
        try:
            with program.running():
                yield
        finally:
            self.brokers.check()

    def _asked(self, program: Program) -> Answer:
        answer = program.ask()
        _same(program.name, program.lags(answer), self.layout.lags)
        return answer

    def _add(self, key: str, answers: list[Answer]) -> None:
        self.figures.add(f"{key}_seconds", statistics.median(answer.seconds for answer in answers), "s")
        self.figures.add(f"{key}_cpu_seconds", statistics.median(answer.cpu for answer in answers), "s")
        if answers[0].text.startswith("#"):
            self.figures.add(f"{key}_answer_mb", len(answers[0].text) / _MIB, "MiB")


@contextmanager
def laid(
    folder: Path, layout: Layout, figures: Figures, note: Callable[[str], None], program: str = ""
) -> Iterator[Kafka]:
    """A new cluster with everything on it."""
    began = SYSTEM_CLOCK.monotonic()
    with brokers.running(folder, layout.partitions, PlainReporter()) as cluster:
        layout.lay(cluster.cluster)
        total = sum(layout.records.values())
        note(
            f"{layout.partitions} partitions with {total} records and {len(layout.commits)} groups on {brokers.NODES} "
            f"brokers after {SYSTEM_CLOCK.monotonic() - began:.0f} s"
        )
        yield Kafka(cluster, layout, figures, note, program)


def _same(name: str, found: Mapping[Key, int], wanted: Mapping[Key, int]) -> None:
    """Raises RuntimeError that names a lag which is not what it should be."""
    if found == wanted:
        return
    wrong = sorted((key for key in {*found, *wanted} if found.get(key) != wanted.get(key)), key=str)
    examples = ", ".join(f"{key}: {found.get(key)} for {wanted.get(key)}" for key in wrong[:3])
    raise RuntimeError(f"{name}: {len(wrong)} of {len(wanted)} lags are wrong: {examples}")
