"""The embedded store: what it said is on disk is on disk, and one bad change spoils nobody else's."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kunobs.errors import KunobsError
from kunobs.noc.store.port import StoreUnavailable, Tx
from kunobs.noc.store.sqlite import SqliteStore

CHILD = """
import sys
from pathlib import Path
from kunobs.noc.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
store.write(lambda tx: tx.run("CREATE TABLE IF NOT EXISTS t (n INTEGER)"))
for n in range(int(sys.argv[2]), 10**9):
    store.write(lambda tx: tx.run("INSERT INTO t VALUES (?)", n))
    print(n, flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store with one table."""
    made = SqliteStore(tmp_path / "noc" / "relay.db")
    made.write(lambda tx: tx.run("CREATE TABLE t (n INTEGER UNIQUE, filler TEXT)"))
    yield made
    made.close()


def numbers(path: Path) -> list[int]:
    """What the file holds, seen by somebody else."""
    with sqlite3.connect(path) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]


def insert(number: int, filler: str = "") -> object:
    """A change that adds a row."""
    return lambda tx: tx.run("INSERT INTO t VALUES (?, ?)", number, filler)


def test_changes_of_many_threads_are_all_kept(store: SqliteStore, tmp_path: Path) -> None:
    """Each thread reads its own writes, and somebody else finds all of them."""

    def work(start: int) -> None:
        for n in range(start, start + 50):
            assert store.write(insert(n)) == 1  # type: ignore[arg-type]
            assert store.read(lambda tx, n=n: tx.row("SELECT n FROM t WHERE n = ?", n)) == (n,)

    threads = [threading.Thread(target=work, args=(k * 50,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(tmp_path / "noc" / "relay.db") == list(range(400))


def test_a_change_that_fails_is_undone_alone(store: SqliteStore, tmp_path: Path) -> None:
    """Its error is its own; what it did before is undone; changes of the same commit are kept."""
    holding, go = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        holding.set()
        go.wait()

    def half(tx: Tx) -> None:
        tx.run("INSERT INTO t VALUES (1, '')")
        raise ValueError("no")

    first = store.submit(hold)
    holding.wait()
    before, bad, twice, wrong, after = (
        store.submit(change)  # type: ignore[arg-type]
        for change in (insert(5), half, insert(5), lambda tx: tx.run("NONSENSE"), insert(6))
    )
    go.set()
    first.result()
    assert (before.result(), after.result()) == (1, 1)
    with pytest.raises(ValueError, match="no"):
        bad.result()
    with pytest.raises(sqlite3.IntegrityError):
        twice.result()
    with pytest.raises(sqlite3.OperationalError, match="NONSENSE"):
        wrong.result()
    assert numbers(tmp_path / "noc" / "relay.db") == [5, 6]


def test_who_gave_up_waiting_is_left_out(store: SqliteStore, tmp_path: Path) -> None:
    """A sender that hung up cancels its change before it began; the thread lives on, and the others are kept."""
    holding, go = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        holding.set()
        go.wait()

    running = store.submit(hold)
    holding.wait()
    given_up, other = store.submit(insert(1)), store.submit(insert(2))  # type: ignore[arg-type]
    assert given_up.cancel()
    assert not running.cancel()
    go.set()
    assert other.result() == 1
    assert store.write(insert(3)) == 1  # type: ignore[arg-type]
    assert numbers(tmp_path / "noc" / "relay.db") == [2, 3]


def test_a_full_disk_is_said_and_survived(store: SqliteStore, tmp_path: Path) -> None:
    """Everybody who waited is told, nothing is half kept, and with room it goes on."""
    assert store._connection is not None
    store._connection.execute("PRAGMA max_page_count=20")
    with pytest.raises(StoreUnavailable, match=r"relay\.db: database or disk is full") as caught:
        store.write(insert(1, "x" * 200_000))  # type: ignore[arg-type]
    assert caught.value.kind == "disk_full"
    assert caught.value.hint
    store.write(insert(2, "x" * 200_000))  # type: ignore[arg-type]
    assert numbers(tmp_path / "noc" / "relay.db") == [2]


def test_readers_cannot_write(store: SqliteStore) -> None:
    """The writing thread is the only one that writes."""
    with pytest.raises(StoreUnavailable, match="readonly"):
        store.read(insert(1))  # type: ignore[arg-type]


def test_one_process_at_a_time(store: SqliteStore, tmp_path: Path) -> None:
    """A second relay on the same file is refused, with what to look for."""
    with pytest.raises(KunobsError, match=r"another process has .*relay\.db open") as caught:
        SqliteStore(tmp_path / "noc" / "relay.db")
    assert "fuser" in caught.value.hint


@pytest.mark.parametrize("damage", ["header", "page"])
def test_a_damaged_file_is_not_written_to(store: SqliteStore, tmp_path: Path, damage: str) -> None:
    """It is named at the start, not found out at night."""
    for n in range(2000):
        store.submit(insert(n, "x" * 100))  # type: ignore[arg-type]
    store.close()
    path = tmp_path / "noc" / "relay.db"
    content = bytearray(path.read_bytes())
    at = 0 if damage == "header" else 8 * 4096
    content[at : at + 4096] = os.urandom(4096)
    path.write_bytes(content)
    with pytest.raises(KunobsError, match=r"relay\.db is damaged: "):
        SqliteStore(path)
    assert path.read_bytes() == content


def test_after_close_nothing_is_taken(store: SqliteStore) -> None:
    """What was submitted before is finished; what comes later is told so."""
    pending = [store.submit(insert(n)) for n in range(500)]  # type: ignore[arg-type]
    store.close()
    assert all(each.result() == 1 for each in pending)
    with pytest.raises(StoreUnavailable, match="closed"):
        store.write(insert(1000))  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable, match="closed"):
        store.read(lambda tx: tx.rows("SELECT 1"))


@pytest.mark.parametrize("point", ["", "noc.before_commit:40", "noc.after_commit:40"])
def test_kill_9_keeps_what_was_acknowledged(tmp_path: Path, point: str) -> None:
    """Every number the child printed is there, and at most one more."""
    path = tmp_path / "relay.db"
    said: list[int] = []
    for _ in range(3):
        command = [sys.executable, "-c", CHILD, str(path), str(len(said) + 1000 * len(said))]
        environ = {**os.environ, "KUNOBS_CRASH_AT": point}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as child:
            assert child.stdout is not None
            for count, line in enumerate(child.stdout):
                said.append(int(line))
                if not point and count == 60:
                    child.kill()
            assert child.wait() == -signal.SIGKILL
        kept = numbers(path)
        assert set(said) <= set(kept)
        assert len(kept) <= len(said) + 3
