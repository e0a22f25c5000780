"""Reads a YAML mapping key by key and gathers every mistake with its line, not only the first."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass
class Mistakes:
    """The mistakes found so far, a line each."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: int | None, problem: str) -> None:
        """One more; `line` counts from 0, as the parser does."""
        self.lines.append(problem if line is None else f"line {line + 1}: {problem}")


def read_yaml(text: str, mistakes: Mistakes) -> CommentedMap | None:
    """The document as a mapping; None when it is empty, or is no mapping, which adds a mistake."""
    try:
        document = YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        # Its text quotes both values.
        mistakes.add(error.problem_mark.line if error.problem_mark else None, "a key is there twice")
        return None
    except MarkedYAMLError as error:
        # Its own text quotes the file, and the file holds keys and hashes.
        mark = error.problem_mark
        mistakes.add(mark.line if mark else None, f"not YAML: {(error.problem or '').splitlines()[0]}")
        return None
    except (YAMLError, ValueError, RecursionError) as error:
        mistakes.add(None, f"not YAML ({type(error).__name__})")
        return None
    if document is not None and not isinstance(document, CommentedMap):
        mistakes.add(None, "not a mapping; it begins with tls_server_config:, basic_auth_users: or so")
        return None
    return document


class Reader:
    """One mapping; every key that is read is known, the others are mistakes for `refuse_unknown`."""

    def __init__(self, mapping: CommentedMap, path: str, mistakes: Mistakes) -> None:
        self._mapping, self._path, self._mistakes = mapping, path, mistakes
        self._known: list[str] = []

    @property
    def keys(self) -> tuple[Any, ...]:
        """The keys that are there."""
        return tuple(self._mapping)

    def value(self, key: Any) -> Any:
        """The raw value, without knowing the key."""
        return self._mapping.get(key)

    def wrong(self, key: Any, problem: str) -> None:
        """Add a mistake at a key."""
        line = self._mapping.lc.key(key)[0] if key in self._mapping else self._mapping.lc.line
        self._mistakes.add(line, f"{self._path}{key} {problem}")

    def text(self, key: Any, *, scalar: bool = False) -> str:
        """A text, empty when absent; `scalar` takes a number too, as Go's reader does."""
        value = self._take(key)
        if value is None or isinstance(value, str):
            return str(value or "")
        if scalar and isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        self.wrong(key, "must be text; put it in quotes")
        return ""

    def whole(self, key: str) -> int:
        """A whole number from 0, 0 when absent."""
        value = self._take(key)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.wrong(key, "must be a whole number")
            return 0
        return int(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false; yes, no, on and off too, as YAML 1.1 and so Go's reader has it."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if str(value).lower() in _FLAGS:
            return _FLAGS[str(value).lower()]
        self.wrong(key, "must be true or false")
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty when absent."""
        value = self._take(key)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(str(item) for item in value)
        self.wrong(key, "must be a list of texts, as in [one, two]")
        return ()

    def choice(self, key: str, choices: Iterable[str], *, default: str) -> str:
        """One of `choices`, `default` when absent."""
        value = self.text(key)
        known = [choice for choice in choices if choice]
        if not value or value in known:
            return value or default
        self.wrong(key, f'is "{value[:50]}"; write {", ".join(known[:-1])} or {known[-1]}')
        return default

    def section(self, key: str) -> Reader | None:
        """A mapping of its own; None when absent or empty."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, CommentedMap):
            return Reader(value, f"{self._path}{key}.", self._mistakes)
        self.wrong(key, "must be a mapping")
        return None

    def refuse_unknown(self) -> None:
        """Add a mistake for each key that nobody read, with the nearest known one."""
        for key in self._mapping:
            if key not in self._known:
                near = difflib.get_close_matches(str(key), self._known, n=1)
                self.wrong(key, f"is unknown; did you mean {near[0]}?" if near else "is unknown")

    def _take(self, key: Any) -> Any:
        self._known.append(key)
        return self._mapping.get(key)
