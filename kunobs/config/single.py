"""A file that is one section and no kunobs.yaml, such as a tenant's: the same strictness, and the same messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as FsPath
from typing import Any, TypeVar

from ruamel.yaml.nodes import MappingNode

from kunobs.config.base import Path, Section
from kunobs.config.document import Builder, Unreadable, compose, decoded
from kunobs.config.places import Mistake, Place, Places, render
from kunobs.config.validate import Validation
from kunobs.errors import ConfigError

Model = TypeVar("Model", bound=Section)
Line = Callable[[Path], int]


def read_section(model: type[Model], content: bytes, name: str) -> tuple[Model, Line]:
    """The section in the text of the file `name`, and on which line a path of it stands. ConfigError lists every mistake."""
    places = Places(Place(name, 1))
    mistakes: list[Mistake] = []
    section: Model | None = None
    try:
        data = _data(content, name, places, mistakes)
        validation = Validation(model, places, FsPath(), mistakes)
        section = validation.section(model, data, ())
        if section is not None:
            validation.conflicts(section, ())
    except Unreadable as error:
        mistakes.append(error.mistake)
    if mistakes or section is None:
        raise ConfigError(render(mistakes, places, model))
    return section, lambda path: places.nearest(path).line


def _data(content: bytes, name: str, places: Places, mistakes: list[Mistake]) -> dict[str, Any]:
    def at(line: int) -> Place:
        return Place(name, line)

    node = compose(decoded(content, name), at)
    if not isinstance(node, MappingNode):
        raise Unreadable(Mistake((), "is empty" if node is None else "is no mapping of keys to values", "", at(1)))
    builder = Builder(places, at)
    data, _ = builder.root(node, None)
    mistakes += builder.mistakes
    return data
