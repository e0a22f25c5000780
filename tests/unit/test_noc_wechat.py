"""Template messages of a WeChat account: what a follower sees, what errcodes mean, and the receipts."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import WeChatSigner

from kunobs.config.noc.channels import WechatConfig
from kunobs.config.secret import Secret
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.channels.wechat import Wechat
from kunobs.noc.channels.wechat_callback import WechatCallback
from kunobs.noc.notify.contract import Event, Frozen, Limit, Message, Ok, Outcome, Permanent, RefreshToken, Retry
from kunobs.noc.notify.http import Http
from kunobs.testing.clock import FakeClock
from kunobs.testing.gateway import Provider
from kunobs.testing.wechat import WechatServer

FIELDS = {"thing1": "title", "time2": "time", "const3": "severity", "character_string4": "incident"}
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
        "ack_url": "https://noc.example.com/a/42",
        "detail_url": "https://noc.example.com/i/42",
    }
    return Message(**(fields | changes))


@pytest.fixture
def clock() -> FakeClock:
    """Of both sides: 06:13 on 15 November 2023 in China."""
    return FakeClock()


@pytest.fixture
def wechat(clock: FakeClock) -> Iterator[WechatServer]:
    """An account."""
    with WechatServer(clock) as made:
        yield made


def channel(wechat: Any, clock: FakeClock, http: Http | None = None, **changes: Any) -> Wechat:
    """A channel to it."""
    fields: dict[str, Any] = {
        "app_id": "wx0123456789abcdef",
        "secret": Secret("app-secret"),
        "api": wechat.url,
        "template_id": "alert",
        "fields": FIELDS,
    }
    return Wechat("oa", WechatConfig(**(fields | changes)), http or Http(timeout=(5.0, 5.0)), clock)


def frozen(channel: Wechat, to: str = "openid-li", **changes: Any) -> Frozen:
    """What the outbox holds."""
    (body,) = channel.pack(message(**changes), to)
    return Frozen("42-1-0123456789ab-1", to, body)


def test_what_a_follower_sees(wechat: WechatServer, clock: FakeClock) -> None:
    """The fields of the configuration, and the page to answer on."""
    oa = channel(wechat, clock)
    outcome = oa.send(frozen(oa))
    (seen,) = wechat.received
    assert outcome == Ok(str(seen.msgid))
    assert seen.openid == "openid-li"
    assert seen.values == {
        "thing1": "支付延迟",
        "time2": "2023年11月15日 06:13",
        "const3": "critical",
        "character_string4": "42",
    }
    assert seen.url == "https://noc.example.com/a/42"
    assert re.fullmatch(r"[0-9a-f]{32}", seen.client_msg_id)
    oa.close()


def test_links(wechat: WechatServer, clock: FakeClock) -> None:
    """To the details where there is nothing to answer, and none at all where there are none."""
    oa = channel(wechat, clock)
    for changes in ({"ack_url": ""}, {"ack_url": "", "detail_url": ""}):
        oa.send(frozen(oa, key=f"k{len(changes)}", **changes))
    assert [seen.url for seen in wechat.received] == ["https://noc.example.com/i/42", ""]


def test_a_reminder_is_no_duplicate_and_a_retry_is(wechat: WechatServer, clock: FakeClock) -> None:
    """The answer that was lost costs nobody a second page."""
    oa = channel(wechat, clock)
    sent = frozen(oa)
    wechat.fail("cut")
    assert oa.send(sent) == CUT
    assert oa.send(sent) == Ok(str(wechat.received[0].msgid))
    assert (len(wechat.received), wechat.again) == (1, 1)
    oa.send(frozen(oa, key="42-2-0123456789ab", reminder=1))
    assert len(wechat.received) == 2


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        *((code, (Permanent, str(code), "address")) for code in (40003, 43004, 43019)),
        *((code, (Permanent, str(code), "channel")) for code in (40037, 48001, 50002, 40164)),
        *((code, (Permanent, str(code), "message")) for code in (47001, 47003)),
        (-1, (Retry, "-1", None)),
        (45009, (Retry, "45009", 3600.0)),
        (45011, (Retry, "45011", 60.0)),
        (99999, (Retry, "unknown", None)),
        (-7, (Retry, "unknown", None)),
    ],
)
def test_errcodes(wechat: WechatServer, clock: FakeClock, code: int, outcome: Any) -> None:
    """Each says whether to try again; one that is not known may heal."""
    oa = channel(wechat, clock)
    wechat.fail(code)
    found = oa.send(frozen(oa))
    assert isinstance(found, Permanent | Retry)
    assert (type(found), found.code, getattr(found, "after", getattr(found, "dead", None))) == outcome
    assert found.reason.startswith(f"errcode {code}: ")
    assert wechat.received == []


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_token_that_is_not_taken(wechat: WechatServer, clock: FakeClock, code: int) -> None:
    """The next attempt fetches one."""
    oa = channel(wechat, clock)
    wechat.fail(code)
    found = oa.send(frozen(oa))
    assert isinstance(found, RefreshToken)
    assert found.code == str(code)
    wechat.new_token()
    assert isinstance(oa.send(frozen(oa)), Ok)
    assert [each.path for each in wechat.asked].count("/cgi-bin/stable_token") == 2


def test_one_token_for_many_messages(wechat: WechatServer, clock: FakeClock) -> None:
    """Until it ends; two relays share it, since a second one does not put out the first one's."""
    one, other = channel(wechat, clock), channel(wechat, clock)
    for number in range(3):
        assert isinstance(one.send(frozen(one, key=f"a{number}")), Ok)
        assert isinstance(other.send(frozen(other, key=f"b{number}")), Ok)
    fetches = [each for each in wechat.asked if each.path == "/cgi-bin/stable_token"]
    assert len(fetches) == 2
    assert fetches[0].object() == {
        "grant_type": "client_credential",
        "appid": "wx0123456789abcdef",
        "secret": "app-secret",
        "force_refresh": False,
    }
    clock.advance(7200)
    assert isinstance(one.send(frozen(one, key="later")), Ok)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (40001, (Permanent, "40001", "channel")),
        (40013, (Permanent, "40013", "channel")),
        (40125, (Permanent, "40125", "channel")),
        (40164, (Permanent, "40164", "channel")),
        (45009, (Retry, "45009", None)),
        (0, (Retry, "not_wechat", None)),
        ("html", (Retry, "not_wechat", None)),
        ("http_500", (Retry, "http_500", None)),
        ("cut", (Retry, "reset", None)),
    ],
)
def test_no_token(wechat: WechatServer, clock: FakeClock, fault: Any, outcome: Any) -> None:
    """A wrong secret is told from a bad day; the message was not on the wire."""
    oa = channel(wechat, clock)
    wechat.fail(fault, at="stable_token")
    found = oa.send(frozen(oa))
    assert isinstance(found, Permanent | Retry)
    assert (type(found), found.code, getattr(found, "dead", None)) == outcome
    assert not (isinstance(found, Retry) and found.delivered_maybe)
    assert "app-secret" not in repr(found)
    assert [each.path for each in wechat.asked] == ["/cgi-bin/stable_token"]


