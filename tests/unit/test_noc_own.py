"""Tenants' own receivers: told beside the ladder, and whatever happens to them moves nobody on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kunobs.testing.gateway import WebhookSink
from kunobs.testing.noc import NocBench

CONFIG = """
channels:
  wecom_robot: {{ops: {{key: k}}}}
ladders:
  std: {{steps: [{{to: [channel:ops], wait: 5m}}]}}
route: {{ladder: std}}
storm: {{incidents: 3}}
tenants:
  defaults: {{webhook_hosts: ["127.0.0.1:{port}"]}}
"""


@pytest.fixture
def sink() -> Iterator[WebhookSink]:
    """The tenant's system."""
    with WebhookSink("secret") as made:
        yield made


@pytest.fixture
def noc(sink: WebhookSink) -> Iterator[NocBench]:
    """Tenant `pay` has its critical alerts sent to its webhook."""
    with NocBench(CONFIG.format(port=sink.url.rpartition(":")[2])) as bench:
        config = f'{{"url":"{sink.url}/hook","secret":"secret"}}'
        bench.store.write(lambda tx: tx.run("INSERT INTO receiver VALUES ('pay', 'tickets', 'webhook', ?, 0)", config))
        bench.store.write(
            lambda tx: tx.run(
                "INSERT INTO own_route VALUES ('pay', 1, ?, '[\"tickets\"]')", '["severity=\\"critical\\""]'
            )
        )
        yield bench


def kinds(sink: WebhookSink) -> list[tuple[str, str]]:
    """(kind, title) of what the tenant got."""
    return [(each["kind"], each["title"]) for each in sink.received]


def test_told_beside_the_ladder(noc: NocBench, sink: WebhookSink) -> None:
    """Page, taken and resolved; other tenants' alerts, and those that no route of its own names, never."""
    incident = noc.fires(tenant="pay", alertname="Down", severity="critical")
    noc.fires(tenant="pay", alertname="Slow", severity="warning")
    noc.fires(tenant="search", alertname="Down", severity="critical")
    noc.act(incident, "ack")
    noc.ends(tenant="pay", alertname="Down", severity="critical")
    assert kinds(sink) == [("page", "Down"), ("taken", "Down"), ("resolved", "Down")]
    assert noc.news().count("ops") == 3


def test_a_dead_receiver_moves_nobody(noc: NocBench, sink: WebhookSink) -> None:
    """No climbing, no sounding board; the tenant's own alert says so, and that it is well again."""
    sink.fail(*[410] * 3)
    incident = noc.fires(tenant="pay", alertname="Down", severity="critical")
    noc.advance("1m")
    noc.expect("ops", "ops")
    assert noc.rows(
        "SELECT tenant, severity, title LIKE '%tenant/pay/tickets fails%' FROM incident WHERE id <> ?", incident
    ) == [("pay", "info", 1)]
    assert noc.rows("SELECT loud_ms, step FROM incident WHERE id = ?", incident) == [(None, 1)]
    sink._faults.clear()
    noc.ends(tenant="pay", alertname="Down", severity="critical")
    noc.fires(tenant="pay", alertname="Other", severity="critical")
    assert ("page", "Other") in kinds(sink)
    assert noc.rows("SELECT name FROM fact WHERE name LIKE 'failing/%'") == []


def test_a_deleted_receiver_drops_what_waits(noc: NocBench, sink: WebhookSink) -> None:
    """The journal says why."""
    sink.fail(*[503] * 3)
    noc.fires(tenant="pay", alertname="Down", severity="critical")
    noc.store.write(lambda tx: tx.run("DELETE FROM receiver"))
    noc.advance("1m")
    assert kinds(sink) == []
    assert noc.rows("SELECT state, answer FROM outbox WHERE channel = 'tenant/pay/tickets'") == [
        ("dropped", "its channel is gone")
    ]


def test_a_limit_that_is_taken_away_holds(noc: NocBench, sink: WebhookSink) -> None:
    """For receivers that were made before, too."""
    noc.relay.policy.config.tenants.defaults.__dict__["webhook_hosts"] = ()
    noc.fires(tenant="pay", alertname="Down", severity="critical")
    assert kinds(sink) == []


def test_a_storm_is_told_to_the_tenant_once(noc: NocBench, sink: WebhookSink) -> None:
    """Three by themselves, then the storm."""
    for number in range(10):
        noc.fires(tenant="pay", alertname="Down", host=str(number), severity="critical")
    assert [kind for kind, _ in kinds(sink)] == ["page"] * 3 + ["storm"]
