"""One person by a WeCom application (document 90236): a card with buttons, and its update once somebody answered.

WeCom drops a request that is the same to the byte as one of the last four hours, so that a retry after a lost answer is no second page.
It also drops, and says nothing, what is over 30 messages in a minute or 1,000 in an hour to one member: `limits` keeps us below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import msgspec

from kunobs.clock import Clock
from kunobs.config.noc.channels import AppConfig
from kunobs.noc.channels import wecom_codes, wecom_text
from kunobs.noc.channels.token import Fetched, Token
from kunobs.noc.notify.contract import Frozen, Limit, Message, Ok, Outcome, Partial, Permanent, RefreshToken, Retry
from kunobs.noc.notify.http import Http

LARGEST_MARKDOWN = 2048
"""Bytes of UTF-8 in a markdown's content: half of what a robot may send."""
LONGEST_TITLE, LONGEST_SUBTITLE, LONGEST_TEXT, LONGEST_SOURCE, LONGEST_BUTTON = 36, 44, 160, 20, 20
"""Characters that a card shows."""
FIRST_BYTES = 20
"""All that may be shown to somebody who reads in WeChat: the severity and the incident stand in them."""
SAME_SECONDS = 4 * 3600
"""How long WeCom recognises a request; its longest."""
_REPLACES = b'{"response_code":'
_LONGEST_LIFE = 30 * 86400
_ANSWERED = ("page", "reminder", "storm", "drill")


class WecomApp:
    """`Channel` of one application; an address is a userid, or several with | between them."""

    kind: ClassVar[str] = "wecom_app"
    markup: ClassVar[Literal["markdown", "text"]] = "markdown"

    def __init__(self, name: str, config: AppConfig, http: Http, clock: Clock) -> None:
        self.name = name
        self._config = config
        self._http = http
        self._token = Token(self._fetch, clock)

    def pack(self, message: Message, address: str) -> list[bytes]:
        """A card where an answer is wanted, then what it does not carry as markdown; all as markdown elsewhere."""
        buttons = bool(self._config.callback_token)
        # An application without a callback may send no buttons (43012), and a card without them needs something to open.
        if message.kind not in _ANSWERED or not (buttons or wecom_text.links(message)):
            bodies = _markdowns(message, links=True)
        else:
            card = _card(message, address) | (_buttons(message) if buttons else _jumps(message))
            bodies = [{"msgtype": "template_card", "template_card": card}]
            if not _fits(message, card):
                bodies += _markdowns(message, links=False)
        to = {"touser": wecom_text.clean(address), "agentid": self._config.agent_id}
        once = {"enable_duplicate_check": 1, "duplicate_check_interval": SAME_SECONDS}
        return [msgspec.json.encode(to | body | once) for body in bodies]

    def send(self, frozen: Frozen) -> Outcome:
        """One request; what was accepted for some members only is Partial."""
        if frozen.body.startswith(_REPLACES):
            fields = self._call("POST", "message/update_template_card", frozen.body)
            return Ok() if isinstance(fields, Mapping) else fields
        fields = self._call("POST", "message/send", frozen.body)
        return _accepted(fields, frozen.address.split("|")) if isinstance(fields, Mapping) else fields

    def replaced(self, handle: str, text: str) -> bytes:
        """A request that replaces a card's buttons by `text` ("taken by ..."); `handle` is good once and for 72 hours (document 94888)."""
        button = {"replace_name": wecom_text.cut(wecom_text.line(text), LONGEST_BUTTON)}
        body = {"response_code": handle, "atall": 1, "agentid": self._config.agent_id, "button": button}
        return msgspec.json.encode(body)

    def limits(self, address: str) -> Sequence[Limit]:
        """What each member is sent, by the minute and by the hour; WeCom does not tell the case of a userid."""
        config = self._config
        return tuple(
            Limit(f"{self.name}/member/{member}/{window}", count, seconds)
            for member in address.lower().split("|")
            for window, count, seconds in (
                ("minute", config.per_member_minute, 60),
                ("hour", config.per_member_hour, 3600),
            )
        )

    def check(self) -> Outcome:
        """Log in and ask for the application itself."""
        query = f"&agentid={self._config.agent_id}"
        fields = self._call("GET", "agent/get", query=query)
        if isinstance(fields, RefreshToken):
            fields = self._call("GET", "agent/get", query=query)
        if isinstance(fields, RefreshToken):
            return Retry(fields.code, fields.reason)
        if not isinstance(fields, Mapping):
            return fields
        if fields.get("close"):
            return Permanent("closed", "the application is switched off", dead="channel")
        return Ok()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _call(
        self, method: str, path: str, body: bytes | None = None, query: str = ""
    ) -> Mapping[str, Any] | Retry | Permanent | RefreshToken:
        token = self._token.get()
        if not isinstance(token, str):
            return token
        url = f"{self._config.api}/cgi-bin/{path}?access_token={quote(token, safe='')}{query}"
        said = wecom_codes.said(self._http.ask(method, url, body), (token, self._config.secret.reveal()))
        if not isinstance(said, wecom_codes.Said):
            return said
        if said.errcode in wecom_codes.TOKEN:
            self._token.refuse(token)
            return RefreshToken(str(said.errcode), said.words)
        return said.fields if said.errcode == 0 else wecom_codes.failure(said)

    def _fetch(self) -> Fetched | Retry | Permanent:
        secret = self._config.secret.reveal()
        query = f"corpid={quote(self._config.corp_id, safe='')}&corpsecret={quote(secret, safe='')}"
        said = wecom_codes.said(self._http.ask("GET", f"{self._config.api}/cgi-bin/gettoken?{query}"), (secret,))
        if not isinstance(said, wecom_codes.Said):
            return said
        if said.errcode in wecom_codes.TOKEN:
            return Permanent(str(said.errcode), said.words, dead="channel")
        if said.errcode:
            return wecom_codes.failure(said)
        token, seconds = said.fields.get("access_token"), said.fields.get("expires_in")
        if not token or not isinstance(token, str) or not isinstance(seconds, int) or not 0 < seconds < _LONGEST_LIFE:
            return Retry("token", "the answer holds no access token")
        return Fetched(token, seconds)


