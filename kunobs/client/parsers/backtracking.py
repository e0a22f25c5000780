"""Finds regular expressions whose time can double with each character, by a look at the parsed pattern; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# The standard library has no other way to see a pattern's structure; the module is the same in Python 3.11 to 3.14.
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

_FEW = 8
_SAMPLE = frozenset([*range(0x250), 0x0660, 0x2003, 0x4E2D, 0x1F600])
_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip
_ANYTHING = None
First = frozenset[int] | None


def explosive(pattern: str, flags: int = 0) -> str:
    """Why `pattern` can take exponential time, in words that follow its name; empty when no such place was found."""
    parsed = sre_parser.parse(pattern, flags)
    return next(_dangers(parsed, bool(parsed.state.flags & re.IGNORECASE), repeated=False), "")


def _dangers(nodes: Iterable[Any], ignore_case: bool, *, repeated: bool) -> Iterator[str]:
    for op, argument in nodes:
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, body = argument
            if repeated and low != high:
                yield "has a repeat inside a repeat"
            yield from _dangers(body, ignore_case, repeated=repeated or high > _FEW)
        elif op is sre.POSSESSIVE_REPEAT:
            yield from _dangers(argument[2], ignore_case, repeated=False)
        elif op is sre.ATOMIC_GROUP:
            yield from _dangers(argument, ignore_case, repeated=False)
        elif op is sre.BRANCH:
            if repeated and _ambiguous(argument[1], ignore_case):
                yield "has a choice inside a repeat that can begin in two ways"
            for branch in argument[1]:
                yield from _dangers(branch, ignore_case, repeated=repeated)
        elif op is sre.SUBPATTERN:
            yield from _dangers(argument[3], ignore_case or bool(argument[1] & re.IGNORECASE), repeated=repeated)
        elif op is sre.GROUPREF_EXISTS:
            yield from _dangers(argument[1], ignore_case, repeated=repeated)
            yield from _dangers(argument[2] or (), ignore_case, repeated=repeated)
        elif op in (sre.ASSERT, sre.ASSERT_NOT):
            yield from _dangers(argument[1], ignore_case, repeated=False)


def _ambiguous(branches: list[Any], ignore_case: bool) -> bool:
    seen: set[int] = set()
    for branch in branches:
        first = _first(list(branch))
        if first is _ANYTHING:
            return True
        signs = {ord(chr(sign).lower()[0]) for sign in first} if ignore_case else set(first)
        if signs & seen:
            return True
        seen |= signs
    return False


def _first(nodes: list[Any]) -> First:
    """The characters a sequence can begin with, within the sample; None when that is not known or it can be empty."""
    for op, argument in nodes:
        if op is sre.AT:
            continue
        if op is sre.SUBPATTERN:
            return _first(list(argument[3]))
        if op is sre.ATOMIC_GROUP:
            return _first(list(argument))
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            return _first(list(argument[2])) if argument[0] else _ANYTHING
        return _signs(op, argument)
    return _ANYTHING


def _signs(op: Any, argument: Any) -> First:
    if op is sre.LITERAL:
        return frozenset([argument])
    if op is sre.NOT_LITERAL:
        return _SAMPLE - {argument}
    if op is sre.ANY:
        return _SAMPLE
    return _set(argument) if op is sre.IN else _ANYTHING


def _set(items: list[Any]) -> First:
    signs: set[int] = set()
    for op, argument in items:
        if op is sre.LITERAL:
            signs.add(argument)
        elif op is sre.RANGE:
            low, high = argument
            signs |= {sign for sign in _SAMPLE if low <= sign <= high} | {low, high}
        elif op is sre.CATEGORY:
            known = _CATEGORIES.get(str(argument))
            if known is None:
                return _ANYTHING
            signs |= {sign for sign in _SAMPLE if re.match(known, chr(sign))}
    return _SAMPLE - signs if items[0][0] is sre.NEGATE else frozenset(signs)
