"""Calls: what is read out, what the gateway's answers and reports mean, and the gateway of deploy/ as a process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.noc.channels import PhoneConfig
from kunobs.config.secret import Secret
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.channels.phone import Phone
from kunobs.noc.channels.signing import sign
from kunobs.noc.notify.contract import Event, Frozen, Limit, Message, Ok, Outcome, Permanent, Retry
from kunobs.noc.notify.http import Http
from kunobs.testing.clock import FakeClock
from kunobs.testing.gateway import Call, PhoneGateway, Provider

LI = "+8613800000000"
SECRET = "phone-secret"
CUT = Retry("reset", "the connection was cut", delivered_maybe=True)


def message(**changes: Any) -> Message:
    """A page about incident 42."""
    fields: dict[str, Any] = {
        "key": "42-1-0123456789ab",
        "kind": "page",
        "tenant": "pay",
        "incident": 42,
        "severity": "critical",
        "title": "支付延迟",
        "text": "p99 为 3 s",
    }
    return Message(**(fields | changes))


@pytest.fixture
def clock() -> FakeClock:
    """Of both sides."""
    return FakeClock()


@pytest.fixture
def gateway(clock: FakeClock) -> Iterator[PhoneGateway]:
    """Keeps to docs/phone.md."""
    with PhoneGateway(SECRET, clock) as made:
        yield made


@pytest.fixture
def phone(gateway: PhoneGateway, clock: FakeClock) -> Phone:
    """A channel to it."""
    return channel(gateway, clock)


def channel(gateway: Provider, clock: Any, secret: str = SECRET, timeout: float = 5.0) -> Phone:
    """A channel to a gateway."""
    config = PhoneConfig(url=f"{gateway.url}/call", hmac_secret=Secret(secret))
    return Phone("main", config, Http(timeout=(5.0, timeout)), clock)


def frozen(phone: Phone, to: str = LI, **changes: Any) -> Frozen:
    """What the outbox holds."""
    (body,) = phone.pack(message(**changes), to)
    return Frozen("42-1-0123456789ab-1", to, body)


def test_what_is_read_out(gateway: PhoneGateway, phone: Phone) -> None:
    """How bad, which, what, and which keys."""
    assert phone.send(frozen(phone)) == Ok("call-1")
    assert gateway.received == [
        Call(
            "call-1",
            "42-1-0123456789ab",
            LI,
            "告警。级别严重。事件编号4 2。支付延迟。确认请按 1，升级请按 2。",
            "zh",
            {"1": "ack", "2": "escalate"},
        )
    ]
    phone.close()


def spoken(**changes: Any) -> str:
    """What is read out."""
    phone = Phone("main", PhoneConfig(), Http(), FakeClock())
    text: str = json.loads(phone.pack(message(**changes), LI)[0])["text"]
    return text


def test_english_and_what_is_no_question() -> None:
    """No keys are offered where there is nothing to answer; no number where there is no incident."""
    assert spoken(language="en", title="Latency of order-api") == (
        "Alert. severity critical. incident 4 2. Latency of order-api. Press 1 to acknowledge, 2 to escalate."
    )
    assert spoken(kind="meta", incident=0, severity="warning") == "告警。级别警告。支付延迟。"
    phone = Phone("main", PhoneConfig(), Http(), FakeClock())
    for kind, keys in (("page", 2), ("reminder", 2), ("storm", 2), ("drill", 2), ("resolved", 0), ("taken", 0)):
        assert len(json.loads(phone.pack(message(kind=kind), LI)[0])["ack_keys"]) == keys


@pytest.mark.parametrize(
    ("title", "read"),
    [
        ("**CPU** > 90% on `pod-7`", "CPU 90% on pod-7"),
        ("[看板](https://noc.example.com/i/7) 打不开", "看板 打不开"),
        ("see https://noc.example.com/i/7 now", "see now"),
        ("<speak><break time='9999s'/>hi</speak>", "hi"),
        ("a & b\r\n\0c 😀", "a b c"),
        ("", "p99 为 3 s"),
        ("***", "p99 为 3 s"),
    ],
)
def test_nothing_but_words(title: str, read: str) -> None:
    """Markup is not read out, and a voice service's own cannot be smuggled in."""
    assert f"事件编号4 2。{read}。确认" in spoken(title=title)


