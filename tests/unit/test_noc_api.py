"""The API for tenants' programs: who may ask, what is on disk when it answers, and that nobody sees what is another's."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kunobs.catalogue.metrics import Metrics
from kunobs.config.noc.tenants import TenantsConfig
from kunobs.noc.accept import tenant as reader
from kunobs.noc.admin.verbs import token_add, token_revoke
from kunobs.noc.api import build_api
from kunobs.noc.api.alerts import AlertIn
from kunobs.noc.api.front import SMALL
from kunobs.noc.ingest import LARGEST
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.notify.contract import Permanent
from kunobs.noc.store.port import Change
from kunobs.testing.noc import NocBench
from tests.support import REPOSITORY
from tests.unit.server_support import serving

CONFIG = """
channels:
  wecom_robot: {ops: {key: k}}
  mail: {post: {sender: noc@example.com, smarthosts: [{host: mail.example.com}]}}
people: {li: {mail: li@platform.example}}
ladders:
  standard: {steps: [{to: [channel:ops], wait: 5m}, {to: [person:li], wait: 5m}]}
route: {ladder: standard}
flapping: {times: 1000}
storm: {incidents: 1000}
"""
PAGE = (REPOSITORY / "docs" / "noc-api.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


class Api:
    """The API over a whole relay, asked as its server would ask it; `limits` is what stands in noc.tenants."""

    def __init__(self, limits: Mapping[str, Any] | None = None, config: str = CONFIG) -> None:
        self.bench = NocBench(config)
        self.draining = False
        self.registry = CollectorRegistry()
        self.limit(limits or {})
        self.app = build_api(self.bench.relay, NocMetrics(Metrics(self.registry, "noc")), lambda: self.draining)
        self.token = self.new_token("pay")

    def limit(self, limits: Mapping[str, Any]) -> None:
        """As a reload would."""
        self.bench.relay.policy.config.__dict__["tenants"] = TenantsConfig.model_validate(limits)

    def new_token(self, tenant: str, days: float = 0) -> str:
        """As the operator makes one."""
        return token_add(self.bench.relay, tenant, "test", days)["token"]

    def ask(
        self, method: str, target: str, value: Any = None, *, token: str | None = None, **headers: str | None
    ) -> Answer:
        """One request; bytes go out as they are, anything else as JSON. Names of headers have _ for -."""
        path, _, query = target.partition("?")
        body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
        named: dict[str, str | None] = {"authorization": f"Bearer {self.token if token is None else token}"}
        if value is not None:
            named["content_type"] = "application/json"
        named |= headers
        lines = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in named.items() if v is not None]
        return self.raw(method, path, query.encode("utf-8", "surrogatepass"), lines, body)

    def raw(self, method: str, path: str, query: bytes, lines: list[tuple[bytes, bytes]], body: bytes) -> Answer:
        """What the server's own code hands to the app."""
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode("utf-8", "replace"),
            "query_string": query, "headers": lines, "http_version": "1.1", "scheme": "http", "root_path": "",
            "server": ("127.0.0.1", 9510), "client": ("127.0.0.1", 5),
        }  # fmt: skip
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
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]))

    def post(self, *alerts: Mapping[str, Any], **more: Any) -> Answer:
        """Alerts; whatever is due is done."""
        answer = self.ask("POST", "/v1/alerts", list(alerts), **more)
        self.bench.relay.settle()
        return answer

    def problem(self, status: int, *asked: Any, **more: Any) -> str:
        """The detail of the problem that this request is answered with; AssertionError where it is answered otherwise."""
        return said(status, self.ask(*asked, **more))


def said(status: int, answer: Answer) -> str:
    """The detail of an RFC 9457 problem with this status."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["title"]
    detail: str = answer.json["detail"]
    return detail


@pytest.fixture
def api() -> Iterator[Api]:
    """A relay with the usual limits; the store's journal is checked at the end."""
    made = Api()
    with made.bench:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Api]:
    """A relay with one incident, for tests in which nothing is to happen."""
    made = Api()
    with made.bench:
        made.post({"summary": "disk"})
        yield made


# Who asks.


