"""Generated files: only what changed is written, nothing of anybody else's is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alert_rules.files import rule_files
from alert_rules.model import Links
from kunobs.cli import main
from kunobs.errors import UsageError
from kunobs.generate.files import LIST, Written, write


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    """And what is no more is removed, folders of others stay."""
    assert write(tmp_path, {"a/x.yaml": "1\n", "b.yaml": "2\n"}) == Written(2, 2, 0)
    os.utime(tmp_path / "b.yaml", (1, 1))
    assert write(tmp_path, {"a/x.yaml": "3\n", "b.yaml": "2\n"}) == Written(2, 1, 0)
    assert (tmp_path / "b.yaml").stat().st_mtime == 1
    (tmp_path / "mine.yaml").write_text("mine")
    assert write(tmp_path, {"b.yaml": "2\n"}) == Written(1, 0, 1)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [LIST, "b.yaml", "mine.yaml"]


def test_somebody_elses_file_is_left_alone(tmp_path: Path) -> None:
    """Neither written over nor removed; the file is named."""
    (tmp_path / "b.yaml").write_text("mine")
    with pytest.raises(UsageError, match=r"b\.yaml is there and was not generated") as refused:
        write(tmp_path, {"a.yaml": "1", "b.yaml": "2"})
    assert "--out" in refused.value.hint
    assert (tmp_path / "b.yaml").read_text() == "mine"
    assert not (tmp_path / "a.yaml").exists()


def test_a_list_that_leads_out_of_the_folder_is_not_believed(tmp_path: Path) -> None:
    """It could have been written by anybody."""
    victim = tmp_path / "victim"
    victim.write_text("x")
    own = tmp_path / "out"
    own.mkdir()
    (own / LIST).write_text(f"../victim\n{victim}\n")
    write(own, {"a": "1"})
    assert victim.exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in its place, for root may write anywhere else."""
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError) as refused:
        write(tmp_path / "out", {"a": "1"})
    assert "out" in str(refused.value)


def test_rules_are_the_same_bytes_each_time() -> None:
    """With and without tests, in one file or many."""
    for bundle in (False, True):
        assert rule_files(Links(), tests=True, bundle=bundle) == rule_files(Links(), tests=True, bundle=bundle)
    assert all(name.startswith(("rules/", "tests/")) for name in rule_files(Links(), tests=True, bundle=True))


def test_systems_that_are_not_there_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """None of their rules, all of the others'; an unknown one is a mistake, not silence."""
    assert main(["generate", "rules", "--bundle", "--out", str(tmp_path), "--without", "ceph", "--without", "slo"]) == 0
    left = {path.name for path in (tmp_path / "rules").iterdir()}
    assert {"ceph.yaml", "slo.yaml", "recording.slo.yaml"}.isdisjoint(left)
    assert {"kafka.yaml", "etcd.yaml"} <= left
    assert main(["generate", "rules", "--out", str(tmp_path), "--without", "cehp"]) == 2
    assert "did you mean ceph?" in capsys.readouterr().err


def test_alerts_about_a_namespace_lead_to_its_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Others do not; an address without a place for the namespace is a mistake."""
    arguments = ["generate", "rules", "--out", str(tmp_path), "--logs"]
    assert main([*arguments, "https://kibana.example/?q={namespace}"]) == 0
    text = (tmp_path / "rules" / "KunQuotaAlmostFull.yaml").read_text()
    assert "https://kibana.example/?q={{ $labels.namespace }}" in text
    assert "kibana" not in (tmp_path / "rules" / "KunNodeDown.yaml").read_text()
    for wrong in ("kibana/{namespace}", "https://kibana.example/"):
        assert main([*arguments, wrong]) == 2
    assert "{namespace}" in capsys.readouterr().err
