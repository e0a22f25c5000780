"""docs/write-an-exporter.md says what is true: its exporter runs as written, and its panel and rule ask for what it emits."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
import requests
from ruamel.yaml import YAML

from exporters.kit import Exporter
from kunobs.local.ports import HOST, choose
from tests.exporter_world import exporting
from tests.support import REPOSITORY, wait_until

_PAGE = (REPOSITORY / "docs" / "write-an-exporter.md").read_text()


def blocks(language: str) -> list[str]:
    """The page's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", _PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader stands after the first two steps."""
    (tmp_path / "backups.py").write_text(blocks("python")[0])
    setup = "\n".join(line for line in blocks("bash")[0].splitlines() if not line.startswith("kunobs"))
    subprocess.run(["bash", "-euc", setup], cwd=tmp_path, check=True)
    return tmp_path


def test_the_exporter_runs_as_written(folder: Path) -> None:
    """The page's command serves it, the check it names finds nothing, and the printed lines are those of the page."""
    port = choose(())
    command = [sys.executable, "-m", "kunobs", "exporter", "backups:EXPORTER", "--listen", f"{HOST}:{port}"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    url = f"http://{HOST}:{port}"
    try:
        wait_until(lambda: process.poll() is not None or answers(url), what="the exporter answers")
        checked = subprocess.run(
            [sys.executable, "-m", "kunobs", "exporter", "check", f"{url}/metrics"], capture_output=True, text=True
        )
        told = requests.get(f"{url}/metrics?debug=true", timeout=30).text
        gone = folder / "gone"
        (folder / "backups").rename(gone)
        wait_until(lambda: 'success{exporter="backups",collector="files"} 0' in scrape(url))
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    printed = [checked.stderr.strip(), *(line for line in told.splitlines() if line.startswith("##"))]
    assert [generalised(line) for line in printed] == [generalised(line) for line in blocks("text")[0].splitlines()]


def answers(url: str) -> bool:
    """The server is there and ready."""
    try:
        return requests.get(f"{url}/-/ready", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def scrape(url: str) -> str:
    """The page of metrics; never anything but 200."""
    answer = requests.get(f"{url}/metrics", timeout=30)
    assert answer.status_code == 200
    return answer.text


def generalised(line: str) -> str:
    """A line without its port, its times and the number of the process' own series."""
    return re.sub(r"\d+\.\d+ s|127\.0\.0\.1:\d+|^.*metrics: \d+ series", "…", line)


def test_the_call_in_a_child_brings_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's second form of the collector emits what the first does."""
    monkeypatch.chdir(folder)
    module = types.ModuleType("backups_in_child")
    monkeypatch.setitem(sys.modules, "backups_in_child", module)
    (folder / "backups_in_child.py").write_text(blocks("python")[0] + blocks("python")[1])
    monkeypatch.syspath_prepend(str(folder))
    exec(compile(blocks("python")[0] + blocks("python")[1], "page", "exec"), module.__dict__)  # noqa: S102 - our own page
    exporter: Exporter = module.EXPORTER
    spec = exporter.collectors[0]
    forms = [
        exporter,
        Exporter("backups", (type(spec)("files", spec.families, module.collect_in_child),)),
    ]
    seen = []
    for form in forms:
        with exporting(form) as scraped:
            seen.append({key: value for key, value in scraped().samples.items() if key[0].startswith("acme_")})
    assert seen[0] == seen[1]
    assert len(seen[0]) == 3


def test_panel_rule_and_scrape_config_fit() -> None:
    """What they query is what the exporter declares, and both YAML and JSON can be pasted."""
    declared = set(re.findall(r'"(acme_\w+)"', blocks("python")[0]))
    (panel,) = map(json.loads, blocks("json"))
    scrape_config, rules = map(YAML(typ="safe").load, blocks("yaml"))
    for expression in (panel["targets"][0]["expr"], rules["groups"][0]["rules"][0]["expr"]):
        assert set(re.findall(r"acme_\w+", expression)) <= declared
    assert scrape_config["scrape_configs"][0]["honor_labels"] is True
