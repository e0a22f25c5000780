"""Cuts a scraped /metrics page down to the families that a file of kunobs/catalogue/third_party declares.

curl -s localhost:9100/metrics | python tools/evidence.py node "node_exporter 1.5.0 of Debian 12, --collector.mountstats"

Writes the file that the declarations name; families that the page lacks are told and make the exit code 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from kunobs.catalogue.third_party import THIRD_PARTY

FOLDER = Path(__file__).resolve().parents[1] / "kunobs" / "catalogue" / "evidence"
SERIES = 24
_SUFFIXES = ("_bucket", "_sum", "_count", "_total")


def families(page: str) -> Iterator[tuple[str, list[str]]]:
    """(name, lines) of each family, comments first."""
    name, lines = "", []
    for line in page.splitlines():
        if line.startswith("# HELP "):
            if lines:
                yield name, lines
            name, lines = line.split(" ", 3)[2], [line]
        elif line.startswith("# TYPE "):
            if line.split(" ")[2] != name:
                if lines:
                    yield name, lines
                name, lines = line.split(" ")[2], []
            lines.append(line)
        elif line and not line.startswith("#"):
            lines.append(line)
    if lines:
        yield name, lines


def main(program: str, about: str) -> int:
    """Read stdin, write the evidence."""
    specs = {spec.name: spec for spec in THIRD_PARTY[program] if spec.evidence.endswith(".prom")}
    found: dict[str, list[str]] = {}
    for name, lines in families(sys.stdin.read()):
        if name in specs:
            comments = [line for line in lines if line.startswith("#")]
            series = [line for line in lines if not line.startswith("#")]
            found[name] = comments + series[:SERIES]
    for file in {spec.evidence for spec in specs.values()}:
        text = "".join(f"{line}\n" for name in sorted(found) if specs[name].evidence == file for line in found[name])
        (FOLDER / file).write_text(f"# {about}\n{text}")
    missing = sorted(specs.keys() - found.keys())
    for name in missing:
        print(f"not on the page: {name}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
