"""An event that does not fit the mapping -> one that does; pure. What does not fit moves to the flattened `kunobs.repaired`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import msgspec

ROUNDS = 4
# A flattened field takes 20 levels; the moved value sits two below the field's own.
DEEPEST = 18
# A key of a flattened field counts with its path and its value towards the 32,766 bytes of a term.
_LONGEST = 500
# What is kept in place when it cannot be said which field is wrong.
_CORE = frozenset({"@timestamp", "message", "log", "container", "stream", "agent", "host"})
_BARE = frozenset({"@timestamp", "message"})

Event = dict[str, Any]


class NotAnEvent(ValueError):
    """The bytes are no JSON object."""


@dataclass
class Repair:
    """One event on its way through repairs: each round moves more, until Elasticsearch takes it or `next` gives up."""

    event: Event
    moved: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    rounds: int = 0
    _harsh: int = 0

    @classmethod
    def of(cls, document: bytes) -> Repair:
        """Read the event, the last of two equal keys wins. Raises NotAnEvent."""
        event = _load(document)
        if not isinstance(event, dict):
            raise NotAnEvent(type(event).__name__)
        repair = cls(event)
        repair._take_over_earlier()
        repair._move_bad_keys()
        return repair

    def next(self, reason: str, name: str) -> bytes | None:
        """The event after one more round, without the field `name` ("" where none is known); None when all was tried.

        Four rounds follow the server's words; then everything but the agent's own fields moves, then all but
        `@timestamp` and `message`.
        """
        self.rounds += 1
        self.reason = self.reason or reason
        if reason in ("duplicate_key", "bad_key") and self.rounds == 1:
            return self._render()
        if name and self.rounds <= ROUNDS and self._move(name):
            return self._render()
        self._harsh += 1
        if self._harsh > 2:
            return None
        self._move_all_but(_CORE if self._harsh == 1 else _BARE)
        return self._render()

    def _render(self) -> bytes:
        event = dict(self.event)
        own = event.get("kunobs")
        event["kunobs"] = (own if isinstance(own, dict) else {}) | {
            "repaired": {name: _fitting(value) for name, value in self.moved.items()},
            "repair_reason": self.reason,
        }
        return _dump(event)

    def _take_over_earlier(self) -> None:
        """The event's own `kunobs`, which is ours to fill, moves like any other field that does not fit."""
        if "kunobs" in self.event:
            self._put("kunobs", self.event.pop("kunobs"))

    def _move(self, name: str) -> bool:
        found: list[Any] = []
        _pull(self.event, name.split("."), found)
        if not found:
            return False
        self._put(name, found[0] if len(found) == 1 else found)
        return True

    def _move_bad_keys(self) -> None:
        for path, value in _bad_keys(self.event, ()):
            self._put(".".join(part.strip(". ") or "_" for part in path), value)

    def _move_all_but(self, kept: frozenset[str]) -> None:
        for name in list(self.event):
            value = self.event[name]
            stays = name in kept or (kept is _CORE and name == "kubernetes" and isinstance(value, dict))
            if name == "message" and not isinstance(value, str):
                stays = False
            if not stays:
                self._put(name, self.event.pop(name))

    def _put(self, name: str, value: Any) -> None:
        short = name.replace("\0", "_") or "_"
        if len(short) > _LONGEST:
            short, value = short[:_LONGEST], _dump({name: value}).decode()
        free, number = short, 2
        while free in self.moved:
            free, number = f"{short}#{number}", number + 1
        self.moved[free] = value


def _pull(node: Any, parts: list[str], found: list[Any]) -> None:
    """Remove the field from objects and lists of objects; a key may itself hold dots."""
    if isinstance(node, list):
        for each in node:
            _pull(each, parts, found)
        return
    if not isinstance(node, dict):
        return
    for length in range(1, len(parts) + 1):
        key = ".".join(parts[:length])
        if key not in node:
            continue
        if length == len(parts):
            found.append(node.pop(key))
        else:
            _pull(node[key], parts[length:], found)


def _bad_keys(node: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    """Remove keys that are no field names: empty, blank, or with an empty part between dots."""
    found: list[tuple[tuple[str, ...], Any]] = []
    stack: list[tuple[Any, tuple[str, ...]]] = [(node, path)]
    while stack:
        at, here = stack.pop()
        if isinstance(at, list):
            stack.extend((each, here) for each in at)
        elif isinstance(at, dict):
            for key in list(at):
                if all(part.strip() for part in key.split(".")):
                    stack.append((at[key], (*here, key)))
                else:
                    found.append(((*here, key), at.pop(key)))
    return found


def _fitting(value: Any) -> Any:
    """The value, or its JSON text where a flattened field would refuse it: too deep, a reserved character, too long a key."""
    depth = 0
    level: list[tuple[Any, int]] = [(value, 0)]
    while level:
        depth += 1
        below: list[tuple[Any, int]] = []
        for each, length in level:
            if isinstance(each, dict):
                below.extend((inner, length + len(key) + 1) for key, inner in each.items())
                if any("\0" in key or length + len(key) > _LONGEST for key in each):
                    return _dump(value).decode()
            elif isinstance(each, list):
                below.extend((inner, length) for inner in each)
        level = below
    return _dump(value).decode() if depth > DEEPEST else value


def _number(text: str) -> float | str:
    """JSON knows no infinity: a number too large for a double stays as text."""
    value = float(text)
    return value if math.isfinite(value) else text


def _load(document: bytes) -> Any:
    try:
        return msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(document, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent(str(error)[:100]) from error


def _dump(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (ValueError, OverflowError, RecursionError, UnicodeEncodeError, msgspec.EncodeError):
        return json.dumps(value, separators=(",", ":")).encode()