def test_strangers(shared: Api) -> None:
    """One answer for every token that is none, on every path, known or not."""
    other = shared.new_token("other")
    found = {
        shared.problem(401, "GET", path, **headers)
        for path in ("/v1/incidents", "/v1/nothing", "/v1/incidents/1")
        for headers in (
            {"authorization": None},
            {"authorization": ""},
            {"authorization": f"Basic {shared.token}"},
            {"authorization": "Bearer \xff"},
            {"authorization": f"Bearer {shared.token},Bearer {other}"},
            {"token": shared.token[:-1]},
            {"token": ""},
            {"token": "kn_" + "x" * 15_000},
        )
    }
    assert found == {"no token, or none that is known"}
    assert shared.ask("GET", "/v1/limits", token="kn_no").headers["www-authenticate"] == "Bearer"


def test_a_token_ends(api: Api) -> None:
    """At its time, to the millisecond, though it was asked for a moment before."""
    token = api.new_token("pay", days=1)
    api.bench.clock.advance(86_400 - 0.001)
    assert api.ask("GET", "/v1/limits", token=token).status == 200
    api.bench.clock.advance(0.001)
    api.problem(401, "GET", "/v1/limits", token=token)


def test_a_revoked_token_is_known_for_seconds_only(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is asked once for a burst; what is wrong is not remembered, so that a new token works at once."""
    reads: list[Any] = []
    read = api.bench.store.read
    monkeypatch.setattr(api.bench.store, "read", lambda query: (reads.append(query), read(query))[1])
    assert [api.ask("GET", "/v1/silences").status for _ in range(5)] == [200] * 5
    assert len(reads) == 5 + 1
    number = api.bench.rows("SELECT id FROM token")[0][0]
    token_revoke(api.bench.relay, number)
    api.bench.clock.advance(5 - 0.001)
    assert api.ask("GET", "/v1/limits").status == 200
    api.bench.clock.advance(0.001)
    api.problem(401, "GET", "/v1/limits")


def test_another_tenants_is_not_there(api: Api) -> None:
    """Neither to be seen nor to be changed, and the answer is that of what does not exist."""
    other = api.new_token("other")
    api.post({"summary": "disk"})
    api.ask("POST", "/v1/silences", {"matchers": ["a=b"], "seconds": 60, "by": "li", "comment": "x"})
    assert api.ask("GET", "/v1/incidents", token=other).json["incidents"] == []
    assert api.ask("GET", "/v1/silences", token=other).json["silences"] == []
    for method, path in (("GET", "/v1/incidents/{}"), ("POST", "/v1/incidents/{}/ack"), ("DELETE", "/v1/silences/{}")):
        value = {"by": "eve"} if method == "POST" else None
        told = [api.problem(404, method, path.format(number), value, token=other) for number in (1, 999)]
        assert told[0].replace("1", "999") == told[1]
    assert api.ask("GET", "/v1/incidents/1").json["state"] == "firing"
    assert len(api.ask("GET", "/v1/silences").json["silences"]) == 1


# Alerts.


def test_an_answer_says_what_is_on_disk(api: Api) -> None:
    """What each alert did, in order; the body is kept as it came, and the outcomes are counted."""
    body = b'[{"summary": "disk"}, {"summary":"net","severity":"critical"}, {"summary": "no","status":"resolved"}]'
    assert api.ask("POST", "/v1/alerts", body).json == {
        "alerts": [
            {"outcome": "opened", "incident": 1},
            {"outcome": "opened", "incident": 2},
            {"outcome": "unknown", "incident": None},
        ]
    }
    assert api.bench.rows("SELECT tenant, integration, body FROM inbox") == [("pay", "api", body)]
    assert api.ask("POST", "/v1/alerts", {"summary": "disk"}).json == {
        "alerts": [{"outcome": "repeated", "incident": 1}]
    }
    assert api.registry.get_sample_value("kunobs_noc_alerts_total", {"outcome": "opened"}) == 2
    assert api.registry.get_sample_value("kunobs_noc_posts_total", {"code": "200"}) == 2


def test_a_wrong_alert_refuses_all(api: Api) -> None:
    """With the place of what is wrong; nothing is kept."""
    assert api.problem(422, "POST", "/v1/alerts", [{"summary": "a"}, {"summry": "b"}]).startswith("$[1]")
    assert "no JSON" in api.problem(400, "POST", "/v1/alerts", b"[{")
    assert api.bench.rows("SELECT count(*) FROM inbox") == [(0,)]
    assert api.registry.get_sample_value("kunobs_noc_posts_total", {"code": "422"}) == 1


@pytest.mark.parametrize("cause", ["draining", "disk full", "closed"])
def test_not_now(api: Api, cause: str) -> None:
    """503 names when to come again; nothing of it is kept, and nothing of the store's own words is told."""
    api.ask("GET", "/v1/limits")
    if cause == "draining":
        api.draining = True
    elif cause == "closed":
        api.bench.store.close()
    else:
        assert api.bench.store._connection is not None
        api.bench.store._connection.execute("PRAGMA max_page_count=1")
    answer = api.ask("POST", "/v1/alerts", {"summary": "disk", "annotations": {"a": "x" * 8000}})
    assert "relay.db" not in said(503, answer)
    assert int(answer.headers["retry-after"]) > 0
    if cause != "closed":
        assert api.bench.rows("SELECT count(*) FROM inbox") == [(0,)]
    else:
        api.bench.store.read = lambda _: None  # type: ignore[method-assign]  # the journal cannot be checked


def test_the_same_key_is_the_same_post(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept once, in one transaction with its key, and answered alike to the byte, for a day; another body is a conflict."""
    changes: list[Any] = []
    submit = api.bench.store.submit

    def counted(change: Change[Any]) -> Future[Any]:
        changes.append(change)
        return submit(change)

    monkeypatch.setattr(api.bench.store, "submit", counted)
    first = api.ask("POST", "/v1/alerts", {"summary": "disk"}, idempotency_key="k-1")
    assert len(changes) == 1
    api.ask("POST", "/v1/alerts", {"summary": "disk", "status": "resolved"})
    assert api.ask("POST", "/v1/alerts", {"summary": "disk"}, idempotency_key="k-1") == first
    assert "another body" in api.problem(409, "POST", "/v1/alerts", {"summary": "net"}, idempotency_key="k-1")
    assert api.bench.rows("SELECT count(*) FROM inbox") == [(2,)]
    assert api.ask("GET", "/v1/limits").json["alerts_left"] == 600 - 2
    assert api.registry.get_sample_value("kunobs_noc_alerts_total", {"outcome": "opened"}) == 1
    api.bench.clock.advance(86_400 - 1)
    assert api.ask("POST", "/v1/alerts", {"summary": "disk"}, idempotency_key="k-1") == first
    api.bench.clock.advance(1)
    again = api.ask("POST", "/v1/alerts", {"summary": "disk"}, idempotency_key="k-1")
    assert again.json["alerts"] == [{"outcome": "opened", "incident": 2}]


def test_keys_are_a_tenants_own(api: Api) -> None:
    """What another tenant posted by the same key is not given away."""
    api.ask("POST", "/v1/alerts", {"summary": "disk"}, idempotency_key="k")
    answer = api.ask("POST", "/v1/alerts", {"summary": "disk"}, token=api.new_token("other"), idempotency_key="k")
    assert answer.json["alerts"] == [{"outcome": "opened", "incident": 2}]


@pytest.mark.parametrize("key", ["", "x" * 201, "a b", "ключ".encode().decode("latin-1"), "a\tb"])
def test_keys_that_are_none(shared: Api, key: str) -> None:
    """1 to 200 visible characters of ASCII."""
    assert "Idempotency-Key" in shared.problem(422, "POST", "/v1/alerts", {"summary": "a"}, idempotency_key=key)


def test_the_same_key_at_the_same_time(api: Api) -> None:
    """Whoever comes second is answered what the first one was."""
    with ThreadPoolExecutor(8) as pool:
        barrier = threading.Barrier(8)

        def one(_: int) -> bytes:
            barrier.wait()
            return api.ask("POST", "/v1/alerts", {"summary": "disk"}, idempotency_key="k").body

        assert len(set(pool.map(one, range(8)))) == 1
    assert api.bench.rows("SELECT count(*) FROM inbox") == [(1,)]


# Quotas.


def test_over_the_quota(api: Api) -> None:
    """All of a post or nothing; Retry-After is long enough, and no longer than the minute; others are not affected."""
    api.limit({"defaults": {"alerts_per_minute": 10}})
    assert api.post(*[{"summary": f"a{n}"} for n in range(7)]).status == 200
    answer = api.post(*[{"summary": f"b{n}"} for n in range(4)])
    assert "more than 10" in said(429, answer)
    wait = int(answer.headers["retry-after"])
    assert 1 <= wait <= 61
    assert api.bench.rows("SELECT count(*) FROM inbox WHERE integration = 'api'") == [(1,)]
    assert api.post(*[{"summary": f"c{n}"} for n in range(3)]).status == 200
    assert api.post({"summary": "d"}, token=api.new_token("other")).status == 200
    said(429, api.post({"summary": "e"}))
    api.bench.clock.advance(wait)
    assert api.post(*[{"summary": f"b{n}"} for n in range(4)]).status == 200


def test_a_quota_survives_a_restart(api: Api) -> None:
    """It is counted in the store."""
    api.limit({"defaults": {"alerts_per_minute": 3}})
    api.post(*[{"summary": f"a{n}"} for n in range(3)])
    api.app = build_api(api.bench.relay, NocMetrics(Metrics(CollectorRegistry(), "noc")), lambda: False)
    said(429, api.post({"summary": "b"}))


def test_the_tenant_sees_that_it_is_over(api: Api) -> None:
    """One alert of its own however often it is refused, resolved once half of the quota is free; a flood writes nothing."""
    api.limit({"defaults": {"alerts_per_minute": 10}, "overrides": {"big": {"alerts_per_minute": 20}}})
    api.post(*[{"summary": f"a{n}"} for n in range(10)])
    for _ in range(5):
        said(429, api.post({"summary": "b"}))
    rows = api.bench.rows("SELECT count(*) FROM journal"), api.bench.rows("SELECT count(*) FROM inbox")
    said(429, api.post({"summary": "b"}))
    assert rows == (api.bench.rows("SELECT count(*) FROM journal"), api.bench.rows("SELECT count(*) FROM inbox"))
    newest = api.ask("GET", "/v1/incidents?limit=1").json["incidents"][0]
    assert (newest["labels"]["alertname"], newest["state"]) == ("KunobsTenantOverQuota", "firing")
    assert api.ask("GET", "/v1/limits").json["alerts_left"] == 0
    api.bench.clock.advance(62)
    api.post({"summary": "c"})
    assert api.ask("GET", f"/v1/incidents/{newest['id']}").json["state"] == "resolved"
    assert api.ask("GET", "/v1/limits", token=api.new_token("big")).json["alerts_per_minute"] == 20


def test_more_at_once_than_there_ever_is(api: Api) -> None:
    """To come again would not help, so it is no 429."""
    api.limit({"defaults": {"alerts_per_minute": 3}})
    answer = api.post(*[{"summary": f"a{n}"} for n in range(4)])
    assert "4 alerts at once" in said(422, answer)


# Incidents.


def test_lists_and_pages(api: Api) -> None:
    """The newest first; every page together is what a walk over all of them finds."""
    opened = []
    for number in range(12):
        api.bench.clock.advance(number % 3)
        opened.append((api.bench.relay.now_ms(), api.post({"summary": f"a{number}"}).json["alerts"][0]["incident"]))
    api.ask("POST", "/v1/incidents/3/ack", {"by": "li"})
    api.ask("POST", "/v1/incidents/5/resolve", {"by": "li"})
    wanted = [number for _, number in sorted(opened, reverse=True)]
    assert listed(api) == wanted
    assert listed(api, "limit=5") == wanted
    assert listed(api, "limit=1") == wanted
    assert listed(api, "limit=12") == wanted
    assert listed(api, "state=open&limit=4") == [number for number in wanted if number != 5]
    assert listed(api, "state=acked") == [3]
    assert listed(api, "state=resolved") == [5]
    assert listed(api, "state=firing") == [number for number in wanted if number not in (3, 5)]
    middle = opened[6][0]
    since = datetime.fromtimestamp(middle / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert listed(api, f"since={since}") == [number for at, number in sorted(opened, reverse=True) if at >= middle]


def listed(api: Api, query: str = "") -> list[int]:
    """The incidents of all pages."""
    found: list[int] = []
    cursor = ""
    while cursor is not None:
        page = api.ask("GET", f"/v1/incidents?{query}" + (f"&cursor={cursor}" if cursor else "")).json
        found += [each["id"] for each in page["incidents"]]
        cursor = page["cursor"]
    return found


def test_one_incident(api: Api) -> None:
    """Alerts, messages with how far they came, the story; of the platform's people no address, of providers no words."""
    api.bench.channels["post"].always = Permanent("550", "li@platform.example is unknown here", dead="address")
    api.post({"summary": "disk", "severity": "critical", "labels": {"host": "a"}, "links": ["https://a.example"]})
    api.bench.advance("5m1s")
    found = api.ask("GET", "/v1/incidents/1")
    assert b"platform.example" not in found.body
    whole = found.json
    assert (whole["title"], whole["severity"], whole["state"]) == ("disk", "critical", "firing")
    assert whole["alerts"][0] | {"seen_at": ""} == {
        "status": "firing", "labels": {"host": "a", "severity": "critical"}, "annotations": {"summary": "disk"},
        "links": ["https://a.example"], "starts_at": whole["opened_at"], "ends_at": None, "seen_at": "", "copies": 0,
    }  # fmt: skip
    told = [(each["channel"], each["person"], each["state"], each["receipt"]) for each in whole["messages"]]
    assert told[:2] == [("ops", "", "sent", "accepted"), ("post", "li", "failed", "")]
    assert [line["kind"] for line in whole["story"]][:3] == ["opened", "climbed", "sent"]


@pytest.mark.parametrize(
    ("action", "state"), [("ack", "acked"), ("escalate", "firing"), ("comment", "firing"), ("resolve", "resolved")]
)
def test_actions(api: Api, action: str, state: str) -> None:
    """Done when it is answered, in the name of whoever is named; repeated, it is no error."""
    api.post({"summary": "disk", "severity": "critical"})
    for _ in range(2):
        answer = api.ask("POST", f"/v1/incidents/1/{action}", {"by": "li", "comment": "hm"})
        assert (answer.status, answer.json["state"]) == (200, state)
    story = api.ask("GET", "/v1/incidents/1").json["story"]
    assert any("li" in line["text"] for line in story)


def test_giving_back_and_silencing(api: Api) -> None:
    """What was taken is open again; a silence is one of the tenant's, and counts as one."""
    api.limit({"defaults": {"silences": 1}})
    api.post({"summary": "disk", "severity": "critical", "labels": {"host": "a"}})
    api.ask("POST", "/v1/incidents/1/ack", {"by": "li"})
    assert api.ask("POST", "/v1/incidents/1/unack", {"by": "li"}).json["state"] == "firing"
    api.ask("POST", "/v1/incidents/1/silence", {"by": "li", "seconds": 120, "comment": "known"})
    (silence,) = api.ask("GET", "/v1/silences").json["silences"]
    assert (silence["matchers"], silence["comment"]) == (['host="a"', 'severity="critical"'], "known")
    assert "1 silences" in api.problem(422, "POST", "/v1/incidents/1/silence", {"by": "li"})
    api.bench.relay.settle()
    assert api.ask("GET", "/v1/incidents/1").json["silence"] == silence["id"]


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("jump", {"by": "li"}),
        ("ack", {}),
        ("ack", {"by": ""}),
        ("ack", {"by": " \t"}),
        ("ack", {"by": "x" * 101}),
        ("ack", {"by": "li", "secnds": 3}),
        ("comment", {"by": "li"}),
        ("comment", {"by": "li", "comment": "x" * 2001}),
        ("silence", {"by": "li", "seconds": 59}),
        ("silence", {"by": "li", "seconds": 10**30}),
    ],
)
def test_actions_that_cannot_be(shared: Api, action: str, value: Any) -> None:
    """Refused with the place; nothing happens."""
    before = shared.bench.rows("SELECT count(*) FROM journal")
    assert shared.problem(422, "POST", f"/v1/incidents/1/{action}", value)
    assert shared.bench.rows("SELECT count(*) FROM journal") == before


