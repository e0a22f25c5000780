"""The open connections, never more than the limit: who is silent longest makes room, who is being answered stays."""

from __future__ import annotations

from collections.abc import Callable

from kunobs.server.metrics import ServerMetrics


class Connection:
    """One accepted socket until it is closed; `end` cuts it, and changes when the TLS handshake is over."""

    def __init__(self, end: Callable[[], object]) -> None:
        self.end = end


class Pool:
    """Connections that wait for a whole request, oldest first, and those whose request is being answered."""

    def __init__(self, limit: int, metrics: ServerMetrics) -> None:
        self._limit, self._metrics = limit, metrics
        self._waiting: dict[Connection, None] = {}
        self._busy: set[Connection] = set()
        metrics.connections.set_function(self.__len__)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    @property
    def full(self) -> bool:
        """Whether another one costs one that is there."""
        return len(self) >= self._limit

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

    def gone(self, connection: Connection) -> None:
        """It is closed; saying so twice does no harm."""
        self._waiting.pop(connection, None)
        self._busy.discard(connection)

    def everyone(self) -> list[Connection]:
        """All open connections."""
        return [*self._waiting, *self._busy]
