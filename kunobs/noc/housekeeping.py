"""What the relay does for itself once a second, a minute, an hour: gauges, a sign of life, forgetting."""

from __future__ import annotations

from kunobs.noc.heartbeats.alertmanagers import AlertmanagerWatch
from kunobs.noc.heartbeats.deadlines import Deadlines
from kunobs.noc.heartbeats.ping import Ping
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.notify import budget
from kunobs.noc.relay import Relay
from kunobs.noc.store import journal
from kunobs.noc.store.port import Tx

_LOOK_S, _ALIVE_S, _FORGET_S = 5.0, 30.0, 3600.0
# Providers repeat a callback for minutes, tenants an idempotency key for a day.
_SEEN_MS = 2 * 86400 * 1000
_AT_ONCE = 500


class Housekeeping:
    """`turn` is called once a second; what is not due costs nothing."""

    def __init__(self, relay: Relay, metrics: NocMetrics) -> None:
        self._relay = relay
        self._metrics = metrics
        self._deadlines = Deadlines(relay)
        self._watch = AlertmanagerWatch(relay)
        self._ping = Ping(relay)
        self._next = {"look": 0.0, "alive": 0.0, "forget": 60.0 + relay.clock.monotonic()}

    def listen(self) -> None:
        """Once, before timers run: nobody is judged for what came while we were not there. Raises StoreUnavailable."""
        self._deadlines.turn()

    def close(self) -> None:
        """Ask nobody any more."""
        self._watch.close()
        self._ping.close()

    def turn(self) -> None:
        """Raises StoreUnavailable."""
        self._deadlines.turn()
        self._watch.turn()
        self._ping.turn()
        if self._due("look", _LOOK_S):
            channels, now_ms = list(self._relay.policy.channels), self._relay.now_ms()
            self._relay.store.read(lambda tx: self._metrics.look(tx, channels, now_ms))
        if self._due("alive", _ALIVE_S):
            self._relay.change(lambda tx, _, now: _alive(tx, now)).result()
        if self._due("forget", _FORGET_S):
            while self._relay.change(
                lambda tx, policy, now: forget(tx, now, int(policy.config.retention * 1000))
            ).result():
                pass

    def _due(self, what: str, every: float) -> bool:
        now = self._relay.clock.monotonic()
        if now < self._next[what]:
            return False
        self._next[what] = now + every
        return True


def _alive(tx: Tx, now_ms: int) -> None:
    tx.run(
        "INSERT INTO fact (name, value) VALUES ('alive_ms', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        str(now_ms),
    )


def forget(tx: Tx, now_ms: int, retention_ms: int) -> bool:
    """Delete some of what is over for longer than the retention; whether there may be more."""
    budget.forget(tx, now_ms)
    tx.run("DELETE FROM seen WHERE at_ms < ?", now_ms - _SEEN_MS)
    tx.run("DELETE FROM session WHERE ends_ms < ?", now_ms)
    before = now_ms - retention_ms
    old = [
        row[0]
        for row in tx.rows(
            "SELECT id FROM incident WHERE state = 'resolved' AND resolved_ms < ? ORDER BY resolved_ms LIMIT ?",
            before,
            _AT_ONCE,
        )
    ]
    for number in old:
        for table, column in (("alert", "incident_id"), ("outbox", "incident_id"), ("incident", "id")):
            tx.run(f"DELETE FROM {table} WHERE {column} = ?", number)
    # The oldest come first, so that nothing is looked for among all that are to stay: every post waits meanwhile.
    inbox = tx.run(
        "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox ORDER BY id LIMIT ?) AND at_ms < ?", _AT_ONCE, before
    )
    journal.prune(tx, before, _AT_ONCE, now_ms)
    for table in ("silence", "override"):
        tx.run(f"DELETE FROM {table} WHERE ends_ms < ?", before)
    return len(old) == _AT_ONCE or inbox == _AT_ONCE
