"""Blocking calls in child processes: killed at the deadline, never twice while one hangs, and their errors told."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from exporters.kit import Context, DeadlineError, child
from exporters.kit.budget import Budget
from exporters.kit.child import ChildError, StuckChildError
from tests.support import wait_until


def context(seconds: float) -> Context:
    """A collection that has so long."""
    return Context((), time.monotonic() + seconds, Budget(10, 1000))


def add(first: int, second: int) -> tuple[int, int]:
    """A call that works: the sum, and who did it."""
    return first + second, os.getpid()


def read(path: str) -> str:
    """Blocks in open(2) when the path is a FIFO that nobody writes."""
    return Path(path).read_text()


def die(code: int) -> None:
    """A child that ends without an answer."""
    os._exit(code)


def refuse() -> None:
    """A call that raises."""
    raise PermissionError("not yours")


def test_a_result_comes_from_another_process() -> None:
    """Arguments go in, the result comes out."""
    result, pid = child.call(context(60), "add", add, 2, 3)
    assert result == 5
    assert pid != os.getpid()


def test_what_hangs_is_killed_at_the_deadline(tmp_path: Path) -> None:
    """The caller goes on, the process is gone, and the next call is made anew."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    before = set(children())
    with pytest.raises(DeadlineError, match=r"fifo: no answer before the deadline; its process was killed"):
        child.call(context(0.5), "fifo", read, str(fifo))
    wait_until(lambda: set(children()) <= before | {server()})
    fifo.unlink()
    fifo.write_text("there")
    assert child.call(context(60), "fifo", read, str(fifo)) == "there"


def test_what_it_raises_is_told() -> None:
    """The exception's type and text, and a death without one by its code."""
    with pytest.raises(ChildError, match="read: PermissionError: not yours"):
        child.call(context(60), "read", refuse)
    with pytest.raises(ChildError, match="read: the child died with code 7"):
        child.call(context(60), "read", die, 7)


def test_one_that_cannot_be_killed_is_not_started_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in state D: while it lives every call of its key fails at once, and others go on."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with monkeypatch.context() as without_kill:
        without_kill.setattr("multiprocessing.popen_forkserver.Popen._send_signal", lambda *_: None)
        with pytest.raises(DeadlineError):
            child.call(context(0.5), "stuck", read, str(fifo))
    with pytest.raises(StuckChildError, match=r"stuck: process \d+ hangs in the kernel") as refused:
        child.call(context(60), "stuck", add, 1, 1)
    assert refused.value.hint.startswith("cat /proc/")
    assert child.call(context(60), "other", add, 1, 1)[0] == 2
    with fifo.open("w"):
        pass
    wait_until(lambda: not child._unkillable["stuck"].is_alive())
    assert child.call(context(60), "stuck", add, 1, 1)[0] == 2


def test_calls_side_by_side() -> None:
    """Several collectors may use children at once."""
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(child.call(context(60), f"k{n}", add, n, 0)[0]))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(8))


def children() -> list[int]:
    """The children of this process and of its fork server."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent in (os.getpid(), server()):
                found.append(int(entry.name))
    return found


def server() -> int:
    """The fork server, 0 before the first call."""
    from multiprocessing.forkserver import _forkserver

    return _forkserver._forkserver_pid or 0  # type: ignore[attr-defined]
