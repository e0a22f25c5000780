"""The mock of WeCom is as strict as WeCom: its documents, read by a second pair of eyes, and an SDK that was written for the real one."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from wechatpy.enterprise import WeChatClient
from wechatpy.enterprise.crypto import WeChatCrypto
from wechatpy.exceptions import APILimitedException, WeChatClientException

from kunobs.testing.clock import FakeClock
from kunobs.testing.wecom import WecomServer

CORP, SECRET, AGENT = "ww0123456789abcdef", "application-secret", 1000002


class World:
    """A WeCom without HTTP, and a clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.server = WecomServer(clock=self.clock)
        self.token = self.login()["access_token"]

    def login(self, **changes: str) -> dict[str, Any]:
        """gettoken."""
        query = {"corpid": CORP, "corpsecret": SECRET} | changes
        return self.server.answer("GET", "gettoken", query, b"")

    def post(self, path: str, body: dict[str, Any] | bytes, **query: str) -> dict[str, Any]:
        """A call with the token."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.server.answer("POST", path, {"access_token": self.token} | query, content)

    def robot(self, body: dict[str, Any] | bytes, key: str = "robot-key") -> int:
        """errcode of a robot's message."""
        return int(self.post("webhook/send", body, key=key)["errcode"])

    def send(self, body: dict[str, Any]) -> int:
        """errcode of an application's message."""
        return int(self.post("message/send", body)["errcode"])


@pytest.fixture
def world() -> World:
    """One company, one application, one robot."""
    return World()


def text(content: str, **more: Any) -> dict[str, Any]:
    """A text for a robot."""
    return {"msgtype": "text", "text": {"content": content} | more}


def to(user: str, **body: Any) -> dict[str, Any]:
    """An application's message."""
    return {"touser": user, "agentid": AGENT} | (body or text("hello"))


def card(task_id: str = "task-1", **changes: Any) -> dict[str, Any]:
    """A card with two buttons, for zhangsan."""
    buttons = [{"text": "Ack", "key": "ack"}, {"text": "Escalate", "key": "escalate"}]
    made = {
        "card_type": "button_interaction",
        "main_title": {"title": "critical #7"},
        "task_id": task_id,
        "button_list": buttons,
    } | changes
    return to("zhangsan", msgtype="template_card", template_card={k: v for k, v in made.items() if v is not None})


def notice(**changes: Any) -> dict[str, Any]:
    """A robot's card."""
    made = {
        "card_type": "text_notice",
        "main_title": {"title": "critical #7"},
        "card_action": {"type": 1, "url": "https://noc/i/7"},
    } | changes
    return {"msgtype": "template_card", "template_card": {k: v for k, v in made.items() if v is not None}}


# Robots


@pytest.mark.parametrize(
    ("kind", "content", "errcode"),
    [
        ("text", "a" * 2048, 0),
        ("text", "a" * 2049, 40058),
        ("text", "告" * 682 + "ab", 0),
        ("text", "告" * 683, 40058),
        ("markdown", "a" * 4096, 0),
        ("markdown", "告" * 1366, 40058),
        ("markdown_v2", "a" * 4096, 0),
        ("markdown_v2", "a" * 4097, 40058),
        ("text", "", 44004),
        ("html", "x", 40008),
    ],
)
def test_sizes_of_a_robots_message(world: World, kind: str, content: str, errcode: int) -> None:
    """Bytes of UTF-8, exactly."""
    assert world.robot({"msgtype": kind, kind: {"content": content}}) == errcode
    assert len(world.server.received) == (errcode == 0)


@pytest.mark.parametrize(
    "body", [b"", b"{", b'"text"', b"[]", b'{"msgtype":"text","text":{"content":"\xe5\x91"}}', b"[" * 100_000]
)
def test_what_is_not_json(world: World, body: bytes) -> None:
    """Or not UTF-8, or no object."""
    assert world.robot(body) == 47001


def test_a_removed_robot(world: World) -> None:
    """Its key is worth nothing any more."""
    assert world.robot(text("one")) == 0
    del world.server.robots["robot-key"]
    assert world.robot(text("two")) == 93000
    assert [each.text for each in world.server.seen_by("ops")] == ["one"]


