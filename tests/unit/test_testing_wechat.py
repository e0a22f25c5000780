"""The account that tests use, by wechatpy: a client that others wrote against the real one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
from wechatpy import WeChatClient
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import APILimitedException, WeChatClientException
from wechatpy.parser import parse_message
from wechatpy.utils import check_signature

from kunobs.testing.clock import FakeClock
from kunobs.testing.wechat import WechatServer

VALUES = {"thing1": "磁盘将满", "time2": "2023年11月15日 06:13", "const3": "critical", "character_string4": "42"}


@pytest.fixture
def clock() -> FakeClock:
    """The account's."""
    return FakeClock()


@pytest.fixture
def wechat(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[WechatServer]:
    """An account, which is asked without a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with WechatServer(clock) as made:
        yield made


def client(wechat: WechatServer, monkeypatch: pytest.MonkeyPatch) -> WeChatClient:
    """wechatpy with the account's token; what it cannot do is ask for a stable one."""
    monkeypatch.setattr(WeChatClient, "API_BASE_URL", f"{wechat.url}/cgi-bin/")
    return WeChatClient(wechat.app_id, wechat.secret, token(wechat)["access_token"], auto_retry=False)


def token(wechat: WechatServer, **changes: Any) -> dict[str, Any]:
    """What the account answers to somebody who wants a token."""
    wanted = {"grant_type": "client_credential", "appid": wechat.app_id, "secret": wechat.secret} | changes
    answer: dict[str, Any] = requests.post(f"{wechat.url}/cgi-bin/stable_token", json=wanted, timeout=5).json()
    return answer


def send(wechat: WechatServer, data: Mapping[str, str] = VALUES, **changes: Any) -> dict[str, Any]:
    """The answer to a message with a client_msg_id, which wechatpy does not know."""
    body = {
        "touser": "openid-li",
        "template_id": "alert",
        "data": {name: {"value": value} for name, value in data.items()},
    }
    answer: dict[str, Any] = requests.post(
        f"{wechat.url}/cgi-bin/message/template/send",
        params={"access_token": token(wechat)["access_token"]},
        json=body | changes,
        timeout=5,
    ).json()
    return answer


def test_wechatpy_sends(wechat: WechatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower sees what was sent."""
    data = {name: {"value": value} for name, value in VALUES.items()}
    answer = client(wechat, monkeypatch).message.send_template("openid-li", "alert", data, url="https://noc/i/42")
    assert answer["errcode"] == 0
    (seen,) = wechat.received
    assert (seen.msgid, seen.openid, seen.template_id) == (answer["msgid"], "openid-li", "alert")
    assert (seen.values, seen.url, seen.client_msg_id) == (VALUES, "https://noc/i/42", "")
    templates = client(wechat, monkeypatch).template.get_all_private_template()
    assert [each["template_id"] for each in templates["template_list"]] == ["alert"]


@pytest.mark.parametrize(
    ("to", "template", "changes", "code"),
    [
        ("openid-nobody", "alert", {}, 40003),
        ("openid-gone", "alert", {}, 43004),
        ("openid-li", "other", {}, 40037),
        ("openid-li", "alert", {"thing1": "一二三四五六七八九十一二三四五六七八九十一"}, 47003),
        ("openid-li", "alert", {"thing1": "a\nb"}, 47003),
        ("openid-li", "alert", {"thing1": "😀" * 11}, 47003),
        ("openid-li", "alert", {"thing1": ""}, 47003),
        ("openid-li", "alert", {"character_string4": "四十二"}, 47003),
        ("openid-li", "alert", {"character_string4": "x" * 33}, 47003),
        ("openid-li", "alert", {"time2": "yesterday"}, 47003),
        ("openid-li", "alert", {"time2": "25:00"}, 47003),
        ("openid-li", "alert", {"thing9": "x"}, 47003),
    ],
)
def test_wechatpy_is_refused(
    wechat: WechatServer, monkeypatch: pytest.MonkeyPatch, to: str, template: str, changes: dict[str, str], code: int
) -> None:
    """With the real one's codes; nobody sees anything."""
    wechat.followers["openid-gone"] = 43004
    data = {name: {"value": value} for name, value in (VALUES | changes).items()}
    with pytest.raises(WeChatClientException) as caught:
        client(wechat, monkeypatch).message.send_template(to, template, data)
    assert caught.value.errcode == code
    assert wechat.received == []


def test_tokens(wechat: WechatServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for everybody until it ends; a new one puts the old one out."""
    first = token(wechat)
    clock.advance(100)
    assert token(wechat) == first | {"expires_in": 7100}
    old = client(wechat, monkeypatch)
    clock.advance(7100)
    assert token(wechat)["access_token"] != first["access_token"]
    with pytest.raises(WeChatClientException) as caught:
        old.message.send_template("openid-li", "alert", {})
    assert caught.value.errcode == 40001
    newer = client(wechat, monkeypatch)
    wechat.new_token()
    with pytest.raises(WeChatClientException, match="40001"):
        newer.message.send_template("openid-li", "alert", {})
    assert token(wechat, secret="wrong")["errcode"] == 40125
    assert token(wechat, appid="wrong")["errcode"] == 40013


def test_faults_and_the_quota(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number is an errcode of one request; more than the quota is 45009 until the day ends in China."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with WechatServer(clock, per_day=2) as wechat:
        wechat.fail(45011)
        data = {name: {"value": value} for name, value in VALUES.items()}
        with pytest.raises(WeChatClientException, match="45011"):
            client(wechat, monkeypatch).message.send_template("openid-li", "alert", data)
        for _ in range(2):
            client(wechat, monkeypatch).message.send_template("openid-li", "alert", data)
        with pytest.raises(APILimitedException):
            client(wechat, monkeypatch).message.send_template("openid-li", "alert", data)
        # It is a quarter past six there.
        clock.advance(18 * 3600)
        client(wechat, monkeypatch).message.send_template("openid-li", "alert", data)
        assert len(wechat.received) == 3


def test_one_of_two_with_the_same_id(wechat: WechatServer, clock: FakeClock) -> None:
    """To the same person, for ten minutes."""
    first = send(wechat, client_msg_id="m1")
    assert send(wechat, client_msg_id="m1") == first
    assert send(wechat, client_msg_id="m2")["msgid"] != first["msgid"]
    assert send(wechat, touser="openid-wang", client_msg_id="m1")["msgid"] != first["msgid"]
    assert (len(wechat.received), wechat.again) == (3, 1)
    clock.advance(600)
    send(wechat, client_msg_id="m1")
    assert len(wechat.received) == 4


def test_what_is_no_message(wechat: WechatServer) -> None:
    """47001, as for anything that is not what is documented."""
    assert send(wechat, unknown="x")["errcode"] == 47001
    assert send(wechat, url=7)["errcode"] == 47001
    url = f"{wechat.url}/cgi-bin/message/template/send"
    assert requests.post(url, data=b"{", timeout=5).json()["errcode"] == 47001


def test_receipts(wechat: WechatServer) -> None:
    """wechatpy takes their signature and reads them."""
    msgid = send(wechat)["msgid"]
    query, body = wechat.receipt(msgid, "failed:user block")
    check_signature(wechat.callback_token, query["signature"], query["timestamp"], query["nonce"])
    event = parse_message(body)
    assert (event.event, event.id, event.status, event.source) == (
        "templatesendjobfinish",
        msgid,
        "failed:user block",
        "openid-li",
    )


def test_encrypted_receipts(wechat: WechatServer) -> None:
    """The same with an EncodingAESKey."""
    wechat.callback_aes_key = "a" * 43
    query, body = wechat.receipt(send(wechat)["msgid"])
    assert "success" not in body
    crypto = WeChatCrypto(wechat.callback_token, wechat.callback_aes_key, wechat.app_id)
    opened = crypto.decrypt_message(body, query["msg_signature"], query["timestamp"], query["nonce"])
    assert parse_message(opened).status == "success"


def test_everything_that_was_asked_is_kept(wechat: WechatServer) -> None:
    """With its token, so that a test can look."""
    send(wechat)
    assert [each.path for each in wechat.asked] == ["/cgi-bin/stable_token", "/cgi-bin/message/template/send"]
    assert wechat.asked[1].query == {"access_token": "token-1-of-the-account"}
    assert json.loads(wechat.asked[1].body) == wechat.asked[1].object()
