"""What providers call us with: a whole relay, its real channels, and mocks that make what the provider would make."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import pytest

from kunobs.config.secret import Secret
from kunobs.noc.api import build_callbacks
from kunobs.noc.channels.build import Channels
from kunobs.noc.channels.signing import sign
from kunobs.noc.channels.wecom_callback import LARGEST
from kunobs.testing.gateway import PhoneGateway
from kunobs.testing.noc import NocBench
from kunobs.testing.wechat import WechatServer
from kunobs.testing.wecom import WecomServer

HOOK_SECRET = "phone-secret"
LI = "+8613800000001"


class Callbacks:
    """The endpoint over a relay that speaks to mocks; one incident has been paged by every channel."""

    def __init__(self, stack: ExitStack) -> None:
        self.wecom = stack.enter_context(WecomServer(users=("lilei",)))
        self.wechat = stack.enter_context(WechatServer())
        self.gateway = stack.enter_context(PhoneGateway(HOOK_SECRET))
        self.bench = stack.enter_context(NocBench(self.config()))
        for mock in (self.wechat, self.gateway):
            mock.clock = self.bench.clock
        self.wecom.callback._clock = self.bench.clock
        built = Channels(self.bench.clock).build(self.bench.config.channels)
        self.bench.relay.policy.channels = built
        self.app = build_callbacks(self.bench.relay)
        self.incident = self.bench.fires(alertname="DiskFull", severity="critical")

    def config(self) -> str:
        """Of a relay with one person and three ways to reach him, and of channels that have no callback."""
        app = f"corp_id: {self.wecom.callback.corp_id}, agent_id: 1000002, secret: application-secret, api: '{self.wecom.url}'"
        keys = f"callback_token: {self.wecom.callback.token}, callback_aes_key: {self.wecom.callback.aes_key}"
        account = (
            f"app_id: {self.wechat.app_id}, secret: {self.wechat.secret}, api: '{self.wechat.url}', template_id: alert"
        )
        fields = "{thing1: title, time2: time, const3: severity, character_string4: incident}"
        return f"""
channels:
  wecom_robot: {{ops: {{key: k}}}}
  wecom_app: {{app: {{{app}, {keys}}}, mute: {{{app}}}, broken: {{{app}, callback_token: t, callback_aes_key: short}}}}
  wechat: {{account: {{{account}, fields: {fields}, callback_token: {self.wechat.callback_token}}}, quiet: {{{account}, fields: {fields}}}}}
  phone: {{call: {{url: '{self.gateway.url}/call', hmac_secret: {HOOK_SECRET}}}}}
people:
  li: {{name: 李雷, wecom: lilei, openid: openid-li, phone: "{LI}", by: [app, account, call]}}
ladders: {{standard: {{steps: [{{to: [person:li], by: [app, account, call], wait: 5m}}]}}}}
route: {{ladder: standard}}
"""

    def ask(
        self, path: str, params: Mapping[str, str] | str = "", body: bytes | None = None, **more: Any
    ) -> tuple[int, bytes]:
        """(status, body) of a POST, or of a GET where there is no body."""
        scope = {
            "type": "http", "method": more.pop("method", "GET" if body is None else "POST"), "path": path,
            "query_string": (params if isinstance(params, str) else urlencode(params)).encode("latin-1"),
            "headers": [(k.lower().replace("_", "-").encode(), v.encode()) for k, v in more.items()],
        }  # fmt: skip
        incoming = [{"type": "http.request", "body": body or b"", "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(part: Any) -> None:
            sent.append(part)

        asyncio.run(self.app(scope, receive, send))
        return sent[0]["status"], b"".join(part["body"] for part in sent[1:])

    def report(self, event: str, **more: str) -> tuple[int, bytes]:
        """The gateway says what became of the call."""
        body, signature = self.gateway.report(self.gateway.received[0], event, **more)
        return self.ask("/callback/call", body=body, x_kunobs_signature=signature)

    def receipt(self, channel: str) -> str:
        """How far the page is known to have come."""
        found: str = self.bench.rows("SELECT receipt FROM outbox WHERE channel = ? ORDER BY id", channel)[0][0]
        return found

    def state(self) -> tuple[str, str | None]:
        """Of the incident, and who has it."""
        return self.bench.rows("SELECT state, acked_by FROM incident WHERE id = ?", self.incident)[0]  # type: ignore[return-value]


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    """Paged, and nothing reported."""
    with ExitStack() as stack:
        yield Callbacks(stack)


@pytest.fixture(scope="module")
def shared() -> Iterator[Callbacks]:
    """For tests in which nothing is to happen."""
    with ExitStack() as stack:
        yield Callbacks(stack)


def pressed(callbacks: Callbacks, button: str) -> tuple[dict[str, str], bytes]:
    """What WeCom posts when Li presses a button of the page's card."""
    card = next(each for each in callbacks.wecom.seen_by("lilei") if each.task_id)
    return callbacks.wecom.press(card.task_id, "lilei", button)


