"""`WechatServer`: a WeChat official account for tests, with its tokens, templates, followers, quota and receipts.

    with WechatServer() as wechat:
        config = WechatConfig(app_id=wechat.app_id, secret=..., api=wechat.url, template_id="alert", fields={"thing1": "title"})
        ...
        assert wechat.received[0].values == {"thing1": "DiskFull"}
        query, body = wechat.receipt(wechat.received[0].msgid)

Limits of fields are those that WeChat publishes for its types; what it answers to a second request with the same client_msg_id is not
published: here it is the first one's answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any
from xml.sax.saxutils import escape

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.testing.gateway import Asked, Provider

_TIME = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?"
_DATE = r"\d{4}(年\d{1,2}月\d{1,2}日|[-/.]\d{1,2}[-/.]\d{1,2})"
_HAN = "\u4e00-\u9fff"
_FIELDS = {
    "thing": r"[^\x00-\x1f\x7f-\x9f]{1,20}",
    "const": r"[^\x00-\x1f\x7f-\x9f]{1,20}",
    "character_string": r"[\x21-\x7e]{1,32}",
    "number": r"(?=.{1,32}$)\d+(\.\d+)?",
    "letter": r"[A-Za-z]{1,32}",
    "phone_number": r"[-+0-9]{1,17}",
    "phrase": rf"[{_HAN}]{{1,5}}",
    "name": rf"[{_HAN}A-Za-z]{{1,10}}",
    "time": rf"({_DATE} ?)?{_TIME}",
    "date": rf"{_DATE}( ?{_TIME})?",
}
_WORDS = {
    40001: "invalid credential, access_token is invalid or not latest",
    40003: "invalid openid",
    40037: "invalid template_id",
    40125: "invalid appsecret",
    43004: "require subscribe",
    43019: "require remove blacklist",
    45009: "reach max api daily quota limit",
    47001: "data format error",
}
DAY, LIFE, SAME = 86400, 7200, 600
"""Seconds of a quota's day, a token's life, and for which a client_msg_id is remembered."""


@dataclass(frozen=True)
class TemplateMessage:
    """What a follower sees; `values` by field."""

    msgid: int
    openid: str
    template_id: str
    values: Mapping[str, str]
    url: str
    client_msg_id: str


class WechatServer(Provider):
    """One account. `followers` maps an openid to nothing, or to the error that a message to it gets (43004, 43019).

    `templates` are the fields of each. A number as a fault is an errcode; faults happen to messages, or `at="stable_token"`.
    """

    fails_at = "message/template/send"

    def __init__(self, clock: Clock = SYSTEM_CLOCK, per_day: int = 100_000) -> None:
        super().__init__(clock)
        self.app_id, self.secret, self.callback_token = "wx0123456789abcdef", "app-secret", "callback-token"
        self.callback_aes_key = ""
        self.followers: dict[str, int] = {"openid-li": 0, "openid-wang": 0}
        self.templates: dict[str, Sequence[str]] = {"alert": ("thing1", "time2", "const3", "character_string4")}
        self.received: list[TemplateMessage] = []
        self.again = 0
        self._per_day = per_day
        self._sent: dict[int, int] = {}
        self._known: dict[tuple[str, str], tuple[float, int]] = {}
        self._tokens = 0
        self._token, self._until = "", 0.0

    def new_token(self) -> str:
        """Put out the token, as somebody does who asks for another one the old way; the new one."""
        self._tokens += 1
        self._token, self._until = f"token-{self._tokens}-of-the-account", self.clock.now() + LIFE
        return self._token

    def refuse(self, code: int) -> tuple[int, object]:
        """An errcode with WeChat's words; always with status 200."""
        return 200, {"errcode": code, "errmsg": f"{_WORDS.get(code, 'error')} rid: 6543-21"}

    def answer(self, asked: Asked) -> tuple[int, object]:
        """What WeChat says."""
        try:
            body = asked.object() if asked.method == "POST" else {}
        except ValueError:
            return self.refuse(47001)
        if asked.path == "/cgi-bin/stable_token" and asked.method == "POST":
            return self._stable_token(body)
        if asked.query.get("access_token") != self._token or self.clock.now() >= self._until:
            return self.refuse(40001)
        if asked.path == "/cgi-bin/template/get_all_private_template":
            return 200, {"template_list": [{"template_id": each, "title": each} for each in self.templates]}
        if asked.path == "/cgi-bin/message/template/send" and asked.method == "POST":
            return self._send(body)
        return 404, {}

    def receipt(self, msgid: int, status: str = "success", nonce: str = "n0nce") -> tuple[dict[str, str], str]:
        """The callback about a message: the URL's query and the body, encrypted when there is a `callback_aes_key`."""
        message = next(each for each in self.received if each.msgid == msgid)
        fields = {
            "ToUserName": "gh_0123456789ab",
            "FromUserName": message.openid,
            "CreateTime": str(int(self.clock.now())),
            "MsgType": "event",
            "Event": "TEMPLATESENDJOBFINISH",
            "MsgID": str(msgid),
            "Status": status,
        }
        return self.callback("".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items()), nonce)

    def callback(self, fields: str, nonce: str = "n0nce") -> tuple[dict[str, str], str]:
        """Anything that WeChat posts, signed; `fields` is what stands in its `<xml>`."""
        at, body = str(int(self.clock.now())), f"<xml>{fields}</xml>"
        query = {"timestamp": at, "nonce": nonce, "signature": _sha1(self.callback_token, at, nonce)}
        if self.callback_aes_key:
            from wechatpy.crypto import WeChatCrypto

            crypto = WeChatCrypto(self.callback_token, self.callback_aes_key, self.app_id)
            body = crypto.encrypt_message(body, nonce, at)
            sealed = re.findall(r"<Encrypt><!\[CDATA\[(.*)\]\]></Encrypt>", body)[0]
            query |= {"encrypt_type": "aes", "msg_signature": _sha1(self.callback_token, at, nonce, sealed)}
        return query, body

    def _stable_token(self, body: Mapping[str, Any]) -> tuple[int, object]:
        if body.get("grant_type") != "client_credential" or body.get("appid") != self.app_id:
            return self.refuse(40013)
        if body.get("secret") != self.secret:
            return self.refuse(40125)
        if not self._token or self.clock.now() >= self._until or body.get("force_refresh"):
            self.new_token()
        return 200, {"access_token": self._token, "expires_in": int(self._until - self.clock.now())}

    def _send(self, body: Mapping[str, Any]) -> tuple[int, object]:
        problem = self._wrong(body)
        if problem:
            return self.refuse(problem)
        now, day = self.clock.now(), int((self.clock.now() + 8 * 3600) // DAY)
        if self._sent.get(day, 0) >= self._per_day:
            return self.refuse(45009)
        self._sent[day] = self._sent.get(day, 0) + 1
        key = (body["touser"], body.get("client_msg_id", ""))
        at, msgid = self._known.get(key, (0.0, 0))
        if key[1] and now - at < SAME:
            self.again += 1
            return 200, {"errcode": 0, "errmsg": "ok", "msgid": msgid}
        # More than 32 bits, as WeChat's are.
        msgid = 3_000_000_000_000_000_000 + len(self.received)
        self._known[key] = (now, msgid)
        values = {name: field["value"] for name, field in body["data"].items()}
        self.received.append(TemplateMessage(msgid, key[0], body["template_id"], values, body.get("url", ""), key[1]))
        return 200, {"errcode": 0, "errmsg": "ok", "msgid": msgid}

    def _wrong(self, body: Mapping[str, Any]) -> int:
        known = {"touser": str, "template_id": str, "data": dict, "url": str, "client_msg_id": str}
        if any(name not in known or not isinstance(value, known[name]) for name, value in body.items()):
            return 47001
        if body.get("touser") not in self.followers:
            return 40003
        if body.get("template_id") not in self.templates:
            return 40037
        fields = self.templates[body["template_id"]]
        data = body.get("data", {})
        if set(data) != set(fields) or not all(_takes(name, value) for name, value in data.items()):
            return 47003
        return self.followers[body["touser"]]


def _takes(name: str, field: object) -> bool:
    value = field.get("value") if isinstance(field, dict) else None
    if not isinstance(value, str):
        return False
    # A character beyond the basic plane counts as two.
    counted = re.sub(r"[\U00010000-\U0010ffff]", "xx", value)
    return re.fullmatch(_FIELDS.get(name.rstrip("0123456789"), r"[^\x00-\x1f]{0,200}"), counted) is not None


def _sha1(*parts: str) -> str:
    return sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()
