"""A group sees all of it, nobody is called who should not be, and a failure is never taken for success."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kunobs.config.noc.channels import RobotConfig
from kunobs.config.secret import Secret
from kunobs.noc.channels import wecom_text
from kunobs.noc.channels.wecom_robot import WecomRobot
from kunobs.noc.notify.contract import Frozen, Limit, Message, Ok, Permanent, Retry
from kunobs.noc.notify.http import Http
from kunobs.testing.clock import FakeClock
from kunobs.testing.wecom import Received, WecomServer

KEY = "robot-key"
FORMS = ("text", "markdown", "markdown_v2", "template_card")
LIMITS = {"text": 2048, "markdown": 4096, "markdown_v2": 4096}
PAGE = Message(
    key="4711-2-ab12",
    kind="page",
    tenant="shop",
    incident=4711,
    severity="critical",
    title="支付延迟 > 2 s",
    text="**开始**: 11-24 21:05\npod=pay-7",
    step=2,
    reminder=1,
    ack_url="https://noc.example.com/a/abc_DEF-1.2",
    detail_url="https://noc.example.com/board/incidents/4711",
)


def robot(form: str = "markdown", api: str = "http://127.0.0.1:1", **changes: Any) -> WecomRobot:
    """A channel with the mock's key."""
    config = RobotConfig.model_validate({"key": Secret(KEY), "format": form, "api": api} | changes)
    return WecomRobot("ops", config, Http(timeout=(5, 5)))


def seen(bodies: list[bytes]) -> list[Received]:
    """What the group sees of them, a minute apart; fails for one that WeCom does not take."""
    clock = FakeClock()
    server = WecomServer(clock=clock)
    for body in bodies:
        clock.advance(60)
        answer = server.answer("POST", "webhook/send", {"key": KEY}, body)
        assert answer["errcode"] == 0, answer
    return server.received


def shown(message: Message, form: str) -> list[Received]:
    """What the group sees of a message."""
    return seen(robot(form).pack(message, ""))


# What it looks like


def test_markdown() -> None:
    """Head, severity in colour, title, links, text."""
    (only,) = shown(PAGE, "markdown")
    assert only.text == (
        "#4711 · 2.1\n"
        '<font color="warning">严重</font> 支付延迟 > 2 s\n'
        "[确认接手](https://noc.example.com/a/abc_DEF-1.2) [详情](https://noc.example.com/board/incidents/4711)\n"
        "**开始**: 11-24 21:05\npod=pay-7"
    )


def test_markdown_v2_has_no_colours() -> None:
    """It would show the tag."""
    message = replace(PAGE, language="en", text='<font color="info">green</font> text\n| a | b |')
    (only,) = shown(message, "markdown_v2")
    assert only.text.splitlines()[1] == "critical 支付延迟 > 2 s"
    assert only.text.endswith("green text\n| a | b |")


def test_text_has_no_markup() -> None:
    """Bare URLs, so that they can be pressed."""
    message = replace(PAGE, text='**开始**: 21:05 <font color="info">x</font> [看板](https://noc/i)')
    (only,) = shown(message, "text")
    assert only.text == (
        "#4711 · 2.1\n严重 支付延迟 > 2 s\n"
        "确认接手: https://noc.example.com/a/abc_DEF-1.2\n详情: https://noc.example.com/board/incidents/4711\n"
        "开始: 21:05 x 看板 https://noc/i"
    )


def test_a_card_links_to_the_answer() -> None:
    """It has no buttons; what it cannot show follows."""
    (only,) = shown(PAGE, "template_card")
    assert only.kind == "template_card"
    assert only.text == (
        "严重\n支付延迟 > 2 s\n#4711 · 2.1\n开始: 11-24 21:05\npod=pay-7\n"
        "[确认接手](https://noc.example.com/a/abc_DEF-1.2)\n[详情](https://noc.example.com/board/incidents/4711)"
    )
    card, *rest = shown(replace(PAGE, text="长" * 3000), "template_card")
    assert card.text.count("长") == 111
    assert [each.kind for each in rest] == ["markdown"] * 3
    assert sum(each.text.count("长") for each in rest) == 3000


