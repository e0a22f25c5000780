"""The ci exporter's file and configuration: what is not ours is left alone, a change fails alone, mistakes are named."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exporters.ci import schema
from exporters.ci.labels import slug
from exporters.ci.ledger import Ledger
from exporters.ci.store import FILE, Store, StoreError
from kunobs.config import load_text
from kunobs.errors import ConfigError, KunobsError
from tests.exporter_ci_world import settings


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """kill -9 cannot tell, only a power cut: WAL with synchronous FULL."""
    store = Store(tmp_path, Ledger(load_text(settings(tmp_path)).exporters.ci))
    found = [
        store.submit(lambda connection, _, name=name: connection.execute(f"PRAGMA {name}").fetchone()[0]).result()  # type: ignore[misc]
        for name in ("synchronous", "journal_mode")
    ]
    store.close()
    assert found == [2, "wal"]


def rows(folder: Path, statement: str) -> list[Any]:
    """Of the store's file."""
    with sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True) as connection:
        return connection.execute(statement).fetchall()


def newer(path: Path) -> None:
    """As a later version leaves it."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={schema.VERSION + 1}")


def foreign(path: Path) -> None:
    """Another program's."""
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


def garbage(path: Path) -> None:
    """No database at all."""
    path.write_bytes(b"<html>" * 1000)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (newer, "was written by a newer kunobs: schema 2, this one knows 1"),
        (foreign, "is another program's database"),
        (garbage, "file is not a database"),
    ],
)
def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path, spoil: Any, problem: str) -> None:
    """The process does not start, says why and what to do, and changes no byte."""
    config = load_text(settings(tmp_path)).exporters.ci
    Store(tmp_path, Ledger(config)).close()
    spoil(tmp_path / FILE)
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(KunobsError, match=problem) as error:
        Store(tmp_path, Ledger(config))
    assert error.value.hint
    assert (tmp_path / FILE).read_bytes() == before


def test_one_process_has_the_file(tmp_path: Path) -> None:
    """A second one is refused."""
    config = load_text(settings(tmp_path)).exporters.ci
    store = Store(tmp_path, Ledger(config))
    with pytest.raises(StoreError, match="is another process'"):
        Store(tmp_path, Ledger(config))
    store.close()
    Store(tmp_path, Ledger(config)).close()


def test_a_change_that_fails_costs_no_other(tmp_path: Path) -> None:
    """Of a batch that waits together, the one with a bug fails alone, and what it wrote is undone."""
    config = load_text(settings(tmp_path)).exporters.ci
    store = Store(tmp_path, Ledger(config))

    def change(connection: sqlite3.Connection, now: float, *, number: int) -> int:
        connection.execute("INSERT INTO projects VALUES (?, '', 0, 0, NULL)", (number,))
        return 1 // (number % 7)

    futures = [store.submit(partial(change, number=number)) for number in range(1, 50)]
    failed = {number for number, future in enumerate(futures, 1) if future.exception() is not None}
    store.close()
    assert failed == {7, 14, 21, 28, 35, 42, 49}
    assert {row[0] for row in rows(tmp_path, "SELECT id FROM projects")} == set(range(1, 50)) - failed


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Web_Shop", "web-shop"),
        ("--a--", "a"),
        ("", "other"),
        ("ä" * 9, "other"),
        ("x" * 100, "x" * 63),
        ("A.b/c", "a-b-c"),
    ],
)
def test_slug(text: str, name: str) -> None:
    """A namespace as Kubernetes writes it."""
    assert slug(text) == name


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"secret": ""}, "is missing, so everybody could post"),
        ({"data": ""}, "is missing, so no webhook is taken"),
        ({"secret": "short"}, "is short or holds odd signs"),
        ({"gitlab_url": "https://g"}, "so GitLab would answer 401"),
        ({"token": "x"}, "is missing, so nothing is asked"),
        ({"token": "x\ny", "gitlab_url": "https://g"}, "holds signs that no token has"),
        ({"gitlab_url": "https://u:p@g", "token": "x"}, "holds a user or a password"),
        ({"projects": ["a/b"]}, "has no effect without gitlab_url"),
        ({"projects": ["a//b"], "gitlab_url": "https://g", "token": "x"}, "is no project"),
        ({"build_job": "("}, "is not a regular expression"),
        ({"namespaces": [{"project": "("}]}, "is not a regular expression"),
        ({"namespaces": [{"project": "a"}]}, "is missing"),
        ({"namespaces": [{"project": "a", "namespace": r"\1"}]}, "does not fit `project`"),
        ({"namespaces": [{"environment": "(", "namespace": "a"}]}, "is not a regular expression"),
        ({"runners": {"": {}}}, "has an entry without a name"),
        ({"lost_after": "60d"}, "is longer than retention"),
        ({"max_requests": 1}, "2"),
    ],
)
def test_configuration_mistakes(tmp_path: Path, keys: dict[str, Any], problem: str) -> None:
    """Each is named with its key, and none shows a secret."""
    with pytest.raises(ConfigError, match=problem.replace("(", r"\(")) as error:
        load_text(settings(tmp_path, **keys))
    assert "horse" not in str(error.value) + error.value.hint
