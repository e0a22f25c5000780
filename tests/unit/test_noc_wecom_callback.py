"""A press of a button is believed when WeCom signed it, and only then; nothing that anybody posts breaks anything."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
import xmltodict
from hypothesis import given, settings
from hypothesis import strategies as st

from kunobs.config.noc.channels import AppConfig
from kunobs.config.secret import Secret
from kunobs.errors import ConfigError
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.channels.wecom_app import WecomApp
from kunobs.noc.channels.wecom_callback import CallbackReader
from kunobs.noc.notify.contract import Event, Frozen, Ok
from kunobs.noc.notify.http import Http
from kunobs.testing.clock import FakeClock
from kunobs.testing.wecom import WecomServer
from kunobs.testing.wecom_events import Callback
from tests.unit.test_noc_wecom_robot import PAGE

CORP, TOKEN = "ww0123456789abcdef", "callback-token"
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
TASK = "4711-2-ab12@0123456789ab"
WECOM = Callback(TOKEN, AES_KEY, CORP, FakeClock())
READER = CallbackReader(Secret(TOKEN), Secret(AES_KEY), CORP)


def pressed(key: str = "ack", task: str = TASK, who: str = "zhangsan") -> str:
    """The XML of a press."""
    return WECOM.pressed(task, who, key, "code", 1000002)


def refused(params: dict[str, str], body: bytes) -> tuple[int, str]:
    """(status, what is said)."""
    with pytest.raises(Refusal) as raised:
        READER.read(params, body)
    return raised.value.status, str(raised.value)


# What WeCom sends


def test_a_press_leads_back_to_the_message() -> None:
    """From the channel's own card, over HTTP, by a press, to the event."""
    clock = FakeClock()
    with WecomServer(clock=clock) as server:
        values: dict[str, Any] = {"corp_id": CORP, "agent_id": 1000002, "api": server.url}
        secrets = {
            "secret": Secret("application-secret"),
            "callback_token": Secret(TOKEN),
            "callback_aes_key": Secret(AES_KEY),
        }
        config = AppConfig.model_validate(values | secrets)
        channel = WecomApp("main", config, Http(), clock)
        (body,) = channel.pack(PAGE, "zhangsan")
        assert isinstance(channel.send(Frozen("k", "zhangsan", body)), Ok)
        reader = CallbackReader(config.callback_token, config.callback_aes_key, config.corp_id)
        for key, action in (("ack", "ack"), ("escalate", "escalate"), ("silence:1h", "silence")):
            event = reader.read(*server.press(server.received[0].task_id, "zhangsan", key))
            assert event is not None
            assert (event.key, event.action, event.who, event.receipt) == (PAGE.key, action, "zhangsan", "acted")


def test_a_repeated_press_has_the_same_id() -> None:
    """WeCom posts again when it is not answered, sealed anew; another press has another id."""
    first, again = (READER.read(*WECOM.post(pressed())) for _ in range(2))
    assert first is not None
    assert first == again
    others = [pressed("escalate"), pressed(who="lisi"), pressed(task=TASK.replace("4711", "4712"))]
    later = Callback(TOKEN, AES_KEY, CORP, FakeClock(1_700_000_001.0)).pressed(TASK, "zhangsan", "ack", "code", 1000002)
    events = [READER.read(*WECOM.post(xml)) for xml in (*others, later)]
    assert len({first.id, *(event.id for event in events if event)}) == 5
    assert first.id.isalnum()
    assert len(first.id) == 32


def test_the_address_is_verified() -> None:
    """WeCom wants its own text back."""
    params = WECOM.verification("1616140317555161061")
    assert READER.verify(params) == "1616140317555161061"
    for changed in (params | {"echostr": WECOM.seal("other")}, params | {"msg_signature": ""}, {}):
        with pytest.raises(Refusal) as raised:
            READER.verify(changed)
        assert raised.value.status == 403


@pytest.mark.parametrize(
    "xml",
    [
        "<xml><MsgType>text</MsgType><Content>hello</Content><FromUserName>zhangsan</FromUserName></xml>",
        "<xml><Event>enter_agent</Event></xml>",
        "<xml><Content><![CDATA[<!DOCTYPE html>]]></Content></xml>",
        "<xml><a/></xml>",
        pressed("silence:99h"),
        pressed(""),
        pressed(task="somebody-elses-task"),
        pressed(task="../../x@0123456789ab"),
        pressed(who=""),
        pressed().replace("template_card_event", "template_card_menu_event"),
        pressed().replace("<TaskId>", "<TaskId>x</TaskId><TaskId>"),
        pressed().replace("<EventKey>", '<EventKey a="b">'),
    ],
)
def test_what_is_no_press_of_ours(xml: str) -> None:
    """Is nothing to do."""
    assert READER.read(*WECOM.post(xml)) is None


# What others send


@pytest.mark.parametrize("name", ["msg_signature", "timestamp", "nonce"])
@pytest.mark.parametrize("value", ["", "x", "é\ud800", "0" * 5000])
def test_a_wrong_signature(name: str, value: str) -> None:
    """Or none."""
    params, body = WECOM.post(pressed())
    assert refused(params | {name: value}, body)[0] == 403
    assert refused({k: v for k, v in params.items() if k != name}, body)[0] == 403


