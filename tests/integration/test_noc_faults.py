"""Channels x faults: whatever a provider does, within 30 seconds somebody is reached or knows, and nothing that was refused counts as sent.

The providers are strict ones on loopback, the relay is whole, the clock is virtual. `make prove` writes docs/proof/noc-faults.json.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kunobs.config.noc.channels import ChannelsConfig
from kunobs.noc.channels.build import Channels
from kunobs.noc.channels.mail import Mail
from kunobs.noc.notify.contract import Channel
from kunobs.noc.notify.http import Http
from kunobs.testing.clock import FakeClock
from kunobs.testing.gateway import PhoneGateway, WebhookSink
from kunobs.testing.noc import NocBench
from kunobs.testing.smtp import MailServer
from kunobs.testing.wechat import WechatServer
from kunobs.testing.wecom import WecomServer
from tests.support import REPOSITORY

PROOF = REPOSITORY / "docs" / "proof" / "noc-faults.json"
# Twenty attempts fail before it is well again: more than there are in 30 seconds.
MANY = 20
verdicts: dict[str, dict[str, str]] = {}


@dataclass
class Provider:
    """One way to somebody. `received` counts what a human got, `bench` has the config of its channel."""

    kind: str
    config: dict[str, Any]
    received: Callable[[], int]
    fail: Callable[[str], None]


def wecom_robot(server: WecomServer) -> Provider:
    """A group."""
    faults = {"rate": 45009, "dead": 93000, "too_long": 40058, "busy": -1, "unknown": 99999}
    return Provider(
        "wecom_robot",
        {"key": "robot-key", "api": server.url},
        lambda: len(server.received),
        lambda fault: _fail(server, "webhook/send", faults.get(fault, fault)),
    )


def wecom_app(server: WecomServer) -> Provider:
    """A person."""
    app = server.app
    faults = {"rate": 45009, "dead": 48001, "too_long": 40058, "busy": -1, "unknown": 99999, "address": 60020}

    def fail(fault: str) -> None:
        if fault == "user_gone":
            app.users.clear()  # type: ignore[attr-defined]
        elif fault == "token":
            _fail(server, "gettoken", 40001)
        else:
            _fail(server, "message/send", faults.get(fault, fault))

    config = {"corp_id": app.corp_id, "agent_id": app.agent_id, "secret": app.secret, "api": server.url}
    return Provider("wecom_app", config, lambda: len(server.received), fail)


def wechat(server: WechatServer) -> Provider:
    """A follower."""
    faults = {"rate": 45009, "dead": 48001, "too_long": 47001, "busy": -1, "unknown": 99999}

    def fail(fault: str) -> None:
        if fault == "user_gone":
            server.followers["openid-li"] = 43004
        elif fault == "token":
            server.fail(*[40001] * MANY, at="stable_token")
        else:
            server.fail(*[faults.get(fault, fault)] * MANY)  # type: ignore[list-item]

    config = {
        "app_id": server.app_id, "secret": server.secret, "template_id": "alert", "api": server.url,
        "fields": {"thing1": "title", "time2": "time", "const3": "severity", "character_string4": "incident"},
    }  # fmt: skip
    return Provider("wechat", config, lambda: len(server.received), fail)


def phone(server: PhoneGateway) -> Provider:
    """A call."""
    faults = {"rate": 429, "dead": 401, "too_long": 413, "busy": 503, "unknown": 418, "user_gone": 422}
    return Provider(
        "phone",
        {"url": f"{server.url}/call", "hmac_secret": "secret"},
        lambda: len(server.received),
        lambda fault: server.fail(*[faults.get(fault, fault)] * MANY),  # type: ignore[list-item]
    )


def webhook(server: WebhookSink) -> Provider:
    """Another system."""
    faults = {"rate": 429, "dead": 410, "too_long": 413, "busy": 503, "unknown": 418}
    return Provider(
        "webhook",
        {"url": f"{server.url}/hook"},
        lambda: len(server.received),
        lambda fault: server.fail(*[faults.get(fault, fault)] * MANY),  # type: ignore[list-item]
    )


def mail(server: MailServer) -> Provider:
    """A mail."""
    faults = {
        "rate": "greylist", "dead": "auth_refused", "too_long": "5xx_data", "busy": "4xx_data", "unknown": "4xx_rcpt",
        "reset": "cut_before_dot", "cut": "cut_after_dot", "no_tls": "no_tls", "bad_cert": "bad_cert", "user_gone": "5xx_rcpt",
    }  # fmt: skip
    config = {
        "sender": "noc@example.com",
        "smarthosts": [
            {
                "host": server.host, "port": server.port, "tls": server.tls, "ca_file": server.ca_file,
                "username": server.user, "password": server.password,
            }
        ],
    }  # fmt: skip
    return Provider("mail", config, lambda: len(server.received), lambda fault: server.fail(*[faults[fault]] * MANY))


def _fail(server: WecomServer, path: str, fault: int | str) -> None:
    server.fail(path, fault, MANY)  # type: ignore[arg-type]


COMMON = ("rate", "dead", "too_long", "busy", "unknown")
BY_HTTP = ("http_500", "html", "reset", "cut", "slow", "refused", "dns", "tls")
FAULTS: dict[str, tuple[str, ...]] = {
    "wecom_robot": (*COMMON, *BY_HTTP, "template"),
    "wecom_app": (*COMMON, *BY_HTTP, "template", "user_gone", "token", "address", "bad_token"),
    "wechat": (*COMMON, *BY_HTTP, "template", "user_gone", "token"),
    "phone": (*COMMON, *BY_HTTP, "template", "user_gone"),
    "webhook": (*COMMON, *[fault for fault in BY_HTTP if fault != "html"], "template"),
    "mail": (*COMMON, "reset", "cut", "refused", "dns", "no_tls", "bad_cert", "user_gone", "template"),
}
CELLS = [(kind, fault) for kind, faults in FAULTS.items() for fault in faults]


@pytest.fixture
def clock() -> FakeClock:
    """The bench's own takes its place; the providers only need one that stands still."""
    return FakeClock()


