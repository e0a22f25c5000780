"""`python -m benchmarks.exporters`: the measurements in turn, run after run, then the table and results/exporters.json."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.exporters import kafka, render
from benchmarks.exporters.layout import OF_A_GROUP, PARTITIONS, Layout
from benchmarks.measure import RESULTS, Figures, commit, machine, write
from kunobs.errors import KunobsError

_PEER = "kafka_exporter"
_INSTALL = "--kafka-exporter PATH or $KAFKA_EXPORTER names the program of danielqsj/kafka_exporter"
_RATIOS = (
    ("render_vs_prometheus_client", "render_100k_library_seconds", "render_100k_seconds"),
    ("kafka_lag_vs_per_partition", "per_partition_50k_lag_seconds", "kafka_50k_lag_seconds"),
    ("kafka_lag_vs_kafka_exporter", "kafka_exporter_50k_lag_seconds", "kafka_50k_lag_seconds"),
)


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    runs: int
    series: int
    partitions: int
    written: int
    """Partitions with records."""


FULL = Sizes(runs=5, series=render.SERIES, partitions=50_000, written=3_000)
QUICK = Sizes(runs=1, series=10_000, partitions=2_000, written=500)


@dataclass
class Session:
    """Everything that is measured, and what went wrong."""

    folder: Path
    sizes: Sizes
    seed: int
    program: str = ""
    """kafka_exporter."""
    figures: Figures = field(default_factory=Figures)
    failures: dict[str, str] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)
    cluster: kafka.Kafka | None = None
    broken: KunobsError | RuntimeError | None = None
    """Why there is no cluster."""

    @property
    def measurements(self) -> dict[str, Callable[[Path], None]]:
        """By name, in the order of the first run."""
        return {
            "render": self._render,
            "kafka": lambda folder: self._kafka().ours(folder),
            "per_partition": lambda folder: self._kafka().per_partition(folder),
            _PEER: lambda folder: self._kafka().kafka_exporter(folder),
        }

    def one(self, name: str) -> None:
        """One measurement of one run, in a folder of its own; one that fails is noted, the others go on."""
        note(f"  {name}")
        try:
            with tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as folder:
                self.measurements[name](Path(folder))
        except (RuntimeError, OSError, KunobsError) as error:
            self.failures[name] = str(error).strip().splitlines()[0][:300]
            note(f"  {name} failed: {error}")

    def _render(self, _: Path) -> None:
        for way, key in (("kit", ""), ("library", "library_"), ("library_level_1", "library_level_1_")):
            found = render.one(way, self.sizes.series)
            self.figures.add(f"render_100k_{key}seconds", found["seconds"], "s")
            self.figures.add(f"render_100k_{key}extra_mb", found["extra_mb"], "MiB")

    def _kafka(self) -> kafka.Kafka:
        """The cluster, which takes minutes to lay, is one for all runs."""
        if self.broken is not None:
            raise self.broken
        if self.cluster is None:
            layout = Layout(self.sizes.partitions, self.sizes.written, self.seed)
            try:
                self.cluster = self.stack.enter_context(
                    kafka.laid(self.folder, layout, self.figures, note, self.program)
                )
            except (KunobsError, RuntimeError) as error:
                self.broken = error
                raise
        return self.cluster

    def ratios(self) -> dict[str, float]:
        """How many times our seconds the other way takes; of the medians."""
        found = {}
        for name, over, under in _RATIOS:
            upper, lower = self.figures.median(over), self.figures.median(under)
            if upper and lower:
                found[name] = upper / lower
        return found


def note(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def tables(session: Session, console: Console) -> None:
    """Everything that was found, on standard output."""
    console.print(f"{machine()}; commit {commit() or 'none'}; {session.sizes}; seed {session.seed}")
    figures = Table("figure", "median", "min", "max", "unit", title="exporters")
    for column in figures.columns[1:4]:
        column.justify = "right"
    for key, values in session.figures.summary().items():
        figures.add_row(key, *(f"{values[name]:,}" for name in ("median", "min", "max")), values["unit"])
    console.print(figures)
    for name, ratio in session.ratios().items():
        console.print(f"{name}: {ratio:.2f}")
    if session.cluster is not None and not session.failures:
        console.print(f"equal in every answer: {len(session.cluster.layout.lags):,} lags")
    if not session.program:
        console.print(f"{_PEER} was left out: {_INSTALL}", markup=False)
    for name, reason in session.failures.items():
        console.print(f"{name} failed: {reason}", markup=False)


def measure(session: Session, wanted: list[str]) -> None:
    """All runs. Alternating, and each time another one first: what drifts on the machine meets everyone."""
    with session.stack:
        for run in range(session.sizes.runs):
            note(f"run {run + 1} of {session.sizes.runs}")
            turn = run % len(wanted)
            for name in wanted[turn:] + wanted[:turn]:
                session.one(name)


def main() -> int:
    """Run the command; 1 when a measurement failed."""
    names = list(Session(Path(), FULL, 0).measurements)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exporters", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small run of everything, to see that it works")
    parser.add_argument("--runs", type=int, help=f"default {FULL.runs}")
    parser.add_argument("--partitions", type=int, help=f"of the Kafka cluster, default {FULL.partitions}")
    parser.add_argument("--seed", type=int, default=1, help="of records and commits, default 1")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"some of: {', '.join(names)}")
    parser.add_argument("--kafka-exporter", default=os.environ.get("KAFKA_EXPORTER", ""), help=_INSTALL)
    parser.add_argument("--out", type=Path, help="result file; by default results/exporters.json for a whole run")
    chosen = parser.parse_args()
    base = QUICK if chosen.quick else FULL
    sizes = replace(base, runs=chosen.runs or base.runs, partitions=chosen.partitions or base.partitions)
    step = math.lcm(PARTITIONS, OF_A_GROUP)
    if sizes.partitions % step or sizes.partitions < sizes.written:
        parser.error(f"--partitions must be a multiple of {step}, and at least {sizes.written}")
    program = shutil.which(chosen.kafka_exporter) or ""
    if chosen.kafka_exporter and not program:
        parser.error(f"{chosen.kafka_exporter} is no program; {_INSTALL}")
    if shutil.which("setpriv") is None:
        parser.error("setpriv of util-linux is missing")
    wanted = [name for name in chosen.only or names if name != _PEER or program]
    if not wanted:
        parser.error(_INSTALL)
    # So that `kill` too ends what runs and removes the temporary folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="kunobs-bench-exporters-", ignore_cleanup_errors=True) as folder:
        session = Session(Path(folder), sizes, chosen.seed, program)
        note(f"seed {chosen.seed}")
        measure(session, wanted)
        # Before the folder goes: hundreds of thousands of files take minutes.
        tables(session, Console(width=None if sys.stdout.isatty() else 120))
        out = chosen.out
        if out is None and sizes == FULL and not chosen.only:
            out = RESULTS / "exporters.json"
        if out is not None and not session.failures:
            write(out, "exporters", sizes.runs, session.figures, session.ratios())
            note(f"written: {out}")
    return 1 if session.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
