"""Plain data -> a model and everything that is wrong with it: files, keys, values, then rules over several keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FsPath
from typing import Any, TypeVar

from pydantic import ValidationError

from kunobs.config.base import Path, Section
from kunobs.config.explain import explain
from kunobs.config.files import read_files
from kunobs.config.places import Mistake, Places
from kunobs.config.quantities import WRITTEN

Model = TypeVar("Model", bound=Section)


class Validation:
    """Collects the mistakes of one document whose root is `root`; `mistakes` may hold those of reading it already."""

    def __init__(self, root: type[Section], places: Places, directory: FsPath, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        self._root = root
        self._places = places
        self._directory = directory
        self._broken: set[Path] = set()

    def section(self, model: type[Model], raw: Any, path: Path) -> Model | None:
        """`raw` as `model`; wrong keys count as not written, so that the rest can be judged. None: nothing is left.

        Makes paths of files in `raw` absolute and puts secrets in.
        """
        known = {mistake.path for mistake in self.mistakes}
        if isinstance(raw, dict):
            found = read_files(model, raw, path, self._places, self._directory)
            self.mistakes += found
            self._broken |= {mistake.path for mistake in found}
        section, errors = _validate(model, raw)
        for error in errors:
            where = (*path, *error["loc"])
            self._broken.add(where)
            if where not in known:
                self.mistakes.append(explain(error, self._root, where))
        if not errors:
            return section
        return _validate(model, _without(raw, [error["loc"] for error in errors]))[0]

    def conflicts(self, section: Section, path: Path) -> None:
        """Rules over several keys of `section` and those inside it, except where one of the keys is wrong already."""
        for conflict in section.conflicts():
            keys = [(*path, *(int(p) if p.isdigit() else p for p in key.split("."))) for key in conflict.keys]
            if not any(_overlap(one, key) for key in keys for one in self._broken):
                where = next((key for key in keys if self._places.exact(key)), keys[0])
                subject = "" if where == keys[0] else f"{conflict.keys[0]} "
                self.mistakes.append(Mistake(where, subject + conflict.problem, conflict.hint))
        for key, value in vars(section).items():
            for part, one in _sections_of(value):
                self.conflicts(one, (*path, key, *part))


def _validate(model: type[Model], data: Any) -> tuple[Model | None, list[Any]]:
    try:
        return model.model_validate(data, context=WRITTEN), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _overlap(one: Path, other: Path) -> bool:
    """True when one of the paths is, or stands in, the other."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _without(data: Any, paths: list[Path]) -> Any:
    """A copy of `data` without the keys (whole lists, where an item is meant) that `paths` lead to."""
    if () in paths or not isinstance(data, dict):
        return {}
    copy: dict[str, Any] = {}
    for key, value in data.items():
        beneath = [path[1:] for path in paths if path[0] == key]
        if not beneath:
            copy[key] = value
        elif isinstance(value, dict) and () not in beneath:
            copy[key] = _without(value, beneath)
    return copy


def _sections_of(value: object) -> list[tuple[Path, Section]]:
    if isinstance(value, Section):
        return [((), value)]
    if isinstance(value, tuple):
        return [((index,), one) for index, one in enumerate(value) if isinstance(one, Section)]
    if isinstance(value, Mapping):
        return [((str(key),), one) for key, one in value.items() if isinstance(one, Section)]
    return []
