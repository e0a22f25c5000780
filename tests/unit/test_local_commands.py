"""What `kunobs local` prints: steps, tables and logs."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from kunobs.errors import LocalStackError, UnavailableError
from kunobs.local import commands
from kunobs.local.progress import PlainReporter, Reporter, RichReporter, reporter_for
from kunobs.local.service import ServiceStatus
from tests.support import wait_until


@pytest.fixture
def no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack has ever run for this user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_plain_progress_is_a_line_a_quarter() -> None:
    """Start, three quarters and the end; a retry takes bytes back without saying a quarter twice."""
    out = io.StringIO()
    with PlainReporter(out).download("kafka-1", 4_000_000) as advance:
        for size in (900_000, 200_000, -1_100_000, 1_100_000, 1_000_000, 1_900_000):
            advance(size)
    assert out.getvalue().splitlines() == [
        "downloading kafka-1: 4 MB",
        "downloading kafka-1: 25 %",
        "downloading kafka-1: 50 %",
        "downloaded kafka-1",
    ]


def test_a_download_that_fails_is_not_called_done() -> None:
    """The closing line is only for success."""
    out = io.StringIO()
    with pytest.raises(RuntimeError), PlainReporter(out).download("kafka-1", 10):
        raise RuntimeError
    assert "downloaded" not in out.getvalue()


def test_bars_are_for_terminals() -> None:
    """A pipe gets lines, a terminal gets bars for several downloads at once, a program gets silence."""
    assert isinstance(reporter_for(io.StringIO()), PlainReporter)
    out = io.StringIO()
    bars = RichReporter(Console(file=out, force_terminal=True, width=100))
    with bars.download("kafka-1", 10) as one, bars.download("elastic-2", 20) as two:
        one(10)
        two(20)
        bars.note("tenant: [ready]")
    assert "kafka-1" in out.getvalue()
    assert "elastic-2" in out.getvalue()
    assert "tenant: [ready]" in out.getvalue()
    with Reporter().download("x", 1) as advance:
        advance(1)


def test_status_of_nothing(no_stack: None) -> None:
    """Three stopped services, as a table and as JSON."""
    table = CliRunner().invoke(commands.app, ["status"])
    assert table.exit_code == 0
    assert [line.split()[:2] for line in table.stdout.splitlines()[1:]] == [
        ["public", "stopped"],
        ["tenant", "stopped"],
        ["elasticsearch", "stopped"],
    ]
    found = json.loads(CliRunner().invoke(commands.app, ["status", "--json"]).stdout)
    assert [service["state"] for service in found] == ["stopped"] * 3
    assert set(found[0]) == set(ServiceStatus.__dataclass_fields__)


def test_errors_have_a_pasteable_hint(no_stack: None) -> None:
    """Logs of what never ran, and a tenant of what does not run."""
    result = CliRunner().invoke(commands.app, ["logs", "tenant", "--stack", "demo"])
    assert isinstance(result.exception, LocalStackError)
    assert result.exception.hint == "kunobs local up --stack demo --only tenant"
    result = CliRunner().invoke(commands.app, ["tenant", "add", "shop", "--stack", "demo"])
    assert isinstance(result.exception, UnavailableError)
    assert result.exception.hint == "kunobs local up --stack demo"


def test_the_table_shows_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Memory in MB, data with a digit, uptime in two units; nothing for what does not run."""
    running = ServiceStatus(
        "public", "kafka", "4.2.2", "running", "127.0.0.1:1", 77, 7322.0, 218_400_000, 1_550_000, "log"
    )
    died = ServiceStatus("tenant", "kafka", "4.2.2", "died", "127.0.0.1:2", None, 0.0, 0, 0, "log")
    commands.print_table([running, died])
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    assert rows[1] == ["public", "running", "127.0.0.1:1", "kafka 4.2.2", "77", "218 MB", "1.6 MB", "2h 2m"]
    assert rows[2] == ["tenant", "died", "kafka 4.2.2", "0.0 MB"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (59.9, "59s"), (61, "1m 1s"), (3600, "1h 0m"), (90000, "1d 1h")]
)
def test_durations(seconds: float, text: str) -> None:
    """The two largest units."""
    assert commands.duration(seconds) == text


@pytest.mark.parametrize(
    ("only", "chosen"),
    [
        (None, ("public", "tenant", "elasticsearch")),
        (["kafka"], ("public", "tenant")),
        (["tenant,elasticsearch"], ("tenant", "elasticsearch")),
        (["public", "x"], ("public", "x")),
    ],
)
def test_only_takes_names_lists_and_kafka(only: list[str] | None, chosen: tuple[str, ...]) -> None:
    """`kafka` means both clusters; an unknown word is left for the stack to refuse."""
    assert commands.chosen(only) == chosen


def test_logs_prints_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last lines, also of a file with bytes that are no UTF-8."""
    log = tmp_path / "log"
    log.write_bytes(b"one\ntwo \xff\nthree\n")
    commands.print_log(log, lines=2, follow=False)
    assert capsys.readouterr().out == "two �\nthree\n"


class Interrupted(Exception):
    """Ends a `--follow`."""


class StepClock:
    """A clock whose waits run the next step of a test, then interrupt."""

    def __init__(self, steps: list) -> None:  # type: ignore[type-arg]
        self.steps = steps

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        if not self.steps:
            raise Interrupted
        self.steps.pop(0)()


def test_follow_goes_over_a_rotation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is added is printed, and after a restart set the log aside the new file is followed from its start."""
    log = tmp_path / "log"
    log.write_text("old\n")

    def rotate() -> None:
        log.rename(tmp_path / "log.1")
        log.write_text("after\n")

    clock = StepClock([lambda: log.open("a").write("added\n"), rotate])
    with pytest.raises(Interrupted):
        commands.print_log(log, lines=10, follow=True, clock=clock)
    assert capsys.readouterr().out == "old\nadded\nafter\n"


def test_reporters_may_be_used_by_several_threads() -> None:
    """Both clusters and Elasticsearch report at once."""
    out = io.StringIO()
    reporter = PlainReporter(out)
    threads = [threading.Thread(target=reporter.note, args=("x" * 1000,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: out.getvalue().splitlines() == ["x" * 1000] * 20, 5, "twenty whole lines")