@pytest.fixture
def provider(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Provider]:
    """The provider of the cell's kind."""
    kind = request.node.callspec.params["kind"]
    if kind in ("wecom_robot", "wecom_app"):
        with WecomServer(["lilei"], {"robot-key": "ops"}, clock=clock) as server:
            yield wecom_robot(server) if kind == "wecom_robot" else wecom_app(server)
    elif kind == "wechat":
        with WechatServer(clock) as account:
            yield wechat(account)
    elif kind == "phone":
        with PhoneGateway("secret", clock) as gateway:
            yield phone(gateway)
    elif kind == "webhook":
        with WebhookSink("", clock) as sink:
            yield webhook(sink)
    else:
        with MailServer("starttls", "noc", "password") as server:
            yield mail(server)


def config_of(kind: str, fault: str) -> str:
    """Li is reached by the channel under test, else by another one; the relay's own troubles go to `audit`."""
    backup = "mail" if kind == "phone" else "phone"
    spare: dict[str, Any] = {
        "mail": {"spare": {"sender": "a@example.com", "smarthosts": [{"host": "x"}]}},
        "phone": {"spare": {"url": "http://x/call", "hmac_secret": "s"}},
    }[backup]
    group = kind in ("wecom_robot", "webhook")
    noc = {
        "channels": {backup: spare, "wecom_robot": {"audit": {"key": "k"}}},
        "people": {
            "li": {
                "wecom": "lilei", "openid": "openid-li", "mail": "li@example.com", "phone": "+8613800000001",
                "by": ["spare"] if group else ["tested", "spare"],
            },
        },
        "ladders": {
            "std": {"steps": [{"to": ["channel:tested" if group else "person:li"], "wait": "5m"}, {"to": ["person:li"], "by": ["spare"]}]},
            "own": {"steps": [{"to": ["channel:audit"], "wait": "1h"}]},
        },
        "route": {"ladder": "std", "routes": [{"match": ['alertname=~"Kunobs.*"'], "ladder": "own"}]},
    }  # fmt: skip
    if fault == "template":
        # The samples that a template is tried with when it is loaded have another length.
        noc["templates"] = [{"channel": "tested", "text": "{{ 1 // (incident.title | length - 8) }}"}]
    return json.dumps(noc)


