"""What the client accepts: the format from `Accept`, gzip from `Accept-Encoding`; never an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """An exposition format."""

    name: str
    content_type: str


TEXT = Format("text", "text/plain; version=0.0.4; charset=utf-8")
OPENMETRICS = Format("openmetrics", "application/openmetrics-text; version=1.0.0; charset=utf-8")

# More offers than this come from no honest client.
MAX_OFFERS = 64
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


@dataclass(frozen=True)
class _Offer:
    value: str
    parameters: dict[str, str]
    quality: float


def choose_format(accept: str) -> Format:
    """The supported format of highest quality, the first of equals; text 0.0.4 when nothing fits."""
    best, best_quality = TEXT, 0.0
    for offer in _offers(accept):
        found = _format_of(offer)
        if found is not None and offer.quality > best_quality:
            best, best_quality = found, offer.quality
    return best


def accepts_gzip(accept_encoding: str) -> bool:
    """True when gzip, or anything, is accepted with a quality above 0."""
    qualities = {offer.value: offer.quality for offer in _offers(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _format_of(offer: _Offer) -> Format | None:
    version = offer.parameters.get("version", "")
    if offer.value == "application/openmetrics-text":
        return OPENMETRICS if version in ("", "1.0.0") else None
    if offer.value == "text/plain":
        return TEXT if version in ("", "0.0.4") else None
    return TEXT if offer.value in ("text/*", "*/*") else None


def _offers(header: str) -> Iterator[_Offer]:
    """The offers of a header; one with a malformed quality is ignored, as if it were not there."""
    for item in header.split(",", MAX_OFFERS)[:MAX_OFFERS]:
        value, *rest = item.split(";")
        parameters = {}
        for parameter in rest:
            key, _, text = parameter.partition("=")
            parameters[key.strip().lower()] = text.strip().strip('"')
        quality = parameters.pop("q", "1")
        if value.strip() and _QUALITY.fullmatch(quality):
            yield _Offer(value.strip().lower(), parameters, float(quality))
