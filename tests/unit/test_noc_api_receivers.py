"""Receivers and routes that tenants keep: within the platform's limits whenever they are used, and really told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.noc.tenants import TenantConfig, TenantsConfig
from kunobs.noc.decide.own import Receiver, own_channel, own_channels, own_targets
from kunobs.noc.decide.reach import Address
from kunobs.noc.notify.contract import Channel, Frozen, Limit, Message, Ok
from kunobs.testing.gateway import WebhookSink
from kunobs.testing.wecom import WecomServer
from tests.unit.test_noc_api import Api

LIMITS = {"webhook_hosts": ["hooks.example.com", "*.pay.example.com:8443"], "mail_domains": ["example.com", "*.cn"]}
ROBOT = {"kind": "wecom_robot", "key": "robot-secret-1"}
HOOK = {"kind": "webhook", "url": "https://hooks.example.com/a/", "secret": "hook-secret-1"}
MAIL = {"kind": "mail", "addresses": ["orders@example.com"]}
MESSAGE = Message("1-1-0123456789ab", "page", "pay", 1, "critical", "disk", "full")


@pytest.fixture(scope="module")
def made() -> Iterator[Api]:
    """One relay for all; each test leaves it without receivers."""
    api = Api({"defaults": LIMITS})
    with api.bench:
        yield api


@pytest.fixture
def api(made: Api) -> Iterator[Api]:
    """No receivers and routes, the usual limits."""
    yield made
    made.limit({"defaults": LIMITS})
    made.bench.store.write(lambda tx: (tx.run("DELETE FROM receiver"), tx.run("DELETE FROM own_route")))


def put(api: Api, name: str, value: Mapping[str, Any], **more: Any) -> int:
    """A receiver; the status."""
    return api.ask("PUT", f"/v1/receivers/{name}", value, **more).status


def targets(api: Api, tenant: str = "pay", **labels: str) -> list[Address]:
    """Who is told of an incident with these labels."""
    return api.bench.store.read(lambda tx: own_targets(tx, api.bench.relay.policy, tenant, labels))


def channel(api: Api, name: str) -> Channel | None:
    """What a message to it goes by."""
    return api.bench.store.read(lambda tx: own_channel(tx, api.bench.relay.policy, name))


def test_secrets_never_come_back(api: Api) -> None:
    """Not from PUT, not from GET, not in the journal; what stands for one cannot be stored in its place."""
    for name, value in (("robot", ROBOT), ("hook", HOOK), ("mail", MAIL)):
        answer = api.ask("PUT", f"/v1/receivers/{name}", value)
        assert answer.status == 200
        assert api.ask("GET", f"/v1/receivers/{name}").json == answer.json
    listed = api.ask("GET", "/v1/receivers")
    assert listed.json == {
        "receivers": [
            {"name": "hook", "kind": "webhook", "url": "https://hooks.example.com/a/", "secret": "<secret>"},
            {"name": "mail", "kind": "mail", "addresses": ["orders@example.com"]},
            {"name": "robot", "kind": "wecom_robot", "key": "<secret>"},
        ]
    }
    written = json.dumps(api.bench.rows("SELECT kind, data FROM journal"))
    assert "receiver kept" in written
    assert "secret-1" not in written
    assert "secret-1" not in repr(Receiver("pay", "a", "webhook", json.dumps(HOOK)))
    for name, value in (("robot", {"key": "<secret>"}), ("hook", {"secret": "<secret>"})):
        assert "stands for a secret" in api.problem(422, "PUT", f"/v1/receivers/{name}", listed_kind(name) | value)
    assert put(api, "hook", {"kind": "webhook", "url": HOOK["url"]}) == 200
    assert "secret" not in api.ask("GET", "/v1/receivers/hook").json


def listed_kind(name: str) -> dict[str, Any]:
    """The rest of that receiver."""
    return dict(ROBOT if name == "robot" else HOOK)


def test_a_receiver_is_its_tenants(api: Api) -> None:
    """Another tenant sees none of it, may have one of the same name, and cannot route to it."""
    other = api.new_token("other")
    put(api, "robot", ROBOT)
    api.problem(404, "GET", "/v1/receivers/robot", token=other)
    api.problem(404, "DELETE", "/v1/receivers/robot", token=other)
    routes = {"routes": [{"receivers": ["robot"]}]}
    assert "no receiver" in api.problem(422, "PUT", "/v1/routes", routes, token=other)
    assert put(api, "robot", {"kind": "wecom_robot", "key": "another"}, token=other) == 200
    api.ask("PUT", "/v1/routes", routes)
    assert [each.channel for each in targets(api)] == ["tenant/pay/robot"]
    assert targets(api, "other") == []


# What the platform allows.


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://hooks.example.com/a", True),
        ("https://hooks.example.com", True),
        ("https://HOOKS.example.com:443/a?b=c&d=%20", True),
        ("https://a.pay.example.com:8443/", True),
        ("https://a.b.pay.example.com:8443/", True),
        ("https://pay.example.com:8443/", False),
        ("https://a.pay.example.com/", False),
        ("https://apay.example.com:8443/", False),
        ("http://hooks.example.com/", False),
        ("https://hooks.example.com:9200/", False),
        ("https://hooks.example.com.evil.example/", False),
        ("https://evil.example/hooks.example.com", False),
        ("https://hooks.example.com./", False),
        ("https://127.0.0.1/", False),
        ("https://2130706433/", False),
        ("https://0x7f.1/", False),
        ("https://localhost/", False),
        ("https://169.254.169.254/latest/meta-data/", False),
    ],
)
def test_where_webhooks_may_go(api: Api, url: str, allowed: bool) -> None:
    """Only to hosts and ports that are named."""
    assert put(api, "hook", {"kind": "webhook", "url": url}) == (200 if allowed else 422)


@pytest.mark.parametrize(
    "url",
    [
        "https://user@hooks.example.com/", "https://hooks.example.com@evil.example/", "https://hooks.example.com:443@evil.example/",
        "https://evil.example\\@hooks.example.com/", "https://hooks.example.com\\.evil.example/", "https://[::1]/",
        "https://hooks.example.com#@evil.example/", "https://hooks.example.com/a#b", "https://ⓗooks.example.com/",
        "https://hooks。example.com/", "https://hooks.example.com /", "https://hooks.example.com/\r\nHost: evil", "https:///a",
        "//hooks.example.com/", "ftp://hooks.example.com/", "file:///etc/passwd", "gopher://hooks.example.com/", "",
        "https://hooks.example.com:/", "https://hooks.example.com:0443/x y", "https://hooks.example.com/\n",
        "https://hooks.example.com/" + "x" * 2048,
    ],
)  # fmt: skip
def test_addresses_that_parsers_read_in_two_ways(api: Api, url: str) -> None:
    """Refused by their form, before anybody asks which host it is."""
    assert "body.webhook.url" in api.problem(422, "PUT", "/v1/receivers/hook", {"kind": "webhook", "url": url})


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("orders@example.com", True),
        ("a.b+c_d@EXAMPLE.com", True),
        ("a@b.cn", True),
        ("a@cn", False),
        ("orders@evil.example", False),
        ("orders@example.com.evil.example", False),
        ("orders@evil.example@example.com", False),
        ("orders@example.com,li@evil.example", False),
        ("orders@example.com\r\nBcc: li@evil.example", False),
        ('"a b"@example.com', False),
        ("a..b@example.com", False),
        ("李@example.com", False),
    ],
)
def test_where_mails_may_go(api: Api, address: str, allowed: bool) -> None:
    """Only to domains that are named."""
    assert put(api, "mail", {"kind": "mail", "addresses": [address]}) == (200 if allowed else 422)


def test_nothing_is_allowed_unless_it_is_named(api: Api) -> None:
    """A webhook could reach whatever the relay can; a mail, whomever the platform's servers can."""
    api.limit({})
    assert put(api, "hook", HOOK) == 422
    assert put(api, "mail", MAIL) == 422
    assert put(api, "robot", ROBOT) == 200
    api.limit({"defaults": {"kinds": ["mail"]}})
    assert "wecom_robot are not allowed" in api.problem(422, "PUT", "/v1/receivers/robot", ROBOT)


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "phone", "number": "+8613800000001"},
        {"kind": "person", "person": "li"},
        {"kind": "wecom_app", "channel": "app"},
        {"kind": "wecom_robot"},
        {"kind": "wecom_robot", "key": ""},
        {"kind": "wecom_robot", "key": "k", "api": "https://evil.example"},
        {"kind": "webhook", "url": "https://hooks.example.com/", "ca_file": "/etc/passwd"},
        {"kind": "mail", "addresses": []},
        {"kind": "mail", "addresses": ["a@example.com"] * 21},
        {},
    ],
)
def test_receivers_that_cannot_be(api: Api, value: Mapping[str, Any]) -> None:
    """Neither the platform's people and phones, nor another way to what is allowed."""
    assert put(api, "a", value) == 422
    assert api.ask("GET", "/v1/receivers").json == {"receivers": []}


