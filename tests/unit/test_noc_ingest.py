"""What a sender is answered, and what is on disk when it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kunobs.catalogue.metrics import Metrics
from kunobs.config import load_text
from kunobs.noc.ingest import LARGEST, Ingest
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.rehearsal import Rehearsal
from tests.unit.test_noc_alertmanager import alert, message

TOKEN = "s3cret-token"


CONFIG = f"""
version: 1
noc:
  integrations:
    prod: {{token: {TOKEN}, identity_drop_labels: [replica]}}
    open: {{tenant: lab}}
    ping: {{kind: pingdom, token: x}}
  ladders:
    nobody: {{steps: [{{to: [channel:ops]}}]}}
  channels:
    wecom_robot: {{ops: {{key: k}}}}
  route: {{ladder: nobody}}
"""


class Relay:
    """The app over a real store; `draining` is what its process says."""

    def __init__(self, path: Path) -> None:
        self.rehearsal = Rehearsal(load_text(CONFIG, sections=["noc"]).noc, folder=path)
        self.store = self.rehearsal.store
        self.draining = False
        metrics = NocMetrics(Metrics(CollectorRegistry(), "noc"))
        self.app = Ingest(self.rehearsal.relay, metrics, lambda: self.draining)

    def post(self, body: bytes, path: str = "/v1/alertmanager/prod", **changes: Any) -> tuple[int, dict[str, Any]]:
        """(status, answer) of one request."""
        headers = changes.pop("headers", {"authorization": f"Bearer {TOKEN}"})
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        } | changes
        chunks = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
        incoming = [
            {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
            for number, chunk in enumerate(chunks)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(part: Any) -> None:
            sent.append(part)

        asyncio.run(self.app(scope, receive, send))
        return sent[0]["status"], json.loads(b"".join(part["body"] for part in sent[1:]))

    def kept(self) -> list[tuple[Any, ...]]:
        """(tenant, sender, body) of the inbox."""
        return self.store.read(lambda tx: tx.rows("SELECT tenant, sender, body FROM inbox ORDER BY id"))


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    """A relay that knows two integrations."""
    made = Relay(tmp_path)
    yield made
    made.store.close()


def test_what_was_accepted_is_on_disk(relay: Relay) -> None:
    """The answer says what became of each alert; the body is kept as it came."""
    body = message(alert())
    assert relay.post(body) == (200, {"alerts": [{"outcome": "opened", "incident": 1}]})
    second = message(alert(), externalURL="http://alertmanager-1:9093")
    assert relay.post(second) == (200, {"alerts": [{"outcome": "copy", "incident": 1}]})
    assert relay.kept() == [
        ("platform", "http://alertmanager-0:9093", body),
        ("platform", "http://alertmanager-1:9093", second),
    ]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/alertmanager/prod", {}),
        ("/v1/alertmanager/prod", {"authorization": "Bearer wrong"}),
        ("/v1/alertmanager/prod", {"authorization": f"Basic {TOKEN}"}),
        ("/v1/alertmanager/prod", {"authorization": "Bearer \xff"}),
        ("/v1/alertmanager/nobody", {"authorization": f"Bearer {TOKEN}"}),
        ("/v1/alertmanager/", {"authorization": f"Bearer {TOKEN}"}),
        ("/v1/alertmanager/prod/../open", {}),
    ],
)
def test_strangers_are_refused_alike(relay: Relay, path: str, headers: dict[str, str]) -> None:
    """A wrong name and a wrong token look the same, and nothing of the token comes back."""
    status, answer = relay.post(message(alert()), path, headers=headers)
    assert status == 401
    assert "or not its token" in answer["detail"]
    assert TOKEN not in json.dumps(answer)
    assert relay.kept() == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"method": "GET"}, 405),
        ({"method": "PUT"}, 405),
    ],
)
def test_what_is_not_here(relay: Relay, changes: dict[str, Any], status: int) -> None:
    """The answer says what is."""
    found, answer = relay.post(message(alert()), changes.pop("path", "/v1/alertmanager/prod"), **changes)
    assert found == status
    assert answer["hint"]


def test_what_can_never_be_accepted(relay: Relay) -> None:
    """A 400 with the place; nothing is kept."""
    status, answer = relay.post(message(alert(labels={"pod": 1})))
    assert status == 400
    assert "$.alerts[0].labels" in answer["detail"]
    assert relay.kept() == []


@pytest.mark.parametrize("claimed", [{}, {"content-length": str(LARGEST + 1)}])
def test_a_body_that_is_too_large(relay: Relay, claimed: dict[str, str]) -> None:
    """Counted while it comes, whatever it claims."""
    headers = {"authorization": f"Bearer {TOKEN}"} | claimed
    status, answer = relay.post(b" " * (LARGEST + 1), headers=headers)
    assert status == 413
    assert "max_alerts" in answer["hint"]


def test_16_mib_are_accepted(relay: Relay) -> None:
    """Thousands of alerts in one body."""
    many = [alert(labels={"alertname": "A", "pod": str(number)}) for number in range(5000)]
    status, answer = relay.post(message(*many))
    assert status == 200
    assert len(answer["alerts"]) == 5000
    padding = alert(annotations={"text": "x" * (LARGEST - 2000)})
    assert relay.post(message(padding))[0] == 200


@pytest.mark.parametrize("cause", ["draining", "disk full", "closed"])
def test_not_now_is_503(relay: Relay, cause: str) -> None:
    """Alertmanager tries again after 5xx and after nothing else."""
    if cause == "draining":
        relay.draining = True
    elif cause == "closed":
        relay.store.close()
    else:
        assert relay.store._connection is not None
        relay.store._connection.execute("PRAGMA max_page_count=1")
    status, answer = relay.post(message(alert(annotations={"text": "x" * 100_000})))
    assert status == 503
    assert answer["detail"]


def test_a_sender_that_hangs_up(relay: Relay) -> None:
    """Half a body is no post."""
    incoming = [{"type": "http.request", "body": b'{"version"', "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(part: Any) -> None:
        sent.append(part)

    scope = {"type": "http", "method": "POST", "path": "/v1/alertmanager/open", "headers": []}
    asyncio.run(relay.app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert relay.kept() == []
