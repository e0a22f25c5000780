"""Generated files into a folder: only what changed is written, and what an earlier run made and this one does not is removed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from kunobs.errors import UsageError

# Names of what an earlier run wrote, so that nothing of anybody else's is ever removed.
LIST = ".kunobs-generated"


@dataclass(frozen=True)
class Written:
    """How many files there are, and what was done."""

    total: int
    changed: int
    removed: int


def write(folder: Path, files: Mapping[str, str], kept: Set[str] = frozenset()) -> Written:
    """Write `relative name -> text`; `kept` are names of an earlier run that stay as they are.

    UsageError when the folder cannot be written, or a file there is somebody else's.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = _listed(folder)
        foreign = [name for name in files if name not in before and (folder / name).exists()]
        foreign = [name for name in foreign if (folder / name).read_bytes() != files[name].encode()]
        if foreign:
            raise UsageError(
                f"{folder / foreign[0]} is there and was not generated",
                hint="give --out a folder of its own, or move that file away",
            )
        changed = sum(_write(folder / name, text) for name, text in files.items())
        gone = sorted(before - files.keys() - kept)
        for name in gone:
            (folder / name).unlink(missing_ok=True)
        _write(folder / LIST, "".join(f"{name}\n" for name in sorted(files.keys() | kept)))
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder}: {error.strerror}", hint=f"mkdir -p {folder}; ls -ld {folder}"
        ) from error
    return Written(len(files.keys() | kept), changed, len(gone))


def _listed(folder: Path) -> set[str]:
    """What an earlier run wrote; a name that leads out of the folder is not believed."""
    try:
        names = (folder / LIST).read_text().splitlines()
    except FileNotFoundError:
        return set()
    return {name for name in names if name and not os.path.isabs(name) and ".." not in Path(name).parts}


def _write(path: Path, text: str) -> bool:
    """True when it had to be written; whole or not at all."""
    data = text.encode()
    try:
        if path.read_bytes() == data:
            return False
    except FileNotFoundError:
        pass
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(data)
    fresh.replace(path)
    return True
