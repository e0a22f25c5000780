"""What main is told about its end and what it tells about its state, without signals."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kunobs import log, service
from kunobs.catalogue.metrics import Metrics
from kunobs.errors import ConfigError, KunobsError
from kunobs.service import Exit, Lifecycle, Serve, process_metrics
from kunobs.testing.clock import FakeClock


def run(main: Callable[[Lifecycle], None], **options: Any) -> int:
    """service.run of a part called demo, with the log on the stderr of this moment."""
    log.setup("info")
    return service.run("demo", main, **{"drain_timeout": 1.0, **options})


def lines(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, object]], list[str]]:
    """stderr as its JSON lines and the others."""
    text = capsys.readouterr().err.splitlines()
    return [json.loads(line) for line in text if line.startswith("{")], [li for li in text if not li.startswith("{")]


def test_readiness_begins_with_starting_and_ends_with_draining() -> None:
    """Reasons are kept until ready; a draining process is not ready whatever it said before."""
    life = Lifecycle(10)
    assert life.why_not_ready() == "starting"
    life.not_ready("no partitions")
    assert life.why_not_ready() == "no partitions"
    life.ready()
    assert life.why_not_ready() == ""
    life.not_ready("")
    assert life.why_not_ready() == "not ready"
    life.ready()
    life.stop()
    assert life.why_not_ready() == "draining"


def test_health_is_apart_from_readiness() -> None:
    """A process is healthy until it says otherwise, draining or not."""
    life = Lifecycle(10)
    assert life.why_unhealthy() == ""
    life.unhealthy("loop is stuck")
    assert life.why_unhealthy() == "loop is stuck"
    life.healthy()
    life.stop()
    assert life.why_unhealthy() == ""


def test_deadline_runs_from_the_first_stop() -> None:
    """There is none before; a second stop does not move it; it never goes below 0."""
    clock = FakeClock()
    life = Lifecycle(10, clock)
    assert (life.deadline, life.remaining, life.stopping) == (None, float("inf"), False)
    clock.advance(100)
    life.stop()
    assert (life.deadline, life.remaining, life.stopping) == (110, 10, True)
    clock.advance(4)
    life.stop()
    assert life.remaining == 6
    clock.advance(100)
    assert life.remaining == 0


def test_wait_ends_with_the_stop() -> None:
    """A wait of any length returns True as soon as another thread stops the process, also for ever."""
    life = Lifecycle(10)
    assert life.wait(0) is False
    waiting = threading.Thread(target=lambda: life.wait(float("inf")))
    waiting.start()
    life.stop()
    waiting.join(30)
    assert not waiting.is_alive()
    assert life.wait(3600) is True


def test_wait_takes_the_clock_of_a_test() -> None:
    """With a clock of its own a test does not wait, and sees what would have been waited for."""
    clock = FakeClock()
    life = Lifecycle(10, clock)
    assert life.wait(3) is False
    life.stop()
    assert life.wait(5) is True
    assert clock.slept == [3]


def test_returning_is_success_and_gives_the_signals_back(capsys: pytest.CaptureFixture[str]) -> None:
    """main that returns by itself has finished: 0, one line, and the signals are as before."""
    before = {number: signal.getsignal(number) for number in service.SIGNALS}
    assert run(lambda life: life.ready()) == 0
    assert {number: signal.getsignal(number) for number in service.SIGNALS} == before
    assert signal.set_wakeup_fd(-1) == -1
    logged, plain = lines(capsys)
    assert [line["event"] for line in logged] == ["started", "finished"]
    assert plain == []


def test_stopping_from_inside_is_a_drain(capsys: pytest.CaptureFixture[str]) -> None:
    """stop() works as a signal does."""
    assert run(lambda life: life.stop(), drain_timeout=60) == Exit.DRAINED
    assert [line["event"] for line in lines(capsys)[0]] == ["started", "drained"]


@pytest.mark.parametrize(("error", "code"), [(KunobsError, 1), (ConfigError, 2)])
def test_error_for_people(capsys: pytest.CaptureFixture[str], error: type[KunobsError], code: int) -> None:
    """The message and its hint stand in plain text and once in the log; the code is the error's."""

    def main(life: Lifecycle) -> None:
        raise error("the port is in use", hint="ss -ltnp")

    assert run(main) == code
    logged, plain = lines(capsys)
    assert plain == ["kunobs demo: the port is in use", "hint: ss -ltnp"]
    assert [line["event"] for line in logged] == ["started", "failed"]
    assert {key: logged[1][key] for key in ("error", "hint", "exit_code", "level")} == {
        "error": "the port is in use",
        "hint": "ss -ltnp",
        "exit_code": code,
        "level": "error",
    }
    assert "exception" not in logged[1]


def test_error_without_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """No empty hint line is printed."""

    def main(life: Lifecycle) -> None:
        raise KunobsError("nothing to be done")

    assert run(main) == 1
    assert lines(capsys)[1] == ["kunobs demo: nothing to be done"]


def test_unexpected_error_has_its_traceback_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug is one JSON line with the traceback, and 1."""

    def main(life: Lifecycle) -> None:
        raise ZeroDivisionError("oops")

    assert run(main) == Exit.FAILED
    logged, plain = lines(capsys)
    assert plain == []
    assert logged[-1]["event"] == "failed unexpectedly"
    assert "ZeroDivisionError: oops" in str(logged[-1]["exception"])
    assert "test_service_lifecycle.py" in str(logged[-1]["exception"])


def test_exit_of_main_keeps_its_code() -> None:
    """sys.exit inside main is what it says."""

    def main(life: Lifecycle) -> None:
        raise SystemExit(7)

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 7


def test_run_outside_the_main_thread_says_so() -> None:
    """Signals belong to the main thread, so run refuses another at once."""
    errors: list[Exception] = []

    def call() -> None:
        try:
            run(lambda life: None)
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(30)
    assert "main thread" in str(errors[0])


def test_bad_server_settings_are_an_error_before_main(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong listen address ends the process with 2, and main never runs."""
    ran: list[Lifecycle] = []
    code = run(ran.append, serve=Serve("nonsense", CollectorRegistry()))
    assert code == Exit.CONFIG
    assert ran == []
    assert "is not an address to listen on" in lines(capsys)[1][0]


@pytest.mark.parametrize("fails", [False, True])
def test_server_lives_as_long_as_main(fails: bool) -> None:
    """The server is there while main runs and stopped when main has returned or failed."""
    alive: list[bool] = []

    def serving() -> bool:
        return "kunobs-server" in [thread.name for thread in threading.enumerate()]

    def main(life: Lifecycle) -> None:
        alive.append(serving())
        if fails:
            raise KunobsError("no")

    before = serving()
    assert run(main, serve=Serve("127.0.0.1:0", CollectorRegistry())) == int(fails)
    assert (before, alive, serving()) == (False, [True], False)


def test_process_metrics_follow_the_state() -> None:
    """Readiness is 0 or 1 with the state, and the build is named."""
    registry, life = CollectorRegistry(), Lifecycle(1)
    process_metrics(Metrics(registry, "demo"), life)
    assert registry.get_sample_value("kunobs_process_ready") == 0
    life.ready()
    assert registry.get_sample_value("kunobs_process_ready") == 1
    life.stop()
    assert registry.get_sample_value("kunobs_process_ready") == 0
    (build,) = [family for family in registry.collect() if family.name == "kunobs_build"]
    assert build.samples[0].labels["part"] == "demo"
    assert registry.get_sample_value("process_open_fds")
