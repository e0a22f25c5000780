"""The wheel, in a clean virtual environment, run from somewhere else beside decoy folders: what a user gets, not the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("kunobs", "log_pipeline", "exporters", "dashboards", "alert_rules")


def run(*command: str | Path, cwd: Path, environ: dict[str, str] | None = None) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the checkout."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A virtual environment with the wheel and what it depends on (borrowed from ours, so that nothing is downloaded)."""
    home = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home)
    site = next((home / "lib").glob("python*/site-packages"))
    ours = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    borrowed = home / "borrowed"
    borrowed.mkdir()
    for entry in ours.iterdir():
        if "kunobs" not in entry.name:
            (borrowed / entry.name).symlink_to(entry)
    (site / "borrowed.pth").write_text(f"{borrowed}\n")
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        home / "bin" / "python",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        wheel,
        cwd=home,
    )
    return home


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A working directory whose folders carry our packages' names and explode when imported."""
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the decoy was imported')\n")
    return tmp_path


def test_what_is_in_the_wheel(wheel: Path) -> None:
    """The five packages, the example, the locks and the markers; no tests, no benchmarks."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == set(PACKAGES)
    for package in PACKAGES:
        assert f"{package}/py.typed" in names
    assert "kunobs/config/example.yaml" in names
    assert any(name.startswith("kunobs/local/locks/") for name in names)


def test_console_script_beside_decoys(installed: Path, elsewhere: Path) -> None:
    """`kunobs` runs whatever folders lie in the working directory."""
    assert run(installed / "bin" / "kunobs", "--version", cwd=elsewhere).startswith("kunobs ")
    assert "fanout" in run(installed / "bin" / "kunobs", "--help", cwd=elsewhere)
    example = run(installed / "bin" / "kunobs", "config", "example", cwd=elsewhere)
    (elsewhere / "kunobs.yaml").write_text(example)
    run(installed / "bin" / "kunobs", "check", "-c", "kunobs.yaml", cwd=elsewhere)


def test_python_m_isolated_beside_decoys(installed: Path, elsewhere: Path) -> None:
    """`python -I -m kunobs` runs; the example it finds is the wheel's own."""
    python = installed / "bin" / "python"
    assert run(python, "-I", "-m", "kunobs", "--version", cwd=elsewhere).startswith("kunobs ")
    code = "from kunobs.config import example_path; print(example_path())"
    assert run(python, "-I", "-c", code, cwd=elsewhere).strip().endswith("kunobs/config/example.yaml")


def test_no_other_distribution_owns_our_names(installed: Path, elsewhere: Path) -> None:
    """Each of the five names belongs to kunobs alone, so nothing overwrites anything."""
    code = (
        "import importlib.metadata as m; d = m.packages_distributions(); "
        f"print(sorted((n, tuple(sorted(set(d[n])))) for n in {PACKAGES!r}))"
    )
    assert run(installed / "bin" / "python", "-I", "-c", code, cwd=elsewhere).strip() == str(
        sorted((n, ("kunobs",)) for n in PACKAGES)
    )
