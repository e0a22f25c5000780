"""`python -m benchmarks.noc`: the measurements in turn, run after run, then the table and results/noc.json."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import RESULTS, Figures, commit, machine, write
from benchmarks.noc import accept, alertmanagers, disk, startup, storm
from benchmarks.noc.accept import Order
from benchmarks.noc.alerta import Alerta
from benchmarks.noc.processes import AROUND, missing_tools
from benchmarks.noc.servers import NO_STORM, Kunobs, KunobsForPeople, Server
from kunobs.errors import KunobsError

_PEERS = ("alerta",)
_MIB = 1 << 20
# In a closed loop each waits for its answer; in an open one there are so many that a short pause of the server makes no post wait for one.
_CLOSED, _OPEN = 32, 128


@dataclass(frozen=True)
class Sizes:
    """How much is posted."""

    runs: int
    warm: float
    """Seconds that are posted before anything is measured."""
    seconds: float
    rate: float
    """Posts a second of the open loop."""
    rate_seconds: float
    call_rate: float
    """Alerts a second of which each calls somebody."""
    groups: int
    """Of the storm."""


FULL = Sizes(runs=5, warm=3, seconds=20, rate=2000, rate_seconds=60, call_rate=100, groups=5000)
QUICK = Sizes(runs=1, warm=1, seconds=3, rate=300, rate_seconds=3, call_rate=50, groups=300)


@dataclass
class Session:
    """Everything that is measured, and what went wrong."""

    folder: Path
    sizes: Sizes
    figures: Figures = field(default_factory=Figures)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def measurements(self) -> dict[str, Callable[[Path], None]]:
        """By name, in the order of the first run."""
        return {
            "disk": self._disk,
            "startup": self._startup,
            "closed": self._closed,
            "alerta": self._alerta,
            "open": self._open,
            "storm_off": self._storm_off,
            "first_call": self._first_call,
            "storm": self._storm,
        }

    def one(self, name: str) -> None:
        """One measurement of one run, in a folder of its own; one that fails is noted, the others go on."""
        note(f"  {name}")
        try:
            with tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as folder:
                # PostgreSQL runs as somebody else.
                Path(folder).chmod(0o711)
                self.measurements[name](Path(folder))
        except (RuntimeError, OSError, KunobsError) as error:
            self.failures[name] = str(error).strip().splitlines()[-1][:300]
            note(f"  {name} failed: {error}")

    def _disk(self, folder: Path) -> None:
        self.figures.add("disk_syncs_per_second", disk.syncs_per_second(folder, min(2.0, self.sizes.seconds)), "1/s")

    def _startup(self, folder: Path) -> None:
        found = startup.run(folder)
        self.figures.add("first_start_to_ready_seconds", found.first_seconds, "s")
        self.figures.add("start_to_ready_seconds", found.seconds, "s")
        self.figures.add("idle_rss_mb", found.rss / _MIB, "MiB")

    def _closed(self, folder: Path) -> None:
        found = self._accept("closed", Kunobs(), folder, self._full_speed)
        self.figures.add("durable_posts_per_second", found.posts_per_second, "1/s")
        self.figures.add("cpu_us_per_post", found.cpu_us, "us")
        self.figures.add("accept_rss_mb", found.rss / _MIB, "MiB")

    def _alerta(self, folder: Path) -> None:
        found = self._accept("alerta", Alerta(), folder, self._full_speed)
        self.figures.add("alerta_posts_per_second", found.posts_per_second, "1/s")
        self.figures.add("alerta_cpu_us_per_post", found.cpu_us, "us")
        self.figures.add("alerta_rss_mb", found.rss / _MIB, "MiB")

    def _open(self, folder: Path) -> None:
        sizes = self.sizes
        order = Order(_OPEN, sizes.warm, sizes.rate_seconds, sizes.rate)
        found = self._accept("accept", Kunobs(), folder, order)
        self.figures.add("accept_p999_ms", found.took["p999"], "ms")
        self.figures.add("accept_posts_per_second", found.posts_per_second, "1/s")
        self.figures.add("accept_cpu_us_per_post", found.cpu_us, "us")
        self.figures.add("load_late_p99_ms", found.late["p99"], "ms")

    def _storm_off(self, folder: Path) -> None:
        found = self._accept("storm_off", Kunobs("storm_off", **NO_STORM), folder, self._full_speed)
        self.figures.add("storm_off_posts_per_second", found.posts_per_second, "1/s")
        self.figures.add("storm_off_cpu_us_per_post", found.cpu_us, "us")
        self.figures.add("storm_off_rss_mb", found.rss / _MIB, "MiB")

    def _first_call(self, folder: Path) -> None:
        order = replace(self._full_speed, rate=self.sizes.call_rate, calls=True)
        found = self._accept("first_call_accept", KunobsForPeople("first_call", **NO_STORM), folder, order)
        for share in ("p50", "p99"):
            self.figures.add(f"post_to_first_call_{share}_ms", found.call[share], "ms")
        self.figures.add("first_call_missing", found.uncalled, "posts")

    def _storm(self, folder: Path) -> None:
        found = storm.run(folder, self.sizes.groups)
        self.figures.add("storm_seconds", found.seconds, "s")
        self.figures.add("storm_refused", found.refused, "posts")
        self.figures.add("storm_posts", found.posts, "")
        self.figures.add("storm_incidents", found.incidents, "")
        self.figures.add("storm_answer_ms", found.answer_ms, "ms")
        self.figures.add("storm_rss_mb", found.rss / _MIB, "MiB")
        self.figures.add("storm_lost", found.lost, "posts")

    @property
    def _full_speed(self) -> Order:
        return Order(_CLOSED, self.sizes.warm, self.sizes.seconds)

    def _accept(self, key: str, server: Server, folder: Path, order: Order) -> accept.Found:
        found = accept.run(server, folder, order)
        for share in ("p50", "p99"):
            self.figures.add(f"{key}_{share}_ms", found.took[share], "ms")
        for book in ("refused", "lost", "repeated"):
            self.figures.add(f"{key}_{book}", getattr(found, book), "posts")
        return found

    def ratios(self) -> dict[str, float]:
        """How many times the peer's posts ours are, and its CPU per post divided by ours; of the medians."""
        found = {}
        for name, over, under in (
            ("posts_vs_alerta", "durable_posts_per_second", "alerta_posts_per_second"),
            ("cpu_vs_alerta", "alerta_cpu_us_per_post", "cpu_us_per_post"),
        ):
            upper, lower = self.figures.median(over), self.figures.median(under)
            if upper and lower:
                found[name] = upper / lower
        return found


