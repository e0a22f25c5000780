"""Detached processes: found again by later commands, stopped for certain, and never mistaken for another's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from kunobs.clock import SYSTEM_CLOCK
from kunobs.local.ports import is_free
from kunobs.local.process import Identity, ManagedProcess
from tests.support import run_python, wait_until

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)

THREADS = (
    "import threading, time\n"
    "for _ in range(60): threading.Thread(target=lambda: [time.sleep(0.0005) for _ in iter(int, 1)]).start()\n"
    "print('up', flush=True)"
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder; whatever its pid file names is killed after the test."""
    yield tmp_path
    ManagedProcess(tmp_path / "pid", SYSTEM_CLOCK).kill()


def start(folder: Path, code: str) -> ManagedProcess:
    """Start Python code and wait until it printed `up`."""
    process = ManagedProcess(folder / "pid", SYSTEM_CLOCK)
    process.start([sys.executable, "-c", code], log=folder / "log", cwd=folder, environ=dict(os.environ))
    wait_until(lambda: "up" in (folder / "log").read_text(), 30, "the child runs")
    return process


def test_another_command_finds_and_stops_it(folder: Path) -> None:
    """A process started by one program is seen and stopped by the next, and outlives the first."""
    code = (
        "import sys; sys.argv[1:]\n"
        "from pathlib import Path; from tests.unit.test_local_process import start, SLEEPER\n"
        "print(start(Path(sys.argv[1]), SLEEPER).pid)"
    )
    done = run_python("-c", code, str(folder))
    assert done.returncode == 0, done.stderr
    later = ManagedProcess(folder / "pid", SYSTEM_CLOCK)
    assert later.pid == int(done.stdout)
    assert os.getsid(later.pid) == later.pid  # its own session: the terminal's hang-up does not reach it
    assert later.rss() > 1_000_000
    assert later.uptime() >= 0
    assert later.stop(grace=30)
    assert later.pid is None
    assert later.recorded() is None


def test_a_recycled_pid_is_not_touched(folder: Path) -> None:
    """When the pid now belongs to a process with another start time, it is neither seen as ours nor signalled."""
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        real = wait_until(lambda: Identity.of(bystander.pid), 10, "the bystander runs")
        process = ManagedProcess(folder / "pid", SYSTEM_CLOCK)
        for other in (replace(real, start_ticks=real.start_ticks - 1), replace(real, boot_id="another boot")):
            (folder / "pid").write_text(json.dumps(asdict(other)))
            assert process.pid is None
            assert process.signal(signal.SIGKILL) is False
            assert process.stop(grace=0.1)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_one_that_ignores_sigterm_is_killed(folder: Path) -> None:
    """After the grace period comes SIGKILL; the result says that force was needed."""
    process = start(folder, STUBBORN)
    assert process.stop(grace=0.2) is False
    assert process.pid is None


def test_a_paused_process_can_be_stopped(folder: Path) -> None:
    """SIGTERM reaches a stopped process only when it is continued."""
    process = start(folder, SLEEPER)
    assert not process.paused()
    process.pause()
    assert process.paused()
    assert process.pid is not None
    assert process.stop(grace=30)


def test_no_thread_runs_after_a_pause(folder: Path) -> None:
    """Threads stop one after another; a broker's network thread that is late would answer a request after the pause."""
    process = start(folder, THREADS)
    for _ in range(100):
        with ExitStack() as files:
            states = [files.enter_context(path.open()) for path in Path(f"/proc/{process.pid}/task").glob("*/stat")]
            process.pause()
            assert {state.read().rpartition(")")[2].split()[0] for state in states} == {"T"}
        process.signal(signal.SIGCONT)
    process.stop(grace=1)


def test_a_death_is_told_from_a_stop(folder: Path) -> None:
    """After a crash the pid file stays, after a stop it is gone; a zombie of ours counts as dead."""
    process = start(folder, SLEEPER)
    process.kill()
    assert process.pid is None
    assert process.recorded() is not None
    assert process.exit_status() == -signal.SIGKILL
    process.stop(grace=1)
    assert process.recorded() is None


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"pid": 1}', "\0"])
def test_a_damaged_pid_file_means_not_running(folder: Path, content: str) -> None:
    """A pid file cut short by a power failure is no reason to signal anybody."""
    (folder / "pid").write_text(content)
    process = ManagedProcess(folder / "pid", SYSTEM_CLOCK)
    assert process.pid is None
    assert process.signal(signal.SIGTERM) is False


def test_names_with_brackets_do_not_confuse_the_parser(tmp_path: Path) -> None:
    """/proc/PID/stat holds the program's name in brackets, and the name may hold brackets and spaces."""
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to("/bin/sleep")
    child = subprocess.Popen([str(odd), "600"])
    try:
        found = wait_until(lambda: Identity.of(child.pid), 10, "it runs")
        assert Identity.of(child.pid) == found
        own = Identity.of(os.getpid())
        assert own is not None
        assert abs(found.start_ticks - own.start_ticks) < 100 * 3600  # not a field beside it
    finally:
        child.kill()
        child.wait()


def test_a_killed_process_is_gone_only_with_its_last_thread(folder: Path) -> None:
    """A JVM's sockets close with its last thread, after its main thread is a zombie: then the port must be free."""
    threads = (
        "import socket, threading, time\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "for _ in range(400): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
        "print('up', server.getsockname()[1], flush=True); time.sleep(600)"
    )
    for _ in range(4):
        process = start(folder, threads)
        port = int((folder / "log").read_text().split()[1])
        process.kill()
        assert is_free(port)
        (folder / "log").unlink()
