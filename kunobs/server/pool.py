"""The open connections, never more than the limit: who is silent longest makes room, who is being answered stays.

Only so many are answered at a time. The others' first bytes are held as they came, which takes less memory than a request that
waits in the application: ten thousand posts at once are what a relay has to live through.
"""

from __future__ import annotations

from collections.abc import Callable

from kunobs.server.metrics import ServerMetrics


class Connection:
    """One accepted socket until it is closed; `end` cuts it, and changes when the TLS handshake is over."""

    def __init__(self, end: Callable[[], object]) -> None:
        self.end = end


class Pool:
    """Connections that wait for a whole request, oldest first; those whose request is being answered; those that are held."""

    def __init__(self, limit: int, busy_limit: int, metrics: ServerMetrics) -> None:
        self._limit, self._busy_limit, self._metrics = limit, busy_limit, metrics
        self._waiting: dict[Connection, None] = {}
        self._busy: set[Connection] = set()
        self._held: dict[Connection, Callable[[], None]] = {}
        metrics.connections.set_function(self.__len__)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy) + len(self._held)

    @property
    def full(self) -> bool:
        """Whether another one costs one that is there."""
        return len(self) >= self._limit

    @property
    def crowded(self) -> bool:
        """Whether who begins a request now is to be held: no place is free. As long as somebody is held, none is."""
        return len(self._busy) >= self._busy_limit

    def admit(self, connection: Connection) -> bool:
        """Take a new connection, at the cost of the longest silent one when full; False when all are busy."""
        if len(self) >= self._limit and not self.evict():
            return False
        self._waiting[connection] = None
        return True

    def evict(self) -> bool:
        """Cut the connection that has been silent longest; False when there is none."""
        if not self._waiting:
            return False
        self.drop(next(iter(self._waiting)), "evicted")
        return True

    def drop(self, connection: Connection, reason: str) -> None:
        """Cut a connection and count why."""
        self.gone(connection)
        self._metrics.dropped.labels(reason).inc()
        connection.end()

    def busy(self, connection: Connection) -> None:
        """Its request is complete and is being answered."""
        if connection in self._waiting:
            del self._waiting[connection]
            self._busy.add(connection)

    def waiting(self, connection: Connection) -> None:
        """It owes us a request again."""
        if connection in self._busy:
            self._busy.remove(connection)
            self._waiting[connection] = None
            self._let_in()

    def hold(self, connection: Connection, let_in: Callable[[], None]) -> None:
        """It has begun a request; `let_in` is called when its turn has come, and it is a waiting one again."""
        if connection in self._waiting:
            del self._waiting[connection]
            self._held[connection] = let_in

    def let_in(self, connection: Connection) -> None:
        """Now, whoever else is held."""
        let_in = self._held.pop(connection, None)
        if let_in is not None:
            self._waiting[connection] = None
            let_in()

    def gone(self, connection: Connection) -> None:
        """It is closed; saying so twice does no harm."""
        self._waiting.pop(connection, None)
        self._held.pop(connection, None)
        if connection in self._busy:
            self._busy.remove(connection)
            self._let_in()

    def everyone(self) -> list[Connection]:
        """All open connections."""
        return [*self._waiting, *self._busy, *self._held]

    def _let_in(self) -> None:
        # A request that is not complete yet takes no place, so that more than one may come in.
        while self._held and len(self._busy) < self._busy_limit:
            self.let_in(next(iter(self._held)))