def test_actions_have_a_quota_of_their_own(api: Api) -> None:
    """Who escalates in a loop calls nobody in the end."""
    api.limit({"defaults": {"alerts_per_minute": 2}})
    api.post({"summary": "disk"})
    status = [api.ask("POST", "/v1/incidents/1/escalate", {"by": "li"}).status for _ in range(4)]
    assert status == [200, 200, 429, 429]
    assert api.post({"summary": "net"}).status == 200


# Silences.


def test_silences(api: Api) -> None:
    """Made, listed, effective, ended; what still fires then is paged."""
    made = api.ask(
        "POST", "/v1/silences", {"matchers": ['host=~"a|b"'], "seconds": 3600, "by": "li", "comment": "move"}
    )
    assert made.status == 201
    assert api.ask("GET", "/v1/silences").json == {"silences": [made.json]}
    api.post({"summary": "disk", "labels": {"host": "a"}})
    api.bench.expect()
    assert api.ask("DELETE", f"/v1/silences/{made.json['id']}?by=li").status == 204
    api.bench.relay.settle()
    api.bench.expect("ops")
    assert api.ask("GET", "/v1/silences").json == {"silences": []}
    api.problem(404, "DELETE", f"/v1/silences/{made.json['id']}")


def test_a_maintenance_window(api: Api) -> None:
    """Begins later, and ends at a time."""
    window = {"starts_at": "2023-11-15T08:00:00+08:00", "ends_at": "2023-11-15T01:00:00Z"}
    made = api.ask("POST", "/v1/silences", {"matchers": ["host=a"], "by": "li", "comment": "move"} | window)
    assert made.json["starts_at"] == "2023-11-15T00:00:00.000Z"
    assert made.json["ends_at"] == "2023-11-15T01:00:00.000Z"


