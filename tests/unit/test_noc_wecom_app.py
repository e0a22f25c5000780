"""A person gets one card, once, with an answer that leads back to it; and whatever WeCom says is understood."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kunobs.config.noc.channels import AppConfig
from kunobs.config.secret import Secret
from kunobs.noc.channels.token import PAUSE
from kunobs.noc.channels.wecom_app import WecomApp
from kunobs.noc.notify.contract import Frozen, Limit, Message, Ok, Outcome, Partial, Permanent, RefreshToken, Retry
from kunobs.noc.notify.http import Http
from kunobs.testing.clock import FakeClock
from kunobs.testing.wecom import Received, WecomServer
from tests.unit.test_noc_wecom_robot import MESSAGES, PAGE, folded

SECRET = "application-secret"


def app(api: str = "http://127.0.0.1:1", clock: FakeClock | None = None, **changes: Any) -> WecomApp:
    """A channel as the mock wants it, with a callback."""
    values = {"corp_id": "ww0123456789abcdef", "agent_id": 1000002, "secret": Secret(SECRET), "api": api}
    callback = {"callback_token": Secret("t"), "callback_aes_key": Secret("k")}
    config = AppConfig.model_validate(values | callback | changes)
    return WecomApp("main", config, Http(timeout=(5, 5)), clock or FakeClock())


def seen(bodies: list[bytes], *, callback: bool = True) -> list[Received]:
    """What members see of them, a minute apart; fails for one that WeCom does not take or drops."""
    clock = FakeClock()
    server = WecomServer(clock=clock)
    server.app.callback = callback
    token = server.app.login({"corpid": server.app.corp_id, "corpsecret": SECRET})["access_token"]
    for body in bodies:
        clock.advance(60)
        answer = server.answer("POST", "message/send", {"access_token": token}, body)
        assert answer["errcode"] == 0, answer
    assert len(server.received) == len(bodies)
    return server.received


def shown(message: Message) -> list[Received]:
    """What zhangsan sees of a message."""
    return seen(app().pack(message, "zhangsan"))


def card_of(message: Message) -> dict[str, Any]:
    """The first body's card."""
    body: dict[str, Any] = json.loads(app().pack(message, "zhangsan")[0])
    card: dict[str, Any] = body["template_card"]
    return card


# What it looks like


def test_a_page_is_one_card() -> None:
    """Severity and incident first, the text, three answers."""
    (only,) = shown(PAGE)
    assert only.kind == "template_card"
    assert only.text == (
        "shop\n严重 #4711 支付延迟 > 2 s\n#4711 · 2.1\n开始: 11-24 21:05\npod=pay-7\n[确认接手]\n[升级]\n[静默 1 小时]"
    )
    buttons = card_of(PAGE)["button_list"]
    assert [button["key"] for button in buttons] == ["ack", "escalate", "silence:1h"]
    assert card_of(PAGE)["card_action"] == {"type": 1, "url": PAGE.detail_url}


def test_in_english() -> None:
    """Labels and severity."""
    (only,) = shown(replace(PAGE, language="en", kind="reminder"))
    assert only.text.splitlines()[1:3] == ["critical #4711 支付延迟 > 2 s", "#4711 · 2.1 · reminder"]
    assert only.text.endswith("[Ack]\n[Escalate]\n[Silence 1 h]")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("severity", ["critical", "emergency-of-the-highest-order", "灾难灾难灾难灾难灾难"])
def test_the_first_20_bytes_tell_which(severity: str, language: Any) -> None:
    """Somebody who reads in WeChat may see no more."""
    title = card_of(replace(PAGE, severity=severity, language=language, incident=123456))["main_title"]["title"]
    start = title.encode()[:20].decode(errors="ignore")
    assert start.partition(" ")[0]
    assert "#123456" in start


def test_what_the_card_does_not_carry_follows() -> None:
    """As markdown of at most 2,048 bytes; the card shows the beginning."""
    card, *rest = shown(replace(PAGE, text="长" * 2000))
    assert card.text.count("长") == 159
    assert [each.kind for each in rest] == ["markdown"] * 3
    assert sum(each.text.count("长") for each in rest) == 2000
    assert all(each.text.startswith("#4711 · 2.1 · ") for each in rest)
    long_title = shown(replace(PAGE, title="t" * 40, text="short"))
    assert [each.kind for each in long_title] == ["template_card", "markdown"]
    assert "t" * 40 in long_title[1].text


