"""`python -m benchmarks.pipeline`: the measurements in turn, run after run, then the table and results/pipeline.json."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import RESULTS, Figures, commit, machine, quantile, write
from benchmarks.pipeline import backlog, latency
from benchmarks.pipeline.backlog import Books
from benchmarks.pipeline.bed import Bed
from benchmarks.pipeline.corpus import NAMESPACES, corpus
from benchmarks.pipeline.programs import Kunobs, Program, everyone
from kunobs.errors import KunobsError
from kunobs.testing.events import Line

_MODES = ("exactly_once", "at_least_once")
_MANY = 300
# name -> delivery mode, topics: many topics are what librdkafka is slow at.
_LATENCIES = {f"latency_{mode}": (mode, NAMESPACES) for mode in _MODES} | {
    f"latency_{mode}_{_MANY}_topics": (mode, _MANY) for mode in _MODES
}
_PEERS = ("obvious_loop", "arroyo", "arroyo_bare", "rsyslog", "benthos")
_MIB = 1 << 20


@dataclass(frozen=True)
class Sizes:
    """How much is sent."""

    runs: int
    events: int
    """Distinct lines through both legs."""
    throughput_times: int
    """How many times those lines are fanout's backlog."""
    warm: int
    rate: float
    seconds: float


FULL = Sizes(runs=5, events=60_000, throughput_times=7, warm=10, rate=5000, seconds=20)
QUICK = Sizes(runs=1, events=3_000, throughput_times=2, warm=3, rate=1000, seconds=3)


@dataclass
class Session:
    """Everything that is measured, and what went wrong."""

    bed: Bed
    sizes: Sizes
    warm: Sequence[Line]
    lines: Sequence[Line]
    figures: Figures = field(default_factory=Figures)
    failures: dict[str, str] = field(default_factory=dict)

    def one(self, name: str, programs: dict[str, Program]) -> None:
        """One measurement of one run; a program that fails is noted, the others go on."""
        note(f"  {name}")
        try:
            if name == "throughput":
                self._throughput()
            elif name in _LATENCIES:
                self._latency(name, *_LATENCIES[name])
            else:
                self._both_legs(programs[name])
        except (RuntimeError, AssertionError, KunobsError) as error:
            self.failures[name] = str(error).strip().splitlines()[-1][:300]
            note(f"  {name} failed: {error}")

    def _both_legs(self, program: Program) -> None:
        self.bed.fresh_elasticsearch()
        result = backlog.run(self.bed, program, self.warm, self.lines)
        self.bed.stop_elasticsearch()
        add = self.figures.add
        parts = {"fanout": "fanout", "indexer": "indexer"} if program.name == "kunobs" else {program.name: program.name}
        for part, key in parts.items():
            add(f"{key}_cpu_us_per_event", result.cpu_us(part), "us")
            add(f"{key}_rss_mb", result.rss[part] / _MIB, "MiB")
        if program.name == "kunobs":
            add("kunobs_cpu_us_per_event", result.cpu_us(), "us")
        for leg, seconds in result.seconds.items():
            add(f"{program.name}_{leg}_events_per_second", result.events / seconds, "1/s")
            self._book(f"{program.name}_{leg}", result.books[leg])

    def _throughput(self) -> None:
        self.bed.stop_elasticsearch()
        program = Kunobs(parts=("fanout",))
        result = backlog.run(self.bed, program, self.warm, self.lines, times=self.sizes.throughput_times)
        self.figures.add("fanout_events_per_second", result.events / result.seconds["topics"], "1/s")
        self.figures.add("fanout_alone_cpu_us_per_event", result.cpu_us(), "us")
        self.figures.add("fanout_alone_rss_mb", result.rss["fanout"] / _MIB, "MiB")
        self._book("fanout_alone", result.books["topics"])

    def _latency(self, name: str, delivery: str, topics: int) -> None:
        self.bed.stop_elasticsearch()
        warm = self.warm if topics == NAMESPACES else corpus(10_000, warm=self.sizes.warm, namespaces=topics)[0]
        found = latency.run(self.bed, delivery, warm, rate=self.sizes.rate, seconds=self.sizes.seconds)
        which = name.removeprefix("latency_")
        ordered = sorted(found.received)
        for key, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999)):
            self.figures.add(f"fanout_{key}_ms_{which}", quantile(ordered, share), "ms")
        self.figures.add(f"sender_late_p99_ms_{which}", found.late_p99, "ms")
        self._book(name, Books(len(ordered), found.lost, found.repeated))

    def _book(self, what: str, books: Books) -> None:
        self.figures.add(f"{what}_lost", books.lost, "events")
        self.figures.add(f"{what}_repeated", books.repeated, "events")

    def ratios(self) -> dict[str, float]:
        """Theirs divided by ours, of the medians."""
        ours = self.figures.median("kunobs_cpu_us_per_event")
        found = {}
        for name in _PEERS:
            theirs = self.figures.median(f"{name}_cpu_us_per_event")
            if ours and theirs:
                found[f"cpu_vs_{name}"] = theirs / ours
        return found