def test_a_cards_title_is_told_whole() -> None:
    """Where the card cuts it, though its text is short."""
    card, rest = shown(replace(PAGE, title="支付服务延迟过高 payment latency p99"), "template_card")
    assert card.text.splitlines()[1] == "支付服务延迟过高 payment latency …"
    assert rest.text.splitlines()[1] == "支付服务延迟过高 payment latency p99"


def test_a_card_that_opens_nothing_is_markdown() -> None:
    """WeCom refuses a card without a link."""
    (only,) = shown(replace(PAGE, ack_url="", detail_url=""), "template_card")
    assert only.kind == "markdown"


@pytest.mark.parametrize(
    ("kind", "severity", "colour"),
    [
        ("page", "critical", "warning"),
        ("page", "warning", "comment"),
        ("page", "x", "comment"),
        ("resolved", "critical", "info"),
    ],
)
def test_colours(kind: Any, severity: str, colour: str) -> None:
    """Three are all there are."""
    (only,) = shown(replace(PAGE, kind=kind, severity=severity), "markdown")
    assert re.findall(r'<font color="(\w+)">', only.text) == [colour]


def test_what_it_is() -> None:
    """Whatever is no page says so in the first line; a message about no incident has no number."""
    kinds: dict[Any, str] = {"reminder": "提醒", "resolved": "已恢复", "drill": "演练", "storm": "告警风暴"}
    for kind, word in kinds.items():
        assert shown(replace(PAGE, kind=kind), "text")[0].text.startswith(f"#4711 · 2.1 · {word}\n")
    digest = replace(PAGE, kind="digest", incident=0, reminder=0, step=1, language="en")
    assert shown(digest, "text")[0].text.startswith("digest\n")


@pytest.mark.parametrize("form", FORMS)
def test_parts_are_numbered(form: str) -> None:
    """And the marks are within the limit."""
    parts = [each for each in shown(replace(PAGE, text="支付 timeout\n" * 1000), form) if each.kind in LIMITS]
    heads = [each.text.partition("\n")[0] for each in parts]
    assert heads == [f"#4711 · 2.1 ({number}/{len(parts)})" for number in range(1, len(parts) + 1)]
    assert all(len(each.text.encode()) > LIMITS[each.kind] - 20 for each in parts[:-1])


def test_exactly_what_fits() -> None:
    """One byte more is two parts."""
    bare = replace(PAGE, ack_url="", detail_url="", title="t", text="")
    room = 4096 - len(shown(bare, "markdown")[0].text.encode()) - 1
    assert len(shown(replace(bare, text="x" * room), "markdown")) == 1
    assert len(shown(replace(bare, text="x" * (room + 1)), "markdown")) == 2


def test_ten_parts_and_more() -> None:
    """The marks grow, and still fit."""
    parts = shown(replace(PAGE, text="x" * 250_000), "text")
    assert len(parts) > 100
    assert parts[-1].text.startswith(f"#4711 · 2.1 ({len(parts)}/{len(parts)})\n")


def test_more_parts_than_their_size_says() -> None:
    """Words that fill a part to the byte while its mark has one digit, and of which there are more than nine."""
    word = "y" * (2048 - len("#4711 · 2.1 (9/9)\n".encode()))
    parts = shown(replace(PAGE, text=f"{word} " * 8), "text")
    assert "".join(each.text for each in parts).count("y") == 8 * len(word)


# Who is called


@pytest.mark.parametrize("form", FORMS)
def test_who_is_called(form: str) -> None:
    """Once, in every format: by the message itself or by a text that follows."""
    parts = shown(replace(PAGE, mention=("zhangsan", "@all", "zhangsan")), form)
    assert [each.mentioned for each in parts if each.mentioned] == [("zhangsan", "all")]
    if form in ("markdown_v2", "template_card"):
        assert parts[-1].kind == "text"
        assert parts[-1].text == "#4711 · 2.1 支付延迟 > 2 s"