def build(provider: Provider, fault: str, clock: FakeClock) -> Channel:
    """The real channel, impatient, and led astray where the fault is in the network."""
    config = dict(provider.config)
    place = {"refused": "http://127.0.0.1:9", "dns": "http://no-such-host.invalid", "tls": ""}.get(fault)
    if fault in ("refused", "dns") and provider.kind == "mail":
        host = {"host": "127.0.0.1", "port": 9} if fault == "refused" else {"host": "no-such-host.invalid"}
        config["smarthosts"] = [config["smarthosts"][0] | host]
    elif place is not None:
        key = "url" if "url" in config else "api"
        config[key] = place or config[key].replace("http://", "https://")
    if fault == "no_tls":
        provider.fail(fault)
    channels = ChannelsConfig.model_validate({provider.kind: {"tested": config}})
    made = Channels(clock).build(channels)["tested"]
    for name, value in vars(made).items():
        if isinstance(value, Http):
            setattr(made, name, Http("", (1.0, 0.3)))
    assert not isinstance(made, Mail) or provider.kind == "mail"
    return made


@pytest.mark.parametrize(("kind", "fault"), CELLS)
def test_nobody_is_left_in_silence(kind: str, fault: str, provider: Provider, clock: FakeClock) -> None:
    """Retried until it arrives, another way, or an alert of the relay's own."""
    config = json.loads(config_of(kind, fault))
    noc = json.dumps(config | {"channels": config["channels"] | _placeholder(config, kind)})
    with NocBench(noc, {"tested": build(provider, fault, clock)}) as bench:
        if fault not in ("refused", "dns", "tls", "template", "no_tls"):
            provider.fail(fault)
        bench.fires(alertname="DiskFull", severity="critical")
        bench.advance("30s")
        news = bench.news()
        found = []
        if provider.received():
            found.append("arrived")
        if any(each.startswith("spare") for each in news):
            found.append("failover")
        if any(each.startswith("audit") for each in news):
            found.append("meta")
        sent = bench.rows("SELECT count(*) FROM outbox WHERE channel = 'tested' AND state = 'sent'")[0][0]
        assert found, bench.rows("SELECT kind, data FROM journal")
        assert sent <= provider.received(), "what the provider refused counts as sent"
        if fault == "template":
            assert found == ["arrived", "meta"]
        verdicts.setdefault(kind, {})[fault] = "+".join(found)


def _placeholder(config: dict[str, Any], kind: str) -> dict[str, Any]:
    """The channel under test must be in the configuration; what stands there is replaced by the real one."""
    samples: dict[str, dict[str, Any]] = {
        "wecom_robot": {"key": "k"},
        "wecom_app": {"corp_id": "c", "agent_id": 1, "secret": "s"},
        "wechat": {"app_id": "a", "secret": "s", "template_id": "t", "fields": {"thing1": "title"}},
        "mail": {"sender": "a@example.com", "smarthosts": [{"host": "x"}]},
        "phone": {"url": "http://x/call", "hmac_secret": "s"},
        "webhook": {"url": "http://x/hook"},
    }
    return {kind: config["channels"].get(kind, {}) | {"tested": samples[kind]}}


def test_the_matrix_is_written() -> None:
    """Last, when all cells have their verdict: the file that `make prove` commits."""
    if os.environ.get("PROVE"):
        assert sum(map(len, verdicts.values())) == len(CELLS)
        PROOF.parent.mkdir(parents=True, exist_ok=True)
        matrix = {kind: dict(sorted(row.items())) for kind, row in verdicts.items()}
        cells = sum(map(len, matrix.values()))
        PROOF.write_text(json.dumps({"cells": cells, "silent": 0, "matrix": matrix}, indent=2) + "\n")
    assert Path(PROOF).parent.name == "proof"