def note(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def tables(session: Session, missing: dict[str, str], console: Console) -> None:
    """Everything that was found, on standard output."""
    console.print(f"{machine()}; commit {commit() or 'none'}; {session.sizes}")
    figures = Table("figure", "median", "min", "max", "unit", title="noc")
    for column in figures.columns[1:4]:
        column.justify = "right"
    wrong = 0
    for key, values in session.figures.summary().items():
        if values["unit"] == "posts" and not values["max"]:
            continue
        wrong += values["unit"] == "posts"
        figures.add_row(key, *(f"{values[name]:,}" for name in ("median", "min", "max")), values["unit"])
    console.print(figures)
    if not wrong:
        console.print("lost, repeated, refused or told to nobody in any run: nothing")
    for name, ratio in session.ratios().items():
        console.print(f"{name}: {ratio:.2f}")
    for name, reason in missing.items():
        console.print(f"{name} was left out: {reason}", markup=False)
    for name, reason in session.failures.items():
        console.print(f"{name} failed: {reason}", markup=False)


def missing_parts() -> dict[str, str]:
    """What cannot be measured here, and why."""
    found = {"alerta": Alerta().missing()}
    if not alertmanagers.program():
        found["storm"] = f"no Alertmanager that could run: {alertmanagers.INSTALL}"
    return {name: why for name, why in found.items() if why}


def measure(session: Session, wanted: list[str]) -> None:
    """All runs. Alternating, and each time another one first: what drifts on the machine meets everyone."""
    for run in range(session.sizes.runs):
        note(f"run {run + 1} of {session.sizes.runs}")
        turn = run % len(wanted)
        for name in wanted[turn:] + wanted[:turn]:
            session.one(name)


def main() -> int:
    """Run the command; 1 when a measurement failed."""
    names = list(Session(Path(), FULL).measurements)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.noc", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small run of everything, to see that it works")
    parser.add_argument("--runs", type=int, help=f"default {FULL.runs}")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"some of: {', '.join(names)}")
    parser.add_argument("--out", type=Path, help="result file; by default results/noc.json for a whole run, else none")
    chosen = parser.parse_args()
    base = QUICK if chosen.quick else FULL
    sizes = replace(base, runs=chosen.runs or base.runs)
    if absent := missing_tools():
        parser.error(f"{absent} of util-linux is missing")
    missing = missing_parts()
    for name, why in missing.items():
        note(f"{name} is left out: {why}")
    wanted = [name for name in chosen.only or names if name not in missing]
    if not wanted:
        return 1
    # So that `kill` too ends what runs and removes the temporary folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.sched_setaffinity(0, {AROUND})
    with tempfile.TemporaryDirectory(prefix="kunobs-bench-noc-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        session = Session(Path(folder), sizes)
        measure(session, wanted)
    tables(session, missing, Console(width=None if sys.stdout.isatty() else 120))
    out = chosen.out
    if out is None and not (chosen.quick or chosen.only or missing or set(session.failures) - set(_PEERS)):
        out = RESULTS / "noc.json"
    if out is not None:
        write(out, "noc", sizes.runs, session.figures, session.ratios())
        note(f"written: {out}")
    return 1 if session.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