def test_how_many(api: Api) -> None:
    """One that is there may be replaced when there are as many as there may be; one too many routes change nothing."""
    api.limit({"defaults": LIMITS | {"receivers": 2, "routes": 1}})
    assert [put(api, name, ROBOT) for name in ("a", "b", "c", "a")] == [200, 200, 422, 200]
    route = {"receivers": ["a"]}
    assert api.ask("PUT", "/v1/routes", {"routes": [route]}).status == 200
    assert api.ask("PUT", "/v1/routes", {"routes": [route, route]}).status == 422
    assert api.ask("GET", "/v1/routes").json == {"routes": [{"match": [], "receivers": ["a"]}]}


def test_a_limit_that_is_taken_away(api: Api) -> None:
    """What was made before is told no more, and its tenant sees why; what is given back works again."""
    for name, value in (("hook", HOOK), ("mail", MAIL), ("robot", ROBOT)):
        put(api, name, value)
    api.ask("PUT", "/v1/routes", {"routes": [{"receivers": ["hook", "mail", "robot"]}]})
    assert len(targets(api)) == 3
    api.limit({"overrides": {"pay": {"kinds": ["webhook", "mail"]}}})
    assert targets(api) == []
    assert [channel(api, f"tenant/pay/{name}") for name in ("hook", "mail", "robot")] == [None] * 3
    assert all(each["problem"] for each in api.ask("GET", "/v1/receivers").json["receivers"])
    api.limit({"defaults": LIMITS})
    assert len(targets(api)) == 3