def test_a_changed_body() -> None:
    """The signature is over what is sealed; a signature of another body, token or company is worth nothing."""
    params, body = WECOM.post(pressed())
    assert refused(params, WECOM.post(pressed("escalate"))[1])[0] == 403
    assert refused(*Callback("other", AES_KEY, CORP, FakeClock()).post(pressed()))[0] == 403
    status, said = refused(*Callback(TOKEN, AES_KEY, "ww-other", FakeClock()).post(pressed()))
    assert (status, said) == (403, "the callback is for another company")
    other_key = base64.b64encode(bytes(32)).decode().rstrip("=")
    assert refused(*Callback(TOKEN, other_key, CORP, FakeClock()).post(pressed()))[0] in (400, 403)
    assert isinstance(READER.read(params, body), Event)


_TENFOLD = "".join(f'<!ENTITY {name} "{f"&{of};" * 10}">' for of, name in zip("abcd", "bcde", strict=True))
BOMB = f'<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa">{_TENFOLD}]><xml><Encrypt>&e;</Encrypt></xml>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<xml>",
        b"<xml></xml>",
        b"<xml>text</xml>",
        b"<xml><Encrypt/></xml>",
        b"<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>",
        b"<xml><Encrypt><a>b</a></Encrypt></xml>",
        b"<html><Encrypt>a</Encrypt></html>",
        b"<xml><Encrypt>&undefined;</Encrypt></xml>",
        b"<xml><Encrypt>\xff</Encrypt></xml>",
        "<xml><Encrypt>a</Encrypt></xml>".encode("utf-16"),
        BOMB.encode(),
        f'<?xml version="1.0"?> {BOMB}'.encode(),
        b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x.dtd"><xml><Encrypt>a</Encrypt></xml>',
        b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Encrypt>&a;</Encrypt></xml>',
        b"<!--<xml>--><!DOCTYPE xml []><xml><Encrypt>a</Encrypt></xml>",
        b"<?a <xml>?><!DOCTYPE xml []><xml><Encrypt>a</Encrypt></xml>",
        b"<xml>" + b"<a>" * 10_000,
        b"<xml>" * 10_000,
        b" " * 60_000,
    ],
)
def test_hostile_xml(body: bytes) -> None:
    """Before any signature: no entities, no DTD, no recursion, no file, no fetch."""
    status, said = refused({}, body)
    assert status == 400
    assert len(said) < 100


def test_the_bomb_goes_off_elsewhere() -> None:
    """So that it tests something."""
    assert len(xmltodict.parse(BOMB, disable_entities=False)["xml"]["Encrypt"]) == 100_000


def test_too_large() -> None:
    """It is not even looked at."""
    assert refused({}, b"<xml>" + b" " * 65_536)[0] == 413


@pytest.mark.parametrize(
    "sealed",
    [
        "!",
        "A",
        "AAAA",
        "A" * 43,
        base64.b64encode(bytes(16)).decode(),
        base64.b64encode(bytes(64)).decode(),
        WECOM.seal("")[:44],
    ],
)
def test_sealed_by_nobody(sealed: str) -> None:
    """Even with a signature: somebody who knows the token but not the key."""
    joined = "".join(sorted((TOKEN, "1", "2", sealed)))
    params = {
        "msg_signature": hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest(),
        "timestamp": "1",
        "nonce": "2",
    }
    assert refused(params, f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode())[0] in (400, 403)


@pytest.mark.parametrize("xml", ["", "text", "<xml>", BOMB, "<xml/>"])
def test_sealed_but_no_xml(xml: str) -> None:
    """By WeCom itself, or by somebody with its key."""
    assert refused(*WECOM.post(xml))[0] in (400, 403)


@settings(max_examples=100, deadline=None, print_blob=True)
@given(
    st.dictionaries(st.sampled_from(["msg_signature", "timestamp", "nonce", "echostr"]), st.text()),
    st.binary() | st.text().map(lambda t: f"<xml><Encrypt>{t}</Encrypt></xml>".encode(errors="replace")),
)
def test_anything(params: dict[str, str], body: bytes) -> None:
    """Is refused, and nothing else happens."""
    assert refused(params, body)[0] in (400, 403)
    with pytest.raises(Refusal):
        READER.verify(params)


# Secrets


def test_no_secret_is_told() -> None:
    """In no refusal and no repr."""
    said = [
        repr(READER),
        repr(vars(READER)),
        *(refused(p, b)[1] for p, b in (({}, b""), ({}, WECOM.post("x")[1]), WECOM.post("x"))),
    ]
    assert [text for text in said if TOKEN in text or AES_KEY in text] == []


@pytest.mark.parametrize("key", ["", "short", AES_KEY + "=", AES_KEY[:-1], "é" * 43, "!" * 43])
def test_a_key_that_is_none(key: str) -> None:
    """Is found when the relay starts, and not told."""
    with pytest.raises(ConfigError) as raised:
        CallbackReader(Secret(TOKEN), Secret(key), CORP)
    assert key not in str(raised.value) or not key