def _card(message: Message, address: str) -> dict[str, Any]:
    number = f" #{message.incident}" if message.incident else ""
    severity = wecom_text.severity(message).encode()[: FIRST_BYTES - len(number)].decode(errors="ignore")
    title = f"{severity}{number} {wecom_text.line(message.title)}".strip() or wecom_text.head(message)
    card: dict[str, Any] = {
        "source": {
            "desc": wecom_text.cut(wecom_text.line(message.tenant), LONGEST_SOURCE),
            "desc_color": 2 if wecom_text.colour(message) == "warning" else 0,
        },
        "main_title": {
            "title": wecom_text.cut(title, LONGEST_TITLE),
            "desc": wecom_text.cut(wecom_text.head(message), LONGEST_SUBTITLE),
        },
        "sub_title_text": wecom_text.cut(wecom_text.plain(message.text), LONGEST_TEXT),
        "task_id": task_id(message.key, address),
    }
    if opened := wecom_text.links(message):
        card["card_action"] = {"type": 1, "url": opened[-1][1]}
    return card


def _buttons(message: Message) -> dict[str, Any]:
    label = wecom_text.LABELS[message.language]
    found = [("ack", 1, "ack")]
    if message.incident:
        found += [("escalate", 2, "escalate"), ("silence", 2, "silence:1h")]
    buttons = [{"text": label[name], "style": style, "key": key} for name, style, key in found]
    return {"card_type": "button_interaction", "button_list": buttons}


def _jumps(message: Message) -> dict[str, Any]:
    jumps = [{"type": 1, "title": label, "url": url} for label, url in wecom_text.links(message)]
    return {"card_type": "text_notice", "jump_list": jumps}


def _fits(message: Message, card: Mapping[str, Any]) -> bool:
    """Whether the card shows all of the title and the text."""
    title: str = card["main_title"]["title"]
    return title.endswith(wecom_text.line(message.title)) and card["sub_title_text"] == wecom_text.plain(message.text)


def _markdowns(message: Message, *, links: bool) -> list[dict[str, Any]]:
    severity = wecom_text.severity(message)
    top = f'<font color="{wecom_text.colour(message)}">{severity}</font>' if severity else ""
    opened = " ".join(f"[{label}]({url})" for label, url in wecom_text.links(message)) if links else ""
    lines = (f"{top} {wecom_text.title(message)}".strip(), opened, wecom_text.markdown(wecom_text.body(message)))
    # Two messages may read the same; without their key WeCom would drop the second.
    heading = f"{wecom_text.head(message)} · {wecom_text.digest(message.key)[:6]}"
    contents = wecom_text.pages(heading, "\n".join(filter(None, lines)), LARGEST_MARKDOWN)
    return [{"msgtype": "markdown", "markdown": {"content": content}} for content in contents]


def task_id(key: str, address: str) -> str:
    """A card's id: unique in the application and not only in the message, of [0-9a-zA-Z_@-] and at most 128 characters."""
    return f"{key}@{wecom_text.digest(address)}"


def _accepted(fields: Mapping[str, Any], members: Sequence[str]) -> Outcome:
    failed: list[tuple[str, str]] = []
    known = {member.lower(): member for member in members}
    for reason in ("invaliduser", "unlicenseduser"):
        names = fields.get(reason) or ""
        if not isinstance(names, str):
            return Retry("unclear", f"{reason} is no text", delivered_maybe=True)
        failed += [(known.get(name.lower(), name), reason) for name in names.split("|") if name]
    if failed and (len(members) == 1 or {name for name, _ in failed} >= set(members)):
        return Permanent(failed[0][1], f"WeCom has nobody for it: {failed[0][1]}", dead="address")
    provider_id, handle = (
        value if isinstance(value := fields.get(name), str) else "" for name in ("msgid", "response_code")
    )
    if failed:
        return Partial(failed, provider_id, handle)
    return Ok(provider_id, handle=handle)
