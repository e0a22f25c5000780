"""The lock files: which jars a program is made of, by Maven coordinate, size and SHA-256; never by an address."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from kunobs.errors import UsageError

_LOCKS = resources.files("kunobs.local") / "locks"
_LINE = re.compile(r"(\S+) ([^\s:]+:[^\s:]+:[^\s:]+) (\d+) sha256:([0-9a-f]{64})")
_FORM = "PLACE GROUP:ARTIFACT:VERSION SIZE sha256:HEX"


@dataclass(frozen=True)
class Artifact:
    """One jar: its Maven coordinate `group:artifact:version`, and its place, `lib` or `modules/NAME`."""

    place: str
    coordinate: str
    size: int
    sha256: str

    @property
    def path(self) -> Path:
        """Where the jar lies in a Maven repository, relative to its root."""
        group, name, version = self.coordinate.split(":")
        return Path(*group.split("."), name, version, f"{name}-{version}.jar")


@dataclass(frozen=True)
class Lock:
    """Every jar of one program at one version; `name` is the lock file's stem, e.g. `kafka-4.2.2`."""

    name: str
    artifacts: tuple[Artifact, ...]
    licence: str = ""

    @property
    def size(self) -> int:
        """Bytes of all jars."""
        return sum(artifact.size for artifact in self.artifacts)

    @classmethod
    def parse(cls, name: str, text: str) -> Lock:
        """A lock from its text; raises ValueError naming the line that is not of the form."""
        artifacts = []
        licence = ""
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("# licence: "):
                licence = line.removeprefix("# licence: ")
            if not line.strip() or line.startswith("#"):
                continue
            match = _LINE.fullmatch(line.strip())
            if match is None:
                raise ValueError(f"{name}.lock line {number}: not {_FORM!r}: {line!r}")
            artifacts.append(Artifact(match[1], match[2], int(match[3]), match[4]))
        return cls(name, tuple(artifacts), licence)

    @classmethod
    def load(cls, program: str, version: str) -> Lock:
        """The lock shipped for `program` at `version`; raises UsageError listing the versions there are."""
        file = _LOCKS / f"{program}-{version}.lock"
        if not file.is_file():
            known = ", ".join(locked_versions(program))
            raise UsageError(f"no lock for {program} {version}", hint=f"locked versions: {known}")
        return cls.parse(f"{program}-{version}", file.read_text())


def locked_versions(program: str) -> list[str]:
    """The versions of `program` that this package has a lock for."""
    matches = (re.fullmatch(rf"{program}-(.+)\.lock", file.name) for file in _LOCKS.iterdir())
    return sorted(match[1] for match in matches if match)


def sha256_of(path: Path) -> str:
    """The file's SHA-256 as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
