"""A follower of a WeChat official account (service account), by a template message; what became of it comes to `wechat_callback`.

`client_msg_id` makes WeChat send only one of two requests with the same id to the same person, for ten minutes: longer than any lease, so
that a retry after a lost answer is no second page. Fields have types with limits (thing, time, const, ...), which their names begin with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import msgspec

from kunobs.clock import Clock
from kunobs.config.noc.channels import WechatConfig
from kunobs.noc.channels.token import Fetched, Token
from kunobs.noc.notify.contract import Frozen, Limit, Message, Ok, Outcome, Permanent, RefreshToken, Retry
from kunobs.noc.notify.http import Answer, Http, by_status

_TOKEN = {40001, 40014, 41001, 42001}
_DEAD: Mapping[int, Literal["message", "address", "channel"]] = {
    40003: "address",  # openid
    43004: "address",  # does not follow the account
    43019: "address",  # on the account's blacklist
    40013: "channel",  # AppID
    40037: "channel",  # template_id
    40125: "channel",  # AppSecret
    40164: "channel",  # our IP address is not on the account's list
    40243: "channel",  # AppSecret frozen
    48001: "channel",  # no right to call this
    48004: "channel",  # forbidden
    50002: "channel",  # account restricted
    47001: "message",  # JSON
    47003: "message",  # a field's value
}
_LATER = {-1: None, 45009: 3600.0, 45011: 60.0}
"""Busy; the day's quota, of which nobody says when the day begins; too fast. Seconds to wait."""
_CHINA = timezone(timedelta(hours=8))
"""Where the readers of WeChat are."""
_MOMENT = re.compile(r"(\d{4}年\d{1,2}月\d{1,2}日( \d{1,2}:\d{2}(:\d{2})?)?|\d{1,2}:\d{2}(:\d{2})?)", re.ASCII)


@dataclass(frozen=True)
class _Type:
    """What a field takes: at most so many characters, `refused` ones replaced, never nothing."""

    longest: int
    refused: str = r"(?!)"
    instead: str = ""
    empty: str = "-"


_TYPES: Mapping[str, _Type] = {
    "thing": _Type(20),
    "const": _Type(20),
    "character_string": _Type(32, r"[^!-~]+", "_"),
    "number": _Type(32, r"[^0-9]", empty="0"),
    "letter": _Type(32, r"[^A-Za-z]", empty="x"),
    "phone_number": _Type(17, r"[^0-9+-]", empty="0"),
    "phrase": _Type(5, r"[^\u4e00-\u9fa5]", empty="无"),
    "name": _Type(10, r"[^A-Za-z\u4e00-\u9fa5]", empty="无"),
}
_FREE = _Type(200)
"""Of templates from before there were types: first, keyword1, remark."""


