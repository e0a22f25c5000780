"""`kunobs demo` refuses wrong usage before it starts anything, shields its legs from settings, and runs alone."""

from __future__ import annotations

import io
import signal
import sys
from pathlib import Path

import pytest

from kunobs.cli import main
from kunobs.errors import LocalStackError, UsageError
from kunobs.local.demo import legs
from kunobs.local.demo.command import as_typed, terminate_as_interrupt
from kunobs.local.demo.latency import Latency
from kunobs.local.demo.run import alone
from kunobs.local.demo.table import display
from kunobs.local.demo.watch import Look, Speed
from kunobs.testing.clock import FakeClock


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--input", "missing.ndjson"], "missing.ndjson does not exist"),
        (["--input", "."], "is not a regular file"),
        (["--rate", "0"], "--rate"),
        (["--rate", "nan"], "--rate"),
        (["--seconds", "inf"], "--seconds must be a number"),
        (["--seconds", "soon"], "--seconds"),
        (["--inputs", "x"], "--inputs"),
    ],
)
def test_wrong_usage_is_refused_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    """Exit code 2, the reason on stderr, nothing on stdout, and no stack is made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert main(["demo", "--json", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert not (tmp_path / "state").exists()


def test_the_plain_install_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the extra there is a hint and no traceback."""
    monkeypatch.delitem(sys.modules, "kunobs.local.demo.run")
    monkeypatch.delitem(sys.modules, "kunobs.local.demo.watch")
    monkeypatch.setitem(sys.modules, "requests", None)
    assert main(["demo"]) == 2
    assert "`kunobs demo` needs requests\nhint: pip install 'kunobs[all]'" in capsys.readouterr().err


def test_the_users_settings_do_not_reach_the_legs() -> None:
    """KUNOBS_KAFKA__PUBLIC__BROKERS may be a production cluster; other variables stay."""
    environ = {"KUNOBS_KAFKA__PUBLIC__BROKERS": "prod:9092", "KUNOBS_CONFIG": "x", "PATH": "/bin", "A__B": "1"}
    assert legs.own_config_only(environ) == {"KUNOBS_CONFIG": "x", "PATH": "/bin", "A__B": "1"}


def test_a_leg_that_dies_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    """Its exit status, where its log is, and the log's last lines."""
    leg = legs.Leg("fanout", tmp_path, FakeClock())
    leg.log_file.write_text("first line\n" + "noise\n" * 50 + "the broker said no\n")
    leg._process.start([sys.executable, "-c", "exit(7)"], log=leg.log_file, cwd=tmp_path, environ={})
    child = leg._process._child
    assert child is not None
    child.wait()
    with pytest.raises(LocalStackError, match="kunobs fanout ended by itself with exit status 7") as caught:
        leg.require_alive()
    assert str(leg.log_file) in str(caught.value)
    assert str(caught.value).endswith("the broker said no")
    assert "first line" not in str(caught.value)


def test_sigterm_ends_a_demo_as_ctrl_c_does() -> None:
    """Inside the block only; the handler that was there before comes back."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminate_as_interrupt():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_two_demos_do_not_wipe_each_others_stack(tmp_path: Path) -> None:
    """The second is refused while the first runs, and welcome afterwards."""
    folder = tmp_path / "state" / "demo"
    with alone(folder), pytest.raises(UsageError, match="another `kunobs demo` is running"), alone(folder):
        pass
    with alone(folder):
        pass


def look(name: str, records: int, lag: int | None) -> Look:
    """One row."""
    return Look(name, records, 1500.0, lag, Latency(0.05, 1.2), {"unrouted": 3})


def test_plain_output_is_a_line_every_two_seconds_and_the_last_state() -> None:
    """Where nobody watches, a log must not fill up."""
    out, clock = io.StringIO(), FakeClock()
    with display(out, clock, 0.0) as shown:
        for number in range(10):
            shown.show([look("agents", number * 750, None), look("fanout", number * 700, number * 50)])
            clock.sleep(0.5)
        shown.show([look("agents", 7500, None), look("fanout", 7500, 0)], last=True)
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[-1].split(" | ")[1:] == ["agents 7,500 (1,500/s)", "fanout 7,500 (1,500/s) lag 0 p50 50 ms p99 1.2 s"]


def test_a_terminal_gets_a_table() -> None:
    """One row for the agents and one for each leg."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with display(out, FakeClock(), 0.0) as shown:
        shown.show([look("agents", 7500, None), look("fanout", 7500, 0), look("indexer", 7400, 100)], last=True)
    for text in ("agents", "fanout", "indexer", "7,400", "1.2 s"):
        assert text in out.getvalue()


def test_speed_is_that_of_the_last_seconds() -> None:
    """A burst long ago does not count."""
    clock = FakeClock()
    speed = Speed(clock)
    assert speed.update(0) == 0.0
    total = 0
    for step in [1000] * 4 + [10] * 8:
        clock.sleep(0.5)
        total += step
        rate = speed.update(total)
    assert rate == pytest.approx(20)


@pytest.mark.parametrize(
    ("program", "path", "typed"),
    [
        ("kunobs", "", "./kunobs"),
        (".venv/bin/kunobs", "", ".venv/bin/kunobs"),
        (".venv/bin/kunobs", "bin", "kunobs"),
        ("kunobs/__main__.py", "", "kunobs"),
        ("some where/kunobs", "", "'some where/kunobs'"),
    ],
)
def test_what_to_try_next_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, path: str, typed: str
) -> None:
    """A newcomer's `kunobs` is in a virtual environment that nobody activated."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kunobs").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "kunobs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / path) if path else "/nowhere")
    assert as_typed(str(tmp_path / program)) == typed
