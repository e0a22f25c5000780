"""`kunobs demo --part alert`: what a newcomer sees first of the relay."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import run_python


def test_an_alert_from_the_post_to_the_board(tmp_path: Path) -> None:
    """Told to the group, on the board, taken there, told again; nothing is left running."""
    done = run_python("-m", "kunobs", "demo", "--part", "alert", "--json", environ={"XDG_STATE_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    first, second = outcome["messages"]
    assert "12 minutes late" in first
    assert "Ack" in first
    assert "demo" in second
    assert outcome["on_the_board"] is True
    assert "demo takes it, by board" in outcome["story"]
    assert not list(tmp_path.rglob("admin.sock"))


def test_its_text(tmp_path: Path) -> None:
    """As it is printed for people."""
    done = run_python("-m", "kunobs", "demo", "--part", "alert", environ={"XDG_STATE_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert "it stood on the board and was taken there" in done.stdout
    assert "journal: every entry fits to the one before" in done.stdout
