"""Probers over HTTP: known ones and mappings of the configuration, by GET and POST, answered shortly, strangers alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
from prometheus_client import CollectorRegistry

from kunobs.catalogue.metrics import Metrics
from kunobs.noc.accept.prober.request import LARGEST
from kunobs.noc.api import build_probers
from kunobs.noc.metrics import NocMetrics
from kunobs.testing import noc_payloads as payloads
from kunobs.testing.noc import NocBench
from kunobs.testing.noc_payloads import PROBERS, SECRET, Payload

INTEGRATIONS = "\n".join(
    f"  {name}: {{kind: {kind}, tenant: pay, token: {SECRET}}}"
    for name, kind in {**{each: each for each in PROBERS}, "own": "own_mapping", "prod": "alertmanager"}.items()
)
CONFIG = f"""
channels: {{wecom_robot: {{ops: {{key: k}}}}}}
ladders: {{standard: {{steps: [{{to: [channel:ops], wait: 5m}}]}}}}
route: {{ladder: standard}}
mappings:
  own_mapping:
    format: query
    fields: {{id: id, state: s}}
    id: id
    target: id
    status: {{field: state, values: {{"0": firing, "1": resolved, "2": ignore}}}}
integrations:
{INTEGRATIONS}
"""


class Probers:
    """The endpoint over a whole relay, whose clock stands a little after the samples' times."""

    def __init__(self) -> None:
        self.bench = NocBench(CONFIG)
        self.bench.clock.jump(payloads.ENDED + 5 - self.bench.clock.now())
        self.draining = False
        self.registry = CollectorRegistry()
        metrics = NocMetrics(Metrics(self.registry, "noc"))
        self.app = build_probers(self.bench.relay, metrics, lambda: self.draining)

    def ask(
        self, path: str, method: str = "GET", query: str = "", headers: Mapping[str, str] = {}, body: bytes = b""
    ) -> tuple[int, bytes]:
        """(status, body) of one request; what is due is done."""
        scope = {
            "type": "http", "method": method, "path": path, "query_string": query.encode("latin-1"),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers.items()],
        }  # fmt: skip
        incoming = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(part: Any) -> None:
            sent.append(part)

        asyncio.run(self.app(scope, receive, send))
        self.bench.relay.settle()
        return sent[0]["status"], b"".join(part["body"] for part in sent[1:])

    def sample(self, name: str, sample: Payload) -> tuple[int, bytes]:
        """One of the known probers' requests."""
        return self.ask(f"/v1/probers/{name}", sample.method, sample.query, sample.headers, sample.body)

    def states(self) -> list[str]:
        """Of all incidents."""
        return [row[0] for row in self.bench.rows("SELECT state FROM incident ORDER BY id")]


@pytest.fixture(scope="module")
def made() -> Iterator[Probers]:
    """One relay for all; each test leaves it without incidents."""
    probers = Probers()
    with probers.bench:
        yield probers


@pytest.fixture
def probers(made: Probers) -> Iterator[Probers]:
    """Nothing has come in."""
    made.bench.store.write(
        lambda tx: [tx.run(f"DELETE FROM {each}") for each in ("alert", "outbox", "incident", "inbox")]  # noqa: S608
    )
    yield made
    made.draining = False


@pytest.mark.parametrize("name", PROBERS)
def test_down_and_up(probers: Probers, name: str) -> None:
    """Each known prober's own requests open an incident of the integration's tenant and resolve it; the answer is short."""
    sample = PROBERS[name](True)
    status, answer = probers.sample(name, sample)
    assert (status, json.loads(answer)) == (200, {"status": "ok"})
    assert len(answer) <= 100
    assert probers.states() == ["firing"]
    assert probers.bench.rows("SELECT tenant, integration, sender, body FROM inbox") == [
        ("pay", name, name, sample.body)
    ]
    assert probers.sample(name, PROBERS[name](False))[0] == 200
    assert probers.states() == ["resolved"]


def test_by_get(probers: Probers) -> None:
    """Jiankongbao's other form: parameters in the URL, and an md5 of them."""
    down = payloads.jiankongbao_get(True)
    assert down.method == "GET"
    assert probers.sample("jiankongbao", down)[0] == 200
    assert probers.states() == ["firing"]
    ((kept,),) = probers.bench.rows("SELECT body FROM inbox")
    assert dict(parse_qsl(kept.decode())) == dict(parse_qsl(down.query))