@pytest.mark.parametrize(
    "changes",
    [
        {"matchers": []},
        {"matchers": ["host"]},
        {"matchers": ['host=~"("']},
        {"matchers": ["a=b"] * 21},
        {"matchers": ['a="' + "x" * 1000 + '"']},
        {"seconds": 59},
        {"seconds": None},
        {"ends_at": "2023-11-15T00:00:00Z"},
        {"seconds": None, "ends_at": "2023-11-15T00:00:00"},
        {"seconds": None, "ends_at": 1_700_003_600},
        {"seconds": None, "ends_at": "2023-01-01T00:00:00Z"},
        {"seconds": None, "ends_at": "9999-12-31T23:59:59-23:59"},
        {"starts_at": "0001-01-01T00:00:00+23:59", "seconds": 60},
        {"comment": ""},
        {"by": ""},
    ],
)
def test_silences_that_cannot_be(shared: Api, changes: Mapping[str, Any]) -> None:
    """Refused; none is made."""
    before = shared.ask("GET", "/v1/silences").json
    value = {"matchers": ["host=a"], "seconds": 3600, "by": "li", "comment": "move"} | changes
    assert shared.problem(422, "POST", "/v1/silences", value)
    assert shared.ask("GET", "/v1/silences").json == before


# What is sent otherwise than it should be.


