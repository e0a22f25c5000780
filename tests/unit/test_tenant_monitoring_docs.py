"""docs/tenant-monitoring.md: the file in it works, every key is described, and what is said to be made is made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kunobs.cli import main
from kunobs.config.monitoring import MonitoringConfig
from kunobs.config.tenant import ProbeConfig, RuleConfig, ScrapeConfig, SloConfig, TenantFile
from kunobs.generate.tenants.build import files_of
from kunobs.generate.tenants.read import Text, tenant
from kunobs.generate.tenants.rules import Wanted
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "tenant-monitoring.md").read_text()


def test_the_example_works() -> None:
    """And makes every kind that the page names."""
    found = re.search(r"```yaml\n# tenants/payments\.yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found
    config = MonitoringConfig(relays=("https://noc.example.com",))
    files = files_of(tenant(Text("payments", Path("payments.yaml"), found[1].encode())), config, Wanted())
    assert len(files) == 14
    named = re.search(r"PodMonitor, Probe .*?ResourceQuota", PAGE)
    assert named
    kinds = set(re.findall(r"\b(?:[A-Z][a-z]+){1,3}\b", named[0])) - {"IPv4"}
    made = {re.search(r"^kind: (\w+)$", text, re.MULTILINE)[1] for name, text in files.items() if "operator/" in name}  # type: ignore[index]
    assert kinds == made - {"Kustomization"}


def test_every_key_is_described() -> None:
    """Those of the lists too."""
    for model in (TenantFile, ScrapeConfig, ProbeConfig, SloConfig, RuleConfig):
        for key in model.model_fields:
            assert f"`{key}`" in PAGE, key


def test_the_session_is_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the page's tenant and one that asks for another's series; no relay, so no AlertmanagerConfig."""
    example = re.search(r"```yaml\n# tenants/payments\.yaml\n(.*?)```", PAGE, re.DOTALL)
    session = re.search(r"--dashboards https://grafana\.example\.com\n(.*?)\$ kubectl", PAGE, re.DOTALL)
    assert example
    assert session
    monkeypatch.chdir(tmp_path)
    Path("tenants").mkdir()
    Path("tenants/payments.yaml").write_text(example[1])
    wrong = 'owner: x\nrules:\n  - alert: Other\n    expr: sum by (queue) (queue_length{namespace="payments"}) > 1000\n    summary: x\n'
    Path("tenants/shop.yaml").write_text(wrong)
    Path("kunobs.yaml").write_text("version: 1\n")
    assert main(["generate", "tenants", "tenants/", "--out", "out"]) == 3
    said = capsys.readouterr()
    printed = sorted((said.out + said.err).replace(" in out:", " in /etc/prometheus/tenants:").splitlines())
    assert printed == sorted(session[1].splitlines())
