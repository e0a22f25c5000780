"""What every benchmark shares: CPU and memory of a process from /proc, percentiles, and the result file."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User plus system time of a process, its living descendants and the dead ones it has waited for."""
    total = 0
    for member in _tree(pid):
        try:
            text = Path(f"/proc/{member}/stat").read_text()
        except OSError:
            continue
        # The command's name may hold spaces and brackets, so fields are counted from its last ")".
        total += sum(map(int, text.rpartition(")")[2].split()[11:15]))
    return total / _TICKS


def peak_rss(pid: int) -> int:
    """The most memory in bytes a process ever had resident (VmHWM); 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value at `share` (0 to 1) of a sorted sequence by nearest rank; nan of an empty one."""
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1e6) * len(ordered) // 1_000_000) - 1))]


@dataclass
class Figures:
    """Values of each figure, one per run, with their units."""

    values: dict[str, list[float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, value: float, unit: str) -> None:
        """One run's value."""
        self.values.setdefault(key, []).append(value)
        self.units[key] = unit

    def median(self, key: str) -> float | None:
        """None where the figure was not measured."""
        return statistics.median(self.values[key]) if self.values.get(key) else None

    def summary(self) -> dict[str, dict[str, Any]]:
        """`{key: {"median", "min", "max", "unit"}}`, values with four digits."""
        return {
            key: {
                "median": _short(statistics.median(values)),
                "min": _short(min(values)),
                "max": _short(max(values)),
                "unit": self.units[key],
            }
            for key, values in self.values.items()
        }


def write(path: Path, name: str, runs: int, figures: Figures, ratios: Mapping[str, float]) -> None:
    """The result file of a benchmark, in the form that README and others read."""
    content = {
        "name": name,
        "commit": commit(),
        "machine": machine(),
        "runs": runs,
        "figures": figures.summary(),
        "ratios": {key: _short(value) for key, value in ratios.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def commit() -> str:
    """The commit that was measured, `+` where tracked files differ from it, "" outside a repository."""
    found = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results")
    return found + ("+" if found and changed else "")


def machine() -> str:
    """Cores, processor, memory, system and Python; not the machine's name."""
    cpu = _first_value(Path("/proc/cpuinfo"), "model name") or platform.machine()
    memory = int(_first_value(Path("/proc/meminfo"), "MemTotal").split()[0]) / 1024**2
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{os.cpu_count()} cores {cpu}, {memory:.0f} GiB, {system}, Python {platform.python_version()}"


def _first_value(file: Path, key: str) -> str:
    lines: Iterable[str] = file.read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _short(value: float) -> float:
    return float(f"{value:.4g}") if abs(value) < 1000 else float(round(value))
