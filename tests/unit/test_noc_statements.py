"""What the relay does by itself, and with each post, does not read a whole table: everybody who posts waits meanwhile."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kunobs.catalogue.metrics import Metrics
from kunobs.noc.housekeeping import forget
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.store import sqlite
from kunobs.testing.noc import NocBench

CONFIG = """
channels:
  wecom_robot: {ops: {key: k}}
ladders:
  std: {steps: [{to: [channel:ops], wait: 5m}], repeat: 1, remind: 30m}
route: {ladder: std}
storm: {incidents: 5, within: 1m, update: 2m}
"""
# What is read in the order of the ids ends at its limit; the chain's check reads all, in the tests only.
_ENDS = re.compile(r"FROM \w+( \w)? ORDER BY (id|seq)( DESC)? LIMIT|FROM journal ORDER BY seq$")
_WHOLE = re.compile(r"SCAN (inbox|alert|incident|journal|outbox)( AS \w+)?$")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every statement that is run."""
    found: set[str] = set()
    original = sqlite.SqliteTx.__init__

    def listen(self: sqlite.SqliteTx, connection: sqlite3.Connection) -> None:
        original(self, connection)
        execute = self._execute

        def heard(sql: str, *parameters: Any) -> sqlite3.Cursor:
            found.add(sql)
            return execute(sql, *parameters)

        self._execute = heard  # type: ignore[method-assign,assignment]

    monkeypatch.setattr(sqlite.SqliteTx, "__init__", listen)
    return found


def test_no_statement_reads_a_whole_table(said: set[str]) -> None:
    """An hour with incidents, a storm, ends, gauges and forgetting. Once forgetting held up every post."""
    with NocBench(CONFIG) as noc:
        for number in range(12):
            noc.fires(alertname=f"A{number}", severity="critical")
        noc.advance("10m")
        for number in range(12):
            noc.ends(alertname=f"A{number}", severity="critical")
            noc.fires(alertname=f"A{number}", severity="critical")
        noc.advance("50m")
        metrics = NocMetrics(Metrics(CollectorRegistry(), "noc"))
        noc.store.read(lambda tx: metrics.look(tx, ["ops"], noc.relay.now_ms()))
        noc.store.write(lambda tx: forget(tx, noc.relay.now_ms() + 400 * 86_400_000, 1))
        path = noc.store._path  # type: ignore[union-attr]
        statements = {sql for sql in said if sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE"))}
        assert len(statements) > 40
        connection = sqlite3.connect(path)
        whole = {
            sql: step
            for sql in statements
            for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?"))
            if _WHOLE.match(step) and not _ENDS.search(sql)
        }
        connection.close()
    assert not whole
