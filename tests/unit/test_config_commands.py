"""`kunobs check` and `kunobs config`, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kunobs.cli import main
from kunobs.config import example_path


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory, and no variable that names a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUNOBS_CONFIG", raising=False)


def test_a_good_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Says so, and which file it looked at."""
    Path("kunobs.yaml").write_text("version: 1\n")
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "kunobs.yaml: no mistakes\n"


def test_every_mistake_of_every_section(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each on stdout, as editors and scripts read it."""
    Path("k.yaml").write_text("version: 1\ntenants: {}\nfanout: {linger: 5}\n")
    assert main(["check", "-c", "k.yaml"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [["k.yaml:2", "tenants"], ["k.yaml:3", "fanout.linger"]]


def test_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    """The hint has a command that writes one."""
    assert main(["check"]) == 2
    assert "kunobs config example > kunobs.yaml" in capsys.readouterr().err
    assert main(["check", "-c", "other.yaml"]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (
        "other.yaml: does not exist\n",
        "hint: kunobs config example > other.yaml\n",
    )


def test_the_example_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """And what is printed is a file without mistakes."""
    assert main(["config", "example"]) == 0
    printed = capsys.readouterr().out
    assert printed == example_path().read_text(encoding="utf-8")
    Path("kunobs.yaml").write_text(printed)
    assert main(["check"]) == 0


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For `# yaml-language-server: $schema=…`."""
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "kunobs.yaml"
