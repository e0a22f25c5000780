"""docs/monitoring.md: its numbers are those of the catalogue, its commands work, its example says what lint says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from alert_rules.inhibitions import edges
from alert_rules.suite import entries
from dashboards.boards import BOARDS
from kunobs.catalogue.jobs import JOBS
from kunobs.catalogue.known import KNOWN
from kunobs.catalogue.planned import waiting
from kunobs.cli import main
from kunobs.config import load_text
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "monitoring.md").read_text()
RULE = """groups:
  - name: api
    rules:
      - alert: ApiErrors
        annotations: {summary: errors}
        expr: |
          sum by (code, path) (rate(requests_total{code=~"5.."}[5m])) / sum by (path) (rate(requests_total[5m])) > 0.1
"""


def test_its_numbers() -> None:
    """Alerts, systems, dashboards, panels, inhibitions, what is planned; the README's too."""
    alerts = list(entries())
    panels = sum(len(board.panels) for board in BOARDS)
    assert f"{len(alerts)} alerts in {len({one.system for one in alerts})} systems" in PAGE
    assert f"{len(BOARDS)} dashboards with {panels} panels" in PAGE
    assert f"{panels} of {panels} panels show data" in PAGE
    assert (
        f"{len(alerts)} alerts and {len(BOARDS)} dashboards with {panels} panels"
        in (REPOSITORY / "README.md").read_text()
    )
    assert f"{len(edges())} rules, made of edges" in PAGE
    assert f"\n{sum(map(len, waiting(KNOWN).values()))} alerts, with words" in PAGE


def commands() -> list[list[str]]:
    """Every `kunobs generate` of the page."""
    return [line.split("#")[0].split()[2:] for line in PAGE.splitlines() if line.startswith("$ kunobs generate")]


@pytest.mark.parametrize("arguments", commands(), ids=lambda one: one[1])
def test_its_commands(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into a folder of the test; with the configuration that the page shows."""
    yaml = next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("monitoring:"))
    load_text("version: 1\n" + yaml, sections=("monitoring",))
    (tmp_path / "kunobs.yaml").write_text("version: 1\n" + yaml)
    monkeypatch.chdir(tmp_path)
    arguments = [*arguments]
    place = arguments.index("--out") + 1
    arguments[place] = str(tmp_path / "out")
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert re.search(r"[1-9]\d* files? in .*out: [1-9]\d* written, 0 removed", said)


def test_its_example_of_lint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Word by word."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "api.yaml").write_text(RULE)
    monkeypatch.chdir(tmp_path)
    assert main(["rules", "lint", "rules/"]) == 3
    printed = capsys.readouterr()
    assert f"$ kunobs rules lint rules/\n{printed.out}{printed.err}```" in PAGE


def test_every_check_is_explained() -> None:
    """A name in brackets that is in no table helps nobody."""
    code = "".join(path.read_text() for path in (REPOSITORY / "alert_rules" / "lint").glob("*.py"))
    names = set(re.findall(r'(?:\.at|\.on)\(\s*(?:"[\w.]+",\s*|f"[^"]*",\s*)?"([a-z-]+)",', code))
    assert {"matching", "never", "window", "template"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("page", sorted((REPOSITORY / "docs" / "exporters").glob("*.md")), ids=lambda page: page.stem)
def test_pages_of_exporters_name_alerts_and_write_none(page: Path) -> None:
    """One truth: those of the catalogue, which expect the job by its name. A second job has what is asked less often."""
    text = page.read_text()
    named = set(re.findall(r"`(Kun[A-Z]\w+)`", text))
    assert named
    assert named <= {one.signal.alert for one in entries()}
    assert not re.search(r"^\s*- alert:", text, re.MULTILINE)
    assert set(re.findall(r"job_name: (\S+)", text)) <= {*JOBS, "kunobs-kafka-partitions"}


def test_its_yaml_is_yaml() -> None:
    """What somebody pastes into Grafana's or Prometheus' files; of a tenant's page too."""
    for page in ("monitoring.md", "tenant-monitoring.md"):
        blocks = re.findall(r"```yaml\n(.*?)```", (REPOSITORY / "docs" / page).read_text(), re.DOTALL)
        assert blocks
        for block in blocks:
            assert YAML(typ="safe", pure=True).load(block)
