"""What pydantic found wrong -> a sentence for a person; values are repeated only away from secrets."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, get_args

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from kunobs.config.base import Path, Section, shown
from kunobs.config.places import Mistake, dotted
from kunobs.config.walk import find, holds_secrets, known_paths, literal_keys, unit_of

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
    "tuple_type": "a list",
    "mapping_type": "a mapping",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_LIMITS = {"ge": "at least", "le": "at most", "gt": "more than", "lt": "less than"}


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean …?` for the nearest known word, else empty."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""


def explain(error: ErrorDetails, root: type[Section], path: Path) -> Mistake:
    """The mistake at `path` (from `root`) that pydantic reports as `error`."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(root, path)
    if path and path[-1] == "[key]":
        return _unknown_name(root, path[:-1])
    found = find(root, path)
    secretive = found is None or found.owner is None or holds_secrets(found.owner)
    if value is None:
        return Mistake(path, "has no value", "give it one or remove the line")
    if kind == "wrong":
        problem = context["problem"] if secretive or context["value"] is None else _repeated(context)
        return Mistake(path, problem, context["hint"])
    if kind == "missing":
        return Mistake(path, "is missing", "add it")
    if kind == "literal_error":
        return _not_one_of(path, value, get_args(found.annotation) if found else (), secretive)
    if kind in _EXPECTED:
        return _type_mistake(path, value, _EXPECTED[kind])
    for limit, words in _LIMITS.items():
        if limit in context:
            field = found.field if found else None
            actual = "" if secretive else f", is {_with_unit(value, field)}"
            return Mistake(path, f"must be {words} {_with_unit(context[limit], field)}{actual}")
    return Mistake(path, f"is not accepted ({kind})", "docs/config.md describes every key")


def _repeated(context: dict[str, Any]) -> str:
    return f"{shown(context['value'])} {context['problem']}"


def _with_unit(number: Any, field: FieldInfo | None) -> str:
    unit = unit_of(field) if field else None
    return str(unit(number)) if unit else shown(number)


def _not_one_of(path: Path, value: object, allowed: tuple[Any, ...], secretive: bool) -> Mistake:
    names = [str(one) for one in allowed]
    what = "is" if secretive else f"{shown(value)} is"
    hint = nearest(str(value), names)
    return Mistake(path, f"{what} not one of {', '.join(names)}", hint)


def _type_mistake(path: Path, value: object, expected: str) -> Mistake:
    actual = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, (list, tuple)) else "text"
    if isinstance(value, bool):
        actual = "true or false"
    elif isinstance(value, (int, float)):
        actual = "a number" if isinstance(value, int) or expected != "a whole number" else "a fraction"
    hint = ""
    if expected == "text" and actual not in ("a mapping", "a list"):
        hint = "put it in quotes"
    elif expected == "a list" and actual == "text":
        hint = "write it as [...]"
    elif expected == "true or false" and str(value).lower() in ("yes", "no", "on", "off"):
        hint = f"write {'true' if str(value).lower() in ('yes', 'on') else 'false'}"
    elif expected in ("a whole number", "true or false") and actual == "text":
        hint = "write it without quotes"
    elif expected == "a mapping":
        hint = "write its keys beneath it, indented"
    return Mistake(path, f"must be {expected}, is {actual}", hint)


def unknown_key(root: type[Section], path: Path) -> Mistake:
    """A key nobody knows: the nearest sibling, else where a key of that name belongs, else all siblings."""
    owner = find(root, path[:-1])
    siblings = list(getattr(owner.annotation, "model_fields", ())) if owner else []
    key = str(path[-1])
    hint = nearest(key, siblings)
    if not hint:
        homes = [dotted(known[:-1]) for known, _ in known_paths(root) if known[-1] == key and len(known) > 1]
        places = " or ".join(dict.fromkeys(homes)) or ""
        hint = f"it belongs under {places}" if places else f"known here: {', '.join(siblings)}"
    return Mistake(path, "unknown key", hint)


def _unknown_name(root: type[Section], path: Path) -> Mistake:
    mapping = find(root, path[:-1])
    names = literal_keys(mapping.annotation) if mapping else ()
    return Mistake(path, "unknown key", nearest(str(path[-1]), names) or f"known here: {', '.join(names)}")
