"""One contract of two stores: what a Store promises, on SQLite and on PostgreSQL; below that, what only a server can do to it."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog

from kunobs.errors import ConfigError, KunobsError
from kunobs.noc.accept.alert import Alert, Post
from kunobs.noc.decide.incidents import Rules, accept
from kunobs.noc.store.journal import first_broken, note
from kunobs.noc.store.migrate import HEAD, migrate
from kunobs.noc.store.open import open_store
from kunobs.noc.store.port import Store, StoreUnavailable, Tx
from kunobs.noc.store.postgres import LOCK, PostgresStore
from tests.noc_postgres import ESCAPED, PASSWORD, Place, Postgres, postgres
from tests.support import wait_until

WAIT = 60.0
SEED = int(os.environ.get("SEED", "7"))
TABLE = "CREATE TABLE t (n BIGINT UNIQUE, filler TEXT)"
CHILD = """
import sys
from kunobs.noc.store.open import open_store
store = open_store(sys.argv[1])
for n in range(10**9):
    store.write(lambda tx: tx.run("INSERT INTO t VALUES (?, '')", n))
    print(n, flush=True)
"""


@dataclass
class Home:
    """Where a store lives: `data` opens it, `seen` is what somebody else finds there."""

    data: str
    seen: Callable[[str], list[tuple[Any, ...]]]

    def numbers(self) -> list[int]:
        """What the table holds."""
        return [n for (n,) in self.seen("SELECT n FROM t ORDER BY n")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgres]:
    """A server of this module's own."""
    with postgres() as made:
        yield made


def sqlite_home(folder: Path) -> Home:
    """A folder."""

    def seen(sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(folder / "relay.db")) as connection:
            return connection.execute(sql).fetchall()

    return Home(str(folder), seen)


def postgres_home(cluster: Postgres) -> Home:
    """A schema."""
    place = cluster.place()
    return Home(place.url, place.rows)


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """One of the two, empty."""
    if request.param == "sqlite":
        return sqlite_home(tmp_path / "noc")
    return postgres_home(request.getfixturevalue("cluster"))


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    """It is open, with one more table."""
    made = open_store(home.data)
    made.write(lambda tx: tx.run(TABLE))
    yield made
    made.close()


def insert(number: int, filler: str = "") -> Callable[[Tx], int]:
    """A change that adds a row."""
    return lambda tx: tx.run("INSERT INTO t VALUES (?, ?)", number, filler)


