"""promtool, run over many test files at once; which of them failed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kunobs.errors import KunobsError

# Of 2.42, and of 3.16.
_FILE = re.compile(r"^(?:Unit Testing|Processing test file): +(.*)$", re.MULTILINE)


def failures(promtool: Path, files: Sequence[Path], processes: int = 0) -> dict[Path, str]:
    """What promtool says of each test file that did not pass; a promtool for each processor (0) or as many as are asked for."""
    count = max(1, min(processes or os.cpu_count() or 1, len(files)))
    with ThreadPoolExecutor(count) as pool:
        # Dear ones stand together, so each gets every other file.
        outputs = list(pool.map(lambda share: _output(promtool, files[share::count]), range(count)))
    said: dict[str, str] = {}
    for output in outputs:
        parts = _FILE.split(output)
        said |= dict(zip(parts[1::2], parts[2::2], strict=True))
    missing = {str(file) for file in files} - said.keys()
    if missing:
        raise KunobsError(f"promtool said nothing of {sorted(missing)[0]}: {outputs[0][-500:]}")
    return {Path(name): text.strip() for name, text in said.items() if text.strip() != "SUCCESS"}


def _output(promtool: Path, files: Sequence[Path]) -> str:
    return subprocess.run(
        [promtool, "test", "rules", *files],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False,
    ).stdout  # fmt: skip