@pytest.mark.parametrize(
    "path",
    [
        "/v1/", "/v1", "/v1/nothing", "/v1/alerts/", "/v1/incidents/1/", "/v1//incidents", "/v1/incidents/1/ack/",
        "/v1/receivers/../../etc/passwd", "/v1/receivers/a/b", "/v1/alertmanager/x", "/v1/\x00", "/v1/%2e%2e", "/v1/事件",
    ],
)  # fmt: skip
def test_nothing_is_there(shared: Api, path: str) -> None:
    """404, and no redirect to somewhere else."""
    assert shared.problem(404, "GET", path) == "nothing is here"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/alerts", "POST"),
        ("DELETE", "/v1/incidents", "GET"),
        ("PATCH", "/v1/receivers/a", "DELETE, GET, PUT"),
        ("POST", "/v1/receivers/a", "DELETE, GET, PUT"),
        ("PUT", "/v1/silences", "GET, POST"),
        ("BREW", "/v1/limits", "GET"),
        ("POST", "/v1/openapi.json", "GET"),
    ],
)
def test_methods(shared: Api, method: str, path: str, allowed: str) -> None:
    """405 names all that there are."""
    answer = shared.ask(method, path)
    said(405, answer)
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "kind", [None, "", "text/xml", "application/x-www-form-urlencoded", "application/jsonx", "\xff"]
)
def test_other_content_types(shared: Api, kind: str | None) -> None:
    """415 says what to send; a parameter is no other type."""
    for method, path in (("POST", "/v1/alerts"), ("PUT", "/v1/routes"), ("POST", "/v1/incidents/1/ack")):
        assert "application/json" in shared.problem(415, method, path, {"summary": "a"}, content_type=kind)
    good = "Application/JSON; charset=utf-8"
    assert shared.ask("POST", "/v1/alerts", {"summary": "a"}, content_type=good).status == 200


