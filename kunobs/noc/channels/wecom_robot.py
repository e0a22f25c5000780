"""A WeCom group by its robot ("message push", document 99110): no receipt, no buttons, 20 messages in a minute."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import msgspec

from kunobs.config.noc.channels import RobotConfig
from kunobs.noc.channels import wecom_codes, wecom_text
from kunobs.noc.notify.contract import Frozen, Limit, Message, Ok, Outcome
from kunobs.noc.notify.http import Http

LARGEST_TEXT, LARGEST_MARKDOWN = 2048, 4096
"""Bytes of UTF-8 in a text's and a markdown's content; more is refused with 40058."""
LONGEST_CARD_TITLE, LONGEST_CARD_TEXT = 26, 112
"""Characters that a card shows."""
_MENTIONABLE = re.compile(r"@all|[0-9A-Za-z][0-9A-Za-z_.@-]{0,63}")


class WecomRobot:
    """`Channel` of one group. The robot's key is its password and is only ever in the URL."""

    kind: ClassVar[str] = "wecom_robot"
    markup: ClassVar[Literal["markdown", "text"]] = "markdown"

    def __init__(self, name: str, config: RobotConfig, http: Http) -> None:
        self.name = name
        self._config = config
        self._http = http

    def pack(self, message: Message, address: str) -> list[bytes]:
        """The robot knows no addresses: it is one group."""
        form: str = self._config.format
        if form == "template_card" and not wecom_text.links(message):
            # WeCom refuses this card without something to open.
            form = "markdown"
        mention = _mentionable(message.mention)
        if form == "text":
            bodies = _texts(message, mention)
        elif form == "template_card":
            bodies = [_card(message), *_rest_of_card(message)]
        else:
            bodies = _markdowns(form, message, mention)
        if mention and form in ("markdown_v2", "template_card"):
            bodies.append(_companion(message, mention))
        return [msgspec.json.encode(body) for body in bodies]

    def send(self, frozen: Frozen) -> Outcome:
        """One post; a robot gives no id back."""
        key = self._config.key.reveal()
        url = f"{self._config.api}/cgi-bin/webhook/send?key={quote(key, safe='')}"
        said = wecom_codes.said(self._http.ask("POST", url, frozen.body), (key,))
        if not isinstance(said, wecom_codes.Said):
            return said
        return Ok() if said.errcode == 0 else wecom_codes.failure(said)

    def limits(self, address: str) -> Sequence[Limit]:
        """WeCom counts the robot's messages."""
        return (Limit(f"{self.name}/robot", self._config.per_minute, 60, self._config.reserve),)

    def check(self) -> Outcome:
        """A robot cannot be asked without writing to its group."""
        return Ok()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()


def _mentionable(addresses: Sequence[str]) -> list[str]:
    """Those that can be a userid, or everybody, each once."""
    return [each for each in dict.fromkeys(addresses) if _MENTIONABLE.fullmatch(each)]


def _texts(message: Message, mention: Sequence[str]) -> list[dict[str, Any]]:
    top = " ".join(filter(None, (wecom_text.severity(message), wecom_text.title(message))))
    opened = [f"{label}: {url}" for label, url in wecom_text.links(message)]
    shown = (wecom_text.plain(top), *opened, wecom_text.plain(wecom_text.body(message)))
    document = "\n".join(filter(None, shown))
    contents = wecom_text.pages(wecom_text.head(message), document, LARGEST_TEXT)
    bodies: list[dict[str, Any]] = [{"msgtype": "text", "text": {"content": content}} for content in contents]
    if mention:
        bodies[0]["text"]["mentioned_list"] = mention
    return bodies


def _markdowns(form: str, message: Message, mention: Sequence[str]) -> list[dict[str, Any]]:
    severity = wecom_text.severity(message)
    if form == "markdown":
        if severity:
            severity = f'<font color="{wecom_text.colour(message)}">{severity}</font>'
        called, shown = " ".join(f"<@{each.removeprefix('@')}>" for each in mention), wecom_text.markdown
    else:
        called, shown = "", wecom_text.markdown_v2
    # Before the text, where nothing that came with an alert can swallow them.
    opened = " ".join(f"[{label}]({url})" for label, url in wecom_text.links(message))
    top = " ".join(filter(None, (severity, wecom_text.title(message), called)))
    document = "\n".join(filter(None, (top, opened, shown(wecom_text.body(message)))))
    contents = wecom_text.pages(wecom_text.head(message), document, LARGEST_MARKDOWN)
    return [{"msgtype": form, form: {"content": content}} for content in contents]


def _card(message: Message) -> dict[str, Any]:
    opened, head = wecom_text.links(message), wecom_text.head(message)
    red = wecom_text.colour(message) == "warning"
    title = wecom_text.cut(wecom_text.line(message.title), LONGEST_CARD_TITLE)
    card = {
        "card_type": "text_notice",
        "source": {"desc": wecom_text.severity(message), "desc_color": 2 if red else 0},
        "main_title": {"title": title or head, "desc": head},
        "sub_title_text": wecom_text.cut(wecom_text.plain(message.text), LONGEST_CARD_TEXT),
        "jump_list": [{"type": 1, "title": label, "url": url} for label, url in opened],
        "card_action": {"type": 1, "url": opened[0][1]},
    }
    return {"msgtype": "template_card", "template_card": card}


def _rest_of_card(message: Message) -> Iterator[dict[str, Any]]:
    """The whole text, where the card shows only the beginning of it."""
    whole = wecom_text.line(message.title)
    if len(whole) > LONGEST_CARD_TITLE or len(wecom_text.plain(message.text)) > LONGEST_CARD_TEXT:
        document = f"{whole}\n{wecom_text.markdown(message.text)}"
        for content in wecom_text.pages(wecom_text.head(message), document, LARGEST_MARKDOWN):
            yield {"msgtype": "markdown", "markdown": {"content": content}}


def _companion(message: Message, mention: Sequence[str]) -> dict[str, Any]:
    """A text that calls people, for formats that cannot."""
    content = f"{wecom_text.head(message)} {wecom_text.title(message)}"
    return {"msgtype": "text", "text": {"content": content, "mentioned_list": mention}}
