"""Hostile posts through the whole relay: never a 500, and whatever people would get is well formed to a strict provider."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from prometheus_client import CollectorRegistry

from kunobs.catalogue.metrics import Metrics
from kunobs.config.noc.channels import ChannelsConfig
from kunobs.noc.channels.build import Channels
from kunobs.noc.ingest import Ingest
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.notify.contract import Channel, Frozen, Ok, Outcome
from kunobs.noc.notify.http import Answer
from kunobs.testing.clock import FakeClock
from kunobs.testing.noc import NocBench
from kunobs.testing.noc_payloads import alertmanager, mutate
from kunobs.testing.wecom import WecomServer

POSTS = 4_000
CONFIG = """
integrations: {prod: {token: t}}
channels:
  wecom_robot: {plain: {key: k}, rich: {key: k, format: markdown_v2}, card: {key: k, format: template_card}, words: {key: k, format: text}}
  wecom_app: {app: {corp_id: c, agent_id: 1, secret: s}}
  mail: {mail: {sender: noc@example.com, smarthosts: [{host: x}]}}
people:
  li: {wecom: lilei, mail: li@example.com, by: [app, mail]}
ladders:
  std: {steps: [{to: [channel:plain, channel:rich, channel:card, channel:words, person:li], by: [app, mail], mention: [person:li]}]}
route: {ladder: std}
storm: {incidents: 100000}
flapping: {times: 1000}
"""


class ByHand:
    """The provider's own judgement, without HTTP between."""

    def __init__(self, server: WecomServer) -> None:
        self._server = server

    def ask(self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """What WeCom says."""
        parts = urlsplit(url)
        said = self._server.answer(
            method, parts.path.removeprefix("/cgi-bin/"), dict(parse_qsl(parts.query)), body or b""
        )
        return Answer(200, json.dumps(said).encode(), {})


class Judged:
    """A channel whose messages a strict provider must take; `refused` says which it did not."""

    def __init__(self, channel: Channel, refused: list[str]) -> None:
        self._channel, self._refused = channel, refused
        self.name, self.kind, self.markup = channel.name, channel.kind, channel.markup
        self.pack, self.check, self.close = channel.pack, channel.check, channel.close

    def limits(self, address: str) -> tuple[()]:
        """None: this is not about how often."""
        return ()

    def send(self, frozen: Frozen) -> Outcome:
        """Ok whatever it says, so that the relay goes on."""
        frozen.body.decode()
        if self.kind == "mail":
            mail = message_from_bytes(frozen.body, policy=policy.default)
            if mail.defects or not str(mail["Subject"]):
                self._refused.append(f"mail: {mail.defects}")
        else:
            outcome = self._channel.send(frozen)
            if not isinstance(outcome, Ok):
                self._refused.append(f"{self.name}: {outcome}: {frozen.body!r}"[:600])
        return Ok()


def judged(server: WecomServer, clock: FakeClock) -> tuple[dict[str, Any], list[str]]:
    """The channels of the configuration before a strict provider."""
    app = server.app
    login = {"corp_id": app.corp_id, "agent_id": app.agent_id, "secret": app.secret, "api": "http://wecom"}
    robots = {
        name: {"key": f"key-{name}", "api": "http://wecom", "format": form}
        for name, form in {"plain": "markdown", "rich": "markdown_v2", "card": "template_card", "words": "text"}.items()
    }
    mail = {"sender": "noc@example.com", "smarthosts": [{"host": "x"}]}
    config = {"wecom_robot": robots, "wecom_app": {"app": login}, "mail": {"mail": mail}}
    refused: list[str] = []
    built = Channels(clock).build(ChannelsConfig.model_validate(config))
    for channel in built.values():
        if hasattr(channel, "_http"):
            channel._http = ByHand(server)
        for part in vars(channel).values():
            if hasattr(part, "_http"):
                part._http = ByHand(server)
    return {name: Judged(channel, refused) for name, channel in built.items()}, refused


@pytest.mark.timeout(300)
def test_nothing_hostile_breaks_a_message(tmp_path: Path) -> None:
    """Mutated webhooks: 200 or a 4xx that explains itself; every message that results is taken by a provider that checks every byte."""
    seed = 11
    print(f"seed {seed}")
    rng = random.Random(seed)
    clock = FakeClock()
    server = WecomServer(["lilei"], {f"key-{name}": name for name in ("plain", "rich", "card", "words")}, clock=clock)
    channels, refused = judged(server, clock)
    statuses: Counter[int] = Counter()
    with NocBench(CONFIG, channels, tmp_path) as bench:
        app = Ingest(bench.relay, NocMetrics(Metrics(CollectorRegistry(), "noc")), lambda: False)
        bodies = [alertmanager(True).body, alertmanager(False).body]
        for number in range(POSTS):
            status, answer = post(app, mutate(rng, bodies[number % 2]))
            statuses[status] += 1
            assert status == 200 or (400 <= status < 500 and answer["detail"]), (status, answer)
            if number % 50 == 0:
                # A minute of the provider's, or it would refuse for another reason.
                clock.advance(61)
                bench.relay.settle()
        bench.relay.settle()
        assert bench.rows("SELECT count(*) FROM outbox WHERE state <> 'sent' AND state <> 'dropped'") == [(0,)]
    print(statuses, len(server.received), Counter(each.split(",")[0][:60] for each in refused))
    allowed = ("45009", "45033")
    wrong = [each for each in refused if not any(code in each for code in allowed)]
    assert not wrong, wrong[:3]
    assert statuses[200] > POSTS / 10
    assert len(server.received) > 500


def post(app: Ingest, body: bytes) -> tuple[int, dict[str, Any]]:
    """(status, answer)."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/alertmanager/prod",
        "headers": [(b"authorization", b"Bearer t")],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(part: Any) -> None:
        sent.append(part)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])
