"""What other systems are posted, and what their answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kunobs.config.noc.channels import WebhookConfig
from kunobs.config.secret import Secret
from kunobs.noc.channels.webhook import LONGEST_TEXT, Webhook
from kunobs.noc.notify.contract import Frozen, Limit, Message, Ok, Outcome, Permanent, Retry
from kunobs.noc.notify.http import Http
from kunobs.testing.clock import FakeClock
from kunobs.testing.gateway import WebhookSink

MESSAGE = Message(
    key="42-1-0123456789ab", kind="page", tenant="pay", incident=42, severity="critical", title="支付延迟", text="**p99**"
)  # fmt: skip
CUT = Retry("reset", "the connection was cut", delivered_maybe=True)


@pytest.fixture
def sink() -> Iterator[WebhookSink]:
    """Wants signatures."""
    with WebhookSink("hook-secret", FakeClock()) as made:
        yield made


def hook(sink: WebhookSink, key: str = "hook-secret", **changes: Any) -> Webhook:
    """A channel to it."""
    config = WebhookConfig(url=f"{sink.url}/hook", hmac_secret=Secret(key), **changes)
    return Webhook("tickets", config, Http(timeout=(5.0, 5.0)), FakeClock())


def frozen(channel: Webhook, message: Message = MESSAGE) -> Frozen:
    """What the outbox holds."""
    (body,) = channel.pack(message, "team-pay")
    return Frozen(f"{message.key}-1", "team-pay", body)


def test_the_object(sink: WebhookSink) -> None:
    """Its documented shape, with our headers."""
    channel = hook(sink)
    assert channel.send(frozen(channel)) == Ok()
    assert sink.received == [
        {
            "version": 1,
            "key": "42-1-0123456789ab",
            "kind": "page",
            "tenant": "pay",
            "incident": 42,
            "severity": "critical",
            "title": "支付延迟",
            "text": "**p99**",
            "step": 1,
            "reminder": 0,
            "language": "zh",
            "ack_url": "",
            "detail_url": "",
            "mention": [],
            "address": "team-pay",
        }
    ]
    (asked,) = sink.asked
    assert asked.path == "/hook"
    assert asked.headers["idempotency-key"] == "42-1-0123456789ab-1"
    assert asked.headers["content-type"] == "application/json; charset=utf-8"
    channel.close()


def test_without_a_secret_there_is_no_signature(sink: WebhookSink) -> None:
    """And one that wants it refuses."""
    channel = hook(sink, "")
    assert channel.send(frozen(channel)) == Permanent("http_401", "HTTP 401", dead="channel")
    assert "x-kunobs-signature" not in sink.asked[0].headers
    assert hook(sink, "wrong").send(frozen(channel)) == Permanent("http_401", "HTTP 401", dead="channel")
    assert sink.received == []


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(sink: WebhookSink, status: int) -> None:
    """Whatever the body says."""
    sink.fail(status)
    channel = hook(sink)
    assert channel.send(frozen(channel)) == Ok()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((status, Retry(f"http_{status}", f"HTTP {status}")) for status in (408, 425, 429, 500, 503, 599)),
        *((status, Retry(f"http_{status}", f"HTTP {status}", delivered_maybe=True)) for status in (502, 504)),
        *((status, Permanent(f"http_{status}", f"HTTP {status}")) for status in (400, 413, 422)),
        *(
            (status, Permanent(f"http_{status}", f"HTTP {status}", dead="channel"))
            for status in (301, 302, 304, 307, 401, 403, 404, 405, 410, 418)
        ),
    ],
)
def test_other_statuses(sink: WebhookSink, status: int, outcome: Outcome) -> None:
    """Later, not this one, or not us."""
    sink.fail(status)
    channel = hook(sink)
    assert channel.send(frozen(channel)) == outcome


@pytest.mark.parametrize(
    ("fault", "outcome", "received"),
    [("reset", CUT, 0), ("cut", CUT, 1), ("http_500", Retry("http_500", "HTTP 500"), 0), ("html", Ok(), 0)],
)
def test_faults(sink: WebhookSink, fault: Any, outcome: Outcome, received: int) -> None:
    """A repetition has the same key and the same bytes, so that it is recognised. A 200 is success though it be a proxy's page."""
    sink.fail(fault)
    channel = hook(sink)
    assert channel.send(frozen(channel)) == outcome
    assert len(sink.received) == received
    assert channel.send(frozen(channel)) == Ok()
    assert (len(sink.received), sink.again) == (1, received)


def test_a_slow_system(sink: WebhookSink) -> None:
    """It may have taken it."""
    sink.fail("slow")
    config = WebhookConfig(url=sink.url)
    channel = Webhook("tickets", config, Http(timeout=(5.0, 0.1)), FakeClock())
    assert channel.send(frozen(channel)) == Retry("timeout", "no answer in time", delivered_maybe=True)


def test_nobody_is_there() -> None:
    """The next attempt may find it."""
    with WebhookSink() as sink:
        channel = hook(sink)
        assert channel.check() == Ok()
    assert channel.send(frozen(channel)) == Retry("refused", "the connection was refused")


def test_limits(sink: WebhookSink) -> None:
    """One budget."""
    assert list(hook(sink, per_minute=7).limits("x")) == [Limit("tickets/minute", 7, 60)]


PACK = Webhook("tickets", WebhookConfig(url="http://127.0.0.1:9"), Http(), FakeClock())


ANY = st.text(st.characters())
"""Halves of characters too."""


@given(ANY, ANY, ANY, st.lists(ANY))
@example("\ud800", "\udfff", "\ud83d", ["\ud800"])
def test_any_text(title: str, text: str, address: str, mention: list[str]) -> None:
    """JSON of UTF-8; only halves of characters are not as they were."""
    message = Message("k", "page", "t", 1, "critical", title, text, mention=mention)
    (body,) = PACK.pack(message, address)
    found = json.loads(body.decode("utf-8"))

    def whole(each: str) -> str:
        return "".join("?" if 0xD800 <= ord(c) < 0xE000 else c for c in each)

    assert (found["title"], found["text"], found["address"]) == (whole(title), whole(text), whole(address))
    assert found["mention"] == [whole(each) for each in mention]
    assert PACK.pack(message, address) == [body]


def test_a_text_as_long_as_a_body_of_alertmanager() -> None:
    """It is cut, with a mark."""
    message = Message("k", "page", "t", 1, "critical", "x", "y" * 16_000_000)
    found = json.loads(PACK.pack(message, "")[0])
    assert found["text"] == "y" * (LONGEST_TEXT - 1) + "…"