def test_a_mapping_of_the_configuration(probers: Probers) -> None:
    """Its words are its own; a status that it ignores is taken and opens nothing."""
    path = f"/v1/probers/own/{SECRET}"
    assert probers.ask(path, query="id=1&s=2") == (200, b'{"status":"ok"}')
    assert probers.states() == []
    assert probers.ask(path, query="id=1&s=0")[0] == 200
    assert probers.states() == ["firing"]
    status, answer = probers.ask(path, query="id=1&s=9")
    assert status == 422
    assert "'9'" in json.loads(answer)["detail"]


@pytest.mark.parametrize(
    ("path", "query", "headers"),
    [
        ("/v1/probers/own", f"id=1&s=0&token={SECRET}", {}),
        ("/v1/probers/own", "id=1&s=0", {"authorization": f"Bearer {SECRET}"}),
        (f"/v1/probers/own/{SECRET}", "id=1&s=0", {}),
    ],
)
def test_where_the_secret_may_stand(probers: Probers, path: str, query: str, headers: Mapping[str, str]) -> None:
    """In the URL's parameters, in a header, at the end of the path."""
    assert probers.ask(path, query=query, headers=headers)[0] == 200
    assert probers.states() == ["firing"]
    assert probers.bench.rows("SELECT body FROM inbox") == [(b"id=1&s=0",)]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/probers/own", "id=1&s=0"),
        ("/v1/probers/own", "id=1&s=0&token=wrong"),
        ("/v1/probers/own/wrong", "id=1&s=0"),
        (f"/v1/probers/own/x/{SECRET}", "id=1&s=0"),
        (f"/v1/probers/own/{SECRET}/", "id=1&s=0"),
        (f"/v1/probers/nobody/{SECRET}", "id=1&s=0"),
        (f"/v1/probers/prod/{SECRET}", "id=1&s=0"),
        ("/v1/probers/", f"token={SECRET}"),
        ("/v1/probers/../own", f"token={SECRET}"),
        ("/v1/probers/\x00\ud800", f"token={SECRET}"),
        ("/v1/probers/" + "x" * 5000, f"token={SECRET}"),
    ],
)
def test_strangers_are_refused_alike(probers: Probers, path: str, query: str) -> None:
    """A wrong name, another kind's name and a wrong secret look the same; nothing of a secret comes back."""
    status, answer = probers.ask(path, query=query)
    assert status == 401
    name = path.removeprefix("/v1/probers/").partition("/")[0]
    assert json.loads(answer)["detail"] == f"no prober's integration {name[:63]!r}, or not its secret"
    assert SECRET.encode() not in answer
    assert probers.bench.rows("SELECT count(*) FROM inbox") == [(0,)]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"method": "DELETE"}, 405),
        ({"method": "POST", "body": b" " * (LARGEST + 1)}, 413),
        ({"query": "s=0"}, 422),
        ({"query": "&".join(f"a{n}=1" for n in range(500))}, 400),
        ({"query": "id=\x00\xff%ff%00&s=0"}, 200),
    ],
)
def test_what_is_not_taken(probers: Probers, changes: Mapping[str, Any], status: int) -> None:
    """A problem each, and nothing is kept of it."""
    asked = {"query": "id=1&s=0"} | changes
    found, answer = probers.ask(f"/v1/probers/own/{SECRET}", **asked)
    assert found == status
    if status != 200:
        assert json.loads(answer)["status"] == status
        assert probers.states() == []


def test_not_now() -> None:
    """503 while the process ends, and where nothing can be kept: the prober comes again."""
    probers = Probers()
    with probers.bench:
        probers.draining = True
        assert probers.sample("pingdom", PROBERS["pingdom"](True))[0] == 503
        probers.draining = False
        assert probers.bench.store._connection is not None
        probers.bench.store._connection.execute("PRAGMA max_page_count=1")
        own = f"/v1/probers/own/{SECRET}"
        assert probers.ask(own, query=f"id={'x' * 1000}&s=0", body=b"x" * 200_000)[0] == 503
        assert probers.states() == []
        assert probers.registry.get_sample_value("kunobs_noc_posts_total", {"code": "503"}) == 2
