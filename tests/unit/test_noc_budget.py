"""Providers' limits: never more in any window, nothing forgotten by a restart, something kept for what is critical."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from kunobs.noc.notify.budget import forget, left, take
from kunobs.noc.notify.contract import Limit
from kunobs.noc.store.migrate import FILE, migrate
from kunobs.noc.store.sqlite import SqliteStore

START = 1_700_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """An empty store."""
    migrate(str(tmp_path))
    made = SqliteStore(tmp_path / FILE)
    yield made
    made.close()


@pytest.mark.parametrize(
    "limit", [Limit("robot", 20, 60, 5), Limit("callee", 1, 60), Limit("day", 7, 86400), Limit("fast", 3, 1)]
)
@pytest.mark.parametrize("seed", range(3))
def test_no_window_ever_holds_more(store: SqliteStore, limit: Limit, seed: int) -> None:
    """Whoever asks at random moments: in every window of the limit's length, wherever it begins, are at most `count`."""
    print(f"seed {seed}")
    rng = random.Random(seed)
    now, taken, all_critical = START, [], []
    for _ in range(400):
        now += int(rng.expovariate(1) * limit.seconds * 1000 / limit.count / 2)
        critical = rng.random() < 0.5
        free_at = store.write(lambda tx: take(tx, [limit], critical, now))  # noqa: B023
        if free_at is None:
            taken.append(now)
            all_critical.append(critical)
        else:
            assert now < free_at <= now + limit.seconds * 1000 * 61 // 60 + 1000
    assert len(taken) > 20
    window = limit.seconds * 1000
    for index, begin in enumerate(taken):
        inside = [at for at in taken[index:] if at < begin + window]
        assert len(inside) <= limit.count
        usual = [
            at for at, crit in zip(taken[index:], all_critical[index:], strict=True) if at < begin + window and not crit
        ]
        assert len(usual) <= limit.count - limit.reserve


def test_when_it_says_it_is_free_it_is(store: SqliteStore) -> None:
    """Waiting for what was answered is enough, where nobody else asks."""
    limit = Limit("robot", 4, 60)
    for _ in range(4):
        assert store.write(lambda tx: take(tx, [limit], False, START)) is None
    free_at = store.write(lambda tx: take(tx, [limit], False, START + 10))
    assert free_at is not None
    assert store.write(lambda tx: take(tx, [limit], False, free_at)) is None


def test_all_buckets_or_none(store: SqliteStore) -> None:
    """One that is empty takes nothing from the others."""
    minute, hour = Limit("minute", 1, 60), Limit("hour", 5, 3600)
    assert store.write(lambda tx: take(tx, [minute, hour], True, START)) is None
    assert store.write(lambda tx: take(tx, [minute, hour], True, START + 1)) is not None
    assert store.read(lambda tx: left(tx, hour, START + 1)) == 4
    assert store.read(lambda tx: left(tx, minute, START + 1)) == 0


def test_a_restart_forgets_nothing(store: SqliteStore, tmp_path: Path) -> None:
    """The minute is in the store; what no window reaches is deleted."""
    limit = Limit("robot", 1, 60)
    assert store.write(lambda tx: take(tx, [limit], True, START)) is None
    store.close()
    again = SqliteStore(tmp_path / FILE)
    again.write(lambda tx: forget(tx, START + 30_000))
    assert again.write(lambda tx: take(tx, [limit], True, START + 30_000)) is not None
    again.write(lambda tx: forget(tx, START + 62_000))
    assert again.read(lambda tx: tx.rows("SELECT * FROM budget")) == []
    again.close()


def test_a_clock_that_is_set_back(store: SqliteStore) -> None:
    """What was spent in a future that is no more still counts: too few rather than too many."""
    limit = Limit("robot", 1, 60)
    assert store.write(lambda tx: take(tx, [limit], True, START + 3600_000)) is None
    assert store.write(lambda tx: take(tx, [limit], True, START)) is not None
