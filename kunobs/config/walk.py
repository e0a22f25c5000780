"""Finds models and fields by their path in the configuration."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import PlainSerializer
from pydantic.fields import FieldInfo

from kunobs.config.base import Path, Section
from kunobs.config.secret import Secret
from kunobs.config.texts import FilePath


@dataclass(frozen=True)
class Found:
    """What a path leads to: its type, the section that holds it (None at the root), the field it is (in)."""

    annotation: Any
    owner: type[Section] | None = None
    field: FieldInfo | None = None


def plain(annotation: Any) -> Any:
    """The type beneath `Annotated` and `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
            continue
        options = [a for a in get_args(annotation) if a is not type(None)]
        if get_origin(annotation) in (Union, types.UnionType) and len(options) == 1:
            annotation = options[0]
            continue
        return annotation


def as_section(annotation: Any) -> type[Section] | None:
    """The model `annotation` stands for, None when it is no section."""
    kind = plain(annotation)
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def find(model: type[Section], path: Path) -> Found | None:
    """What `path` leads to from `model`, None when it leads nowhere."""
    found = Found(model)
    for part in path:
        inside = as_section(found.annotation)
        if inside is not None:
            field = inside.model_fields.get(str(part))
            if field is None:
                return None
            found = Found(field.annotation, inside, field)
            continue
        item = _item(plain(found.annotation))
        if item is None:
            return None
        found = Found(item, found.owner, found.field)
    return found


def _item(annotation: Any) -> Any:
    """The type of a list's or mapping's values."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (tuple, list):
        return args[0]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return args[1]
    return None


def items(annotation: Any) -> type[Section] | None:
    """The model of a list's or mapping's values, None where they are no sections."""
    item = _item(plain(annotation))
    return None if item is None else as_section(item)


def literal_keys(annotation: Any) -> tuple[str, ...]:
    """The keys a mapping may have, empty when they are free or it is no mapping."""
    args = get_args(plain(annotation))
    return get_args(args[0]) if len(args) == 2 and get_origin(args[0]) is Literal else ()


def is_text(annotation: Any) -> bool:
    """True when the value is text as it stands: no need for quotes in an environment variable."""
    kind = plain(annotation)
    return kind in (str, Secret) or (get_origin(kind) is Literal and isinstance(get_args(kind)[0], str))


def is_secret(annotation: Any) -> bool:
    """True when the value may never be printed."""
    return plain(annotation) is Secret


def is_file(field: FieldInfo) -> bool:
    """True when the value is the path of a file."""
    return any(isinstance(one, FilePath) for one in field.metadata)


def unit_of(field: FieldInfo) -> Callable[..., Any] | None:
    """How a duration or a size is written as text, None for other fields."""
    return next((one.func for one in field.metadata if isinstance(one, PlainSerializer)), None)


def holds_secrets(model: type[Section]) -> bool:
    """True when a secret stands among the model's keys, so that no value beside it is repeated."""
    return any(is_secret(field.annotation) for field in model.model_fields.values())


def twin(model: type[Section], key: str) -> str | None:
    """`password` -> `password_file` and back, None when the key has no such twin."""
    other = key.removesuffix("_file") if key.endswith("_file") else f"{key}_file"
    secret = model.model_fields.get(min(key, other, key=len))
    return other if other in model.model_fields and secret and is_secret(secret.annotation) else None


def sections_in(
    model: type[Section], data: dict[str, Any], path: Path
) -> Iterator[tuple[type[Section], dict[str, Any], Path]]:
    """Every mapping of `data` that a section reads; a section without a value counts as empty."""
    yield model, data, path
    for key, field in model.model_fields.items():
        if key not in data:
            continue
        if data[key] is None and as_section(field.annotation) is not None:
            data[key] = {}
        yield from _beneath(field.annotation, data[key], (*path, key))


def _beneath(annotation: Any, value: Any, path: Path) -> Iterator[tuple[type[Section], dict[str, Any], Path]]:
    inside = as_section(annotation)
    if inside is not None:
        if isinstance(value, dict):
            yield from sections_in(inside, value, path)
        return
    item = _item(plain(annotation))
    if item is None:
        return
    pairs = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, one in pairs:
        yield from _beneath(item, one, (*path, key))


def known_paths(model: type[Section], path: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Every key of the configuration, sections included, in the order of the models."""
    for key, field in model.model_fields.items():
        yield (*path, key), field
        inside = as_section(field.annotation)
        if inside is not None:
            yield from known_paths(inside, (*path, key))
