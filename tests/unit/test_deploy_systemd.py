"""The unit of the relay: systemd accepts it, and it gives the process nothing that it does not need."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import REPOSITORY

UNIT = REPOSITORY / "deploy" / "systemd" / "kunobs-noc.service"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze, which needs no running systemd for what is asked here."""
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("CI") == "true":
            raise AssertionError("systemd-analyze is missing")
        pytest.skip("needs systemd-analyze")
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60)


def test_systemd_accepts_it(tmp_path: Path) -> None:
    """No unknown key, no wrong value; the program is put where the unit expects it."""
    program = tmp_path / "kunobs"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/kunobs/bin/kunobs", str(program)))
    done = analyze("verify", "--man=no", str(copy))
    complaints = [line for line in done.stderr.splitlines() if UNIT.name in line or "Unknown" in line]
    assert not complaints, done.stderr
    copy.write_text(copy.read_text().replace("ProtectHome=yes", "ProtectHome=perhaps"))
    assert "protect home" in analyze("verify", "--man=no", str(copy)).stderr


def test_it_is_hardened() -> None:
    """systemd's own judgement of what a break-in could reach: 0 is nothing, 10 everything; 'OK' ends below 5."""
    done = analyze("security", "--offline=yes", "--json=short", "--no-pager", str(UNIT))
    found = re.findall(r"exposure level for \S+: ([0-9.]+)", done.stdout + done.stderr)
    if not found:
        plain = analyze("security", "--offline=yes", "--no-pager", str(UNIT))
        found = re.findall(r"exposure level for \S+: ([0-9.]+)", plain.stdout)
    assert float(found[0]) <= 2.0, done.stdout
    if done.stdout.startswith("["):
        assert json.loads(done.stdout)
