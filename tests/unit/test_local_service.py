"""Starting and stopping a service: what is said when it dies, hangs, has no room, or is already there."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from kunobs.errors import LocalStackError
from kunobs.local import service as service_module
from kunobs.local.artifacts import ArtifactCache
from kunobs.local.ports import choose
from kunobs.local.progress import Reporter
from kunobs.local.service import Service
from kunobs.local.tools import Tools
from tests.support import wait_until

SERVE = (
    "import socket, sys, time\n"
    "s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('READY', flush=True); time.sleep(600)"
)


class Program(Service):
    """A service that runs Python code; `READY` in its output means that it serves."""

    program: ClassVar[str] = "program"
    title: ClassVar[str] = "A program"
    ready_marker: ClassVar[bytes] = b"READY"
    code = SERVE
    port = 0

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    def prepare(self) -> list[str]:
        return [sys.executable, "-c", self.code, str(self.port)]


class Notes(Reporter):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """A service in a folder of its own; killed after the test."""
    tools = Tools(ArtifactCache(tmp_path / "cache"), Notes(), environ=dict(os.environ), minimum_free=1)
    found = Program("thing", tmp_path / "demo" / "thing", "1.0", tools, "1m")
    found.port = choose(())
    yield found
    found.kill()


def test_start_waits_until_it_serves_and_is_idempotent(program: Program) -> None:
    """The port answers when start returns; a second start changes nothing; the step is told with its endpoint."""
    program.start()
    first = program.pid
    assert program.status().state == "running"
    program.start()
    assert program.pid == first
    notes = program.tools.reporter
    assert isinstance(notes, Notes)
    assert len(notes.said) == 1
    assert notes.said[0].startswith(f"thing: A program 1.0 on 127.0.0.1:{program.port}, ready after ")
    assert program.stop()
    assert program.status().state == "stopped"


def test_a_death_at_start_shows_the_end_of_this_runs_log(program: Program) -> None:
    """The error holds the exit status and what this run printed, not what an earlier one did."""
    program.start()
    program.stop()
    program.log_file.write_text("an old line\n")
    program.code = "print('cannot frobnicate the quux'); raise SystemExit(3)"
    with pytest.raises(LocalStackError, match=r"thing: A program 1\.0 died while starting \(exit status 3\)") as caught:
        program.start()
    assert "cannot frobnicate the quux" in str(caught.value)
    assert "an old line" not in str(caught.value)
    assert caught.value.hint == f"less {program.log_file}"
    assert program.status().state == "stopped"


def test_one_that_never_gets_ready_is_stopped(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how long it was waited for; no process stays behind; an earlier run's readiness does not count."""
    program.start()
    program.stop()
    monkeypatch.setattr(service_module, "READY_TIMEOUT", 0.5)
    program.code = "import time; print('thinking', flush=True); time.sleep(600)"
    with pytest.raises(LocalStackError, match=r"is not ready after 0 s.*\n.*"):
        program.start()
    assert program.pid is None


def test_an_interrupt_stops_what_is_starting(program: Program) -> None:
    """After Ctrl-C no half-started process stays behind."""
    program.code = "import time; print('thinking', flush=True); time.sleep(600)"
    errors: list[LocalStackError] = []

    def start() -> None:
        try:
            program.start()
        except LocalStackError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    wait_until(lambda: program.pid, 30, "it has been started")
    program.tools.cache.cancelled.set()
    thread.join(30)
    assert "interrupted" in str(errors[0])
    assert program.pid is None


def test_too_little_disk_is_found_before_the_start(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how much is needed and how much there is."""
    program.tools.minimum_free = 10**18
    with pytest.raises(LocalStackError, match=r"thing needs 1000000000\.0 GB free") as caught:
        program.start()
    assert "kunobs local down --wipe --stack demo" in caught.value.hint
    assert shutil.disk_usage(program.folder).free > 0
    assert program.pid is None


def test_a_port_taken_meanwhile_is_an_error(program: Program) -> None:
    """A remembered port that another program took is named before anything starts."""
    other = Program("other", program.folder.parent / "other", "1.0", program.tools, "1m")
    other.port = program.port
    other.start()
    try:
        with pytest.raises(LocalStackError, match=f"port {program.port} of thing is taken"):
            program.start()
    finally:
        other.kill()


def test_a_crash_shows_and_a_new_start_recovers(program: Program) -> None:
    """After kill -9 the state is `died`; start brings it back on the same port."""
    program.start()
    first = program.pid
    program.kill()
    status = program.status()
    assert (status.state, status.pid, status.memory, status.uptime) == ("died", None, 0, 0.0)
    program.start()
    assert program.pid not in (None, first)


def test_pause_and_resume(program: Program) -> None:
    """A paused service still has its process; start wakes it."""
    program.start()
    program.pause()
    wait_until(lambda: program.status().state == "paused", 10, "it is paused")
    program.start()
    wait_until(lambda: program.status().state == "running", 10, "it runs on")


def test_a_large_log_is_set_aside_at_the_next_start(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """One old log is kept, so logs cannot fill the disk; readiness is looked for in the new one."""
    monkeypatch.setattr(service_module, "LOG_LIMIT", 1000)
    program.folder.mkdir(parents=True)
    program.log_file.write_text("READY\n" * 200)
    program.start()
    assert program.log_file.read_text() == "READY\n"
    assert (program.folder / "server.log.1").stat().st_size == 1200


def test_data_is_counted_as_it_lies_on_disk(program: Program) -> None:
    """Kafka's index files are sparse: a megabyte of hole is no data."""
    data = program.folder / "data" / "deep"
    data.mkdir(parents=True)
    (data / "full").write_bytes(os.urandom(100_000))
    with (data / "sparse").open("wb") as file:
        file.truncate(50_000_000)
    assert 100_000 <= program.status().data < 1_000_000