@pytest.mark.parametrize("form", FORMS)
def test_a_long_message_calls_once(form: str) -> None:
    """Not with each of its parts."""
    parts = shown(replace(PAGE, mention=("zhangsan",), text="x\n" * 9000), form)
    assert len(parts) > 2
    assert [each.mentioned for each in parts if each.mentioned] == [("zhangsan",)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "hostile",
    ["<@all>", "<<@all>>", "<\x00@all>", '<<font color="info">@all</font>>', "`<@all>`", "**<**@all>", "<[@all>](x)"],
)
def test_an_alert_calls_nobody(form: str, hostile: str) -> None:
    """Wherever it stands: only the relay's own configuration decides who is called."""
    message = replace(PAGE, title=f"disk {hostile}", text=f"pod {hostile} is down", severity=hostile, tenant=hostile)
    assert [each.mentioned for each in shown(message, form) if each.mentioned] == []


@pytest.mark.parametrize("who", ["", "a b", "a>b", "<@all>", "x" * 65, "张三", "-x"])
def test_what_is_no_userid(who: str) -> None:
    """Is not called; the message goes out."""
    for form in FORMS:
        parts = shown(replace(PAGE, mention=(who, "lisi")), form)
        assert [each.mentioned for each in parts if each.mentioned] == [("lisi",)]


# Hostile texts


def test_markup_of_an_alert_is_shown_as_it_is() -> None:
    """A tag that WeCom would swallow, a title that would be a link, controls, an override of the direction, a lone surrogate."""
    title = "a [Ack](https://evil) <b>\nc\x00\u202e\ud800"
    (only,) = shown(
        replace(PAGE, title=title, text='<script> <font color="red">x</font> 1 < 2\r\nz\x1b[0m\x7f'), "markdown"
    )
    lines = only.text.split("\n")
    assert lines[1].endswith("a [Ack] (https://evil) ＜b> c␀\ufffd?")
    (v2,) = shown(replace(PAGE, text="<b> <font color='x'>"), "markdown_v2")
    assert v2.text.endswith("＜b> ＜font color='x'>")
    assert lines[3:] == ['＜script> ＜font color="red">x＜/font> 1 ＜ 2', "z␛[0m␡"]


def test_our_own_colours_stay() -> None:
    """In pairs; one that is never closed would colour what follows."""
    text = '<font color="info">ok</font> <font color="warning">open\n</font>'
    (only,) = shown(replace(PAGE, text=text), "markdown")
    assert only.text.endswith('<font color="info">ok</font> ＜font color="warning">open\n＜/font>')


def test_a_long_title_is_cut_and_then_told_whole() -> None:
    """It must not push the links out of the first part."""
    (only,) = shown(replace(PAGE, title="t" * 300), "markdown")
    assert "t" * 119 + "…\n[确认接手]" in only.text
    assert only.text.split("\n")[3] == "t" * 300