def test_exactly_what_the_card_carries() -> None:
    """160 characters of text, 36 of title."""
    title = "t" * (36 - len("严重 #4711 "))
    assert len(shown(replace(PAGE, title=title, text="x" * 160))) == 1
    assert len(shown(replace(PAGE, title=title + "t", text="x" * 160))) == 2
    assert len(shown(replace(PAGE, title=title, text="x" * 161))) == 2


@pytest.mark.parametrize("kind", ["taken", "resolved", "meta", "digest"])
def test_what_wants_no_answer_is_markdown(kind: Any) -> None:
    """With links where there are any."""
    (only,) = shown(replace(PAGE, kind=kind, language="en", ack_url=""))
    assert only.kind == "markdown"
    head, top, links, *_ = only.text.splitlines()
    assert re.fullmatch(rf"#4711 · 2\.1 · (?:{kind}|relay) · [0-9a-f]{{6}}", head)
    assert top.endswith("critical</font> 支付延迟 > 2 s")
    assert links == "[Details](https://noc.example.com/board/incidents/4711)"


def test_a_drill_is_only_to_be_confirmed() -> None:
    """It is about no incident, so there is nothing to escalate or to silence."""
    assert [button["key"] for button in card_of(replace(PAGE, kind="drill", incident=0))["button_list"]] == ["ack"]


def test_without_a_callback_there_are_links() -> None:
    """WeCom takes no buttons from such an application."""
    channel = app(callback_token=Secret(), callback_aes_key=Secret())
    (card,) = seen(channel.pack(PAGE, "zhangsan"), callback=False)
    assert card.text.endswith(f"[确认接手]({PAGE.ack_url})\n[详情]({PAGE.detail_url})")
    (bare,) = seen(channel.pack(replace(PAGE, ack_url="", detail_url=""), "zhangsan"), callback=False)
    assert bare.kind == "markdown"


def test_two_messages_that_read_the_same() -> None:
    """Are two to WeCom, whatever their kind: it would drop the second without a word."""
    for kind in ("page", "resolved", "meta", "digest"):
        message = replace(PAGE, kind=kind, incident=0, reminder=0, text="x" * 3000)
        bodies = app().pack(message, "zhangsan") + app().pack(replace(message, key="other"), "zhangsan")
        assert len(seen(bodies)) == len(bodies)


def test_the_same_message_to_two_members() -> None:
    """A task_id is good once in an application, not once for a member."""
    assert len(seen(app().pack(PAGE, "zhangsan") + app().pack(PAGE, "lisi"))) == 2


@settings(max_examples=150, deadline=None, print_blob=True)
@given(MESSAGES)
def test_any_message(message: Message) -> None:
    """WeCom takes every part, they hold the whole text, nobody but zhangsan gets it, and packing is repeatable."""
    bodies = app().pack(message, "zhangsan")
    assert bodies == app().pack(message, "zhangsan")
    assert len(set(bodies)) == len(bodies)
    for body in bodies:
        request = json.loads(body.decode("utf-8", "strict"))
        assert (request["enable_duplicate_check"], request["duplicate_check_interval"]) == (1, 14400)
        assert len(request.get("markdown", {}).get("content", "").encode()) <= 2048
        if card := request.get("template_card"):
            assert card["task_id"].startswith(f"{message.key}@")
    parts = seen(bodies)
    assert {part.to for part in parts} == {"zhangsan"}
    if [part.kind for part in parts[:2]] == ["template_card", "markdown"]:
        parts = parts[1:]
    told = "".join(part.text if part.kind == "template_card" else part.text.partition("\n")[2] for part in parts)
    assert folded(message.text) in folded(told)
    assert folded(message.title) in folded(told)


@settings(max_examples=50, deadline=None, print_blob=True)
@given(st.text(), MESSAGES)
def test_any_address(address: str, message: Message) -> None:
    """Never raises, and says what WeCom can read."""
    for body in app().pack(message, address):
        assert json.loads(body.decode())["agentid"] == 1000002