def test_twenty_in_a_minute(world: World) -> None:
    """The 21st shuts the robot for a minute; asking on does not make it longer."""
    assert [world.robot(text(str(n))) for n in range(21)] == [0] * 20 + [45009]
    world.clock.advance(59)
    assert world.robot(text("early")) == 45009
    world.clock.advance(1)
    assert world.robot(text("late")) == 0
    assert len(world.server.seen_by("ops")) == 21


def test_the_minute_slides(world: World) -> None:
    """It is no minute of the clock on the wall."""
    for _ in range(10):
        assert world.robot(text("a")) == 0
    world.clock.advance(59)
    for _ in range(10):
        assert world.robot(text("b")) == 0
    assert world.robot(text("c")) == 45009


def test_who_is_called(world: World) -> None:
    """By the list of a text or by <@userid>; markdown_v2 calls nobody."""
    world.robot(text("see <@lisi> x", mentioned_list=["zhangsan", "@all"]))
    world.robot({"msgtype": "markdown", "markdown": {"content": "see <@lisi> and `<@all>`"}})
    world.robot({"msgtype": "markdown_v2", "markdown_v2": {"content": "see <@lisi>"}})
    assert [each.mentioned for each in world.server.received] == [("lisi", "zhangsan", "all"), ("lisi", "all"), ()]
    assert world.robot(text("x", mentioned_list="zhangsan")) == 40058


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({}, 0),
        ({"card_type": "button_interaction"}, 42031),
        ({"main_title": None}, 41016),
        ({"main_title": None, "sub_title_text": "text"}, 0),
        ({"card_action": None}, 42045),
        ({"card_action": {"type": 1}}, 42028),
        ({"card_action": {"type": 1, "url": "noc/i/7"}}, 45034),
        ({"card_action": {"type": 1, "url": "https://noc/" + "a" * 1013}}, 40039),
        ({"card_action": {"type": 2}}, 42030),
        ({"jump_list": [{"type": 1, "title": "t", "url": "https://noc/"}] * 3}, 0),
        ({"jump_list": [{"title": "t"}] * 4}, 42042),
        ({"jump_list": [{"type": 1, "url": "https://noc/"}]}, 42033),
        ({"horizontal_content_list": [{"keyname": "k"}] * 7}, 42035),
        ({"horizontal_content_list": [{"value": "v"}]}, 42027),
        ({"vertical_content_list": [{"title": "t"}] * 5}, 42036),
        ({"card_type": "news_notice"}, 42044),
        ({"task_id": "bad id"}, 42014),
        ({"main_title": "text"}, 40058),
        ({"main_title": {"title": 7}}, 40058),
    ],
)
def test_a_robots_card(world: World, changes: dict[str, Any], errcode: int) -> None:
    """The fields that WeCom insists on."""
    assert world.robot(notice(**changes)) == errcode


# Applications


def test_the_same_token_for_two_hours(world: World) -> None:
    """Then another, and the old one is told to be too old."""
    world.clock.advance(7199)
    assert world.login() == {"errcode": 0, "errmsg": "ok", "access_token": world.token, "expires_in": 7200}
    assert world.send(to("zhangsan")) == 0
    world.clock.advance(1)
    assert world.send(to("zhangsan")) == 42001
    fresh = world.login()["access_token"]
    assert fresh != world.token
    assert world.send(to("zhangsan")) == 42001
    world.token = fresh
    assert world.send(to("zhangsan")) == 0
    world.token = "guessed"
    assert world.send(to("zhangsan")) == 40014
    world.token = ""
    assert world.send(to("zhangsan")) == 41001


def test_wrong_logins(world: World) -> None:
    """2,000 in an hour shut the door for an hour, for the right secret too."""
    assert world.login(corpid="ww1")["errcode"] == 40013
    assert world.login(corpid="")["errcode"] == 41002
    assert world.login(corpsecret="")["errcode"] == 41004
    assert {world.login(corpsecret="wrong")["errcode"] for _ in range(1997)} == {40001}
    assert world.login()["errcode"] == 45009
    world.clock.advance(3600)
    assert world.login()["errcode"] == 0


