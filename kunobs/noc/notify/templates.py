"""Texts of messages: Jinja2 in a sandbox, our own templates for both languages and yours over them.

A template that fails when it is needed costs its form, not the message: a plain text is sent instead, and somebody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, get_args

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kunobs.config.noc.templates import TemplateConfig
from kunobs.errors import ConfigError
from kunobs.noc.notify.contract import Kind, Language

LONGEST = 64 * 1024
# What a template may raise beside Jinja's own: Python's, out of its expressions.
_FAILS = (
    TemplateError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
    MemoryError,
)


@dataclass(frozen=True)
class _Own:
    config: TemplateConfig
    title: Template | None
    text: Template | None

    def fits(self, tenant: str, channel: str, kind: Kind, language: Language) -> bool:
        wanted = self.config
        given = ((wanted.tenant, tenant), (wanted.channel, channel), (wanted.kind, kind), (wanted.language, language))
        return all(not want or want == have for want, have in given)


class Templates:
    """Renders titles and texts. Raises ConfigError for a template that cannot be read or fails with a sample."""

    def __init__(self, own: Sequence[TemplateConfig], samples: Sequence[Mapping[str, Any]] = ()) -> None:
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False)
        folder = files("kunobs.noc.notify") / "texts"
        self._texts = {
            language: environment.from_string((folder / f"{language}.j2").read_text("utf-8"))
            for language in ("zh", "en")
        }
        self._own = [_read(environment, number, config) for number, config in enumerate(own)]
        for number, each in enumerate(self._own):
            for sample in samples:
                _try(number, each, sample)

    def render(
        self,
        tenant: str,
        channel: str,
        kind: Kind,
        language: Language,
        values: Mapping[str, Any],
        failed: Callable[[str], None],
    ) -> tuple[str, str]:
        """(title, text); `failed` is told why a template could not be used, and the plain form is given."""
        own = next((each for each in self._own if each.fits(tenant, channel, kind, language)), None)
        title, text = values["incident"]["title"], ""
        if own is not None:
            try:
                title = own.title.render(values)[:1000] if own.title else title
                text = own.text.render(values)[:LONGEST] if own.text else ""
            except _FAILS as error:
                failed(f"{type(error).__name__}: {error}"[:300])
                title = values["incident"]["title"]
                text = ""
        if not text:
            text = self._texts[language].render(values)
        return " ".join(title.split()), text.strip()


def samples() -> list[dict[str, Any]]:
    """What templates are tried with: each kind of message, with an alert that has everything and one that has nothing."""
    alert = {
        "labels": {"namespace": "pay-prod"},
        "annotations": {"summary": "disk full", "description": "93 % of /data"},
        "links": ["http://prometheus/graph"],
        "status": "firing",
        "text": "93 % of /data",
    }
    bare = {"labels": {}, "annotations": {}, "links": [], "status": "resolved", "text": ""}
    return [
        {
            "kind": kind,
            "incident": {
                "id": 1, "title": "disk full", "tenant": "platform", "severity": "critical", "flapping": 0,
                "labels": {"alertname": "DiskFull"},
            },
            "severity_zh": "严重",
            "alerts": [alert, bare],
            "more": 1,
            "opened": "11-24 21:05",
            "duration": "3 min",
            "person": "",
            "by": "li",
            "b": str,
            "storm": {"total": 2, "firing": 1, "groups": [{"name": "disk full", "total": 2}], "rest": 0},
            "entries": ["! #1 disk full"],
        }
        for kind in get_args(Kind)
    ]  # fmt: skip


def _read(environment: ImmutableSandboxedEnvironment, number: int, config: TemplateConfig) -> _Own:
    try:
        title = environment.from_string(config.title) if config.title else None
        text = environment.from_string(config.text) if config.text else None
    except (TemplateError, RecursionError) as error:
        raise _wrong(number, error) from error
    return _Own(config, title, text)


def _try(number: int, own: _Own, sample: Mapping[str, Any]) -> None:
    if own.config.kind and own.config.kind != sample["kind"]:
        return
    try:
        for template in (own.title, own.text):
            if template is not None:
                template.render(sample)
    except _FAILS as error:
        raise _wrong(number, error) from error


def _wrong(number: int, error: Exception) -> ConfigError:
    line = getattr(error, "lineno", None)
    where = f", line {line}" if line else ""
    return ConfigError(
        f"noc.templates[{number}]{where}: {type(error).__name__}: {error}",
        hint="docs/noc.md lists what a template is given; https://jinja.palletsprojects.com/templates/ says how it is written",
    )
