"""Template cards as documents 90236 and 99110 describe them; the codes are those of the list of global error codes."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from kunobs.testing.wecom_rules import Refused

_TASK_ID = re.compile(r"[0-9A-Za-z_@-]{1,128}")


def check_card(card: Any, types: Collection[str]) -> dict[str, Any]:
    """The card, if WeCom would take it; raises Refused."""
    if not isinstance(card, dict) or card.get("card_type") not in types:
        raise Refused(42031, "Template_Card.CardType invalid")
    if "action_menu" in card:
        raise Refused(40058, "action_menu is not known to this mock")
    main = _object(card, "main_title")
    buttons = card["card_type"] == "button_interaction"
    if not _string(main, "title") and (buttons or not _string(card, "sub_title_text")):
        raise Refused(41016, "missing title")
    if card["card_type"] == "news_notice" and not _object(card, "card_image").get("url"):
        raise Refused(42044, "Template_Card.card_image.url missing")
    _lists(card)
    _action(card, needed=not buttons)
    if (buttons or "task_id" in card) and not _TASK_ID.fullmatch(_string(card, "task_id")):
        raise Refused(42014, "taskid has existed or empty or exceed max len")
    if buttons:
        _buttons(card)
    return card


def shown(card: dict[str, Any]) -> str:
    """All that a person sees of it, line by line; buttons and links in brackets."""
    main = card.get("main_title", {})
    lines = [card.get("source", {}).get("desc"), main.get("title"), main.get("desc"), card.get("sub_title_text")]
    lines += [f"{row.get('keyname')}: {row.get('value', '')}" for row in card.get("horizontal_content_list", [])]
    lines += [f"[{button['text']}]" for button in card.get("button_list", [])]
    lines += [f"[{jump['title']}]({jump.get('url', '')})" for jump in card.get("jump_list", [])]
    return "\n".join(filter(None, lines))


def _object(holder: dict[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name, {})
    if not isinstance(value, dict):
        raise Refused(40058, f"{name} invalid Request Parameter")
    return value


def _string(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name, "")
    if not isinstance(value, str):
        raise Refused(40058, f"{name} invalid Request Parameter")
    return value


def _rows(card: dict[str, Any], name: str, longest: int, errcode: int) -> list[dict[str, Any]]:
    rows = card.get(name, [])
    if not isinstance(rows, list) or len(rows) > longest or not all(isinstance(row, dict) for row in rows):
        raise Refused(errcode, f"Template_Card.{name} invalid length")
    return rows


def _lists(card: dict[str, Any]) -> None:
    for row in _rows(card, "horizontal_content_list", 6, 42035):
        if not _string(row, "keyname"):
            raise Refused(42027, "Template_Card.horizontal_content_list.keyname missing")
        _target(row)
    for row in _rows(card, "vertical_content_list", 4, 42036):
        if not _string(row, "title"):
            raise Refused(42033, "Template_Card missing title")
    for row in _rows(card, "jump_list", 3, 42042):
        if not _string(row, "title"):
            raise Refused(42033, "Template_Card missing title")
        _target(row)


def _action(card: dict[str, Any], *, needed: bool) -> None:
    action = _object(card, "card_action")
    if needed and action.get("type") not in (1, 2):
        raise Refused(42045, "Template_Card.card_action missing or invalid")
    _target(action)


def _target(row: dict[str, Any]) -> None:
    """What opens when it is pressed."""
    if row.get("type") == 1:
        url = _string(row, "url")
        if not url:
            raise Refused(42028, "Template_Card missing url")
        if not url.startswith(("http://", "https://")):
            raise Refused(45034, "url must have protocol")
        if len(url.encode()) > 1024:
            raise Refused(40039, "invalid url size")
    elif row.get("type") == 2 and not row.get("appid"):
        raise Refused(42030, "Template_Card missing appid")


def _buttons(card: dict[str, Any]) -> None:
    buttons = _rows(card, "button_list", 6, 40016)
    if not buttons:
        raise Refused(40016, "invalid button size")
    keys = [_string(button, "key") for button in buttons if button.get("type", 0) == 0]
    if len(set(keys)) != len(keys) or not all(0 < len(key.encode()) <= 1024 for key in keys):
        raise Refused(42039, "Template_Card.button_list.key missing or invalid")
    for button in buttons:
        if not _string(button, "text"):
            raise Refused(42038, "Template_Card.button_list.text missing or invalid")
        _target(button)
