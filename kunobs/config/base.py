"""What every section of the configuration is made of: a frozen, strict model and rules over several keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

Path = tuple[str | int, ...]
Text = Annotated[str, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]

SectionType = TypeVar("SectionType", bound="Section")


class Section(BaseModel):
    """A mapping of the configuration file; unknown keys are errors and nothing changes after loading."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, regex_engine="python-re"
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Mistakes that need more than one key to see; sections with such rules override this."""
        return iter(())


@dataclass(frozen=True)
class Conflict:
    """Keys (dotted, relative to their section) that are each fine but not together; `problem` is the first's.

    It is reported where the first of the keys that somebody wrote stands.
    """

    keys: tuple[str, ...]
    problem: str
    hint: str = ""


def wrong(value: object, problem: str, hint: str = "") -> PydanticCustomError:
    """The error a validator raises; `value` is only repeated to a person where no secret can be near."""
    return PydanticCustomError("wrong", "{problem}", {"problem": problem, "hint": hint, "value": value})


def section(model: type[SectionType], about: str = "") -> SectionType:
    """A field that holds `model`, described by `about`, else by the first line of the model's docstring."""
    about = about or (model.__doc__ or "").strip().splitlines()[0]
    return Field(default_factory=model, description=about)


def shown(value: object) -> str:
    """A value as the file would have it, short enough for one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list, tuple)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value)
    text = text if len(text) <= 50 else text[:47] + "..."
    text = "".join(c if c.isprintable() else "?" for c in text)
    return f'"{text}"' if isinstance(value, str) else text
