"""`kunobs generate`, `rules` and `dashboards` with what people type by mistake: a sentence, what to do, an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from kunobs.cli import main


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No promtool, no Prometheus, no kunobs.yaml."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("KUNOBS_PROMTOOL", "KUNOBS_PROMETHEUS", "KUNOBS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["rules", "mutate"],
            2,
            "promtool is not installed\nhint: apt-get install prometheus, or set KUNOBS_PROMTOOL=",
        ),
        (["dashboards", "prove"], 2, "promtool is not installed"),
        (["dashboards", "prove", "kun-nobody"], 2, "no dashboard kun-nobody\nhint: known: kun-overview"),
        (["dashboards", "preview", "--out", "x", "--language", "fr"], 2, "no language 'fr'\nhint: --language zh or en"),
        (["generate", "dashboards", "--out", "x", "--language", "fr"], 2, "no language 'fr'"),
        (["generate", "prometheus", "--out", "x"], 2, "kunobs config example"),
        (["generate", "rules"], 2, "--out"),
        (["rules", "lint", "nowhere.yaml"], 1, "cannot be read: No such file or directory"),
        (["rules", "lint", "."], 1, "no rules found"),
    ],
)
def test_mistakes_are_answered(arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written, nothing raises."""
    assert main(arguments) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
    assert not Path("x").exists()


def test_an_unknown_system_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With those that there are."""
    monkeypatch.setenv("KUNOBS_PROMTOOL", "/bin/false")
    assert main(["rules", "mutate", "kafak"]) == 2
    assert "no system kafak\nhint: systems: slo, pipeline" in capsys.readouterr().err