def test_a_button_takes_the_incident(callbacks: Callbacks) -> None:
    """Empty and 200, as WeCom wants it; the incident is taken by the person, once, however often WeCom says so."""
    params, body = pressed(callbacks, "ack")
    for _ in range(3):
        assert callbacks.ask("/callback/app", params, body) == (200, b"")
    assert callbacks.state() == ("acked", "李雷")
    assert callbacks.receipt("app") == "acted"
    taken = callbacks.bench.rows("SELECT count(*) FROM journal WHERE kind IN ('taken', 'taken already')")
    assert taken == [(1,)]


def test_wecom_tries_the_address(shared: Callbacks) -> None:
    """The secret word comes back, and for a stranger nothing does."""
    params = shared.wecom.callback.verification("echo 4711")
    assert shared.ask("/callback/app", params) == (200, b"echo 4711")
    status, answer = shared.ask("/callback/app", params | {"nonce": "1"})
    assert status == 403
    assert b"4711" not in answer


def test_what_wecom_says_besides(shared: Callbacks) -> None:
    """An event that is none of ours is taken and means nothing."""
    params, body = shared.wecom.callback.post("<xml><MsgType>text</MsgType><Content>ack</Content></xml>")
    assert shared.ask("/callback/app", params, body) == (200, b"")
    assert shared.state()[0] == "firing"


def test_a_receipt_of_wechat(callbacks: Callbacks) -> None:
    """Delivered to the phone; the answer is WeChat's own word."""
    query, body = callbacks.wechat.receipt(callbacks.wechat.received[0].msgid)
    assert callbacks.ask("/callback/account", query, body.encode()) == (200, b"success")
    assert callbacks.receipt("account") == "delivered"
    assert callbacks.ask("/callback/account", query | {"echostr": "echo 1"}) == (200, b"echo 1")


def test_a_person_who_blocks_us(callbacks: Callbacks) -> None:
    """A failure that WeChat tells later is in the story."""
    query, body = callbacks.wechat.receipt(callbacks.wechat.received[0].msgid, "failed:user block")
    assert callbacks.ask("/callback/account", query, body.encode()) == (200, b"success")
    assert callbacks.bench.rows("SELECT count(*) FROM journal WHERE kind = 'not delivered'") == [(1,)]


def test_a_call(callbacks: Callbacks) -> None:
    """It rings, is answered, and a key takes the incident."""
    found = []
    for event, more in (("ringing", {}), ("answered", {}), ("keypress", {"digits": "1"})):
        assert callbacks.report(event, **more) == (200, b"")
        found.append(callbacks.receipt("call"))
    assert found == ["delivered", "read", "acted"]
    assert callbacks.state() == ("acked", "李雷")


def test_a_report_that_is_early(callbacks: Callbacks) -> None:
    """The provider's report overtakes its own answer: 503, until the answer is recorded; then it counts."""
    callbacks.bench.store.write(lambda tx: tx.run("UPDATE outbox SET provider_id = '' WHERE channel = 'account'"))
    message = callbacks.wechat.received[0]
    query, body = callbacks.wechat.receipt(message.msgid)
    status, answer = callbacks.ask("/callback/account", query, body.encode())
    assert (status, json.loads(answer)["status"]) == (503, 503)
    callbacks.bench.store.write(
        lambda tx: tx.run("UPDATE outbox SET provider_id = ? WHERE channel = 'account'", str(message.msgid))
    )
    assert callbacks.ask("/callback/account", query, body.encode()) == (200, b"success")
    assert callbacks.receipt("account") == "delivered"


def test_not_now(callbacks: Callbacks) -> None:
    """Nothing can be kept: the provider is to say it again."""
    params, body = pressed(callbacks, "ack")
    connection = callbacks.bench.store._connection
    assert connection is not None
    connection.execute("PRAGMA query_only=ON")
    status, answer = callbacks.ask("/callback/app", params, body)
    assert status == 503
    assert b"relay.db" not in answer
    assert callbacks.ask("/callback/app", params, body) == (200, b"")
    assert callbacks.state()[0] == "acked"


# Strangers.