@pytest.mark.timeout(20)
@pytest.mark.parametrize("sign", ["<", "[", "[x](", "**", "`", '<font color="info">', "\x00", "\r", "<font"])
def test_a_hostile_text_takes_no_time(sign: str) -> None:
    """Two megabytes of openings that never close; `split` has a test of its own."""
    text = sign * (2_000_000 // len(sign))
    for shaped in (wecom_text.plain, wecom_text.markdown, wecom_text.markdown_v2, wecom_text.line):
        assert shaped(text) or sign == "\r"
    for form in FORMS:
        assert robot(form).pack(replace(PAGE, title=text[:1000], text=text[:5000]), "")


PIECES = st.sampled_from(
    [
        "<@all>",
        "<@lisi>",
        "<",
        "@",
        "**",
        "`",
        "[a](https://b)",
        "](",
        '<font color="info">',
        "</font>",
        "告警",
        "\n",
        "\r",
        "\x00",
        *("é", "👩‍🚒", "\ud800", "\u202e", "|", "#", ">", " ", "pod-7", "x" * 700, "长" * 700),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join))
MESSAGES = st.builds(
    Message,
    key=st.from_regex(r"[0-9a-z-]{1,64}", fullmatch=True),
    kind=st.sampled_from(["page", "reminder", "taken", "resolved", "digest", "storm", "meta", "drill"]),
    tenant=TEXTS,
    incident=st.integers(0, 2**63 - 1),
    severity=TEXTS,
    title=TEXTS,
    text=TEXTS,
    step=st.integers(1, 99),
    reminder=st.integers(0, 99),
    language=st.sampled_from(["zh", "en"]),
    ack_url=st.sampled_from(["", "https://noc.example.com/a/x"]),
    detail_url=st.sampled_from(["", "https://noc.example.com/board/incidents/7"]),
    mention=st.lists(st.one_of(st.sampled_from(["zhangsan", "@all", "li.si-1"]), st.text()), max_size=3),
)


def folded(text: str) -> str:
    """What of a text must arrive: letters, digits and most signs, without form, markup and what cannot be shown."""
    text = re.sub(r'<font color="(info|comment|warning)">|</font>', "", text.replace("＜", "<"))
    dropped = set("[]()*?\ufffd") | {chr(0x2400 + n) for n in range(34)}
    return "".join(c for c in text if c not in dropped and not c.isspace() and unicodedata.category(c)[0] not in "CZ")


@settings(max_examples=150, deadline=None, print_blob=True)
@given(MESSAGES, st.sampled_from(FORMS))
def test_any_message(message: Message, form: str) -> None:
    """WeCom takes every part, the parts hold the whole text, only those are called who should be, and packing is repeatable."""
    bodies = robot(form).pack(message, "")
    assert bodies == robot(form).pack(message, "")
    assert len(set(bodies)) == len(bodies)
    parts = seen(bodies)
    for body in bodies:
        request = json.loads(body.decode("utf-8", "strict"))
        kind = request["msgtype"]
        assert len(request[kind].get("content", "").encode()) <= LIMITS.get(kind, 0)
    called = {each for part in parts for each in part.mentioned}
    assert called <= {each.removeprefix("@") for each in message.mention}
    assert called >= {each.removeprefix("@") for each in message.mention if each in ("zhangsan", "@all", "li.si-1")}
    if [part.kind for part in parts[:2]] == ["template_card", "markdown"]:
        parts = parts[1:]
    told = "".join(part.text if part.kind == "template_card" else part.text.partition("\n")[2] for part in parts)
    assert folded(message.text) in folded(told)
    assert folded(message.title) in folded(told)
    if message.incident:
        assert all(f"#{message.incident}" in part.text for part in parts)


@settings(max_examples=50, deadline=None, print_blob=True)
@given(MESSAGES, st.sampled_from(FORMS))
def test_a_reminder_differs_from_the_page(message: Message, form: str) -> None:
    """In every part, so that nothing takes it for a duplicate."""
    again = replace(message, reminder=message.reminder + 1)
    assert not set(robot(form).pack(message, "")) & set(robot(form).pack(again, ""))


# Sending


@pytest.fixture
def server() -> Iterator[WecomServer]:
    """A WeCom with one group."""
    with WecomServer(clock=FakeClock()) as made:
        yield made


FROZEN = Frozen("4711-2-ab12-1", "", robot("text").pack(PAGE, "")[0])


def test_it_arrives(server: WecomServer) -> None:
    """And WeCom gives no id."""
    channel = robot("text", server.url)
    assert channel.check() == Ok()
    assert channel.send(FROZEN) == Ok()
    assert [each.to for each in server.received] == ["ops"]
    channel.close()


@pytest.mark.parametrize(
    ("errcode", "outcome"),
    [
        (45009, Retry("45009", "errcode 45009: told to", after=60.0)),
        (45033, Retry("45033", "errcode 45033: told to")),
        (-1, Retry("-1", "errcode -1: told to")),
        (93000, Permanent("93000", "errcode 93000: told to", dead="channel")),
        (40058, Permanent("40058", "errcode 40058: told to", dead="message")),
        (45002, Permanent("45002", "errcode 45002: told to", dead="message")),
        (40008, Permanent("40008", "errcode 40008: told to", dead="message")),
        (47001, Permanent("47001", "errcode 47001: told to", dead="message")),
        (987654, Retry("unknown", "errcode 987654: told to")),
        (42001, Retry("unknown", "errcode 42001: told to")),
    ],
)
def test_what_wecom_says(server: WecomServer, errcode: int, outcome: object) -> None:
    """Each errcode means one thing; one that is not known may heal."""
    server.fail("webhook/send", errcode)
    assert robot("text", server.url).send(FROZEN) == outcome
    assert server.received == []


@pytest.mark.parametrize(
    ("fault", "code", "maybe"),
    [("http_500", "http_500", False), ("html", "not_wecom", True), ("reset", "reset", True), ("cut", None, True)],
)
def test_what_is_no_answer(server: WecomServer, fault: Any, code: str | None, maybe: bool) -> None:
    """A proxy's page with status 200 is no success, and a lost answer may be a message."""
    server.fail("webhook/send", fault)
    outcome = robot("text", server.url).send(FROZEN)
    assert isinstance(outcome, Retry)
    assert outcome.delivered_maybe is maybe
    assert code in (None, outcome.code)
    assert KEY not in repr(outcome)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"errcode":"0"}',
        b'{"errcode":true}',
        b'{"errcode":false}',
        b'{"errcode":0.0}',
        b'{"errcode":null}',
    ],
)
def test_only_the_number_0_is_success(server: WecomServer, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """No errcode, or one that is no number, is no success."""
    monkeypatch.setattr("kunobs.testing.wecom.json.dumps", lambda *_, **__: body.decode())
    outcome = robot("text", server.url).send(FROZEN)
    assert isinstance(outcome, Retry)
    assert outcome.code == "not_wecom"


def test_over_the_limit(server: WecomServer) -> None:
    """The 21st of a minute is told to wait."""
    channel = robot("text", server.url)
    outcomes = [channel.send(FROZEN) for _ in range(21)]
    assert outcomes[:20] == [Ok()] * 20
    assert outcomes[20] == Retry("45009", "errcode 45009: api freq out of limit", after=60.0)


def test_slow(server: WecomServer) -> None:
    """No answer in time: it may have arrived."""
    release = server.fail("webhook/send", "slow")
    config = RobotConfig.model_validate({"key": Secret(KEY), "api": server.url})
    outcome = WecomRobot("ops", config, Http(timeout=(5, 0.05))).send(FROZEN)
    release.set()
    assert outcome == Retry("timeout", "no answer in time", delivered_maybe=True)


def test_the_key_is_never_told(server: WecomServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not where nobody listens, not by a provider that repeats what it was asked, not in a repr."""
    channel = robot("text")
    assert KEY not in repr(channel.send(FROZEN))
    assert KEY not in repr(channel) + repr(vars(channel))
    monkeypatch.setattr(
        "kunobs.testing.wecom.json.dumps", lambda *_, **__: f'{{"errcode":93000,"errmsg":"bad key={KEY}\\n"}}'
    )
    outcome = robot("text", server.url).send(FROZEN)
    assert outcome == Permanent("93000", "errcode 93000: bad key=<secret>?", dead="channel")


def test_the_budget() -> None:
    """As the configuration has it."""
    assert robot(per_minute=18, reserve=4).limits("") == (Limit("ops/robot", 18, 60, 4),)
