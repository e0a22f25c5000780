"""The lint on public rules, which are used by many and mostly right; every finding there was looked at by a person.

PROVE=1 writes docs/proof/lint-corpus.json, with the seeded faults of tests/rule_faults.py beside them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from alert_rules.lint.checks import lint_paths
from alert_rules.lint.context import Settings
from tests.platform.conftest import need
from tests.support import REPOSITORY
from tests.unit.test_rules_lint_faults import COUNT, faults

pytestmark = pytest.mark.platform
TOOLS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kunobs" / "tools"
# Rule -> check -> what is really wrong with it.
RIGHT = {
    ("HostKernelVersionDeviations", "matching"): "count() without by has no instance to join: it can never fire",
    ("HostKernelVersionDeviations", "template"): "nor would it know an instance to name",
    ("HostEdacUncorrectableErrorsDetected", "counter"): "one error fires it until the process is restarted",
    ("HostDiskWillFillIn24Hours", "matcher"): "!~ with plain text",
    ("HostNetworkInterfaceSaturated", "matcher"): "anchors in a matcher that is anchored",
    (
        "ThanosReceiveHighReplicationFailures",
        "matching",
    ): "instance on one side of `and`, only job on the other: it can never fire",
}
WRONG_AT_MOST = 0.01


def test_public_rules() -> None:
    """224 rules; what is found is really wrong with them, but for less than one in a hundred."""
    ceph = TOOLS / "ceph-prometheus-alerts-16.2.15+ds" / "etc" / "prometheus" / "ceph" / "ceph_default_alerts.yml"
    corpus = TOOLS / "rule-corpus-1"
    need(ceph.exists() and corpus.exists(), "needs public rules: make test-platform gets them")
    rules = 0
    wrong: list[str] = []
    right: set[tuple[str, str]] = set()
    # Each by itself: some of the files are alternatives to others.
    for file in (ceph, *sorted(corpus.iterdir())):
        count, findings = lint_paths([file], Settings())
        rules += count
        for one in findings:
            if (one.rule, one.check) in RIGHT:
                right.add((one.rule, one.check))
            else:
                wrong.append(one.render())
    assert rules == 224
    assert right == RIGHT.keys()
    missed = faults()
    if os.environ.get("PROVE"):
        proof = {
            "seeded_faults": COUNT,
            "seeded_faults_found": COUNT - len(missed),
            "public_rules": rules,
            "false_positives": len(wrong),
            "can_never_fire": sorted(name for (name, check) in RIGHT if check == "matching"),
        }
        (REPOSITORY / "docs" / "proof" / "lint-corpus.json").write_text(json.dumps(proof, indent=1) + "\n")
    assert len(wrong) < rules * WRONG_AT_MOST, "\n".join(wrong)