def test_deleting(api: Api) -> None:
    """Not while a route names it."""
    put(api, "a", ROBOT)
    api.ask("PUT", "/v1/routes", {"routes": [{"receivers": ["a"]}]})
    assert "routes[0]" in api.problem(409, "DELETE", "/v1/receivers/a")
    api.ask("PUT", "/v1/routes", {"routes": []})
    assert api.ask("DELETE", "/v1/receivers/a").status == 204
    api.problem(404, "DELETE", "/v1/receivers/a")
    assert channel(api, "tenant/pay/a") is None


# Who is told.


def test_routes(api: Api) -> None:
    """Every route that matches counts, a receiver is told once, in the order of the routes."""
    for name in ("a", "b", "c"):
        put(api, name, ROBOT)
    routes = [
        {"match": ['service="orders"'], "receivers": ["b"]},
        {"match": ['service=~"ord.*"', 'severity!="info"'], "receivers": ["c", "b"]},
        {"match": ['region=""'], "receivers": ["a"]},
    ]
    assert api.ask("PUT", "/v1/routes", {"routes": routes}).status == 200

    def told(**labels: str) -> list[str]:
        return [each.channel.removeprefix("tenant/pay/") for each in targets(api, **labels)]

    assert told(service="orders", severity="info") == ["b", "a"]
    assert told(service="orders") == ["b", "c", "a"]
    assert told(service="order", region="cn") == ["c", "b"]
    assert told(service="Orders", region="cn") == []
    assert told(kunobs_channel="tenant/pay/a") == []
    assert told(kunobs_channel="tenant/pay/b") == ["a"]
    assert targets(api, "nobody", service="orders") == []


def test_whom_a_mail_is_for(api: Api) -> None:
    """Its addresses are the message's; a robot's and a webhook's is empty, and nobody of the platform is named."""
    put(api, "mail", {"kind": "mail", "addresses": ["a@example.com", "b@example.com", "a@example.com"]})
    api.ask("PUT", "/v1/routes", {"routes": [{"receivers": ["mail"]}]})
    assert targets(api) == [Address("tenant/pay/mail", "a@example.com,b@example.com", "", "zh")]


@pytest.mark.parametrize(
    ("match", "receivers"),
    [(['a=~"("'], ["a"]), (["a"], ["a"]), (["a=b"] * 21, ["a"]), ([], []), ([], ["b"]), ([], ["../a"]), ([1], ["a"])],
)
def test_routes_that_cannot_be(api: Api, match: list[Any], receivers: list[str]) -> None:
    """All of the list or nothing."""
    put(api, "a", ROBOT)
    api.ask("PUT", "/v1/routes", {"routes": [{"receivers": ["a"]}]})
    wrong = [{"receivers": ["a"]}, {"match": match, "receivers": receivers}]
    assert api.ask("PUT", "/v1/routes", {"routes": wrong}).status == 422
    assert api.ask("GET", "/v1/routes").json == {"routes": [{"match": [], "receivers": ["a"]}]}


