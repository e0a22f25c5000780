"""Group robots as WeCom runs them: 20 messages in a minute, sizes to the byte (documents 99110 and 90454)."""

from __future__ import annotations

from typing import Any

from kunobs.clock import Clock
from kunobs.testing.wecom_cards import check_card, shown
from kunobs.testing.wecom_rules import Gate, Received, Refused, content, json_object, mentions

_LARGEST = {"text": 2048, "markdown": 4096, "markdown_v2": 4096}
_PER_MINUTE = 20


class Robots:
    """`groups` are names of groups by the key of their robot; take one out and its robot is removed."""

    def __init__(self, groups: dict[str, str], clock: Clock) -> None:
        self.groups = groups
        self._clock = clock
        self._gates: dict[str, Gate] = {}

    def send(self, key: str, body: bytes) -> Received:
        """What the group sees; raises Refused. Every request for a robot that exists counts."""
        group = self.groups.get(key)
        if group is None:
            raise Refused(93000, "invalid webhook url")
        gate = self._gates.setdefault(key, Gate(_PER_MINUTE, 60, self._clock))
        gate.check()
        gate.take()
        request = json_object(body)
        kind = request.get("msgtype")
        if kind == "template_card":
            card = check_card(request.get(kind), ("text_notice", "news_notice"))
            return Received(group, kind, shown(card), self._clock.now())
        if kind not in _LARGEST:
            raise Refused(40008, "invalid message type")
        text = content(request, kind)
        if len(text.encode()) > _LARGEST[kind]:
            raise Refused(40058, f"{kind}.content exceed max length {_LARGEST[kind]}. invalid Request Parameter")
        called = () if kind == "markdown_v2" else mentions(text)
        if kind == "text":
            called += _listed(request["text"])
        return Received(group, kind, text, self._clock.now(), tuple(dict.fromkeys(called)))


def _listed(part: dict[str, Any]) -> tuple[str, ...]:
    listed = part.get("mentioned_list", [])
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise Refused(40058, "mentioned_list invalid Request Parameter")
    return tuple("all" if each == "@all" else each for each in listed)