@pytest.mark.parametrize(
    "name",
    ["nobody", "ops", "mute", "quiet", "", "../app", "app/", "app/x", "App", "\x00\ud800", "x" * 5000, "board"],
)
@pytest.mark.parametrize("body", [None, b"<xml></xml>"])
def test_channels_without_a_callback(shared: Callbacks, name: str, body: bytes | None) -> None:
    """404 alike, whether there is such a channel or not."""
    status, answer = shared.ask(f"/callback/{name}", "timestamp=1&nonce=2", body)
    assert (status, json.loads(answer)["detail"]) == (404, "nothing is here")


@pytest.mark.parametrize("name", ["app", "account", "call", "broken"])
@pytest.mark.parametrize("forged", ["unsigned", "other secret", "other body"])
def test_forged(shared: Callbacks, name: str, forged: str) -> None:
    """403 without a reason, and nothing happens; none of the secrets comes back."""
    shared.wecom.callback.token, kept = ("other", shared.wecom.callback.token)
    params, body = pressed(shared, "ack")
    shared.wecom.callback.token = kept
    headers = {}
    if name == "account":
        query, text = shared.wechat.receipt(shared.wechat.received[0].msgid)
        params, body = query | {"signature": "0" * 40}, text.encode()
    if name == "call":
        body, _ = shared.gateway.report(shared.gateway.received[0], "answered")
        headers = {"x_kunobs_signature": sign(Secret("other"), body, shared.bench.clock.now())}
    if forged == "unsigned":
        params, headers = {}, {}
    elif forged == "other body":
        body += b" "
    status, answer = shared.ask(f"/callback/{name}", params, body, **headers)
    assert (status, json.loads(answer)["detail"]) == (403, "this callback is not accepted")
    assert shared.state() == ("firing", None)
    assert "hint" not in json.loads(answer)


def test_an_old_report(shared: Callbacks) -> None:
    """A recording of a call's key, played back later, takes nothing."""
    body, signature = shared.gateway.report(shared.gateway.received[0], "keypress", digits="1")
    shared.bench.clock.jump(301)
    try:
        status, _ = shared.ask("/callback/call", body=body, x_kunobs_signature=signature)
    finally:
        shared.bench.clock.jump(-301)
    assert status == 403
    assert shared.state()[0] == "firing"


@pytest.mark.parametrize("name", ["app", "account", "call"])
@pytest.mark.parametrize(
    ("params", "body"),
    [
        ("", b""),
        ("timestamp=%ff&nonce=%00&msg_signature=%f0&signature=\xff", b"<xml>"),
        ("timestamp=" + "9" * 5000 + "&nonce=1", b"\x00" * 1000),
        ("&".join(f"a{n}=1" for n in range(500)), b"<xml></xml>"),
        ("", b'<!DOCTYPE x [<!ENTITY a "b">]><xml>&a;</xml>'),
        ("", b"<xml>" + b"<a>" * 20_000),
        ("", b'{"call_id": "' + b"x" * 10_000),
        ("msg_signature=a&msg_signature=b&timestamp=1&timestamp=2", b"<xml><Encrypt>AAAA</Encrypt></xml>"),
    ],
)
def test_hostile_posts(shared: Callbacks, name: str, params: str, body: bytes) -> None:
    """Refused, by a problem without details."""
    status, answer = shared.ask(f"/callback/{name}", params, body, x_kunobs_signature="t=1,v1=" + "0" * 64)
    assert status in (400, 403, 413)
    assert json.loads(answer)["detail"] in ("this callback is not accepted", "the body is too large")
    assert shared.ask(f"/callback/{name}", params)[0] in (400, 403, 405)


@pytest.mark.parametrize("name", ["app", "account", "call"])
def test_large_posts_and_other_methods(shared: Callbacks, name: str) -> None:
    """What no provider sends is not read to its end."""
    assert shared.ask(f"/callback/{name}", "", b"x" * (LARGEST + 1))[0] == 413
    assert shared.ask(f"/callback/{name}", method="DELETE")[0] == 405


@pytest.mark.parametrize(
    "key",
    [
        "1-1-abc-" + "9" * 40,
        "1-1-abc-²",
        *("-", "\x00", "x" * 128),
    ],
)
def test_reports_about_what_we_never_asked(shared: Callbacks, key: str) -> None:
    """A gateway that is signed but confused is told to come again, however it names the call."""
    body = json.dumps({"call_id": "c", "idempotency_key": key, "to": LI, "event": "answered"}).encode()
    signature = sign(Secret(HOOK_SECRET), body, shared.bench.clock.now())
    assert shared.ask("/callback/call", body=body, x_kunobs_signature=signature)[0] == 503