@pytest.mark.parametrize("claimed", [{}, {"content_length": str(LARGEST + 1)}])
def test_bodies_that_are_too_large(shared: Api, claimed: dict[str, str]) -> None:
    """Counted while they come, whatever they claim; 16 MiB of alerts, 1 MiB of anything else."""
    assert shared.problem(413, "POST", "/v1/alerts", b" " * (LARGEST + 1), **claimed)
    assert shared.problem(413, "PUT", "/v1/routes", b" " * (SMALL + 1), **claimed)
    assert shared.problem(413, "GET", "/v1/limits", b" " * (SMALL + 1), **claimed)
    full = json.dumps({"summary": "a"}).encode()
    assert shared.ask("POST", "/v1/alerts", full + b" " * (LARGEST - len(full))).status == 200


HOSTILE = (
    b"", b"null", b"[]", b"1", b'"x"', b"{", b"\xff\xfe", b"\x00", b"{" * 50_000, b'{"a":' * 50_000, b"[" * 100_000,
    b'{"by": "\\ud800"}', b'{"\\ud800": 1}', b'{"by": "li\\u0000"}', b'{"by": NaN}', b'{"by": 1e999}',
    b'{"seconds": ' + b"9" * 5000 + b', "by": "li"}', b'{"by": "li", "by": "wang"}', b'{"by": ["li"]}', b'{"by": {"": 1}}',
    '{"by": "\u202e李雷"}'.encode(), '{"by": "li"}'.encode("utf-16"), b'{"by": "' + b"x" * 900_000 + b'"}',
    b'{"matchers": ["a=~\\"(((((((((((((((x{100}){100}){100}\\""], "seconds": 60, "by": "l", "comment": "c"}',
    b'{"matchers": ["a=\\"\\u0000\\""], "seconds": 60, "by": "l", "comment": "c"}',
    b'{"routes": [{"receivers": ["\\u0000"]}]}', b'{"kind": "phone", "number": "+8613800000000"}', b'{"kind": null}',
    b'{"kind": "webhook", "url": "https://[::1]/"}', b'{"kind": "mail", "addresses": ["a@b\\r\\nRCPT TO: c@d"]}',
)  # fmt: skip
TARGETS = (
    ("POST", "/v1/alerts"), ("POST", "/v1/incidents/1/ack"), ("POST", "/v1/incidents/1/silence"),
    ("POST", "/v1/silences"), ("PUT", "/v1/receivers/a"), ("PUT", "/v1/routes"),
)  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:24]))
def test_hostile_bodies(shared: Api, body: bytes) -> None:
    """Every endpoint answers, with a problem where it does not do it, and what is asked next is answered as ever."""
    for method, path in TARGETS:
        answer = shared.ask(method, path, body)
        assert answer.status < 500, answer
        if answer.status >= 400:
            said(answer.status, answer)
    assert shared.ask("GET", "/v1/incidents/1").status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/v1/incidents/0", "/v1/incidents/-1", "/v1/incidents/9223372036854775808", "/v1/incidents/" + "9" * 5000,
        "/v1/incidents/1e3", "/v1/incidents/１", "/v1/incidents/\x00", "/v1/incidents/\ud800", "/v1/receivers/" + "a" * 64,
        "/v1/receivers/团队", "/v1/receivers/..", "/v1/receivers/a\n", "/v1/receivers/%00", "/v1/incidents?limit=0",
        "/v1/incidents?limit=201", "/v1/incidents?limit=x", "/v1/incidents?state=gone", "/v1/incidents?since=yesterday",
        "/v1/incidents?since=1700000000", "/v1/incidents?since=2026-11-24T13:00:00", "/v1/incidents?cursor=1",
        "/v1/incidents?cursor=" + "9" * 40 + "-1", "/v1/incidents?cursor=1-2'%20OR%201=1--", "/v1/incidents?stat=open",
        "/v1/incidents?%ff=%fe", "/v1/incidents?state=%00",
    ],
)  # fmt: skip
def test_hostile_targets(shared: Api, target: str) -> None:
    """422 with the place."""
    assert shared.problem(422, "GET", target)


