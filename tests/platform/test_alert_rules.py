"""Every alert in a real promtool: it fires, stays silent, resolves, survives a restart; and a broken copy of it is noticed.

PROVE=1 writes docs/proof/alerts.json and docs/proof/mutation.json.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from alert_rules.files import rule_files
from alert_rules.model import Links
from alert_rules.mutation import run
from alert_rules.promtool import failures
from alert_rules.suite import entries, rule_file
from kunobs.catalogue.known import KNOWN
from kunobs.catalogue.planned import METRICS, waiting
from kunobs.catalogue.signal import Signal
from kunobs.catalogue.signals import SIGNALS
from kunobs.generate.files import write
from tests.platform.prometheus import DEBIAN, NEWEST, promtool_check, tool
from tests.support import REPOSITORY

pytestmark = pytest.mark.platform
CASES = ("fires and resolves", "stays silent just below", "a restart does not fire it", "fires through a restart")
PROOF = REPOSITORY / "docs" / "proof"
# Changes that change nothing: the same alerts at the same times.
LEAST_KILLED = 0.95
Signals = Mapping[str, tuple[Signal, ...]]
# What waits for its exporter is proven today, and not counted.
both = pytest.mark.parametrize("signals", [SIGNALS, waiting(KNOWN)], ids=["made", "planned"])


@both
@pytest.mark.parametrize("version", [DEBIAN, NEWEST])
def test_every_alert_in_every_case(version: str, signals: Signals, tmp_path: Path) -> None:
    """As `kunobs generate rules --tests` writes them."""
    links = Links("https://runbooks.example", "https://grafana.example", "https://kibana.example/?q={namespace}")
    write(tmp_path, rule_files(links, tests=True, signals=signals))
    tests = sorted((tmp_path / "tests").glob("*.test.yaml"))
    assert len(tests) == len(list(entries(signals))) > 0
    failed = failures(tool("promtool", version), tests)
    verdicts = {
        test.name.removesuffix(".test.yaml"): {case: f": {case}" not in failed.get(test, "") for case in CASES}
        for test in tests
    }
    if os.environ.get("PROVE") and version == DEBIAN and signals is SIGNALS:
        (PROOF / "alerts.json").write_text(json.dumps(verdicts, indent=1) + "\n")
    assert not failed, "\n".join(failed.values())[:5000]


@both
def test_broken_copies_are_noticed(signals: Signals) -> None:
    """Comparison, threshold, matchers, waiting time and guard of every alert."""
    result = run(tool("promtool"), signals=signals)
    if os.environ.get("PROVE") and signals is SIGNALS:
        (PROOF / "mutation.json").write_text(json.dumps({"mutants": result.mutants, "killed": result.killed}) + "\n")
    assert result.killed >= LEAST_KILLED * result.mutants, result.survivors


def test_a_wrong_rule_is_seen(tmp_path: Path) -> None:
    """The suite can fail: one threshold of one rule is another one, and its test says so by its name."""
    entry = next(one for one in entries() if not one.recordings)
    wrong = replace(entry, signal=replace(entry.signal, threshold=1e9)).rule()
    write(tmp_path, rule_files(Links(), tests=True))
    (tmp_path / "rules" / f"{wrong.alert}.yaml").write_text(rule_file("broken", [wrong]))
    (said,) = failures(tool("promtool"), [tmp_path / "tests" / f"{wrong.alert}.test.yaml"]).values()
    assert f"{wrong.alert}: fires and resolves" in said


@pytest.mark.parametrize("version", [DEBIAN, NEWEST])
@pytest.mark.parametrize("bundle", [False, True])
def test_promtool_takes_the_files(tmp_path: Path, bundle: bool, version: str) -> None:
    """`promtool check rules` of what a user gets, in both forms."""
    write(tmp_path, rule_files(Links(), bundle=bundle))
    files = sorted((tmp_path / "rules").glob("*.yaml"))
    assert files
    done = subprocess.run(
        [tool("promtool", version), "check", "rules", *files], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("SUCCESS") == len(files)


def test_planned_metrics_are_promtool_clean() -> None:
    """`promtool check metrics` of a page that has all of them."""
    page = []
    for spec in METRICS.values():
        labels = ",".join(f'{name}="x"' for name in spec.label_names)
        page += [f"# HELP {spec.name} {spec.help}", f"# TYPE {spec.name} {spec.type}", f"{spec.name}{{{labels}}} 1", ""]
    assert promtool_check("\n".join(page)) == ""
    assert "no help text" in promtool_check("\n".join(page).replace("# HELP kunobs_s3", "# kunobs_s3"))
