"""File + environment -> Config, or one ConfigError that lists every mistake with its line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path as FsPath
from typing import Any

from ruamel.yaml.nodes import MappingNode

from kunobs.config.document import Builder, Unreadable, compose, decoded
from kunobs.config.environment import Overlay
from kunobs.config.explain import nearest, unknown_key
from kunobs.config.files import MAX_CONFIG, CannotRead, read_bytes
from kunobs.config.places import Mistake, Place, Places, dotted, render
from kunobs.config.root import VERSION, Config
from kunobs.config.validate import Validation
from kunobs.config.walk import as_section
from kunobs.errors import ConfigError

_MODELS = {n: model for n, field in Config.model_fields.items() if (model := as_section(field.annotation))}
SECTIONS = tuple(_MODELS)
_ENVIRONMENT = "environment"
ALWAYS = frozenset({"log", "server"})
_EXAMPLE = "`kunobs config example` prints a file with every key"


def load(
    path: FsPath | None, *, environ: Mapping[str, str] | None = None, sections: Iterable[str] | None = None
) -> Config:
    """The configuration in `path` (None: defaults) with the variables of `environ` (None: our own) over it.

    `sections` are those the caller uses (None: all), `log` and `server` always. Mistakes elsewhere, unknown
    sections too, are then not looked at. Raises ConfigError with a line for every mistake.
    """
    environ = os.environ if environ is None else environ
    if path is None:
        return _Load(_ENVIRONMENT, FsPath(), sections).run(None, environ)
    try:
        content = read_bytes(path, MAX_CONFIG)
    except CannotRead as problem:
        message, hint = f"{path}: {problem}", "" if problem.exists else f"kunobs config example > {path}"
    else:
        return _Load(str(path), path.parent, sections).run(content, environ)
    raise ConfigError(message, hint=hint)


def load_text(
    content: str | bytes,
    *,
    name: str = "kunobs.yaml",
    directory: FsPath | None = None,
    environ: Mapping[str, str] | None = None,
    sections: Iterable[str] | None = None,
) -> Config:
    """Like `load` for the text of a file `name` in `directory`; without `environ` no variable counts."""
    content = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    return _Load(name, directory or FsPath(), sections).run(content, environ or {})


class _Load:
    """One load: what was found so far, and where."""

    def __init__(self, name: str, directory: FsPath, sections: Iterable[str] | None) -> None:
        self._name = name
        self._directory = directory
        self._wanted = None if sections is None else frozenset(sections) | ALWAYS
        unknown = (self._wanted or frozenset()) - set(SECTIONS)
        if unknown:
            raise ValueError(f"no such sections: {', '.join(sorted(unknown))}")
        self._places = Places(Place(name, 0 if name == _ENVIRONMENT else 1))
        self._mistakes: list[Mistake] = []
        self._others: list[str] = []

    def run(self, content: bytes | None, environ: Mapping[str, str]) -> Config:
        data: dict[str, Any] = {}
        try:
            if content is not None:
                data = self._parse(decoded(content, self._name))
                self._check_version(data)
            overlay = Overlay(Config, data, self._places)
            overlay.apply(environ, self._wanted)
            self._mistakes += overlay.mistakes
        except Unreadable as error:
            self._mistakes.append(error.mistake)
            raise self._error() from None
        config = self._sections(data)
        if self._mistakes:
            raise self._error()
        return config

    def _parse(self, text: str) -> dict[str, Any]:
        node = compose(text, self._at)
        if node is None or node.value == "":
            raise Unreadable(Mistake((), "is empty", f"the least is `version: {VERSION}`; {_EXAMPLE}"))
        if not isinstance(node, MappingNode):
            place = self._at(node.start_mark.line + 1)
            raise Unreadable(Mistake((), "is no mapping of keys to values", _EXAMPLE, place))
        builder = Builder(self._places, self._at)
        wanted = None if self._wanted is None else self._wanted | {"version"}
        data, others = builder.root(node, wanted)
        self._mistakes += builder.mistakes
        self._others = [name for name in others if name not in SECTIONS]
        return data

    def _check_version(self, data: dict[str, Any]) -> None:
        """Another version's file has other keys, so nothing else about it is worth saying."""
        if "version" not in data:
            raise Unreadable(Mistake(("version",), "is missing", f"begin the file with `version: {VERSION}`"))
        version = data.pop("version")
        if version is True or version != VERSION or not isinstance(version, int):
            text = f"must be {VERSION}: this kunobs reads version {VERSION}"
            hint = (
                "a file written for a newer version needs a newer kunobs; "
                "there is no `kunobs config upgrade` yet, see docs/config.md"
            )
            if isinstance(version, str) and version.strip() == str(VERSION):
                hint = "write it without quotes"
            raise Unreadable(Mistake(("version",), text, hint))

    def _sections(self, data: dict[str, Any]) -> Config:
        """Validates each section on its own, so that a mistake in one hides none in the next."""
        validation = Validation(Config, self._places, self._directory, self._mistakes)
        values: dict[str, Any] = {}
        for name in SECTIONS:
            if self._wanted is None or name in self._wanted:
                raw = data.pop(name, None)
                section = validation.section(_MODELS[name], {} if raw is None else raw, (name,))
                if section is not None:
                    values[name] = section
        self._mistakes += [unknown_key(Config, (name,)) for name in data]
        config = Config.model_construct(**values)
        for name in set(SECTIONS) - set(values):
            del config.__dict__[name]
        validation.conflicts(config, ())
        config._notes = tuple(self._note(name) for name in self._others)
        return config

    def _at(self, line: int) -> Place:
        return Place(self._name, line)

    def _note(self, name: str) -> str:
        near = nearest(name, SECTIONS)
        return f"{self._name}: unknown section {dotted((name,))} was not read" + (f"; {near}" if near else "")

    def _error(self) -> ConfigError:
        return ConfigError(render(self._mistakes, self._places, Config))
