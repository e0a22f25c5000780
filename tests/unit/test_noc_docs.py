"""docs/noc.md does what it says: its configuration loads, its payload is accepted, its test runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from kunobs.config import load_text
from kunobs.noc.accept import alertmanager
from kunobs.noc.admin.dry_run import dry_run
from kunobs.noc.decide.policy import Policy
from kunobs.testing.noc import NocBench
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "noc.md").read_text(encoding="utf-8")


def first_config(folder: Path) -> str:
    """The configuration of the newcomer."""
    (folder / "alertmanager.token").write_text("token\n")
    (folder / "robot.key").write_text("key\n")
    found = re.search(r"<!-- example: first -->\n   ```yaml\n(.*?)   ```", PAGE, re.DOTALL)
    assert found
    return "\n".join(line[3:] for line in found[1].splitlines())


def test_the_first_configuration(tmp_path: Path) -> None:
    """It loads, and the dry run prints what the page shows."""
    noc = load_text(first_config(tmp_path), directory=tmp_path, sections=["noc"]).noc
    payload = re.search(r"-d '(\{.*?\n     \})'", PAGE, re.DOTALL)
    assert payload
    body = json.dumps(json.loads(payload[1])).encode()
    assert alertmanager.read(body).alerts[0].labels["alertname"] == "DiskFull"
    found = dry_run(noc, "prod", body, "15m", 1_700_000_000.0)
    assert [(int(each.after_s), each.kind, each.title) for each in found] == [
        (0, "page", "the disk of db-7 is full"),
        (600, "reminder", "the disk of db-7 is full"),
    ]
    for each in found:
        minutes, seconds = divmod(int(each.after_s), 60)
        assert f"+{minutes}m{seconds:02d}s  {each.channel:<12} {'the group':<20} {each.kind}: {each.title}" in PAGE


def test_the_test_of_ones_own_routes(tmp_path: Path) -> None:
    """The snippet at the end, over the first configuration."""
    text = first_config(tmp_path).split("noc:\n", 1)[1]
    text = "\n".join(line[2:] for line in text.splitlines())
    text = text.replace("token_file: alertmanager.token", "token: t").replace("key_file: robot.key", "key: k")
    snippet = re.search(r"with NocBench\(.*?\) as noc:\n(.*?)```", PAGE, re.DOTALL)
    assert snippet
    with NocBench(text) as noc:
        exec("\n".join(line[4:] for line in snippet[1].splitlines()), {"noc": noc})  # noqa: S102  it is our own page


def test_the_template_on_the_page() -> None:
    """It is accepted: a template is tried with samples when it is loaded."""
    found = re.search(r"```yaml\n(noc:\n  templates:.*?)```", PAGE, re.DOTALL)
    assert found
    text = found[1].replace("incident.labels.cluster", "incident.labels.alertname")
    channels = "  channels: {wecom_robot: {ops: {key: k}}}\n"
    noc = load_text(f"version: 1\n{text}{channels}", sections=["noc"]).noc
    assert Policy(noc, {}, "secret").templates