def within(*work: Callable[[], object]) -> None:
    """Run all at the same time; AssertionError when one has not ended in time."""
    threads = [threading.Thread(target=each, daemon=True) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive()


class Held:
    """A change that stays in its transaction until it is let go, so that others wait behind it."""

    def __init__(self, store: Store, *, then: Callable[[Tx], Any] = lambda tx: None) -> None:
        self._begun, self._go, self._then = threading.Event(), threading.Event(), then
        self.future: Future[Any] = store.submit(self._change)
        assert self._begun.wait(WAIT)

    def _change(self, tx: Tx) -> Any:
        self._begun.set()
        assert self._go.wait(WAIT)
        return self._then(tx)

    def let_go(self) -> None:
        """Go on."""
        self._go.set()


def trouble(future: Future[Any]) -> StoreUnavailable:
    """What the future failed with, in time."""
    error = future.exception(WAIT)
    assert isinstance(error, StoreUnavailable), error
    return error


def test_the_stores_say_what_they_are(store: Store) -> None:
    """So that SQL which they do not have in common can be chosen."""
    name = type(store).__name__.removesuffix("Store").lower()
    assert store.dialect == name


def test_what_was_answered_is_there_after_reopening(home: Home, store: Store) -> None:
    """`close` finishes what was submitted."""
    pending = [store.submit(insert(n)) for n in range(500)]
    store.close()
    assert all(each.done() for each in pending)
    assert [each.result() for each in pending] == [1] * 500
    again = open_store(home.data)
    assert again.read(lambda tx: tx.row("SELECT count(*), min(n), max(n) FROM t")) == (500, 0, 499)
    again.close()


def test_the_answer_comes_after_the_commit(home: Home, store: Store) -> None:
    """Whoever is told finds it there, in the moment of being told."""
    found: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
    held = Held(store)
    store.submit(insert(1)).add_done_callback(lambda _: found.put(home.numbers()))
    held.let_go()
    assert found.get(timeout=WAIT) == [1]


def test_changes_of_many_threads_are_all_kept(home: Home, store: Store) -> None:
    """Each of 32 reads its own writes, and somebody else finds all of them."""

    def work(start: int) -> None:
        for n in range(start, start + 15):
            assert store.write(insert(n)) == 1
            assert store.read(lambda tx, n=n: tx.row("SELECT n FROM t WHERE n = ?", n)) == (n,)

    within(*(lambda k=k: work(k * 15) for k in range(32)))
    assert home.numbers() == list(range(480))


def test_a_change_that_fails_is_undone_alone(home: Home, store: Store) -> None:
    """Its error is its own; what it did before is undone; changes of the same commit are kept."""

    def half(tx: Tx) -> None:
        tx.run("INSERT INTO t VALUES (1, '')")
        raise ValueError("no")

    held = Held(store)
    before, bad, twice, nonsense, few, after = (
        store.submit(change)
        for change in (
            insert(5),
            half,
            insert(5),
            lambda tx: tx.run("NONSENSE"),
            lambda tx: tx.run("INSERT INTO t VALUES (?, ?)", 7),
            insert(6),
        )
    )
    held.let_go()
    assert (before.result(WAIT), after.result(WAIT)) == (1, 1)
    with pytest.raises(ValueError, match="no"):
        bad.result(WAIT)
    assert type(twice.exception(WAIT)).__mro__[1].__name__ in ("DatabaseError", "IntegrityError")
    assert isinstance(twice.exception(), sqlite3.IntegrityError | psycopg.IntegrityError)
    assert "NONSENSE" in str(nonsense.exception(WAIT))
    assert isinstance(few.exception(WAIT), sqlite3.ProgrammingError | psycopg.ProgrammingError)
    assert home.numbers() == [5, 6]


def test_changes_run_in_the_order_of_their_submission(store: Store) -> None:
    """One after the other, each sees all before it."""

    def change(tx: Tx) -> int:
        found = tx.row("SELECT count(*) FROM t")
        assert found is not None
        tx.run("INSERT INTO t VALUES (?, '')", found[0])
        return int(found[0])

    assert [each.result(WAIT) for each in [store.submit(change) for _ in range(300)]] == list(range(300))


def test_who_gave_up_waiting_is_left_out(home: Home, store: Store) -> None:
    """A sender that hung up cancels its change before it began; the others are kept."""
    held = Held(store)
    given_up, other = store.submit(insert(1)), store.submit(insert(2))
    assert given_up.cancel()
    assert not held.future.cancel()
    held.let_go()
    assert other.result(WAIT) == 1
    assert home.numbers() == [2]


def test_reads_see_only_what_is_committed(store: Store) -> None:
    """Not what a change has done so far; and one read sees one state, whatever is committed meanwhile."""
    before, held = store.read(lambda tx: tx.rows("SELECT n FROM t")), None

    def look_twice(tx: Tx) -> list[Any]:
        first = tx.rows("SELECT n FROM t")
        within(lambda: store.write(insert(2)))
        return [first, tx.rows("SELECT n FROM t")]

    written = threading.Event()

    def half(tx: Tx) -> None:
        insert(1)(tx)
        written.set()
        held.wait(WAIT)

    held = threading.Event()
    future = store.submit(half)
    assert written.wait(WAIT)
    assert store.read(lambda tx: tx.rows("SELECT n FROM t")) == before == []
    held.set()
    future.result(WAIT)
    assert store.read(look_twice) == [[(1,)], [(1,)]]
    assert store.read(lambda tx: tx.rows("SELECT n FROM t ORDER BY n")) == [(1,), (2,)]


def test_readers_cannot_write(home: Home, store: Store) -> None:
    """And what a query raises is the caller's."""
    with pytest.raises(StoreUnavailable) as caught:
        store.read(insert(1))
    assert caught.value.kind == "read_only"
    with pytest.raises(ZeroDivisionError):
        store.read(lambda tx: 1 // 0)
    assert store.read(lambda tx: tx.rows("SELECT n FROM t")) == home.numbers() == []


def test_values_come_back_as_they_were(store: Store) -> None:
    """Values and their types, through columns and through expressions."""
    store.write(lambda tx: tx.run("CREATE TABLE v (id BIGINT, b " + ("BYTEA" if is_postgres(store) else "BLOB") + ", x TEXT, f DOUBLE PRECISION)"))  # fmt: skip
    rows: list[tuple[Any, ...]] = [
        (2**63 - 1, bytes(range(256)), "值班 👩‍🚒 é e\u0301 \n\t'\"%?\\", 0.1),
        (-(2**63), b"", "", -1e300),
        (0, None, None, None),
        (1, b"\\x00", "100%s of %(a)s $1 :x", 2.0),
    ]
    for row in rows:
        assert store.write(lambda tx, row=row: tx.run("INSERT INTO v VALUES (?, ?, ?, ?)", *row)) == 1
    for look in (store.read, store.write):
        found = [look(lambda tx, n=row[0]: tx.row("SELECT * FROM v WHERE id = ?", n)) for row in rows]
        assert found == rows
        assert [list(map(type, row)) for row in found] == [list(map(type, row)) for row in rows]
        computed = look(
            lambda tx: tx.row(
                "SELECT count(*), sum(id), avg(id), id = 1, id <> 1, 'is it? 100% ''sure?''', id AS \"50% ?\", id % ? -- ? %\n"
                " /* ? % \n */ FROM v WHERE id = ? AND x LIKE '100%' GROUP BY id",
                1, True,
            )
        )  # fmt: skip
        assert computed == (1, 1, 1.0, 1, 0, "is it? 100% 'sure?'", 1, 0)
        assert [type(value) for value in computed] == [int, int, float, int, int, str, int, int]


def is_postgres(store: Store) -> bool:
    """Which of the two."""
    return isinstance(store, PostgresStore)


def test_what_a_statement_returns(store: Store) -> None:
    """How many rows were changed, and the rows of a RETURNING."""

    def change(tx: Tx) -> list[Any]:
        return [
            tx.run("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')"),
            tx.run("UPDATE t SET filler = ? WHERE n > ?", "x", 1),
            tx.run("INSERT INTO t VALUES (1, 'y') ON CONFLICT (n) DO NOTHING"),
            tx.run("UPDATE t SET filler = '' WHERE n = 9"),
            tx.row("SELECT n FROM t WHERE n = 9"),
            tx.rows("DELETE FROM t WHERE n = ? RETURNING n, filler", 2),
            tx.rows("DELETE FROM t WHERE n = 2 RETURNING n"),
            tx.rows("UPDATE t SET filler = 'z' WHERE n = 3"),
        ]

    assert store.write(change) == [3, 2, 0, 0, None, [(2, "x")], [], []]


def test_after_close_nothing_is_taken(store: Store) -> None:
    """Each call says so, twice closed is closed."""
    store.close()
    store.close()
    for call in (store.write, store.read, lambda change: store.submit(change).result(WAIT)):
        with pytest.raises(StoreUnavailable, match="closed") as caught:
            call(insert(1))
        assert caught.value.kind == "closed"


@pytest.mark.parametrize("point", ["", "noc.before_commit:40", "noc.after_commit:40"])
def test_kill_9_keeps_what_was_answered(home: Home, store: Store, point: str) -> None:
    """Every number the child printed is there, and at most one more."""
    store.close()
    environ = {**os.environ, "KUNOBS_CRASH_AT": point}
    said = []
    with subprocess.Popen([sys.executable, "-c", CHILD, home.data], stdout=subprocess.PIPE, text=True, env=environ) as child:  # fmt: skip
        assert child.stdout is not None
        for line in child.stdout:
            said.append(int(line))
            if not point and len(said) == 60:
                child.kill()
        assert child.wait() == -signal.SIGKILL
    kept = home.numbers()
    assert said == list(range(len(said)))
    assert kept[: len(said)] == said
    assert len(kept) <= len(said) + (2 if not point else 1)
    if point:
        assert len(kept) == (39 if "before" in point else 40)


def history(seed: int) -> Iterator[Callable[[Tx], Any]]:
    """Changes of two replicas that post alerts, some of them nonsense, as any relay would get them."""
    dice = random.Random(seed)
    for step in range(40):
        now = step * 60_000
        alerts = tuple(
            Alert(
                dice.choice(("firing", "firing", "resolved")),
                {
                    "alertname": dice.choice("ABC"),
                    "pod": dice.choice(("é", "节点", "\x01")),
                    "replica": dice.choice("01"),
                },
                {"summary": dice.choice(("", "'%s' ? \\", "磁盘满 💥"))},
                starts_ms=dice.randrange(0, now + 1),
                ends_ms=dice.choice((None, dice.randrange(0, now + 1))),
                links=("https://p/graph?g0.expr=%20",),
            )
            for _ in range(dice.randrange(4))
        )
        sender, body = dice.choice(("am-0", "am-1")), dice.randbytes(dice.randrange(50))
        rules = Rules(drop={"replica"} if dice.random() < 0.5 else ())

        yield partial(_post, now=now, post=Post(sender, alerts), body=body, rules=rules)


def _post(tx: Tx, now: int, post: Post, body: bytes, rules: Rules) -> Any:
    row = tx.row(
        "INSERT INTO inbox (at_ms, tenant, integration, sender, body) VALUES (?, 'a', 'am', ?, ?) RETURNING id",
        now, post.sender, body,
    )  # fmt: skip
    assert row is not None
    return accept(tx, "a", row[0], post, rules, now)


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_the_same_posts_give_the_same_rows(cluster: Postgres, tmp_path: Path, seed: int) -> None:
    """Incidents, alerts and the journal with its hashes are the same in both, to the byte."""
    print(f"seed {seed}")
    found = []
    for home in (sqlite_home(tmp_path), postgres_home(cluster)):
        store = open_store(home.data)
        said = [store.write(change) for change in history(seed)]
        assert store.read(first_broken) is None
        store.close()
        tables = ("inbox", "incident", "alert", "journal")
        found.append((said, {name: home.seen(f"SELECT * FROM {name} ORDER BY 1") for name in tables}))  # noqa: S608
    assert found[0] == found[1]
    assert len(found[0][1]["journal"]) > 40
    assert {outcome.outcome for said in found[0][0] for outcome in said} >= {"opened", "resolved", "repeated", "copy", "unknown"}  # fmt: skip


def test_a_newer_schema_is_left_alone(home: Home, store: Store) -> None:
    """The error says which schema it has, and where."""
    store.write(lambda tx: tx.run("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(KunobsError, match=rf"schema 9999, this kunobs knows {HEAD}") as caught:
        open_store(home.data)
    assert PASSWORD not in str(caught.value)


# What only a server does.


@pytest.fixture
def place(cluster: Postgres) -> Place:
    """A schema with the one table."""
    return with_table(cluster.place())


def with_table(place: Place) -> Place:
    """Make it."""
    with psycopg.connect(place.url) as connection:
        connection.execute(TABLE.encode())
    return place


@pytest.fixture
def remote(place: Place) -> Iterator[PostgresStore]:
    """A store in it."""
    made = PostgresStore(place.url)
    yield made
    made.close()


def pid(tx: Tx) -> int:
    """The server's process behind the connection."""
    row = tx.row("SELECT pg_backend_pid()")
    assert row is not None
    return int(row[0])


def raising(code: str) -> Callable[[Tx], int]:
    """A change at which the server fails in this way."""
    return lambda tx: tx.run(f"DO $$ BEGIN RAISE EXCEPTION 'it fails' USING ERRCODE = '{code}'; END $$")


def test_a_server_that_crashes_while_32_write(cluster: Postgres) -> None:
    """Everybody is told, what was answered is there, what was refused is not; then the same object goes on.

    The database's default is to answer before the log is written, which the store does not take.
    """
    place = with_table(cluster.place(database=True))
    place.set("SET synchronous_commit = off")
    remote = PostgresStore(place.url)
    answered: queue.SimpleQueue[int] = queue.SimpleQueue()
    refused: dict[int, str] = {}

    def work(start: int) -> None:
        for n in range(start, start + 10**6):
            try:
                remote.submit(insert(n)).result(WAIT)
            except StoreUnavailable as error:
                refused[n] = error.kind
                return
            answered.put(n)

    def crash() -> None:
        wait_until(lambda: answered.qsize() > 200)
        cluster.stop()

    within(crash, *(lambda k=k: work(k * 10**6) for k in range(32)))
    with pytest.raises(StoreUnavailable, match="refused") as caught:
        remote.read(lambda tx: tx.rows("SELECT 1"))
    assert caught.value.kind == "connection"
    told = [remote.submit(insert(-n)) for n in range(1, 300)]
    assert {trouble(each).kind for each in told} == {"connection"}
    cluster.start()
    assert remote.write(insert(-1000)) == 1
    kept = set(remote.read(lambda tx: [n for (n,) in tx.rows("SELECT n FROM t")]))
    assert {answered.get() for _ in range(answered.qsize())} <= kept
    assert len(refused) == 32
    assert not {n for n, kind in refused.items() if kind != "commit_unknown"} & kept
    assert not {-n for n in range(1, 300)} & kept
    remote.close()


def test_a_connection_that_is_cut(cluster: Postgres, place: Place, remote: PostgresStore) -> None:
    """Within a transaction the batch fails; between two nobody notices, neither writers nor readers."""
    held = Held(remote, then=insert(1))
    neighbour = remote.submit(insert(2))
    (writer,) = {p for (p,) in place.rows("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")}
    cluster.admin(f"SELECT pg_terminate_backend({writer})")
    held.let_go()
    assert trouble(held.future).kind == trouble(neighbour).kind == "shutting_down"
    assert remote.write(pid) != writer
    for look in (remote.write, remote.read):
        before = look(pid)
        cluster.admin(f"SELECT pg_terminate_backend({before}, 10000)")
        assert look(pid) != before
    assert place.rows("SELECT * FROM t") == []


def test_a_server_that_hangs(place: Place) -> None:
    """Its process takes the request and says nothing more: both sides get an answer, and the next one works."""
    remote = PostgresStore(place.url, timeout=0.2)
    for look in (remote.write, remote.read):
        stopped = look(pid)
        os.kill(stopped, signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable, match="does not answer") as caught:
                look(pid)
            assert caught.value.kind == "timeout"
            assert look(pid) != stopped
        finally:
            os.kill(stopped, signal.SIGCONT)
    remote.close()


def test_a_relay_that_freezes_does_not_keep_the_lock(place: Place) -> None:
    """The server ends its session, the other relay writes; when it thaws its change has failed."""
    frozen, other = PostgresStore(place.url, timeout=0.2), PostgresStore(place.url)
    held = Held(frozen, then=insert(1))
    assert other.write(insert(2)) == 1
    held.let_go()
    assert trouble(held.future).kind == "timeout"
    assert place.rows("SELECT n FROM t") == [(2,)]
    frozen.close()
    other.close()


def test_a_statement_that_takes_too_long(place: Place) -> None:
    """The server ends it, and the connection stays."""
    remote = PostgresStore(place.url, timeout=0.2)
    for look in (remote.write, remote.read):
        with pytest.raises(StoreUnavailable, match="statement timeout") as caught:
            look(lambda tx: tx.rows("SELECT pg_sleep(100)"))
        assert caught.value.kind == "timeout"
    remote.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("53100", "disk_full"), ("53200", "out_of_resources"), ("25006", "read_only"), ("57P01", "shutting_down"),
        ("58030", "disk_error"), ("42501", "denied"), ("40001", "conflict"), ("55P03", "timeout"),
    ],
)  # fmt: skip
def test_the_servers_own_troubles(place: Place, remote: PostgresStore, code: str, kind: str) -> None:
    """They are everybody's in the batch, not a change's; within a statement or at COMMIT."""
    held = Held(remote)
    neighbour, bad = remote.submit(insert(1)), remote.submit(raising(code))
    held.let_go()
    assert [trouble(each).kind for each in (neighbour, bad)] == [kind] * 2
    assert trouble(bad).hint
    with place.connect() as connection:
        connection.execute(
            f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
            f"'BEGIN RAISE EXCEPTION ''it fails'' USING ERRCODE = ''{code}''; END';"
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW WHEN (NEW.n < 0) EXECUTE FUNCTION fail()".encode()
        )
    held = Held(remote)
    neighbour, bad = remote.submit(insert(1)), remote.submit(insert(-1))
    held.let_go()
    assert [trouble(each).kind for each in (neighbour, bad)] == [kind] * 2
    assert remote.write(insert(2)) == 1
    assert place.rows("SELECT n FROM t") == [(2,)]


def test_a_connection_that_ends_within_commit(place: Place, remote: PostgresStore) -> None:
    """Nobody knows whether it was kept, and that is what is said."""
    with place.connect() as connection:
        connection.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END';"
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW WHEN (NEW.n < 0) EXECUTE FUNCTION die()"
        )
    assert trouble(remote.submit(insert(-1))).kind == "commit_unknown"
    assert remote.write(insert(1)) == 1


def test_a_deadlock_is_tried_again(cluster: Postgres) -> None:
    """Once, all of the batch; the other program had its way."""
    place = with_table(cluster.place(database=True))
    place.set("SET deadlock_timeout = '10ms'")
    remote = PostgresStore(place.url)
    remote.write(lambda tx: tx.run("INSERT INTO t VALUES (1, ''), (2, '')"))
    first_is_mine, runs = threading.Event(), []
    with place.connect() as other:
        other.execute("SET deadlock_timeout = '1min'")
        other.execute("BEGIN")
        other.execute("UPDATE t SET filler = 'theirs' WHERE n = 2")

        def theirs() -> None:
            assert first_is_mine.wait(WAIT)
            other.execute("UPDATE t SET filler = 'theirs' WHERE n = 1")
            other.execute("COMMIT")

        def change(tx: Tx) -> int:
            runs.append(1)
            tx.run("UPDATE t SET filler = filler || 'mine' WHERE n = 1")
            first_is_mine.set()
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            if len(runs) == 1:
                wait_until(lambda: place.rows(waits), WAIT, "the other waits for the first row")
            return tx.run("UPDATE t SET filler = filler || 'mine' WHERE n = 2")

        future = remote.submit(change)
        within(theirs)
    assert future.result(WAIT) == 1
    assert len(runs) == 2
    assert place.rows("SELECT filler FROM t") == [("theirsmine",)] * 2
    remote.close()


def test_an_error_that_a_change_hides_fails_it(place: Place, remote: PostgresStore) -> None:
    """PostgreSQL has ended its savepoint, so nothing of it may be said to be kept; its neighbours are."""

    def hiding(tx: Tx) -> None:
        tx.run("INSERT INTO t VALUES (1, '')")
        with contextlib.suppress(psycopg.IntegrityError):
            tx.run("INSERT INTO t VALUES (1, '')")

    held = Held(remote)
    hidden, neighbour = remote.submit(hiding), remote.submit(insert(2))
    held.let_go()
    assert isinstance(hidden.exception(WAIT), psycopg.errors.InFailedSqlTransaction)
    assert neighbour.result(WAIT) == 1
    assert place.rows("SELECT n FROM t") == [(2,)]


def test_a_text_that_postgresql_does_not_have(remote: PostgresStore) -> None:
    """An alert with U+0000 in its summary pages somebody all the same."""
    remote.write(insert(1, "a\0b"))
    assert remote.read(lambda tx: tx.row("SELECT filler FROM t WHERE filler = ?", "a\0b")) == ("a\ufffdb",)


def test_two_relays_write_one_journal(cluster: Postgres) -> None:
    """One chain, whatever the database's isolation level."""
    place = cluster.place(database=True)
    place.set("SET default_transaction_isolation = 'repeatable read'")
    relays = [open_store(place.url) for _ in range(2)]

    def work(relay: Store, who: int) -> None:
        for n in range(40):
            relay.write(lambda tx, n=n: note(tx, n, "test", who=who))

    within(*(lambda relay=relay, k=k: work(relay, k) for relay in relays for k in range(4)))
    assert relays[0].read(first_broken) is None
    assert relays[0].read(lambda tx: tx.row("SELECT count(*), max(seq) FROM journal")) == (320, 320)
    for relay in relays:
        relay.close()


def test_reads_that_never_end(place: Place) -> None:
    """Eight at once; the ninth is told so, and the server's connections are not used up."""
    remote, go, begun = PostgresStore(place.url, timeout=0.2), threading.Event(), threading.Semaphore(0)

    def stay(tx: Tx) -> None:
        begun.release()
        go.wait(WAIT)

    def look(tx: Tx) -> None:
        tx.rows("SELECT 1")

    threads = [threading.Thread(target=lambda: remote.read(stay), daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
        assert begun.acquire(timeout=WAIT)
    with pytest.raises(StoreUnavailable) as caught:
        remote.read(look)
    assert caught.value.kind == "busy"
    go.set()
    for thread in threads:
        thread.join(WAIT)
    remote.read(look)
    remote.close()


def test_other_relays_hear_of_a_change(place: Place) -> None:
    """Only others, only of a commit that wrote something; and who may have missed one is called when it listens again."""
    mine, theirs = PostgresStore(place.url), PostgresStore(place.url)
    calls: queue.SimpleQueue[int] = queue.SimpleQueue()
    mine.on_change(lambda: calls.put(1))
    calls.get(timeout=WAIT)
    with place.connect() as somebody:
        somebody.execute("LISTEN kunobs_noc")
        for n in range(20):
            mine.write(insert(n))
        theirs.write(lambda tx: tx.run("UPDATE t SET filler = '' WHERE n = 1000"))
        theirs.write(insert(100))
        calls.get(timeout=WAIT)
        somebody.execute("NOTIFY kunobs_noc, 'end'")
        calls.get(timeout=WAIT)
        heard = list(itertools.takewhile("end".__ne__, (said.payload for said in somebody.notifies(timeout=WAIT))))
    assert calls.empty()
    assert len(heard) == 21
    assert len(set(heard)) == 2
    listener = place.rows("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND usename = 'relay'")
    place.rows(f"SELECT pg_terminate_backend({listener[0][0]}, 10000)")
    calls.get(timeout=WAIT)
    theirs.write(insert(101))
    calls.get(timeout=WAIT)
    mine.close()
    theirs.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://relay:p@{0}@127.0.0.1/x",
        "postgresql://relay:{0}/p@127.0.0.1/x",
        "postgresql://relay:{0}%zz@127.0.0.1/x",
        "postgresql://relay:5/{0}@127.0.0.1/x",
        "postgresql://relay:p/s?{0}@127.0.0.1/x",
        "postgresql://127.0.0.1/x?pasword={0}",
        "postgresql://relay@corp:{0}@127.0.0.1/x",
        "mysql://relay:{0}@127.0.0.1/x",
    ],
)
def test_a_url_that_cannot_be_read_is_not_shown(url: str) -> None:
    """Most of them hold a password that somebody forgot to escape."""
    word = "secret".upper()
    given = url.format(word)
    with pytest.raises(ConfigError) as caught:
        open_store(given)
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.render()
    assert word not in shown
    assert "postgresql://user:password@host:5432/database" in shown


def test_refused_connections(cluster: Postgres) -> None:
    """Each has its kind, and none shows the password, neither in what is raised nor in what is logged."""
    place = cluster.place(database=True)
    good = place.url
    place.set("CONNECTION LIMIT 0")
    wrong = "hunter2-%3F"
    cases = {
        good.replace(ESCAPED, wrong): "denied",
        good.replace(place.database, "nowhere"): "denied",
        good.replace(f":{cluster.port}", ":1"): "connection",
        good.replace("127.0.0.1", "no-such-host.invalid"): "connection",
        good: "too_many_connections",
    }
    for url, kind in cases.items():
        remote = PostgresStore(url)
        with structlog.testing.capture_logs() as logs:
            errors = [trouble(remote.submit(insert(1)))]
            for attempt in (partial(remote.read, pid), partial(migrate, url)):
                with pytest.raises(StoreUnavailable) as caught:
                    attempt()
                errors.append(caught.value)
        remote.close()
        assert [error.kind for error in errors] == [kind] * 3
        shown = "".join("".join(traceback.format_exception(error)) for error in errors)
        shown += f"{logs} {vars(remote)} {vars(remote._server)}"
        assert not any(word in shown for word in (PASSWORD, ESCAPED, wrong, "hunter2"))
        assert all(error.hint for error in errors)


def test_a_database_that_was_made_read_only(cluster: Postgres) -> None:
    """As a provider does with a full one; and as a standby is."""
    place = with_table(cluster.place(database=True))
    place.set("SET default_transaction_read_only = on")
    remote = PostgresStore(place.url)
    assert trouble(remote.submit(insert(1))).kind == "read_only"
    place.set("RESET default_transaction_read_only")
    assert remote.write(insert(2)) == 1
    remote.close()


def test_relays_that_start_together_migrate_once(cluster: Postgres) -> None:
    """The second waits for the first and finds it done; half a migration leaves nothing."""
    place = cluster.place(database=True)
    place.set("SET default_transaction_isolation = 'repeatable read'")
    command = [sys.executable, "-c", "import sys; from kunobs.noc.store.migrate import migrate; migrate(sys.argv[1])"]
    with place.connect() as other:
        other.execute(f"SELECT pg_advisory_lock({LOCK})".encode())
        children = [subprocess.Popen([*command, place.url]) for _ in range(2)]
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: len(place.rows(waiting)) == 2, WAIT, "both wait")
        assert place.rows("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []
    assert [child.wait(WAIT) for child in children] == [0, 0]
    assert place.rows("SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_a_newer_relay_migrates_first(cluster: Postgres) -> None:
    """This one waited for the lock meanwhile, and looks again."""
    place = cluster.place(database=True)
    failed: list[Exception] = []

    def start() -> None:
        try:
            migrate(place.url)
        except KunobsError as error:
            failed.append(error)

    def newer() -> None:
        with place.connect() as other:
            other.execute(f"SELECT pg_advisory_lock({LOCK})".encode())
            ready.set()
            wait_until(lambda: place.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), WAIT)
            other.execute(
                "CREATE TABLE alembic_version AS SELECT '9999' AS version_num; GRANT ALL ON alembic_version TO relay"
            )

    ready = threading.Event()
    within(newer, lambda: ready.wait(WAIT) and start())
    assert "schema 9999" in str(failed)


def test_half_a_migration_leaves_nothing(cluster: Postgres) -> None:
    """The server dies within it, and the next start does all of it."""
    place = cluster.place(database=True)
    with place.connect() as connection:
        connection.execute(
            "CREATE FUNCTION die() RETURNS event_trigger LANGUAGE plpgsql AS"
            " 'BEGIN IF to_regclass(''alert'') IS NOT NULL THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60);"
            " END IF; END'"
        )
        connection.execute("CREATE EVENT TRIGGER late ON ddl_command_end EXECUTE FUNCTION die()")
    with pytest.raises(StoreUnavailable) as caught:
        migrate(place.url)
    assert caught.value.kind == "shutting_down"
    assert place.rows("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []
    with place.connect() as connection:
        connection.execute("DROP EVENT TRIGGER late")
    migrate(place.url)
    assert place.rows("SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_a_database_that_does_not_hold_every_alert(cluster: Postgres) -> None:
    """An encoding without Chinese is found out at the start."""
    cluster.admin("CREATE DATABASE latin OWNER relay ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(ConfigError, match="LATIN1") as caught:
        migrate(Place(cluster, "latin").url)
    assert "UTF8" in caught.value.hint