@pytest.mark.parametrize(
    ("body", "errcode", "seen"),
    [
        (to("zhangsan"), 0, ["zhangsan"]),
        (to("ZhangSan|zhangsan"), 0, ["zhangsan"]),
        (to("@all"), 0, ["lisi", "zhangsan"]),
        (to("nobody"), 81013, []),
        (to(""), 82001, []),
        (to("zhangsan") | {"agentid": 7}, 40056, []),
        (to("zhangsan") | {"agentid": "1000002"}, 40056, []),
        (to("|".join(f"u{n}" for n in range(1001))), 40032, []),
        (to("zhangsan", msgtype="markdown", markdown={"content": "告" * 682 + "ab"}), 0, ["zhangsan"]),
        (to("zhangsan", msgtype="markdown", markdown={"content": "告" * 683}), 45002, []),
        (to("zhangsan", msgtype="markdown", markdown={}), 44004, []),
        (to("zhangsan", msgtype="markdown_v2", markdown_v2={"content": "x"}), 40008, []),
        (to("zhangsan") | {"touser": ["zhangsan"]}, 40058, []),
    ],
)
def test_an_applications_message(world: World, body: dict[str, Any], errcode: int, seen: list[str]) -> None:
    """Who sees it, or why nobody does."""
    assert world.send(body) == errcode
    assert sorted(each.to for each in world.server.received) == seen


def test_some_of_them_are_unknown(world: World) -> None:
    """The others see it; the answer names the unknown, in small letters."""
    answer = world.post("message/send", to("zhangsan|Nobody|left"))
    assert (answer["errcode"], answer["invaliduser"]) == (0, "nobody|left")
    assert [each.to for each in world.server.received] == ["zhangsan"]


def test_a_long_text_is_cut_without_a_word(world: World) -> None:
    """2,048 bytes are shown."""
    assert world.send(to("zhangsan", **text("告" * 1000))) == 0
    assert world.server.received[0].text == "告" * 682


def test_thirty_in_a_minute_to_a_member(world: World) -> None:
    """The rest is dropped while WeCom says errcode 0; other members do not notice."""
    assert {world.send(to("zhangsan", **text(str(n)))) for n in range(35)} == {0}
    assert world.send(to("lisi")) == 0
    assert len(world.server.seen_by("zhangsan")) == 30
    assert [each.text for each in world.server.discarded] == ["30", "31", "32", "33", "34"]
    assert len(world.server.seen_by("lisi")) == 1
    world.clock.advance(60)
    world.send(to("zhangsan", **text("again")))
    assert world.server.seen_by("zhangsan")[-1].text == "again"


def test_a_thousand_in_an_hour_to_a_member(world: World) -> None:
    """The hour counts beside the minute."""
    for _ in range(34):
        for n in range(30):
            world.send(to("zhangsan", **text(str(n))))
        world.clock.advance(60)
    assert len(world.server.seen_by("zhangsan")) == 1000


def test_ten_thousand_calls_in_a_minute(world: World) -> None:
    """Of one interface, by one company."""
    answers = [world.server.answer("GET", "agent/get", {"access_token": world.token}, b"") for _ in range(10_001)]
    assert [each["errcode"] for each in answers[-2:]] == [301002, 45009]
    assert world.send(to("zhangsan")) == 0


def test_the_same_request_is_one_message(world: World) -> None:
    """To the byte, within the interval; the answer has the same msgid."""
    body = json.dumps(to("zhangsan") | {"enable_duplicate_check": 1, "duplicate_check_interval": 14400}).encode()
    first = world.post("message/send", body)
    world.clock.advance(14399)
    world.token = world.login()["access_token"]
    assert world.post("message/send", body)["msgid"] == first["msgid"]
    assert world.post("message/send", body + b" ")["msgid"] != first["msgid"]
    world.clock.advance(1)
    assert world.post("message/send", body)["msgid"] != first["msgid"]
    assert len(world.server.received) == 3
    assert world.send(to("zhangsan") | {"enable_duplicate_check": 1, "duplicate_check_interval": 14401}) == 40058