# Sending


@pytest.fixture
def clock() -> FakeClock:
    """Of the channel and of WeCom."""
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> Iterator[WecomServer]:
    """A WeCom with two members."""
    with WecomServer(clock=clock) as made:
        yield made


def frozen(address: str = "zhangsan", message: Message = PAGE) -> Frozen:
    """The only part of a page."""
    (body,) = app().pack(message, address)
    return Frozen(f"{message.key}-1", address, body)


def test_it_arrives(server: WecomServer, clock: FakeClock) -> None:
    """With an id, and what an update needs; one login is enough."""
    channel = app(server.url, clock)
    assert channel.send(frozen()) == Ok(provider_id="msg-2", handle="code-3")
    assert isinstance(channel.send(frozen("lisi")), Ok)
    assert [each.to for each in server.received] == ["zhangsan", "lisi"]
    assert len(server.called("gettoken")) == 1
    channel.close()


def test_a_retry_after_a_lost_answer_is_no_second_page(server: WecomServer, clock: FakeClock) -> None:
    """The same bytes; WeCom carries them out once."""
    server.fail("message/send", "cut")
    channel = app(server.url, clock)
    lost = channel.send(frozen())
    assert isinstance(lost, Retry)
    assert lost.delivered_maybe
    assert channel.send(frozen()) == Ok(provider_id="msg-2")
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("errcode", "outcome"),
    [
        (45009, Retry("45009", "errcode 45009: told to", after=60.0)),
        (-1, Retry("-1", "errcode -1: told to")),
        (45033, Retry("45033", "errcode 45033: told to")),
        (6000, Retry("6000", "errcode 6000: told to")),
        (31337, Retry("unknown", "errcode 31337: told to")),
        (81013, Permanent("81013", "errcode 81013: told to", dead="address")),
        (60111, Permanent("60111", "errcode 60111: told to", dead="address")),
        (60020, Permanent("60020", "errcode 60020: told to", dead="channel")),
        (48001, Permanent("48001", "errcode 48001: told to", dead="channel")),
        (48002, Permanent("48002", "errcode 48002: told to", dead="channel")),
        (60011, Permanent("60011", "errcode 60011: told to", dead="channel")),
        (43012, Permanent("43012", "errcode 43012: told to", dead="channel")),
        (50003, Permanent("50003", "errcode 50003: told to", dead="channel")),
        (42014, Permanent("42014", "errcode 42014: told to", dead="message")),
        (45002, Permanent("45002", "errcode 45002: told to", dead="message")),
        (40014, RefreshToken("40014", "errcode 40014: told to")),
        (42001, RefreshToken("42001", "errcode 42001: told to")),
        (40001, RefreshToken("40001", "errcode 40001: told to")),
    ],
)
def test_what_wecom_says(server: WecomServer, clock: FakeClock, errcode: int, outcome: object) -> None:
    """Each errcode means one thing; one that is not known may heal."""
    server.fail("message/send", errcode)
    assert app(server.url, clock).send(frozen()) == outcome
    assert server.received == []


@pytest.mark.parametrize(("fault", "code"), [("http_500", "http_500"), ("html", "not_wecom"), ("reset", "reset")])
@pytest.mark.parametrize("path", ["message/send", "gettoken"])
def test_what_is_no_answer(server: WecomServer, clock: FakeClock, fault: Any, code: str, path: str) -> None:
    """Of the message or of the login, which says nothing about the message."""
    server.fail(path, fault)
    outcome = app(server.url, clock).send(frozen())
    assert isinstance(outcome, Retry)
    assert outcome.code == code
    assert outcome.delivered_maybe is (path == "message/send" and fault != "http_500")
    assert SECRET not in repr(outcome)


@pytest.mark.parametrize("errcode", [40001, 40013, 40091, 60020])
def test_a_login_that_is_wrong(server: WecomServer, clock: FakeClock, errcode: int) -> None:
    """Is wrong for everybody, and is not tried again in the same second."""
    channel = app(server.url, clock)
    server.fail("gettoken", errcode)
    outcomes = {repr(channel.send(frozen())) for _ in range(20)}
    assert outcomes == {repr(Permanent(str(errcode), f"errcode {errcode}: told to", dead="channel"))}
    assert len(server.called("gettoken")) == 1
    clock.advance(PAUSE)
    assert isinstance(channel.send(frozen()), Ok)