def test_times_beyond_all_calendars(api: Api) -> None:
    """Alertmanager's may be; an answer shows the last that there is."""
    from kunobs.noc.accept.alert import Alert

    beyond = 253_402_343_999_000  # 9999-12-31T23:59:59-12:00
    api.bench.post(Alert("firing", {"a": "b"}, starts_ms=beyond), tenant="pay")
    assert api.ask("GET", "/v1/incidents/1").json["alerts"][0]["starts_at"] == "9999-12-31T23:59:59.000Z"


# The document.


def test_the_document_is_whole(shared: Api) -> None:
    """It needs no token; every operation says what it does, and every error is a problem."""
    document = shared.ask("GET", "/v1/openapi.json", token="").json
    assert document["openapi"].startswith("3.1")
    text = json.dumps(document)
    assert all(name in document["components"]["schemas"] for name in re.findall(r"#/components/schemas/(\w+)", text))
    assert "HTTPValidationError" not in text
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert operation["security"] == [{"token": []}], where
            for code, response in operation["responses"].items():
                kinds = list(response.get("content", {}))
                assert kinds == (
                    ["application/problem+json"] if code >= "4" else [] if code == "204" else ["application/json"]
                )


def test_the_documents_alert_is_the_readers(shared: Api) -> None:
    """Keys, words and limits of what is described are those of what is read."""
    described = AlertIn.model_json_schema()["properties"]
    struct = reader._Alert
    assert list(described) == list(struct.__struct_fields__)
    assert described["severity"]["enum"] == ["critical", "warning", "info"]
    for name, (value, status) in {
        "summary": ("x" * 1024, 200), "dedup_key": ("x" * 255, 200),
        "labels": ({f"l{n}": "x" for n in range(64)}, 200), "annotations": ({f"l{n}": "x" for n in range(64)}, 200),
        "links": (["https://a.example/" + "x" * 2030] * 16, 200),
    }.items():  # fmt: skip
        longest = (
            described[name].get("maxLength") or described[name].get("maxProperties") or described[name].get("maxItems")
        )
        longest = longest or described[name]["anyOf"][0]["maxLength"]
        assert longest == len(value), name
        assert shared.ask("POST", "/v1/alerts", {"summary": "s", name: value}).status == status, name
        longer: Any = value + value[:1] if isinstance(value, str | list) else value | {"more": "x"}
        shared.problem(422, "POST", "/v1/alerts", {"summary": "s", name: longer})