@given(
    st.text(st.characters(), max_size=600) | st.text(alphabet="[]()<>*_`&;=/:.htps 中a1\n", max_size=600),
    st.text(max_size=100),
    st.integers(0, 2**63),
    st.sampled_from(["zh", "en"]),
    st.sampled_from(["page", "digest"]),
)
@example("[" * 5000, "critical", 1, "zh", "page")
@example("告" * 5000, "critical", 2**63, "zh", "page")
@example("<" * 5000, "x" * 5000, 1, "en", "page")
@example("\ud800", "\udfff", 1, "en", "page")
def test_any_title(title: str, severity: str, incident: int, language: str, kind: str) -> None:
    """At most 350 characters of letters, digits and marks, as JSON; the keys are always said."""
    phone = Phone("main", PhoneConfig(), Http(), FakeClock())
    (body,) = phone.pack(message(title=title, severity=severity, incident=incident, language=language, kind=kind), LI)
    found = json.loads(body.decode("utf-8"))
    assert 1 <= len(found["text"]) <= 350
    assert not re.search(r"[^\w ，。；：？！、,.;:?!%+/-]", found["text"])
    if kind == "page":
        assert found["text"].endswith(("确认请按 1，升级请按 2。", "Press 1 to acknowledge, 2 to escalate."))


@pytest.mark.parametrize(
    ("fault", "outcome", "rang"),
    [
        ("http_500", Retry("http_500", "HTTP 500"), 0),
        ("html", Retry("no_call_id", "HTTP 200 without a call_id", delivered_maybe=True), 0),
        ("reset", CUT, 0),
        ("cut", CUT, 1),
        (202, Retry("no_call_id", "HTTP 202 without a call_id", delivered_maybe=True), 0),
        (409, Retry("no_call_id", "HTTP 409 without a call_id"), 0),
        (429, Retry("http_429", "HTTP 429"), 0),
        (503, Retry("http_503", "HTTP 503"), 0),
        (400, Permanent("http_400", "HTTP 400"), 0),
        (413, Permanent("http_413", "HTTP 413"), 0),
        (422, Permanent("http_422", "the gateway cannot call this number", dead="address"), 0),
        (401, Permanent("http_401", "HTTP 401", dead="channel"), 0),
        (404, Permanent("http_404", "HTTP 404", dead="channel"), 0),
        (302, Permanent("http_302", "HTTP 302", dead="channel"), 0),
    ],
)
def test_faults(gateway: PhoneGateway, phone: Phone, fault: Any, outcome: Outcome, rang: int) -> None:
    """None is Ok; the next attempt is the same to the byte and rings nobody twice."""
    gateway.fail(fault)
    assert phone.send(frozen(phone)) == outcome
    assert len(gateway.received) == rang
    assert phone.send(frozen(phone)) == Ok("call-1")
    assert len(gateway.received) == 1


def test_a_slow_gateway(gateway: PhoneGateway, clock: FakeClock) -> None:
    """It may ring all the same."""
    gateway.fail("slow")
    phone = channel(gateway, clock, timeout=0.1)
    assert phone.send(frozen(phone)) == Retry("timeout", "no answer in time", delivered_maybe=True)


class Says(Provider):
    """A gateway that answers what it is told to."""

    said: object = None

    def answer(self, asked: Any) -> tuple[int, object]:
        """That."""
        return 200, self.said


@pytest.mark.parametrize(
    "said", [{}, {"call_id": ""}, {"call_id": 7}, {"call_id": None}, ["call_id"], {"call_id": "x" * 129}, 0]
)
def test_an_answer_without_a_call_id(clock: FakeClock, said: object) -> None:
    """It is never success."""
    with Says() as gateway:
        gateway.said = said
        outcome = channel(gateway, clock).send(frozen(channel(gateway, clock)))
    assert outcome == Retry("no_call_id", "HTTP 200 without a call_id", delivered_maybe=True)