# Channels.


def sent(api: Api, name: str) -> None:
    """A page by that receiver is taken."""
    made = channel(api, f"tenant/pay/{name}")
    assert made is not None
    for number, body in enumerate(made.pack(MESSAGE, "")):
        assert made.send(Frozen(f"{MESSAGE.key}-{number + 1}", "", body)) == Ok()


def test_a_robot_and_a_webhook_are_told(api: Api) -> None:
    """By the mocks' own judgement: the group sees the page, the body is signed with the tenant's secret."""
    with WecomServer(robots={"robot-secret-1": "orders"}) as wecom, WebhookSink("hook-secret-1", SYSTEM_CLOCK) as sink:
        host = sink.url.removeprefix("http://")
        api.limit({"defaults": {"webhook_hosts": [host]}, "wecom_api": wecom.url})
        put(api, "robot", ROBOT)
        put(api, "hook", {"kind": "webhook", "url": f"{sink.url}/a/", "secret": "hook-secret-1"})
        sent(api, "robot")
        sent(api, "hook")
        assert len(wecom.seen_by("orders")) == 1
        assert [each["incident"] for each in sink.received] == [1]
        assert sink.asked[0].path == "/a/"


def test_a_channel_is_kept_until_it_changes(api: Api) -> None:
    """The same object, with its connections, for the same configuration."""
    put(api, "hook", HOOK)
    first = channel(api, "tenant/pay/hook")
    assert first is not None
    assert first is channel(api, "tenant/pay/hook")
    assert api.bench.store.read(lambda tx: own_channels(tx, api.bench.relay.policy, "pay")) == {
        "tenant/pay/hook": first
    }
    put(api, "hook", HOOK | {"secret": "another"})
    assert channel(api, "tenant/pay/hook") is not first


def test_all_mails_of_a_tenant_have_one_budget(api: Api) -> None:
    """They go by the platform's servers; neither many receivers nor the platform's own budget make it more."""
    api.limit({"defaults": LIMITS | {"mails_per_minute": 7}, "mail": "post"})
    for name in ("a", "b"):
        put(api, name, MAIL)
    found = {tuple(made.limits("x")) for name in ("a", "b") if (made := channel(api, f"tenant/pay/{name}"))}
    assert found == {(Limit("tenant/pay/minute", 7, 60),)}


@pytest.mark.parametrize("name", ["ops", "tenant/pay/nobody", "tenant/other/a", "tenant/pay", "tenant//a", "pay/a", ""])
def test_channels_that_are_none(api: Api, name: str) -> None:
    """Nothing is made for a name that no receiver has."""
    put(api, "a", ROBOT)
    assert channel(api, name) is None
    assert channel(api, "tenant/pay/a") is not None


def test_a_relay_without_mail() -> None:
    """Says so, when it is asked for."""
    api = Api({"defaults": LIMITS}, "language: en")
    with api.bench:
        assert "sends no mail" in api.problem(422, "PUT", "/v1/receivers/a", MAIL)


# The configuration.


@pytest.mark.parametrize(
    "limits",
    [
        {"webhook_hosts": ["*"]}, {"webhook_hosts": ["*."]}, {"webhook_hosts": ["https://hooks.example.com"]},
        {"webhook_hosts": ["hooks.example.com/a"]}, {"webhook_hosts": ["a.*.com"]}, {"webhook_hosts": ["HOOKS.example.com"]},
        {"webhook_hosts": ["hooks.example.com:0"]}, {"webhook_hosts": ["a.com", "a.com"]}, {"mail_domains": ["*"]},
        {"mail_domains": ["@example.com"]}, {"mail_domains": ["example.com:25"]}, {"kinds": ["phone"]},
        {"alerts_per_minute": 0}, {"receivers": -1}, {"unknown": 1},
    ],
)  # fmt: skip
def test_limits_that_cannot_be(limits: Mapping[str, Any]) -> None:
    """A pattern that allows everything is none."""
    with pytest.raises(ValidationError):
        TenantConfig.model_validate(limits)


def test_overrides() -> None:
    """What is written for a tenant stands for the default, also where it is the same as a default of ours."""
    config = TenantsConfig.model_validate(
        {"defaults": {"receivers": 3, "routes": 4}, "overrides": {"pay": {"receivers": 10, "silences": 0}}}
    )
    assert (config.limits("pay").receivers, config.limits("pay").routes, config.limits("pay").silences) == (10, 4, 0)
    assert (config.limits("x").receivers, config.limits("x").routes, config.limits("x").silences) == (3, 4, 100)
