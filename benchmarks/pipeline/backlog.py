"""A program against a backlog: it is started, warmed up, stopped while the backlog is laid, then let go and watched to its end."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.measure import cpu_seconds, peak_rss
from benchmarks.pipeline.bed import Bed, Job, feed
from benchmarks.pipeline.farend import Copies, Index, copies, expected
from benchmarks.pipeline.programs import Program, Running
from kunobs.clock import SYSTEM_CLOCK
from kunobs.testing.events import Line

_LOOK = 0.1
# How long nothing may move before what is missing counts as lost.
_PATIENCE = 60.0
_IDLE_SHARE = 0.15
_IDLE_WAIT = 15.0


@dataclass
class Books:
    """What is missing or too much at one far end."""

    arrived: int
    lost: int
    repeated: int

    @classmethod
    def of(cls, wanted: Counter[str] | Copies, found: Counter[str] | Copies) -> Books:
        """Compare by key."""
        lost, extra = Counter(wanted), Counter(found)
        lost.subtract(found)
        extra.subtract(wanted)
        return cls(found.total(), sum((+lost).values()), sum((+extra).values()))


@dataclass
class Result:
    """One program over one backlog; `cpu` in seconds and `rss` in bytes by part, `seconds` and `books` by leg."""

    events: int
    cpu: dict[str, float] = field(default_factory=dict)
    rss: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    books: dict[str, Books] = field(default_factory=dict)

    def cpu_us(self, *parts: str) -> float:
        """CPU microseconds per event, of some parts or of all."""
        return sum(self.cpu[part] for part in parts or self.cpu) / self.events * 1e6


def run(bed: Bed, program: Program, warm: Sequence[Line], lines: Sequence[Line], *, times: int = 1) -> Result:
    """Lay `lines` `times` over and let the program have them. Raises RuntimeError when it dies."""
    job = bed.job(program.name.replace("_", "-"), (line.expected.namespace for line in warm))
    watch = _Watch(job, program)
    try:
        feed(job, warm)
        watch.start()
        watch.until(len(warm), "the lines to warm up with")
        result = Result(len(lines) * times)
        watch.measure(warm, lines, times, result)
    finally:
        watch.end()
    wanted = expected(warm)
    for _ in range(times):
        wanted.update(expected(lines))
    if "topics" in watch.legs:
        result.books["topics"] = Books.of(wanted, copies(job))
    if "index" in watch.legs:
        index, by_namespace = Index(job), Counter[str]()
        for (namespace, _), count in wanted.items():
            by_namespace[namespace] += count
        result.books["index"] = Books.of(by_namespace, index.documents(job.namespaces))
        index.close()
    bed.forget(job)
    return result


class _Watch:
    """The processes of one run and what their far ends hold."""

    def __init__(self, job: Job, program: Program) -> None:
        self._job = job
        self._program = program
        self._counters = {"topics": program.topics(job), "index": Index(job)}
        self._counts = {"topics": 0, "index": 0}
        self.running: list[Running] = []

    @property
    def legs(self) -> set[str]:
        """What the processes do together."""
        return {leg for one in self.running for leg in one.legs}

    def start(self) -> None:
        """Start the program."""
        self.running = self._program.start(self._job)

    def end(self) -> None:
        """End it and close the counters."""
        for one in self.running:
            one.end()
        for counter in self._counters.values():
            counter.close()

    def until(self, count: int, what: str) -> None:
        """Wait until each far end holds `count`."""
        if not self._follow(count, {}, Result(count)):
            logs = "\n".join(one.log.read_text(errors="replace")[-1500:] for one in self.running)
            raise RuntimeError(f"{self._program.name}: {what} did not arrive, only {self._counts}:\n{logs}")

    def measure(self, warm: Sequence[Line], lines: Sequence[Line], times: int, result: Result) -> None:
        """Stop the idle processes, lay the backlog, let them go, and note CPU, memory and time where each ends."""
        self._settle()
        for one in self.running:
            one.signal(signal.SIGSTOP)
        laid = sum(feed(self._job, lines) for _ in range(times))
        before = {one.part: cpu_seconds(one.process.pid) for one in self.running}
        for one in self.running:
            one.signal(signal.SIGCONT)
        self._follow(len(warm) + laid, before, result)

    def _settle(self) -> None:
        """Wait until they do nearly nothing."""
        deadline = SYSTEM_CLOCK.monotonic() + _IDLE_WAIT
        while SYSTEM_CLOCK.monotonic() < deadline:
            before = sum(cpu_seconds(one.process.pid) for one in self.running)
            SYSTEM_CLOCK.sleep(1.0)
            if sum(cpu_seconds(one.process.pid) for one in self.running) - before < _IDLE_SHARE:
                return

    def _follow(self, count: int, before: dict[str, float], result: Result) -> bool:
        """Until each leg holds `count`; False when nothing has moved for too long."""
        began = moved = SYSTEM_CLOCK.monotonic()
        last: dict[str, int] = {}
        waiting = list(self.running)
        while True:
            for leg in {leg for one in waiting for leg in one.legs}:
                self._counts[leg] = self._counters[leg].count()
            now = SYSTEM_CLOCK.monotonic()
            if self._counts != last:
                last, moved = dict(self._counts), now
            stalled = now - moved > _PATIENCE
            for one in list(waiting):
                one.check()
                if stalled or all(self._counts[leg] >= count for leg in one.legs):
                    waiting.remove(one)
                    pid = one.process.pid
                    result.cpu[one.part] = cpu_seconds(pid) - before.get(one.part, 0.0)
                    result.rss[one.part] = peak_rss(pid)
                    result.seconds |= dict.fromkeys(one.legs, now - began)
            if not waiting:
                return not stalled
            SYSTEM_CLOCK.sleep(_LOOK)