def test_nobody_asked_for_the_check(world: World) -> None:
    """Then the same request is two messages."""
    assert [world.send(to("zhangsan")) for _ in range(2)] == [0, 0]
    assert len(world.server.received) == 2


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({}, 0),
        ({"task_id": "a" * 129}, 42014),
        ({"task_id": "a b"}, 42014),
        ({"task_id": None}, 42014),
        ({"main_title": {"desc": "only"}}, 41016),
        ({"button_list": []}, 40016),
        ({"button_list": [{"text": "t", "key": str(n)} for n in range(7)]}, 40016),
        ({"button_list": [{"text": "t", "key": "k"}] * 2}, 42039),
        ({"button_list": [{"text": "t"}]}, 42039),
        ({"button_list": [{"key": "k"}]}, 42038),
        ({"button_list": [{"text": "t", "key": "k" * 1025}]}, 42039),
        ({"button_list": [{"text": "t", "type": 1}]}, 42028),
        ({"action_menu": {}}, 40058),
    ],
)
def test_an_applications_card(world: World, changes: dict[str, Any], errcode: int) -> None:
    """The fields that WeCom insists on."""
    assert world.send(card(**changes)) == errcode


def test_a_task_id_is_used_once(world: World) -> None:
    """Whoever gets the second card."""
    assert world.send(card("task-1")) == 0
    assert world.send(card("task-1", main_title={"title": "other"})) == 42014
    assert world.send(card("task-2")) == 0


def test_buttons_need_a_callback(world: World) -> None:
    """And an application that is switched off sends nothing."""
    world.server.app.callback = False
    assert world.send(card()) == 43012
    world.server.app.closed = True
    assert world.send(to("zhangsan")) == 50003


def test_a_card_is_updated_once_and_within_72_hours(world: World) -> None:
    """By the code of the answer; a second code comes with a press."""
    first, second = (world.post("message/send", card(task))["response_code"] for task in ("task-1", "task-2"))

    def update(code: str) -> int:
        body = {"atall": 1, "agentid": AGENT, "response_code": code, "button": {"replace_name": "taken by Li"}}
        world.token = world.login()["access_token"]
        return int(world.post("message/update_template_card", body)["errcode"])

    assert [update(first), update(first), update("guessed")] == [0, 42022, 40058]
    assert world.server.app.cards["task-1"].state == "taken by Li"
    world.clock.advance(72 * 3600)
    assert update(second) == 40058
    assert world.post("message/update_template_card", {"agentid": AGENT})["errcode"] == 40063


def test_other_interfaces(world: World) -> None:
    """The application, its members, wrong methods."""
    query = {"access_token": world.token}
    about = world.server.answer("GET", "agent/get", query | {"agentid": str(AGENT)}, b"")
    assert (about["errcode"], about["close"]) == (0, 0)
    members = [world.server.answer("GET", "user/get", query | {"userid": who}, b"") for who in ("lisi", "nobody")]
    assert [each["errcode"] for each in members] == [0, 60111]
    assert world.server.answer("POST", "gettoken", {}, b"")["errcode"] == 43001
    assert world.server.answer("GET", "message/send", query, b"")["errcode"] == 43002
    assert world.post("message/recall", {})["errcode"] == -1


# Callbacks


def test_a_press_can_be_read_with_the_sdk(world: World) -> None:
    """Its crypto was written for the real one."""
    world.send(card())
    params, body = world.server.press("task-1", "zhangsan", "ack")
    callback = world.server.callback
    crypto = WeChatCrypto(callback.token, callback.aes_key, CORP)
    xml = crypto.decrypt_message(body, params["msg_signature"], params["timestamp"], params["nonce"])
    for field in ("<Event>template_card_event<", "<EventKey>ack<", "<TaskId>task-1<", "<FromUserName>zhangsan<"):
        assert field in xml
    verify = callback.verification("7629394")
    assert crypto.check_signature(*(verify[k] for k in ("msg_signature", "timestamp", "nonce", "echostr"))) == "7629394"


@pytest.mark.parametrize(
    ("task", "who", "key"), [("task-2", "zhangsan", "ack"), ("task-1", "lisi", "ack"), ("task-1", "zhangsan", "x")]
)
def test_nobody_presses_what_he_does_not_see(world: World, task: str, who: str, key: str) -> None:
    """A mistake of the test."""
    world.send(card())
    with pytest.raises(ValueError, match="no button"):
        world.server.press(task, who, key)


