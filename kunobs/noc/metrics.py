"""What the relay counts, as attributes; docs/metrics.md says what each means."""

from __future__ import annotations

from collections.abc import Iterable

from kunobs.catalogue.metrics import Metrics
from kunobs.catalogue.noc import HEARTBEATS, SEVERITIES
from kunobs.noc.decide.own import PREFIX
from kunobs.noc.store.port import Tx


class NocMetrics:
    """All of them; `look` brings those up to date that are states of the store."""

    def __init__(self, metrics: Metrics) -> None:
        self.posts = metrics.counter("kunobs_noc_posts_total")
        self.post_seconds = metrics.histogram("kunobs_noc_post_duration_seconds")
        self.alerts = metrics.counter("kunobs_noc_alerts_total")
        self.attempts = metrics.counter("kunobs_noc_attempts_total")
        self.attempt_seconds = metrics.histogram("kunobs_noc_attempt_duration_seconds")
        self.reloads = metrics.counter("kunobs_noc_reloads_total")
        self._incidents = metrics.gauge("kunobs_noc_incidents")
        self._waiting = metrics.gauge("kunobs_noc_messages_waiting")
        self._oldest = metrics.gauge("kunobs_noc_oldest_due_seconds")
        self._failing = metrics.gauge("kunobs_noc_failing")
        self._heartbeats = metrics.gauge("kunobs_noc_heartbeats")
        self._storms = metrics.gauge("kunobs_noc_storms")

    def look(self, tx: Tx, channels: Iterable[str], now_ms: int) -> None:
        """Read the store."""
        found: dict[str, int] = dict(
            tx.rows("SELECT severity, count(*) FROM incident WHERE state <> 'resolved' GROUP BY severity")
        )
        for severity in SEVERITIES:
            self._incidents.labels(severity).set(found.get(severity, 0))
        waiting: dict[str, int] = dict(
            tx.rows("SELECT channel, count(*) FROM outbox WHERE state IN ('due', 'sending') GROUP BY channel")
        )
        failing = {row[0] for row in tx.rows("SELECT name FROM fact WHERE name LIKE 'failing/%'")}
        for channel in channels:
            self._waiting.labels(channel).set(waiting.get(channel, 0))
            self._failing.labels(channel).set(f"failing/{channel}" in failing)
        # Tenants may have thousands of their own: one series stands for all.
        self._waiting.labels("tenant").set(sum(n for name, n in waiting.items() if name.startswith(PREFIX)))
        self._failing.labels("tenant").set(any(name.startswith(f"failing/{PREFIX}") for name in failing))
        row = tx.row("SELECT min(due_ms) FROM outbox WHERE state IN ('due', 'sending')")
        self._oldest.set(max(0, now_ms - row[0]) / 1000 if row and row[0] is not None else 0)
        beating: dict[str, int] = dict(tx.rows("SELECT state, count(*) FROM heartbeat GROUP BY state"))
        for state in HEARTBEATS:
            self._heartbeats.labels(state).set(beating.get(state, 0))
        storms = tx.row(
            "SELECT count(*) FROM incident WHERE group_key BETWEEN 'storm' AND 'storm' AND state <> 'resolved'"
        )
        self._storms.set(storms[0] if storms else 0)