class Wechat:
    """Template messages of one account; an address is a follower's openid."""

    kind: ClassVar[str] = "wechat"
    markup: ClassVar[Literal["markdown", "text"]] = "text"

    def __init__(self, name: str, config: WechatConfig, http: Http, clock: Clock) -> None:
        self.name = name
        self._config = config
        self._http = http
        self._clock = clock
        self._token = Token(self._fetch, clock)

    def pack(self, message: Message, address: str) -> list[bytes]:
        """One template message; a field `time` says when it was packed."""
        values = self._values(message)
        body: dict[str, Any] = {
            "touser": _utf8(address),
            "template_id": self._config.template_id,
            "client_msg_id": sha256(message.key.encode()).hexdigest()[:32],
            "data": {
                field: {"value": _fit(field, values.get(source, source), values["time"])}
                for field, source in self._config.fields.items()
            },
        }
        if url := message.ack_url or message.detail_url:
            body["url"] = _utf8(url)
        return [msgspec.json.encode(body)]

    def send(self, frozen: Frozen) -> Outcome:
        """One request; the id that WeChat gives it is that of its receipt."""
        fields = self._call("POST", "message/template/send", frozen.body)
        if not isinstance(fields, Mapping):
            return fields
        number = fields.get("msgid")
        return Ok(str(number) if isinstance(number, int) else "")

    def limits(self, address: str) -> Sequence[Limit]:
        """The account's quota of a day."""
        return [Limit(f"{self.name}/day", self._config.per_day, 86400)]

    def check(self) -> Outcome:
        """Log in and see that the account still has the template."""
        fields = self._call("GET", "template/get_all_private_template")
        if isinstance(fields, RefreshToken):
            fields = self._call("GET", "template/get_all_private_template")
        if isinstance(fields, RefreshToken):
            return Retry(fields.code, fields.reason)
        if not isinstance(fields, Mapping):
            return fields
        found = fields.get("template_list")
        templates = found if isinstance(found, list) else []
        if not any(
            isinstance(each, dict) and each.get("template_id") == self._config.template_id for each in templates
        ):
            return Permanent("40037", "the account does not have the template", dead="channel")
        return Ok()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _values(self, message: Message) -> dict[str, str]:
        now = datetime.fromtimestamp(self._clock.now(), _CHINA)
        return {
            "title": message.title,
            "text": message.text,
            "severity": message.severity,
            "tenant": message.tenant,
            "time": f"{now.year}年{now.month}月{now.day}日 {now:%H:%M}",
            "incident": str(message.incident),
        }

    def _call(
        self, method: str, path: str, body: bytes | None = None
    ) -> Mapping[str, Any] | Retry | Permanent | RefreshToken:
        token = self._token.get()
        if not isinstance(token, str):
            return token
        url = f"{self._config.api}/cgi-bin/{path}?access_token={quote(token, safe='')}"
        fields = _fields(self._http.ask(method, url, body))
        if not isinstance(fields, Mapping):
            return fields
        code = _code(fields)
        if code in _TOKEN:
            self._token.refuse(token)
            return RefreshToken(str(code), self._words(fields, token))
        # A list of templates comes without an errcode.
        taken = code == 0 or (code is None and "template_list" in fields)
        return fields if taken else self._failure(code, fields, token)

    def _fetch(self) -> Fetched | Retry | Permanent:
        # In its normal mode this gives the same token to everybody who asks: two relays do not put out each other's.
        request = {
            "grant_type": "client_credential",
            "appid": self._config.app_id,
            "secret": self._config.secret.reveal(),
            "force_refresh": False,
        }
        url = f"{self._config.api}/cgi-bin/stable_token"
        fields = _fields(self._http.ask("POST", url, msgspec.json.encode(request)))
        if not isinstance(fields, Mapping):
            return fields
        token, seconds = fields.get("access_token"), fields.get("expires_in")
        if token and isinstance(token, str) and isinstance(seconds, int) and seconds > 0:
            return Fetched(token, seconds)
        code = _code(fields)
        if code == 40001:
            return Permanent("40001", self._words(fields), dead="channel")
        return self._failure(code, fields)

    def _failure(self, code: int | None, fields: Mapping[str, Any], token: str = "") -> Retry | Permanent:
        words = self._words(fields, token)
        if not code:
            return Retry("not_wechat", "the answer is not one that WeChat gives", delivered_maybe=True)
        if code in _DEAD:
            return Permanent(str(code), words, _DEAD[code])
        return Retry(str(code) if code in _LATER else "unknown", words, after=_LATER.get(code))

    def _words(self, fields: Mapping[str, Any], token: str = "") -> str:
        words = f"errcode {fields.get('errcode')}: {fields.get('errmsg', '')}"
        for secret in filter(None, (token, self._config.secret.reveal())):
            words = words.replace(secret, "<secret>")
        return _one_line(words)[:300]


def _fields(answer: Answer | Retry | Permanent) -> Mapping[str, Any] | Retry | Permanent:
    """The JSON object of an answer, or why there is none."""
    if not isinstance(answer, Answer):
        return answer
    if (failed := by_status(answer)) is not None:
        return failed
    fields = answer.object()
    return fields if fields is not None else Retry("not_wechat", "the answer is no JSON object", delivered_maybe=True)


def _code(fields: Mapping[str, Any]) -> int | None:
    code = fields.get("errcode")
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _fit(field: str, text: str, now: str) -> str:
    """The text as this field takes it; `now` is what a time shows when it is given no time."""
    name = field.rstrip("0123456789")
    if name in ("time", "date"):
        return text if _MOMENT.fullmatch(text) else now
    takes = _TYPES.get(name, _FREE)
    fitting = " ".join(re.sub(takes.refused, takes.instead, _one_line(text)).split())
    if len(fitting) > takes.longest:
        marked = fitting[: takes.longest - 1] + "…"
        fitting = marked if not re.search(takes.refused, "…") else fitting[: takes.longest]
    return fitting.strip() or takes.empty


def _one_line(text: str) -> str:
    """Printable characters of the basic plane; WeChat counts others as two, and shows few of them."""
    shown = "".join(("?" if c > "\uffff" else c) if c.isprintable() else " " for c in text[:10_000])
    return " ".join(shown.split())


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