class Says(Provider):
    """Answers what it is told to, but for tokens."""

    said: object = None

    def answer(self, asked: Any) -> tuple[int, object]:
        """That."""
        if "stable_token" in asked.path:
            return 200, {"access_token": "the-token", "expires_in": 7200}
        return 200, self.said


@pytest.mark.parametrize(
    "said",
    [
        {},
        [],
        0,
        {"errcode": None},
        {"errcode": False},
        {"errcode": True},
        {"errcode": "0"},
        {"errcode": 0.5},
        {"errcode": [0]},
        {"errcode": {}},
        {"errmsg": "ok", "msgid": 1},
    ],
)
def test_what_is_no_answer(clock: FakeClock, said: object) -> None:
    """Nothing but errcode 0 is success."""
    with Says() as server:
        server.said = said
        oa = channel(server, clock)
        found = oa.send(frozen(oa))
    assert isinstance(found, Retry)
    assert found.code == "not_wechat"
    assert found.delivered_maybe


def test_words_without_secrets(clock: FakeClock) -> None:
    """What WeChat says may repeat what it was sent."""
    with Says() as server:
        server.said = {"errcode": 48001, "errmsg": "the-token and app-secret\n\0" + "x" * 5000}
        oa = channel(server, clock)
        found = oa.send(frozen(oa))
    assert isinstance(found, Permanent)
    assert found.reason.startswith("errcode 48001: <secret> and <secret> xxx")
    assert len(found.reason) == 300


@pytest.mark.parametrize(
    ("said", "provider_id"),
    [({"errcode": 0}, ""), ({"errcode": 0, "msgid": "7"}, ""), ({"errcode": 0, "msgid": 2**60}, str(2**60))],
)
def test_success_without_an_id(clock: FakeClock, said: object, provider_id: str) -> None:
    """It is sent, though its receipt will not be recognised."""
    with Says() as server:
        server.said = said
        oa = channel(server, clock)
        assert oa.send(frozen(oa)) == Ok(provider_id)