def test_the_signature_is_of_the_attempt(gateway: PhoneGateway, clock: FakeClock, phone: Phone) -> None:
    """The same bytes an hour later are signed anew; another secret, or our clock being wrong, is refused."""
    sent = frozen(phone)
    gateway.fail("http_500")
    phone.send(sent)
    clock.advance(3600)
    assert phone.send(sent) == Ok("call-1")
    first, second = (asked.headers["x-kunobs-signature"] for asked in gateway.asked)
    assert first[:12] == "t=1700000000"
    assert second[:12] == "t=1700003600"
    refused = Permanent("http_401", "HTTP 401", dead="channel")
    assert channel(gateway, clock, "other").send(sent) == refused
    assert channel(gateway, FakeClock(1_700_003_600 - 301)).send(sent) == refused


def test_the_carriers_limits(gateway: PhoneGateway, clock: FakeClock, phone: Phone) -> None:
    """One in a minute to a person, five in an hour; another person is not concerned. Our own limits say the same."""
    keys = iter(range(100))

    def call(to: str = LI) -> Outcome:
        return phone.send(frozen(phone, to, key=f"k-{next(keys)}"))

    assert isinstance(call(), Ok)
    assert call() == Retry("http_429", "HTTP 429")
    assert isinstance(call("+8613900000000"), Ok)
    for _ in range(4):
        clock.advance(60)
        assert isinstance(call(), Ok)
    clock.advance(60)
    assert call() == Retry("http_429", "HTTP 429")
    assert list(phone.limits(LI)) == [
        Limit(f"main/callee/{LI}/minute", 1, 60),
        Limit(f"main/callee/{LI}/hour", 5, 3600),
        Limit(f"main/callee/{LI}/day", 20, 86400),
    ]


def test_check(gateway: PhoneGateway, clock: FakeClock, phone: Phone) -> None:
    """Signed, and nobody's telephone rings."""
    assert phone.check() == Ok()
    assert gateway.received == []
    assert channel(gateway, clock, "other").check() == Permanent("http_401", "HTTP 401", dead="channel")
    gateway.fail(404, 405, 501, 403, 503, "reset")
    assert [phone.check() for _ in range(3)] == [Ok(), Ok(), Ok()]
    assert phone.check() == Permanent("http_403", "HTTP 403", dead="channel")
    assert phone.check() == Retry("http_503", "HTTP 503")
    assert phone.check() == CUT


@pytest.mark.parametrize(
    ("event", "more", "receipt", "failed", "action"),
    [
        ("ringing", {}, "delivered", "", None),
        ("answered", {}, "read", "", None),
        ("keypress", {"digits": "1"}, "acted", "", "ack"),
        ("keypress", {"digits": "2#"}, "acted", "", "escalate"),
        ("keypress", {"digits": "11"}, "read", "", None),
        ("keypress", {"digits": "*"}, "read", "", None),
        ("keypress", {}, "read", "", None),
        ("no_answer", {}, None, "no_answer", None),
        ("busy", {"reason": "user <b>busy</b>\n"}, None, "user busy", None),
        ("failed", {"reason": "x" * 500}, None, "x" * 100, None),
    ],
)
def test_reports(
    gateway: PhoneGateway, phone: Phone, event: str, more: Any, receipt: Any, failed: str, action: Any
) -> None:
    """What a person did with the call; the same report has the same id."""
    phone.send(frozen(phone))
    body, signature = gateway.report(gateway.received[0], event, **more)
    found = phone.read_report(body, signature, 1_700_000_010.0)
    assert found == Event(
        f"call-1/{event}/{more.get('digits', '')}", "42-1-0123456789ab", "call-1", receipt, failed, action, LI
    )
    assert phone.read_report(*gateway.report(gateway.received[0], event, **more), 1_700_000_011.0).id == found.id


