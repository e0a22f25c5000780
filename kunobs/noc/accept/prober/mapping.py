"""A prober's request and its mapping -> one alert: which check, down or up, since when."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from kunobs.config.noc.probers import PLACEHOLDER, MappingConfig
from kunobs.noc.accept.alert import Alert, Post
from kunobs.noc.accept.moment import read_moment
from kunobs.noc.accept.prober.request import Fields, Request, shown
from kunobs.noc.accept.prober.verify import verify, verify_digest

_LONGEST_ID = 1024
_SUMMARY, _TEXT, _LABEL = 1024, 8192, 2048


@dataclass(frozen=True)
class Mapping:
    """A kind of prober: its name is part of the identity of its alerts, `config` says what its requests mean."""

    name: str
    config: MappingConfig


def read(
    mapping: Mapping,
    secret: str,
    method: str,
    query: str,
    headers: Dictionary[str, str],
    body: bytes,
    now_ms: int,
    path_token: str = "",
) -> Post:
    """The alert of a request, none where its status is to be ignored.

    `headers` have names in lower case, `query` is what follows the `?`, `path_token` the end of the path where that is the
    secret. Raises Refusal: 401 for a wrong secret, 400, 405 and 413 for what is no such request, 422 for a field.
    """
    config, request = mapping.config, Request(method, query, headers, body, path_token)
    verify(config.verify, secret, request)
    fields = Fields(config, request)
    verify_digest(config.verify, secret, fields)
    word = fields.need(config.status.field)
    status = config.status.values.get(word)
    if status is None:
        known = ", ".join(config.status.values)
        raise fields.refusal(config.status.field, f"says {shown(word)}, which is not one of {known}")
    if status == "ignore":
        return Post(sender=mapping.name, alerts=())
    check = _check(config, fields)
    target = _cut(fields.text(config.target) or " ".join(check), _LABEL)
    severity = config.severity.default
    if config.severity.field:
        severity = config.severity.values.get(fields.text(config.severity.field), severity)
    firing = status == "firing"
    began = _moment(config, fields, config.times.starts, now_ms) if firing else None
    alert = Alert(
        status=status,
        labels=_texts(config.labels, fields, _LABEL) | {"prober": mapping.name, "target": target, "severity": severity},
        annotations=_texts(config.annotations, fields, _TEXT) | {"summary": _summary(config, fields, target, word)},
        starts_ms=(now_ms if began is None else began) if firing else 0,
        ends_ms=None if firing else _moment(config, fields, config.times.ends, now_ms),
        links=tuple(_links(fields.text(name) for name in config.links)),
        # As JSON, so that no value can be written to look like two.
        dedup_key=msgspec.json.encode([mapping.name, *check]).decode(),
    )
    return Post(sender=mapping.name, alerts=(alert,))


def _check(config: MappingConfig, fields: Fields) -> list[str]:
    """What names the check, and what about it the request is."""
    parts = []
    for name in config.id:
        part = fields.need(name)
        if len(part) > _LONGEST_ID:
            raise fields.refusal(name, f"has more than {_LONGEST_ID} characters")
        parts.append(part)
    about = config.aspect.values.get(fields.text(config.aspect.field)) if config.aspect.field else None
    return [*parts, about] if about else parts


def _moment(config: MappingConfig, fields: Fields, name: str, now_ms: int) -> int | None:
    text = fields.get(name) if name else ""
    if not text:
        return None
    try:
        return read_moment(text, config.times.format, config.times.zone, now_ms)
    except ValueError as error:
        raise fields.refusal(name, f"says {shown(text)}, which {error}") from error


def _summary(config: MappingConfig, fields: Fields, target: str, word: str) -> str:
    """With `?` for what is missing: it may be the only thing that is."""
    if not config.summary:
        return _cut(f"{target}: {word}", _SUMMARY)
    return _cut(PLACEHOLDER.sub(lambda found: fields.text(found[1]) or "?", config.summary), _SUMMARY)


def _texts(names: Dictionary[str, str], fields: Fields, longest: int) -> dict[str, str]:
    return {key: _cut(text, longest) for key, name in names.items() if (text := fields.text(name))}


def _links(urls: Iterable[str]) -> Iterable[str]:
    """Those that are addresses of pages; a check of a TCP port has none, and that is no reason to lose its alert."""
    for url in urls:
        try:
            sound = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
        except ValueError:
            sound = False
        if sound and len(url) <= _LABEL and not re.search(r"[\s\x00-\x1f\x7f]", url):
            yield url


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