def note(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def tables(session: Session, missing: dict[str, str], console: Console) -> None:
    """Everything that was found, on standard output."""
    console.print(f"{machine()}; commit {commit() or 'none'}; {session.sizes}")
    figures = Table("figure", "median", "min", "max", "unit", title="pipeline")
    for column in figures.columns[1:4]:
        column.justify = "right"
    wrong = 0
    for key, values in session.figures.summary().items():
        if values["unit"] == "events" and not values["max"]:
            continue
        wrong += values["unit"] == "events"
        figures.add_row(key, *(f"{values[name]:,}" for name in ("median", "min", "max")), values["unit"])
    console.print(figures)
    if not wrong:
        console.print("lost or repeated at any far end in any run: nothing")
    ratios = Table("ratio (theirs / ours)", "value", title="CPU per event, both legs")
    for key, value in session.ratios().items():
        ratios.add_row(key, f"{value:.2f}")
    for name, reason in missing.items():
        ratios.add_row(f"cpu_vs_{name}", reason)
    console.print(ratios)
    for name, reason in session.failures.items():
        console.print(f"{name} failed: {reason}", markup=False)


def main() -> int:
    """Run the command; 1 when a measurement failed."""
    programs = {program.name: program for program in everyone()}
    names = [*programs, "throughput", *_LATENCIES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small run of everything, to see that it works")
    parser.add_argument("--runs", type=int, help=f"default {FULL.runs}")
    parser.add_argument("--events", type=int, help=f"lines through both legs, default {FULL.events}")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"some of: {', '.join(names)}")
    parser.add_argument(
        "--out", type=Path, help="result file; by default results/pipeline.json for a whole run, else none"
    )
    chosen = parser.parse_args()
    base = QUICK if chosen.quick else FULL
    sizes = Sizes(
        chosen.runs or base.runs,
        chosen.events or base.events,
        base.throughput_times,
        base.warm,
        base.rate,
        base.seconds,
    )
    missing = {name: why for name, program in programs.items() if (why := program.missing())}
    for name, why in missing.items():
        note(f"{name} is left out: {why}")
    wanted = [name for name in chosen.only or names if name not in missing]
    warm, lines = corpus(sizes.events, warm=sizes.warm)
    session = Session(Bed(Path(tempfile.mkdtemp(prefix="kunobs-bench-"))), sizes, warm, lines)
    try:
        session.bed.open()
        for run in range(sizes.runs):
            note(f"run {run + 1} of {sizes.runs}")
            # Alternating, and each time another one first: what drifts on the machine meets everyone.
            turn = run % len(wanted)
            for name in wanted[turn:] + wanted[:turn]:
                session.one(name, programs)
    finally:
        session.bed.close()
    tables(session, missing, Console(width=None if sys.stdout.isatty() else 120))
    out = chosen.out
    ours_failed = set(session.failures) - set(_PEERS)
    if out is None and not (chosen.quick or chosen.only or chosen.events or ours_failed):
        out = RESULTS / "pipeline.json"
    if out is not None:
        write(out, "pipeline", sizes.runs, session.figures, session.ratios())
        note(f"written: {out}")
    return 1 if session.failures else 0


if __name__ == "__main__":
    sys.exit(main())