def test_a_token_that_was_revoked(server: WecomServer, clock: FakeClock) -> None:
    """Costs one attempt, and the next one has a new token."""
    channel = app(server.url, clock)
    assert isinstance(channel.send(frozen()), Ok)
    server.fail("message/send", "bad_token")
    assert channel.send(frozen("lisi")) == RefreshToken("40014", "errcode 40014: invalid access_token")
    assert isinstance(channel.send(frozen("lisi")), Ok)
    assert len(server.called("gettoken")) == 2


def test_a_token_that_somebody_else_fetched_earlier(server: WecomServer, clock: FakeClock) -> None:
    """WeCom says 7,200 s though half of them are over: 42001 comes before we expect it."""
    app(server.url, clock).check()
    clock.advance(3600)
    channel = app(server.url, clock)
    assert isinstance(channel.send(frozen()), Ok)
    clock.advance(3600)
    assert channel.send(frozen("lisi")) == RefreshToken("42001", "errcode 42001: access_token expired")
    assert isinstance(channel.send(frozen("lisi")), Ok)


def test_ten_threads_and_a_revoked_token(server: WecomServer, clock: FakeClock) -> None:
    """One new login for all of them."""
    channel = app(server.url, clock)
    channel.check()
    server.app.revoke()
    ready = threading.Barrier(10)

    def send(number: int) -> object:
        job = frozen("lisi", replace(PAGE, key=f"m-{number}"))
        ready.wait(10)
        while isinstance(outcome := channel.send(job), RefreshToken):
            pass
        return type(outcome)

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(send, range(10))) == [Ok] * 10
    assert len(server.called("gettoken")) == 2
    assert len(server.received) == 10


