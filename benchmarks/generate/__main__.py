"""`python -m benchmarks.generate`: from nothing, once more, and after a change of one tenant; table and results/generate.json.

Three commands one after the other, as a job of CI would run them. Files are counted in the folders, not by what commands say.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import RESULTS, ROOT, Figures, write

TENANTS = 500
_FILE = """\
owner: group-{number}
scrape:
  - {{name: api, selector: {{app: api}}, port: metrics}}
probes:
  - {{name: site, target: "https://t{number}.example.com/healthz", module: https}}
slos:
  - {{name: api, target: 0.999, total: 'http_requests_total{{app="api"}}', errors: 'http_requests_total{{app="api",code=~"5.."}}'}}
rules:
  - {{alert: QueueGrows, expr: 'sum by (queue) (queue_length) > {limit}', for: 10m, summary: "Queue {{queue}} holds {{value}}"}}
  - {{alert: WorkersGone, expr: 'min by (pool) (workers_ready) < 1', for: 5m, severity: critical, summary: "{{pool}} has no worker"}}
  - {{record: 'namespace:jobs:rate5m', expr: 'sum by (queue) (rate(jobs_total[5m]))'}}
"""


def main() -> int:
    """Measure, print, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS / "generate.json")
    chosen = parser.parse_args()
    figures = Figures()
    for _ in range(chosen.runs):
        with tempfile.TemporaryDirectory() as folder:
            _run(Path(folder), figures)
    for key, figure in figures.summary().items():
        print(f"{key:24} {figure['median']:>8} {figure['unit']:6} ({figure['min']} to {figure['max']})")
    cold, unchanged = figures.median("cold_seconds"), figures.median("unchanged_seconds")
    write(chosen.out, "generate", chosen.runs, figures, {"cold_to_unchanged": (cold or 0) / (unchanged or 1)})
    return 0


def _run(folder: Path, figures: Figures) -> None:
    source = folder / "tenants"
    source.mkdir()
    for number in range(TENANTS):
        (source / f"team-{number:03d}.yaml").write_text(_FILE.format(number=number, limit=1000 + number))
    (folder / "kunobs.yaml").write_text("version: 1\nmonitoring: {relays: [https://noc.example.com]}\n")
    figures.add("cold_seconds", _generate(folder), "s")
    files = sum(path.is_file() and not path.name.startswith(".") for path in (folder / "out").rglob("*"))
    figures.add("files", files, "files")
    figures.add(
        "bytes", sum(path.stat().st_size for path in (folder / "out").rglob("*") if path.is_file()) / 2**20, "MiB"
    )
    figures.add("unchanged_seconds", _generate(folder), "s")
    (source / "team-007.yaml").write_text(_FILE.format(number=7, limit=5))
    figures.add("one_changed_seconds", _generate(folder), "s")


def _generate(folder: Path) -> float:
    began = time.perf_counter()
    for arguments in _commands(folder):
        subprocess.run(
            [sys.executable, "-m", "kunobs", "generate", *arguments], check=True, cwd=ROOT, stdout=subprocess.DEVNULL
        )
    return time.perf_counter() - began


def _commands(folder: Path) -> Iterator[list[str]]:
    out = folder / "out"
    yield ["rules", "--tests", "--out", str(out / "rules")]
    yield ["dashboards", "--out", str(out / "dashboards")]
    yield ["tenants", str(folder / "tenants"), "--out", str(out / "tenants"), "-c", str(folder / "kunobs.yaml")]


if __name__ == "__main__":
    sys.exit(main())
