"""Which file is loaded when none, one or several could be."""

from __future__ import annotations

from pathlib import Path

import pytest

from kunobs.config import example_path, find_config
from kunobs.errors import ConfigError


def test_the_order(tmp_path: Path) -> None:
    """-c wins over the variable, the variable over the file in the working directory."""
    here = tmp_path / "kunobs.yaml"
    here.write_text("version: 1\n")
    environ = {"KUNOBS_CONFIG": "from-variable.yaml"}
    assert find_config(Path("named.yaml"), environ=environ, directory=tmp_path) == Path("named.yaml")
    assert find_config(None, environ=environ, directory=tmp_path) == Path("from-variable.yaml")
    assert find_config(None, environ={"KUNOBS_CONFIG": ""}, directory=tmp_path) == here


def test_the_working_directory_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name stays short, because it stands in every message."""
    (tmp_path / "kunobs.yaml").write_text("version: 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUNOBS_CONFIG", raising=False)
    assert find_config(None) == Path("kunobs.yaml")


def test_no_file_at_all(tmp_path: Path) -> None:
    """The hint has a command that makes one."""
    with pytest.raises(ConfigError) as caught:
        find_config(None, environ={}, directory=tmp_path)
    assert "$KUNOBS_CONFIG" in str(caught.value)
    assert "kunobs config example > kunobs.yaml" in caught.value.hint
    assert "kunobs local up" in caught.value.hint


def test_the_example_is_found() -> None:
    """In a checkout at its root; a packaging test looks for it in the wheel."""
    assert example_path().read_text(encoding="utf-8").startswith("# kunobs.yaml")
