"""From the catalogue to the verdicts, with a Prometheus of its own for as long as it takes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dashboards.model import Board
from dashboards.prove.blocks import Server, make, record, running
from dashboards.prove.macros import used
from dashboards.prove.verdicts import Verdict, prove
from dashboards.prove.wanted import values
from dashboards.prove.world import SPAN, world
from kunobs.catalogue import SYSTEMS
from kunobs.catalogue.jobs import job_of
from kunobs.catalogue.known import KNOWN
from kunobs.catalogue.signals import RECORDINGS
from kunobs.catalogue.third_party import THIRD_PARTY

# Any hour will do; the same one makes the same world.
END = 1_790_000_000


@contextmanager
def served(promtool: Path, prometheus: Path, boards: Sequence[Board], port: int = 0) -> Iterator[Server]:
    """A Prometheus that has the world. UnavailableError when a tool does not do what it should."""
    jobs = {
        spec.name: job_of(program)
        for programs in (SYSTEMS, THIRD_PARTY)
        for program, specs in programs.items()
        for spec in specs
    }
    with tempfile.TemporaryDirectory(prefix="kunobs-world-") as name:
        folder = Path(name)
        make(promtool, world(KNOWN, jobs, values(used(boards))), END, folder)
        with running(prometheus, folder, port) as server:
            record(promtool, _recordings(), server.url, END, SPAN, folder)
        with running(prometheus, folder, port) as server:
            yield server


def verdicts(promtool: Path, prometheus: Path, boards: Sequence[Board], port: int) -> list[Verdict]:
    """Of all panels."""
    with served(promtool, prometheus, boards, port) as server:
        return list(prove(server, boards, END))


def _recordings() -> str:
    """A rule file; JSON is YAML too."""
    rules = [{"record": one.record, "expr": one.expr} for of in RECORDINGS.values() for one in of]
    return json.dumps({"groups": [{"name": "recording", "rules": rules}]})
