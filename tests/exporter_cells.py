"""`python -m tests.exporter_cells`: exporters of a test in a process of their own, each behind a server of its own.

A line of JSON on stdin, name -> kunobs.yaml; a line of JSON on stdout, name -> host:port; it ends when stdin does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from exporters.known import build
from kunobs.config import load_text
from kunobs.memory import few_arenas, few_collections
from tests.exporter_world import exporting
from tests.support import REPOSITORY


class Cells:
    """Such a process; a context manager. `addresses` are those of its exporters."""

    def __init__(self, texts: dict[str, str], log: Path) -> None:
        self._texts, self._log = texts, log
        self.addresses: dict[str, str] = {}

    def __enter__(self) -> Cells:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.exporter_cells"],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._texts) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._log.read_text()[-3000:]
        self.addresses = json.loads(line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def used(self) -> dict[str, int]:
        """Threads, descriptors and MiB of the process."""
        folder = Path(f"/proc/{self._process.pid}")
        fields = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return {
            "threads": int(fields["Threads"]),
            "descriptors": len(list((folder / "fd").iterdir())),
            "MiB": int(fields["VmRSS"].split()[0]) // 1024,
        }


def main() -> None:
    """Serve until stdin ends."""
    few_arenas()
    with ExitStack() as stack:
        addresses = {}
        for name, text in json.loads(sys.stdin.readline()).items():
            exporter = build(name, load_text(text))
            stack.enter_context(exporter.running())
            addresses[name] = stack.enter_context(exporting(exporter)).address
        # As `kunobs exporter` does, for its memory is judged.
        few_collections()
        print(json.dumps(addresses), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
