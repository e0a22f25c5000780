"""What the relay asks of its store: changes that are on disk when they return, reads, and one word for "not now"."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Literal, Protocol, TypeVar

from kunobs.errors import UnavailableError

T = TypeVar("T")
Row = tuple[Any, ...]


class StoreUnavailable(UnavailableError):
    """Nothing of the change was kept; the same change may succeed later. `kind` is a metric's label."""

    def __init__(self, kind: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class Tx(Protocol):
    """One change in progress. SQL is what SQLite and PostgreSQL have in common; parameters are `?`."""

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows of a SELECT or a RETURNING."""

    def row(self, sql: str, *parameters: Any) -> Row | None:
        """The first row, None where there is none."""

    def run(self, sql: str, *parameters: Any) -> int:
        """How many rows were changed."""


Change = Callable[[Tx], T]


class Store(Protocol):
    """A change is a function over a Tx: it may be run again, so it touches nothing but the Tx.

    What a change raises is the caller's, and nothing of that change is kept; its neighbours are not affected.
    """

    dialect: Literal["sqlite", "postgres"]

    def submit(self, change: Change[T]) -> Future[T]:
        """Run it; the future is done when its effect is on disk. Fails with StoreUnavailable, or with what the change raised."""

    def write(self, change: Change[T]) -> T:
        """`submit`, and wait."""

    def read(self, query: Change[T]) -> T:
        """Run a query that changes nothing, beside the writes. Raises StoreUnavailable."""

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have it called after another process has changed something, in a thread of the store's."""

    def close(self) -> None:
        """Finish what was submitted and let go; afterwards every call fails with StoreUnavailable."""