# HTTP


@pytest.fixture
def server() -> Iterator[WecomServer]:
    """One that listens."""
    with WecomServer() as made:
        yield made


def client_of(server: WecomServer, **changes: Any) -> Any:
    """The SDK's client, pointed at the mock."""

    class Client(WeChatClient):  # type: ignore[misc]
        API_BASE_URL = f"{server.url}/cgi-bin/"

        def fetch_access_token(self) -> Any:
            params = {"corpid": self.corp_id, "corpsecret": self.secret}
            return self._fetch_access_token(f"{self.API_BASE_URL}gettoken", params)

    return Client(**({"corp_id": CORP, "secret": SECRET} | changes))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def test_the_sdk_sends(server: WecomServer) -> None:
    """It logs in, sends, and finds the application."""
    client = client_of(server)
    answer = client.message.send_text(AGENT, ["zhangsan", "nobody"], "支付告警")
    assert answer["invaliduser"] == "nobody"
    seen = [(each.to, each.kind, each.text) for each in server.received]
    assert seen == [("zhangsan", "text", "支付告警")]
    assert client.agent.get(AGENT)["agentid"] == AGENT
    assert len(server.called("gettoken")) == 1


def test_the_sdk_raises_errcodes(server: WecomServer) -> None:
    """What it knows as errors are errors here."""
    client = client_of(server)
    with pytest.raises(WeChatClientException) as raised:
        client.message.send_markdown(AGENT, "zhangsan", "a" * 2049)
    assert raised.value.errcode == 45002
    with pytest.raises(WeChatClientException) as raised:
        client_of(server, secret="wrong").message.send_text(AGENT, "zhangsan", "x")
    assert raised.value.errcode == 40001
    server.fail("message/send", 45009)
    with pytest.raises(APILimitedException):
        client.message.send_text(AGENT, "zhangsan", "x")
    assert server.received == []


def test_the_sdk_gets_a_new_token(server: WecomServer) -> None:
    """When the old one was revoked: it retries by itself."""
    client = client_of(server)
    client.message.send_text(AGENT, "zhangsan", "one")
    server.fail("/cgi-bin/message/send", "bad_token")
    client.message.send_text(AGENT, "zhangsan", "two")
    assert [each.text for each in server.received] == ["one", "two"]
    assert [call.result for call in server.called("message/send")] == [0, 40014, 0]
    assert len(server.called("gettoken")) == 2


def post(server: WecomServer, **more: Any) -> requests.Response:
    """A robot's message by HTTP."""
    url = f"{server.url}/cgi-bin/webhook/send?key=robot-key"
    return requests.post(url, data='{"msgtype":"text","text":{"content":"告警"}}'.encode(), timeout=10, **more)


def test_faults(server: WecomServer) -> None:
    """In the order in which they were asked for, then none."""
    server.fail("webhook/send", 93000)
    server.fail("webhook/send", "http_500")
    server.fail("webhook/send", "html", times=2)
    assert post(server).json()["errcode"] == 93000
    assert post(server).status_code == 500
    for _ in range(2):
        assert post(server).headers["content-type"] == "text/html"
    assert post(server).json()["errcode"] == 0
    assert [call.result for call in server.calls] == [93000, "http_500", "html", "html", 0]
    assert [(each.to, each.text) for each in server.received] == [("ops", "告警")]


def test_a_cut_answer_was_carried_out(server: WecomServer) -> None:
    """A reset was not."""
    server.fail("webhook/send", "reset")
    with pytest.raises(requests.ConnectionError):
        post(server)
    assert server.received == []
    server.fail("webhook/send", "cut")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        post(server)
    assert len(server.received) == 1


def test_a_slow_answer_comes_when_the_test_says_so(server: WecomServer) -> None:
    """And the client had lost its patience by then."""
    release = server.fail("webhook/send", "slow")
    with pytest.raises(requests.Timeout):
        requests.post(f"{server.url}/cgi-bin/webhook/send?key=robot-key", data=b"{}", timeout=(5, 0.05))
    assert server.calls == []
    release.set()
    assert post(server).json()["errcode"] == 0