@pytest.mark.parametrize(
    ("fault", "outcome", "received"),
    [
        ("http_500", Retry("http_500", "HTTP 500"), 0),
        ("html", Retry("not_wechat", "the answer is no JSON object", delivered_maybe=True), 0),
        ("reset", CUT, 0),
        ("cut", CUT, 1),
    ],
)
def test_faults(wechat: WechatServer, clock: FakeClock, fault: Any, outcome: Outcome, received: int) -> None:
    """A proxy's page with status 200 is no success."""
    oa = channel(wechat, clock)
    wechat.fail(fault)
    assert oa.send(frozen(oa)) == outcome
    assert len(wechat.received) == received


def test_slow(wechat: WechatServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been sent."""
    http = Http(timeout=(5.0, 5.0))
    oa = channel(wechat, clock, http=http)
    assert oa.check() == Ok()
    # Only now: the token's request must not run into it.
    monkeypatch.setattr(http, "_timeout", (5.0, 0.05))
    wechat.fail("slow")
    assert oa.send(frozen(oa)) == Retry("timeout", "no answer in time", delivered_maybe=True)


def test_check(wechat: WechatServer, clock: FakeClock) -> None:
    """The secret, the template, a token that was put out; nobody is written to."""
    assert channel(wechat, clock).check() == Ok()
    wrong = channel(wechat, clock, secret=Secret("wrong")).check()
    assert isinstance(wrong, Permanent)
    assert (wrong.code, wrong.dead) == ("40125", "channel")
    oa = channel(wechat, clock)
    assert oa.check() == Ok()
    wechat.new_token()
    assert oa.check() == Ok()
    assert channel(wechat, clock, template_id="gone").check() == Permanent(
        "40037", "the account does not have the template", dead="channel"
    )
    wechat.fail(40001, 40001, at="get_all_private_template")
    found = oa.check()
    assert isinstance(found, Retry)
    assert found.code == "40001"
    wechat.fail("html", at="get_all_private_template")
    assert isinstance(channel(wechat, clock).check(), Retry)
    assert wechat.received == []


@pytest.mark.parametrize("templates", [None, "alert", {"alert": 1}, ["alert", None, 7]])
def test_a_list_of_templates_that_is_none(clock: FakeClock, templates: object) -> None:
    """Then the account does not have it."""
    with Says() as server:
        server.said = {"template_list": templates}
        assert isinstance(channel(server, clock).check(), Permanent)


def test_limits(wechat: WechatServer, clock: FakeClock) -> None:
    """The account's quota, whoever it is for."""
    assert list(channel(wechat, clock, per_day=500).limits("openid-li")) == [Limit("oa/day", 500, 86400)]


PRINTED = {
    "thing": r"[^\x00-\x1f\x7f-\x9f\U00010000-\U0010ffff]{1,20}",
    "const": r"[^\x00-\x1f\x7f-\x9f\U00010000-\U0010ffff]{1,20}",
    "character_string": r"[!-~]{1,32}",
    "number": r"[0-9]{1,32}",
    "letter": r"[A-Za-z]{1,32}",
    "phone_number": r"[-+0-9]{1,17}",
    "phrase": "[\u4e00-\u9fa5]{1,5}",
    "name": "[A-Za-z\u4e00-\u9fa5]{1,10}",
    "time": r"\d{4}年\d{1,2}月\d{1,2}日 \d\d:\d\d",
    "date": r"\d{4}年\d{1,2}月\d{1,2}日 \d\d:\d\d",
    "keyword": r"[^\x00-\x1f]{1,200}",
}


def packed(fields: Mapping[str, str], to: str = "openid-li", **changes: Any) -> dict[str, Any]:
    """The message as JSON."""
    config = WechatConfig(template_id="alert", fields=fields)
    (body,) = Wechat("oa", config, Http(), FakeClock()).pack(message(**changes), to)
    found: dict[str, Any] = json.loads(body.decode("utf-8"))
    return found


@given(
    st.text(st.characters(), max_size=400) | st.text(alphabet="a1+-.,/年 中😀\n\0é", max_size=100),
    st.sampled_from(["title", "text", "severity", "tenant"]),
)
@example("\ud800" * 30, "title")
@example("y" * 1_000_000, "text")
@example("", "severity")
@example("…" * 40, "title")
def test_any_text_fits_its_field(text: str, source: str) -> None:
    """Of each type: never empty, never too long, nothing that it does not take."""
    data = packed({f"{name}1": source for name in PRINTED}, **{source: text})["data"]
    for name, pattern in PRINTED.items():
        value = data[f"{name}1"]["value"]
        assert re.fullmatch(pattern, value), (name, value)
        assert value == value.strip()


@pytest.mark.parametrize(
    ("field", "source", "value"),
    [
        ("thing1", "title", "一二三四五六七八九十一二三四五六七八九…"),
        ("thing1", "incident", "42"),
        ("thing1", "生产环境", "生产环境"),
        ("character_string1", "tenant", "pay-1"),
        ("character_string1", "title", "_"),
        ("const1", "severity", "critical"),
        ("number1", "incident", "42"),
        ("time1", "2023年1月2日 03:04", "2023年1月2日 03:04"),
        ("time1", "03:04", "03:04"),
        ("time1", "soon", "2023年11月15日 06:13"),
        ("thing1", "time", "2023年11月15日 06:13"),
        ("phrase1", "处理中", "处理中"),
        ("phrase1", "severity", "无"),
        ("first", "title", "一二三四五六七八九十" * 3),
    ],
)
def test_values(field: str, source: str, value: str) -> None:
    """What stands in a field, as the configuration wants it."""
    data = packed({field: source}, title="一二三四五六七八九十" * 3, tenant="pay-1")["data"]
    assert data == {field: {"value": value}}


def test_the_same_bytes_every_time(wechat: WechatServer, clock: FakeClock) -> None:
    """At the same moment."""
    oa = channel(wechat, clock)
    assert oa.pack(message(), "openid-li") == oa.pack(message(), "openid-li")
    assert packed({"thing1": "title"}, to="\ud800")["touser"] == "?"


def callback(wechat: WechatServer) -> WechatCallback:
    """The reader of an account's posts."""
    return WechatCallback(
        WechatConfig(
            app_id=wechat.app_id,
            callback_token=Secret(wechat.callback_token),
            callback_aes_key=Secret(wechat.callback_aes_key),
        )
    )


@pytest.fixture(params=["", "A1b2" * 10 + "xyz"], ids=["plain", "encrypted"])
def posting(request: pytest.FixtureRequest, wechat: WechatServer, clock: FakeClock) -> WechatServer:
    """An account that has sent one message and posts its receipts, plain or encrypted."""
    wechat.callback_aes_key = request.param
    oa = channel(wechat, clock)
    assert isinstance(oa.send(frozen(oa)), Ok)
    return wechat


@pytest.mark.parametrize(
    ("status", "receipt", "failed"),
    [
        ("success", "delivered", ""),
        ("failed:user block", None, "user block"),
        ("failed: system failed", None, "system failed"),
        ("failed:", None, "failed"),
        ("Success", None, "Success"),
        ("failed:\tx<b>", None, "?x<b>"),
    ],
)
def test_receipts(posting: WechatServer, clock: FakeClock, status: str, receipt: Any, failed: str) -> None:
    """By the id that the message was given; the same one again has the same id."""
    msgid = str(posting.received[0].msgid)
    query, body = posting.receipt(int(msgid), status)
    found = callback(posting).read(query, body.encode(), clock.now())
    assert found == Event(f"{msgid}/1700000000", "", msgid, receipt, failed, None, "openid-li")
    again, body = posting.receipt(int(msgid), status, nonce="another")
    assert callback(posting).read(again, body.encode(), clock.now() + 5) == found


@pytest.mark.parametrize(
    "fields",
    [
        "<MsgType>text</MsgType><Content>你好</Content><Event>TEMPLATESENDJOBFINISH</Event>",
        "<MsgType>event</MsgType><Event>subscribe</Event>",
        "<MsgType>event</MsgType><Event><b>TEMPLATESENDJOBFINISH</b></Event>",
        "",
    ],
)
def test_other_posts(posting: WechatServer, clock: FakeClock, fields: str) -> None:
    """They are somebody else's matter."""
    query, body = posting.callback(fields)
    assert callback(posting).read(query, body.encode(), clock.now()) is None


def refused(posting: WechatServer, query: Mapping[str, str], body: bytes, now: float) -> tuple[int, str]:
    """How a post is refused."""
    with pytest.raises(Refusal) as caught:
        callback(posting).read(query, body, now)
    told = f"{caught.value} {caught.value.hint}"
    assert posting.callback_token not in told
    assert not posting.callback_aes_key or posting.callback_aes_key not in told
    return caught.value.status, str(caught.value)


def test_strangers(posting: WechatServer, clock: FakeClock) -> None:
    """No signature, another one, an old one, a changed time."""
    query, text = posting.receipt(posting.received[0].msgid)
    body, now = text.encode(), clock.now()
    name = "msg_signature" if posting.callback_aes_key else "signature"
    for wrong in (
        {},
        query | {name: ""},
        query | {name: "0" * 40},
        query | {name: query[name].upper()},
        query | {name: "\ud800"},
        query | {"nonce": "other"},
        query | {"timestamp": str(int(now) + 1)},
        {key: value for key, value in query.items() if key != "timestamp"},
    ):
        assert refused(posting, wrong, body, now)[0] == 403
    for late in (now + 301, now - 301):
        assert refused(posting, query, body, late) == (403, "timestamp is more than 300 s from our clock")
    without = WechatCallback(WechatConfig(app_id=posting.app_id))
    unsigned = WeChatSigner()
    unsigned.add_data(query["timestamp"], query["nonce"])
    with pytest.raises(Refusal, match="signature"):
        without.read(query | {"signature": unsigned.signature}, body, now)


HOSTILE = [
    b"",
    b"\xff\xfe<\0x\0m\0l\0>\0",
    b"<xml>",
    b"{}",
    b"<xml>&undefined;</xml>",
    b"<!DOCTYPE xml><xml><MsgType>event</MsgType></xml>",
    b'<?xml version="1.0" encoding="utf-16"?><!DOCTYPE xml [<!ENTITY a "x">]><xml>&a;</xml>',
    b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><MsgType>&a;</MsgType></xml>',
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><xml>&b;&b;&b;</xml>',
]


@pytest.mark.parametrize("body", HOSTILE)
def test_hostile_xml(wechat: WechatServer, clock: FakeClock, body: bytes) -> None:
    """400, and nothing is expanded or read; with a key it is not even looked at twice."""
    query, _ = wechat.callback("")
    assert refused(wechat, query, body, clock.now())[0] == 400
    wechat.callback_aes_key = "a" * 43
    assert refused(wechat, query, body, clock.now())[0] == 400
    crypto = WeChatCrypto(wechat.callback_token, wechat.callback_aes_key, wechat.app_id)
    sealed = re.findall(r"CDATA\[(.*?)\]", crypto.encrypt_message(body.decode("latin-1") or " ", "n", "1700000000"))
    signed = {"timestamp": "1700000000", "nonce": "n", "msg_signature": sealed[1]}
    post = f"<xml><Encrypt>{sealed[0]}</Encrypt></xml>".encode()
    assert refused(wechat, signed, post, clock.now())[0] == 400


def test_a_receipt_without_an_id(wechat: WechatServer, clock: FakeClock) -> None:
    """400."""
    for fields in ("", "<MsgID>x</MsgID><Status>success</Status>", "<MsgID>7</MsgID>"):
        query, body = wechat.callback(f"<MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event>{fields}")
        assert refused(wechat, query, body.encode(), clock.now()) == (400, "the receipt has no MsgID or no Status")
    assert refused(wechat, query, b" " * 70_000, clock.now())[0] == 413


def test_no_plain_post_where_there_is_a_key(wechat: WechatServer, clock: FakeClock) -> None:
    """A signature that says nothing of the body cannot be used with a body of one's own."""
    oa = channel(wechat, clock)
    oa.send(frozen(oa))
    query, body = wechat.receipt(wechat.received[0].msgid)
    wechat.callback_aes_key = "a" * 43
    assert refused(wechat, query, body.encode(), clock.now())[0] == 403
    sealed, other = wechat.receipt(wechat.received[0].msgid)
    wechat.callback_aes_key = "b" * 43
    assert refused(wechat, sealed, other.encode(), clock.now())[0] == 403
    wechat.callback_aes_key = "too short"
    assert refused(wechat, sealed, other.encode(), clock.now())[0] == 403


@given(st.binary(max_size=100))
def test_any_ciphertext(sealed: bytes) -> None:
    """Signed, so somebody who has the token but not the key: refused, and nothing else is raised."""
    text = base64.b64encode(sealed).decode()
    signer = WeChatSigner()
    signer.add_data("callback-token", "1700000000", "n", text)
    config = WechatConfig(app_id="wx", callback_token=Secret("callback-token"), callback_aes_key=Secret("a" * 43))
    with pytest.raises(Refusal):
        WechatCallback(config).read(
            {"timestamp": "1700000000", "nonce": "n", "msg_signature": signer.signature},
            f"<xml><Encrypt>{text}</Encrypt></xml>".encode(),
            1_700_000_000.0,
        )


def test_the_address_is_tried(wechat: WechatServer, clock: FakeClock) -> None:
    """The echo comes back to WeChat only."""
    query, _ = wechat.callback("")
    assert callback(wechat).verify(query | {"echostr": "5839284"}, clock.now()) == "5839284"
    with pytest.raises(Refusal) as caught:
        callback(wechat).verify(query | {"echostr": "5839284", "signature": "x"}, clock.now())
    assert caught.value.status == 403
