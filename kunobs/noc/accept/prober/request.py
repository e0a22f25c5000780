"""A prober's request, and its fields by the names that a mapping gives them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import jsonpath_rfc9535 as jsonpath
import msgspec
from python_multipart import parse_form

from kunobs.config.noc.probers import MappingConfig
from kunobs.noc.accept.refusal import Refusal

LARGEST = 256 * 1024
"""Bytes of a body; what probers post is a hundredth of it."""
HINT = "docs/probers.md says what to enter in the prober's console"
_MOST_PARAMETERS = 200
_compiled = lru_cache(maxsize=1024)(jsonpath.compile)


@dataclass(frozen=True)
class Request:
    """What came in. Names of `headers` are in lower case; `path_token` is what the URL's path ends with, if it holds the secret."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    path_token: str = ""

    def parameters(self) -> dict[str, list[str]]:
        """Those of the URL. Raises Refusal."""
        return _pairs(self.query)


class Fields:
    """The request's fields as a mapping names them; values are text without NUL and lone surrogates."""

    def __init__(self, config: MappingConfig, request: Request) -> None:
        """Raises Refusal where the request is not of the mapping's format."""
        self._config = config
        self._json = config.format == "json"
        self._document = _document(config.format, request)

    def get(self, name: str) -> str:
        """The field's text, empty where it has none. Raises Refusal where it is a list, an object or given twice."""
        values = self._values(name)
        if len(values) > 1:
            raise self.refusal(name, "has several values")
        if not values:
            return ""
        if not _scalar(values[0]):
            raise self.refusal(name, "is a list, an object or a huge number; text or a number is expected")
        return self._clean(name, values[0])

    def need(self, name: str) -> str:
        """Its text. Raises Refusal where it has none."""
        text = self.get(name)
        if not text:
            raise self.refusal(name, "is missing")
        return text

    def text(self, name: str) -> str:
        """For people to read: a list or an object as JSON, the first of several. An alert is not lost for its prose."""
        values = self._values(name)
        if not values:
            return ""
        try:
            found = values[0] if _scalar(values[0]) else msgspec.json.encode(values[0]).decode()
        except RecursionError:
            return "?"
        return self._clean(name, found)

    def refusal(self, name: str, problem: str) -> Refusal:
        """What is wrong with a field, and where it stands."""
        return Refusal(422, f"{name} ({' or '.join(self._config.fields[name])}) {problem}", hint=HINT)

    def _values(self, name: str) -> list[Any]:
        """Of the first place that has any, at most two."""
        for place in self._config.fields[name]:
            found = self._nodes(name, place) if self._json else self._document.get(place, [])
            values = [value for value in found if value is not None and value != ""]
            if values:
                return values
        return []

    def _nodes(self, name: str, place: str) -> list[Any]:
        try:
            return [node.value for node in islice(_compiled(place).finditer(self._document), 2)]
        except (jsonpath.JSONPathError, RecursionError):
            raise self.refusal(name, "cannot be looked for: the body is nested too deep") from None

    def _clean(self, name: str, value: Any) -> str:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if name in self._config.decode:
            text = unquote_plus(text, errors="replace")
        # PostgreSQL holds no NUL; a surrogate comes from a caller that decoded the request in its own way.
        return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _document(form: str, request: Request) -> Any:
    if request.method not in (("POST",) if form == "json" else ("GET", "POST")):
        raise Refusal(405, f"{shown(request.method)} is not known here", hint=HINT)
    if len(request.body) > LARGEST:
        raise Refusal(413, f"the body has more than {LARGEST} bytes", hint="no prober sends that much")
    if form == "json":
        try:
            return msgspec.json.decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal(400, f"the body is no JSON: {error}", hint=HINT) from error
    if form == "query" or request.method == "GET":
        return request.parameters()
    kind = request.headers.get("content-type", "")
    if kind.lower().startswith("multipart/form-data"):
        return _multipart(kind, request.body)
    return _pairs(request.body.decode("utf-8", "replace"))


def _pairs(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, errors="replace", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise Refusal(400, f"there are more than {_MOST_PARAMETERS} parameters", hint=HINT) from None


def _multipart(kind: str, body: bytes) -> dict[str, list[str]]:
    """The texts of a multipart form, as PHP's curl sends it for an array; files are passed over."""
    found: dict[str, list[str]] = {}

    def on_field(field: Any) -> None:
        found.setdefault(_utf8(field.field_name), []).append(_utf8(field.value))

    try:
        parse_form({"Content-Type": kind.encode("latin-1", "replace")}, io.BytesIO(body), on_field, lambda _: None)
    except ValueError as error:
        raise Refusal(400, f"the body is no form: {error}", hint=HINT) from error
    return found


def _utf8(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def _scalar(value: object) -> bool:
    if isinstance(value, int):
        return value.bit_length() <= 64
    return isinstance(value, str | float)


def shown(text: str) -> str:
    """A value in a sentence: quoted, short, printable."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return repr("".join(c if c.isprintable() else "?" for c in short))