def test_the_page_needs_nothing_from_elsewhere(shared: Api) -> None:
    """Every operation is listed; a browser is told to load nothing."""
    answer = shared.ask("GET", "/v1/docs", token="")
    page = answer.body.decode()
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.findall(r"""(?:src|href)=(?!'/v1/openapi.json')""", page)
    assert "<script" not in page
    for path, methods in shared.ask("GET", "/v1/openapi.json").json["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in page


def test_the_pages_commands(api: Api) -> None:
    """Each command of docs/noc-api.md is run, in order, and says what the page says that it says."""
    api.bench.clock.jump(datetime(2026, 11, 24, 5, 0, 0, tzinfo=UTC).timestamp() - api.bench.clock.now())
    limits = {"webhook_hosts": ["hooks.example.com"], "mail_domains": ["example.com"]}
    api.limit({"defaults": limits})
    blocks = re.findall(r"```sh\n(.*?)```(?:\n\n```json\n(.*?)```)?", PAGE, re.DOTALL)
    assert len(blocks) > 10
    with serving(routes={"/v1/": api.app}) as server:
        environment = {"NOC": server.url, "TOKEN": api.token, "PATH": "/usr/bin:/bin", "ROBOT_KEY": "0123-4567"}
        for command, wanted in blocks:
            done = subprocess.run(["bash", "-eu", "-c", command], env=environment, capture_output=True, timeout=30)
            assert done.returncode == 0, (command, done.stderr)
            api.bench.relay.settle()
            if wanted:
                assert json.loads(done.stdout) == json.loads(wanted), command
            else:
                assert b'"status":4' not in done.stdout, (command, done.stdout)
