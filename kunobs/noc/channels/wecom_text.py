"""Texts as WeCom shows them. What comes from alerts may not mention people, fake markup or hide what follows it."""

from __future__ import annotations

import re
from hashlib import blake2b
from urllib.parse import quote

from kunobs.noc.notify.contract import Kind, Language, Message
from kunobs.noc.notify.split import split

LABELS: dict[Language, dict[str, str]] = {
    "zh": {"ack": "确认接手", "escalate": "升级", "silence": "静默 1 小时", "detail": "详情"},
    "en": {"ack": "Ack", "escalate": "Escalate", "silence": "Silence 1 h", "detail": "Details"},
}
_KINDS: dict[Language, dict[Kind, str]] = {
    "zh": {
        "page": "告警",
        "reminder": "提醒",
        "taken": "已接手",
        "resolved": "已恢复",
        "digest": "汇总",
        "storm": "告警风暴",
        "meta": "值守系统",
        "drill": "演练",
    },
    "en": {
        "page": "alert",
        "reminder": "reminder",
        "taken": "taken",
        "resolved": "resolved",
        "digest": "digest",
        "storm": "storm",
        "meta": "relay",
        "drill": "drill",
    },
}
_SEVERITIES_ZH = {"critical": "严重", "warning": "警告", "info": "提示"}
_LONGEST_TITLE, _LONGEST_SEVERITY = 120, 20
# Control characters become their pictures; marks that turn the direction of what follows are no content.
_VISIBLE = (
    {n: 0x2400 + n for n in range(32) if n not in (9, 10)}
    | {0x7F: 0x2421, 0x2028: 10, 0x2029: 10}
    | dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD)
)
_FONT = re.compile(r'<font color="(?:info|comment|warning)">([^<\n]*)</font>')
_FONT_OR_OPENING = re.compile(rf"{_FONT.pattern}|<")
# A part of a link ends where another could begin, or a text of nothing but openings would be searched to its end from each of them.
_LINK = re.compile(r"\[([^\[\]\n]*+)\]\(([^\[\]()\s]*+)\)")
_BOLD = re.compile(r"\*\*([^*\n]++)\*\*")


def clean(text: str) -> str:
    """Text that is UTF-8 and has no control characters but line breaks and tabs."""
    whole = text.encode("utf-8", "replace").decode()
    return whole.replace("\r\n", "\n").replace("\r", "\n").translate(_VISIBLE)


def markdown(text: str) -> str:
    """Keeps `<font color=...>` of the three colours; any other `<` is shown as itself instead of being taken for a tag or mention."""
    return _FONT_OR_OPENING.sub(lambda found: found[0] if len(found[0]) > 1 else "＜", clean(text))


def markdown_v2(text: str) -> str:
    """The same for markdown_v2, which has no colours."""
    return _FONT.sub(r"\1", clean(text)).replace("<", "＜")


def plain(text: str) -> str:
    """Without markup, for texts and cards; nobody is mentioned."""
    bare = _BOLD.sub(r"\1", _LINK.sub(r"\1 \2", _FONT.sub(r"\1", clean(text))))
    return bare.replace("<@", "＜@")


def line(text: str) -> str:
    """One line of text that has no markup, such as a title: it cannot become a link or a mention."""
    return " ".join(clean(text).split()).replace("<", "＜").replace("](", "] (")


def cut(text: str, characters: int) -> str:
    """At most so many characters, with an ellipsis where something is missing."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def severity(message: Message) -> str:
    """The severity as a short word."""
    word = _SEVERITIES_ZH.get(message.severity) if message.language == "zh" else None
    return word or cut(line(message.severity), _LONGEST_SEVERITY)


def title(message: Message) -> str:
    """The title as far as a head line takes it."""
    return cut(line(message.title), _LONGEST_TITLE)


def body(message: Message) -> str:
    """The text in the channel's markup; begins with the whole title where `title` cuts it."""
    whole = line(message.title)
    return message.text if whole == title(message) else f"{whole}\n{message.text}"


def head(message: Message) -> str:
    """Tells one message from another: `#4711 · 2.1` is step 2 and its first reminder; what is no page says what it is."""
    number = f"{message.step}.{message.reminder}" if message.incident or message.reminder else ""
    kind = _KINDS[message.language][message.kind] if message.kind != "page" or not message.incident else ""
    return " · ".join(filter(None, (f"#{message.incident}" if message.incident else "", number, kind)))


def colour(message: Message) -> str:
    """Green for what is over or taken, orange for what is critical, grey for the rest: markdown knows no others."""
    if message.kind in ("taken", "resolved"):
        return "info"
    return "warning" if message.severity.lower() in ("critical", "emergency", "fatal", "page") else "comment"


def links(message: Message) -> list[tuple[str, str]]:
    """(label, URL) of what a person can open, the answer first."""
    label = LABELS[message.language]
    found = ((label["ack"], message.ack_url), (label["detail"], message.detail_url))
    return [(text, quote(clean(url), safe="%/:?=&#@!$'*+,;~[]")) for text, url in found if url]


def pages(heading: str, document: str, limit: int) -> list[str]:
    """Contents of at most `limit` bytes, each below `heading` and, where there are several, a mark such as (1/3)."""
    whole = f"{heading}\n{document}"
    if len(whole.encode()) <= limit:
        return [whole]
    digits = len(str(len(document.encode()) // limit + 1))
    while True:
        mark = f"{heading} ({'9' * digits}/{'9' * digits})\n"
        parts = split(document, limit - len(mark.encode()))
        if len(parts) < 10**digits:
            return [f"{heading} ({number}/{len(parts)})\n{part}" for number, part in enumerate(parts, 1)]
        digits += 1


def digest(text: str) -> str:
    """12 hexadecimal digits that stand for a text."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()
