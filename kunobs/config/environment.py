"""Variables `KUNOBS_<SECTION>__<KEY>[__<KEY>]` laid over the file's data; other variables are left alone."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from ruamel.yaml.nodes import ScalarNode

from kunobs.config.base import Path, Section
from kunobs.config.document import Builder, Unreadable, compose
from kunobs.config.places import Mistake, Place, Places
from kunobs.config.walk import as_section, find, is_secret, is_text, known_paths, literal_keys, twin

PREFIX = "KUNOBS_"


def variable(path: Path) -> str:
    """The variable that sets `path`: `("kafka", "public")` -> `KUNOBS_KAFKA__PUBLIC`."""
    return PREFIX + "__".join(str(part).upper() for part in path)


class Overlay:
    """Lays the variables of `environ` that name one of `wanted` (None: any) over `data`."""

    def __init__(self, root: type[Section], data: dict[str, Any], places: Places) -> None:
        self.mistakes: list[Mistake] = []
        self._root = root
        self._data = data
        self._places = places

    def apply(self, environ: Mapping[str, str], wanted: Collection[str] | None) -> None:
        """Set what the variables say, the shorter path first, so that the longer one wins.

        A name without `__` is not ours: Kubernetes sets KUNOBS_SERVICE_HOST for a Service called kunobs.
        """
        for name in sorted(environ):
            path: Path = tuple(name.removeprefix(PREFIX).lower().split("__"))
            if not name.startswith(PREFIX) or len(path) < 2 or (wanted is not None and path[0] not in wanted):
                continue
            self._set(path, environ[name], Place(f"environment {name}", path=path))

    def _set(self, path: Path, text: str, place: Place) -> None:
        owner = self._owner(path)
        if owner is None:
            self.mistakes.append(Mistake(path, "there is no such key", self._near(path), place))
            return
        mapping = self._parent(path)
        if mapping is None:
            return
        try:
            value = self._read(path, text, place)
        except Unreadable as error:
            self.mistakes.append(Mistake(path, error.mistake.problem, error.mistake.hint, place))
            return
        key = str(path[-1])
        mapping[key] = value
        other = twin(owner, key)
        if other and other in mapping and not self._places.nearest((*path[:-1], other)).is_environment:
            del mapping[other]
            self._places.forget((*path[:-1], other))

    def _owner(self, path: Path) -> type[Section] | None:
        """The section that `path` ends in, None when there is no such key or it has no name of its own.

        What librdkafka calls `fetch.wait.max.ms` cannot be a variable, so free mappings are set as a whole.
        """
        for end in range(1, len(path)):
            inside = find(self._root, path[:end])
            section = as_section(inside.annotation) if inside else None
            if section is None:
                literal = inside is not None and path[-1] in literal_keys(inside.annotation)
                return inside.owner if inside and literal and end == len(path) - 1 else None
            if str(path[end]) not in section.model_fields:
                return None
        return section

    def _read(self, path: Path, text: str, place: Place) -> object:
        found = find(self._root, path)
        annotation = found.annotation if found else str
        if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
            raise Unreadable(Mistake(path, "is not UTF-8 text"))
        node = None if is_secret(annotation) else compose(text, lambda _: place)
        self._places.forget(path)
        self._places.put(path, place)
        if is_secret(annotation):
            return text
        if node is None:
            return "" if is_text(annotation) else None
        if is_text(annotation) and isinstance(node, ScalarNode):
            return node.value
        builder = Builder(self._places, lambda _: place)
        value = builder.value(node, path)
        self.mistakes += builder.mistakes
        return value

    def _parent(self, path: Path) -> dict[str, Any] | None:
        """The mapping that holds the last key of `path`, made if missing; None where the file has text."""
        mapping = self._data
        for part in path[:-1]:
            below = mapping.get(str(part))
            if below is None:
                below = mapping[str(part)] = {}
            if not isinstance(below, dict):
                return None
            mapping = below
        return mapping

    def _near(self, path: Path) -> str:
        keys = (path for path, field in known_paths(self._root) if as_section(field.annotation) is None)
        names = [variable(key) for key in keys]
        same = [name for name in names if name.split("__")[-1] == str(path[-1]).upper()]
        near = same[:1] or difflib.get_close_matches(variable(path), names, n=1, cutoff=0.75)
        return f"did you mean {near[0]}?" if near else "docs/config.md lists every key"
