"""Where each key of the configuration was written, and how a mistake is printed with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kunobs.config.base import Path, Section
from kunobs.config.walk import find, is_secret

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.\-]{1,60}|\[key\]")


@dataclass(frozen=True)
class Place:
    """A line of a file, or an environment variable (`line` is 0) and the path it sets."""

    source: str
    line: int = 0
    path: Path = ()

    @property
    def is_environment(self) -> bool:
        """True when a variable set this, not the file."""
        return self.line == 0


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong at a path; `place` is for what has no path, such as a syntax error."""

    path: Path
    problem: str
    hint: str = ""
    place: Place | None = None


class Places:
    """Path of the configuration -> the place that set it."""

    def __init__(self, default: Place) -> None:
        self._default = default
        self._places: dict[Path, Place] = {}

    def put(self, path: Path, place: Place) -> None:
        """Note that `path` was written at `place`."""
        self._places[path] = place

    def exact(self, path: Path) -> Place | None:
        """The place of `path` itself, None when nobody wrote it."""
        return self._places.get(path)

    def nearest(self, path: Path) -> Place:
        """The place of `path`, else of what it stands in."""
        for end in range(len(path), 0, -1):
            if path[:end] in self._places:
                return self._places[path[:end]]
        return self._default

    def forget(self, path: Path) -> None:
        """Drop `path` and everything beneath it, because something else replaces it."""
        for known in [p for p in self._places if p[: len(path)] == path]:
            del self._places[known]


def dotted(path: Path) -> str:
    """`("kafka", "brokers", 0)` -> `kafka.brokers[0]`; a key that is no name may be a secret: `?`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]":
            text += f".{part}" if _PLAIN_KEY.fullmatch(part) else ".?"
    return text.removeprefix(".")


def render(mistakes: Iterable[Mistake], places: Places, root: type[Section] | None = None) -> str:
    """One line for each mistake, in the order of the file, the environment last; `root` knows what is secret."""
    lines: dict[tuple[bool, int, str], None] = {}
    for mistake in mistakes:
        path = _up_to_secret(root, mistake.path) if root else mistake.path
        place = mistake.place or places.nearest(path)
        where = f"{place.source}:{place.line}" if place.line > 0 else place.source
        key = "" if place.is_environment and place.path == path else dotted(path)
        text = ": ".join(part for part in (where, key, mistake.problem) if part)
        lines[place.is_environment, place.line, f"{text}; {mistake.hint}" if mistake.hint else text] = None
    return "\n".join(text for _, _, text in sorted(lines))


def _up_to_secret(root: type[Section], path: Path) -> Path:
    """What stands beneath a secret may be the secret, so a path ends there."""
    for end in range(1, len(path)):
        found = find(root, path[:end])
        if found and is_secret(found.annotation):
            return path[:end]
    return path