def test_a_token_is_refused_for_ever(server: WecomServer, clock: FakeClock) -> None:
    """Neither the login nor the message is asked for in a loop."""
    channel = app(server.url, clock)
    server.fail("message/send", 40014, times=1000)
    outcomes = [channel.send(frozen()) for _ in range(50)]
    assert isinstance(outcomes[-1], Retry)
    assert outcomes[-1].after == PAUSE
    assert len(server.called("gettoken")) == 2
    assert len(server.called("message/send")) == 2


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": "", "expires_in": 7200},
        {"access_token": 7, "expires_in": 7200},
        {"access_token": "a"},
        {"access_token": "a", "expires_in": "7200"},
        {"access_token": "a", "expires_in": 0},
        {"access_token": "a", "expires_in": 10**400},
    ],
)
def test_a_login_without_a_token(
    server: WecomServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    """Errcode 0 alone is no login."""
    monkeypatch.setattr(server.app, "login", lambda _: answer)
    outcome = app(server.url, clock).send(frozen())
    assert isinstance(outcome, Retry)
    assert outcome.code == "token"


# Who got it


def answered(monkeypatch: pytest.MonkeyPatch, server: WecomServer, **fields: Any) -> None:
    """WeCom accepts everything and says so with these fields."""
    monkeypatch.setattr(server.app, "send", lambda _: (fields, []))


@pytest.mark.parametrize(
    "fields", [{"invaliduser": "zhangsan"}, {"unlicenseduser": "ZHANGSAN"}, {"invaliduser": "other"}]
)
def test_the_only_one_did_not_get_it(
    server: WecomServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    """Errcode 0 or not."""
    answered(monkeypatch, server, msgid="m", **fields)
    outcome = app(server.url, clock).send(frozen())
    assert isinstance(outcome, Permanent)
    assert outcome.dead == "address"


def test_somebody_who_left(server: WecomServer, clock: FakeClock) -> None:
    """By the mock itself: all of them are unknown."""
    outcome = app(server.url, clock).send(frozen("nobody"))
    assert isinstance(outcome, Permanent)
    assert (outcome.code, outcome.dead) == ("81013", "address")


def test_some_of_several_got_it(server: WecomServer, clock: FakeClock) -> None:
    """The others are named as we wrote them."""
    job = frozen("zhangsan|NoBody")
    outcome = app(server.url, clock).send(job)
    assert outcome == Partial([("NoBody", "invaliduser")], "msg-2", "code-3")
    assert [each.to for each in server.received] == ["zhangsan"]


@pytest.mark.parametrize("value", [["zhangsan"], 7, {"a": "b"}, True])
def test_a_list_that_cannot_be_read(
    server: WecomServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    """Is no success."""
    answered(monkeypatch, server, msgid="m", invaliduser=value)
    assert isinstance(app(server.url, clock).send(frozen()), Retry)


def test_odd_ids(server: WecomServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are none; the message was taken."""
    answered(monkeypatch, server, msgid=7, response_code=None)
    assert app(server.url, clock).send(frozen()) == Ok()


def test_the_budget_keeps_below_what_is_dropped(server: WecomServer, clock: FakeClock) -> None:
    """A minute and an hour for each member, whatever the case of its letters; WeCom drops the 31st and says errcode 0."""
    minute, hour = Limit("main/member/zhangsan/minute", 30, 60), Limit("main/member/zhangsan/hour", 1000, 3600)
    assert app().limits("ZhangSan") == (minute, hour)
    assert [each.bucket for each in app().limits("a|b")] == [
        f"main/member/{who}/{w}" for who in "ab" for w in ("minute", "hour")
    ]
    assert app(per_member_minute=9).limits("a")[0].count == 9
    channel = app(server.url, clock)
    for number in range(31):
        assert isinstance(channel.send(frozen(message=replace(PAGE, key=f"m-{number}"))), Ok)
    assert (len(server.received), len(server.discarded)) == (30, 1)


# Updates and checks


def replace_card(channel: WecomApp, handle: str, text: str) -> Outcome:
    """What becomes of the request that replaces a card's buttons."""
    return channel.send(Frozen("1-2-abc-1", "zhangsan", channel.replaced(handle, text)))


def test_a_card_is_updated(server: WecomServer, clock: FakeClock) -> None:
    """Once; the second time WeCom says that the code is used."""
    channel = app(server.url, clock)
    sent = channel.send(frozen())
    assert isinstance(sent, Ok)
    assert replace_card(channel, sent.handle, "张三 已接手\n<@all>") == Ok()
    assert [card.state for card in server.app.cards.values()] == ["张三 已接手 ＜@all>"]
    again = replace_card(channel, sent.handle, "x")
    assert again == Permanent("42022", "errcode 42022: code has been used", dead="message")
    server.fail("message/update_template_card", 42001)
    assert replace_card(channel, "code", "x") == RefreshToken("42001", "errcode 42001: told to")


def test_check(server: WecomServer, clock: FakeClock) -> None:
    """Logs in, and finds the application; nobody notices."""
    channel = app(server.url, clock)
    assert channel.check() == Ok()
    server.fail("agent/get", "bad_token")
    assert channel.check() == Ok()
    server.fail("agent/get", 40014, times=2)
    assert isinstance(channel.check(), Retry)
    server.app.closed = True
    clock.advance(PAUSE)
    assert channel.check() == Permanent("closed", "the application is switched off", dead="channel")
    wrong = app(server.url, clock, agent_id=7).check()
    assert isinstance(wrong, Permanent)
    assert (wrong.code, wrong.dead) == ("301002", "channel")
    assert server.received == []


def test_no_secret_is_told(server: WecomServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a provider that repeats what it was asked, nor in a repr."""
    channel = app(server.url, clock)
    channel.check()
    token = server.app.login({"corpid": server.app.corp_id, "corpsecret": SECRET})["access_token"]
    monkeypatch.setattr(
        "kunobs.testing.wecom.json.dumps", lambda *_, **__: f'{{"errcode":-1,"errmsg":"{token} {SECRET}"}}'
    )
    assert channel.send(frozen()) == Retry("-1", "errcode -1: <secret> <secret>")
    assert replace_card(channel, "handle", "x") == Retry("-1", "errcode -1: <secret> <secret>")
    login = app(server.url, clock).send(frozen())
    assert login == Retry("-1", f"errcode -1: {token} <secret>", after=PAUSE)
    assert SECRET not in repr(vars(channel))