REPORT = {"call_id": "call-1", "idempotency_key": "42-1", "to": LI, "event": "keypress", "digits": "1"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"[" * 10_000,
        json.dumps(REPORT | {"event": "hangup"}).encode(),
        json.dumps(REPORT | {"digits": 1}).encode(),
        json.dumps(REPORT | {"digits": "1" * 33}).encode(),
        json.dumps(REPORT | {"call_id": ""}).encode(),
        json.dumps(REPORT | {"to": None}).encode(),
        json.dumps({name: value for name, value in REPORT.items() if name != "idempotency_key"}).encode(),
    ],
)
def test_what_is_no_report(phone: Phone, body: bytes) -> None:
    """400, though it is signed."""
    with pytest.raises(Refusal, match="no report") as caught:
        phone.read_report(body, sign(Secret(SECRET), body, 1e9), 1e9)
    assert caught.value.status == 400


def test_who_may_report(phone: Phone) -> None:
    """Only the gateway, only now, and not more than a report."""
    body = json.dumps(REPORT).encode()
    signature = sign(Secret(SECRET), body, 1e9)
    phone.read_report(body, signature, 1e9)
    newer = json.dumps(REPORT | {"new": 1}).encode()
    phone.read_report(newer, sign(Secret(SECRET), newer, 1e9), 1e9)
    for wrong, header, now in (
        (body + b" ", signature, 1e9),
        (body, sign(Secret("other"), body, 1e9), 1e9),
        (body, signature, 1e9 + 301),
        (body, "", 1e9),
    ):
        with pytest.raises(Refusal) as caught:
            phone.read_report(wrong, header, now)
        assert caught.value.status == 403
    large = json.dumps(REPORT | {"reason": "x" * 20_000}).encode()
    with pytest.raises(Refusal) as caught:
        phone.read_report(large, sign(Secret(SECRET), large, 1e9), 1e9)
    assert caught.value.status == 413


@contextmanager
def example_gateway(folder: Path, report_url: str) -> Iterator[tuple[Any, str]]:
    """deploy/phone-gateway.py as a process; its output, and where it listens."""
    (folder / "secret").write_text(SECRET + "\n")
    program = Path(__file__).parents[2] / "deploy/phone-gateway.py"
    settings = {"SECRET_FILE": "secret", "REPORT_URL": report_url, "PORT": "0", "NO_PROXY": "*"}
    process = subprocess.Popen(
        [sys.executable, str(program)], cwd=folder, env=os.environ | settings, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        listening = process.stdout.readline()
        yield process.stdout, f"http://127.0.0.1:{listening.split()[-1]}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Relay(Provider):
    """Where the gateway reports to."""

    def answer(self, asked: Any) -> tuple[int, object]:
        """Taken."""
        return 200, {}


def get(url: str) -> int:
    """The status of what the exchange asks."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_gateway_of_deploy(tmp_path: Path) -> None:
    """Asked, it calls once, also after a restart; a key that is pressed comes back signed; strangers are refused."""
    with Relay() as relay, example_gateway(tmp_path, f"{relay.url}/report") as (output, url):
        config = PhoneConfig(url=f"{url}/call", hmac_secret=Secret(SECRET))
        phone = Phone("main", config, Http(), SYSTEM_CLOCK)
        assert phone.check() == Ok()
        sent = frozen(phone)
        first = phone.send(sent)
        assert isinstance(first, Ok)
        assert output.readline() == (
            f"dial {LI}: 告警。级别严重。事件编号4 2。支付延迟。确认请按 1，升级请按 2。 ({first.provider_id})\n"
        )
        assert phone.send(sent) == first
        stranger = Phone("main", config.model_copy(update={"hmac_secret": Secret("other")}), Http(), SYSTEM_CLOCK)
        assert stranger.send(sent) == stranger.check() == Permanent("http_401", "HTTP 401", dead="channel")
        assert get(f"{url}/exchange/{first.provider_id}/keypress?digits=1") == 200
        (asked,) = relay.asked
        event = phone.read_report(asked.body, asked.headers["x-kunobs-signature"], SYSTEM_CLOCK.now())
        assert (event.action, event.who, event.key, event.provider_id) == (
            "ack",
            LI,
            "42-1-0123456789ab",
            first.provider_id,
        )
    with Relay() as relay, example_gateway(tmp_path, relay.url) as (_, url):
        again = Phone("main", PhoneConfig(url=f"{url}/call", hmac_secret=Secret(SECRET)), Http(), SYSTEM_CLOCK)
        assert again.send(sent) == first
