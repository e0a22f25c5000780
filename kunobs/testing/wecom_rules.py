"""What WeCom's interfaces have in common: refusals with its codes, JSON, sizes of contents, counts in a time."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from typing import Any

from kunobs.clock import Clock


@dataclass(frozen=True)
class Received:
    """What a person (`to` is a userid) or a group saw: a card's `text` is all that stands on it; `mentioned` were called by it."""

    to: str
    kind: str
    text: str
    at: float
    mentioned: tuple[str, ...] = ()
    task_id: str = ""


class Refused(Exception):
    """A request is answered with an errcode and not carried out."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errmsg)
        self.answer: dict[str, Any] = {"errcode": errcode, "errmsg": errmsg}


class Window:
    """At most `count` in any `seconds`."""

    def __init__(self, count: int, seconds: float, clock: Clock) -> None:
        self._count, self._seconds, self._clock = count, seconds, clock
        self._taken: deque[float] = deque()

    def has_room(self) -> bool:
        """Whether one more fits now."""
        oldest = self._clock.monotonic() - self._seconds
        while self._taken and self._taken[0] <= oldest:
            self._taken.popleft()
        return len(self._taken) < self._count

    def take(self) -> None:
        """Count one."""
        self._taken.append(self._clock.monotonic())


class Gate:
    """Refuses what is over a limit, and then everything for a while (document 90454: by the minute for 60 s, by the hour for an hour)."""

    def __init__(self, count: int, seconds: float, clock: Clock) -> None:
        self._window, self._seconds, self._clock = Window(count, seconds, clock), seconds, clock
        self._until = float("-inf")

    def check(self) -> None:
        """Raise Refused when it is shut, or shut it when it is full."""
        now = self._clock.monotonic()
        if now >= self._until and self._window.has_room():
            return
        if now >= self._until:
            self._until = now + self._seconds
        raise Refused(45009, "api freq out of limit")

    def take(self) -> None:
        """Count one."""
        self._window.take()


def json_object(body: bytes) -> dict[str, Any]:
    """The request; 47001 for what is not JSON in UTF-8, or no object."""
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refused(47001, "data format error")
    return value


def content(request: dict[str, Any], kind: str) -> str:
    """The content of a text or markdown; 44004 where there is none."""
    part = request.get(kind)
    text = part.get("content") if isinstance(part, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise Refused(44004, f"{kind} content is empty")
    return text


def mentions(text: str) -> tuple[str, ...]:
    """Whom `<@userid>` calls in a text or markdown; a code span is no shelter."""
    return tuple(dict.fromkeys(re.findall(r"<@([^<>\s]+)>", text)))
