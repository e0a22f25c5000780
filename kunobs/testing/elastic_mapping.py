"""How Elasticsearch fits a document to a mapping, or refuses it in its own words; enough of it for `MemoryIndex`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_METADATA = frozenset(
    {"_id", "_source", "_index", "_ignored", "_field_names", "_routing", "_data_stream_timestamp", "_doc_count"}
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d(:\d\d(:\d\d([.,]\d{1,9})?)?)?(Z|[+-]\d\d:?\d\d)?)?")
_DEEPEST = 20
_DYNAMIC: dict[type, str] = {str: "keyword", bool: "boolean", int: "long", float: "float"}


class Misfit(Exception):
    """The document is refused; the answer's `error`."""

    def __init__(self, reason: str, cause: dict[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.error: dict[str, Any] = {"type": "document_parsing_exception", "reason": f"[1:1] {reason}"}
        if cause is not None:
            self.error["caused_by"] = cause


def _argument(reason: str) -> dict[str, Any]:
    return {"type": "illegal_argument_exception", "reason": reason}


def _failed(reason: str) -> Misfit:
    return Misfit(f"failed to parse: {reason}", _argument(reason))


@dataclass
class Mapping:
    """Fields by dotted path -> type (`object` for inner ones); `fit` adds what a new document brings."""

    fields: dict[str, str] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    limit: int = 1000
    needs_timestamp: bool = True

    @classmethod
    def of(cls, mappings: dict[str, Any], settings: dict[str, Any]) -> Mapping:
        """From an index template's `mappings` and flat `settings`."""
        found = cls(limit=int(settings.get("index.mapping.total_fields.limit", 1000)))
        found._declare(mappings.get("properties", {}), "")
        return found

    def _declare(self, properties: dict[str, Any], prefix: str) -> None:
        for name, definition in properties.items():
            path = prefix + name
            self.fields[path] = definition.get("type", "object")
            if definition.get("enabled") is False:
                self.disabled.add(path)
            self._declare(definition.get("properties", {}), path + ".")

    def fit(self, document: bytes, name: str) -> dict[str, Any]:
        """The document as an object. Raises Misfit, and then nothing of it is learnt."""
        event = _parse(document)
        new: dict[str, str] = {}
        self._object(event, "", name, new)
        if self.needs_timestamp and event.get("@timestamp") is None:
            raise _failed("data stream timestamp field [@timestamp] is missing")
        for path, kind in new.items():
            if len(self.fields) < self.limit:
                self.fields.setdefault(path, kind)
        return event

    def _type(self, path: str, new: dict[str, str]) -> str | None:
        return self.fields.get(path) or new.get(path)

    def _object(self, event: dict[str, Any], prefix: str, name: str, new: dict[str, str]) -> None:
        for key, value in event.items():
            _check_key(key)
            parts = [part for part in key.split(".") if part]
            if not prefix and key in _METADATA:
                raise self._misfit(
                    key, key, name, f"Field [{key}] is a metadata field and cannot be added inside a document."
                )
            for inner in range(1, len(parts)):
                self._inner(prefix + ".".join(parts[:inner]), name, new)
            self._value(value, prefix + ".".join(parts), name, new)

    def _inner(self, path: str, name: str, new: dict[str, str]) -> None:
        kind = self._type(path, new)
        if kind is None:
            new[path] = "object"
        elif kind not in ("object", "flattened"):
            raise self._misfit(path, kind, name, "Can't get text on a START_OBJECT at 1:1")

    def _value(self, value: Any, path: str, name: str, new: dict[str, str]) -> None:
        kind = self._type(path, new)
        if isinstance(value, list) and kind != "flattened":
            if path == "@timestamp" and len(value) > 1:
                raise self._misfit(
                    path, "date", name, "data stream timestamp field [@timestamp] encountered multiple values"
                )
            for each in value:
                self._value(each, path, name, new)
        elif value is None or path in self.disabled:
            return
        elif kind == "flattened":
            self._flattened(value, path, name)
        elif isinstance(value, dict):
            self._nested(value, path, kind, name, new)
        elif kind == "object":
            last = path.rpartition(".")[2]
            raise Misfit(
                f"object mapping for [{path}] tried to parse field [{last}] as object, but found a concrete value"
            )
        elif kind == "date":
            self._date(value, path, name)
        elif kind is None:
            new[path] = _DYNAMIC[type(value)]

    def _nested(self, value: dict[str, Any], path: str, kind: str | None, name: str, new: dict[str, str]) -> None:
        if kind is None:
            if path.count(".") + 1 >= _DEEPEST:
                raise _failed(f"Limit of mapping depth [{_DEEPEST}] has been exceeded due to object field [{path}]")
            new[path] = "object"
        elif kind == "date":
            raise self._misfit(path, kind, name, "Cannot parse object or array as a date value")
        elif kind != "object":
            raise self._misfit(path, kind, name, "Expected text at 1:1 but found START_OBJECT")
        self._object(value, path + ".", name, new)

    def _flattened(self, value: Any, path: str, name: str) -> None:
        values = value if isinstance(value, list) else [value]
        for each in values:
            if not isinstance(each, dict):
                token = "VALUE_STRING" if isinstance(each, str) else "VALUE_NUMBER"
                reason = f"Failed to parse object: expecting token of type [START_OBJECT] but found [{token}]"
                raise self._misfit(path, "flattened", name, reason, "parsing_exception")
            if _depth(each) > _DEEPEST:
                reason = f"The provided [flattened] field [{path}] exceeds the maximum depth limit of [{_DEEPEST}]."
                raise self._misfit(path, "flattened", name, reason)

    def _date(self, value: Any, path: str, name: str) -> None:
        if isinstance(value, bool) or (isinstance(value, str) and not _DATE.fullmatch(value)):
            reason = f"failed to parse date field [{value}] with format [strict_date_optional_time||epoch_millis]"
            raise self._misfit(path, "date", name, "cannot parse empty datetime" if value == "" else reason)

    @staticmethod
    def _misfit(path: str, kind: str, name: str, reason: str, cause: str = "illegal_argument_exception") -> Misfit:
        text = f"failed to parse field [{path}] of type [{kind}] in document with id '{name}'. Preview of field's value: ''"
        return Misfit(text, {"type": cause, "reason": reason})


def timestamp_ms(event: dict[str, Any]) -> float:
    """The event's `@timestamp` in milliseconds since the epoch."""
    value = event["@timestamp"]
    value = value[0] if isinstance(value, list) else value
    if isinstance(value, int | float):
        return float(value)
    moment = datetime.fromisoformat(value)
    return (
        moment.replace(tzinfo=moment.tzinfo or datetime.fromisoformat("2000-01-01T00:00:00Z").tzinfo).timestamp() * 1000
    )


def _parse(document: bytes) -> dict[str, Any]:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        keys: set[str] = set()
        for key, _ in found:
            if key in keys:
                cause = {"type": "x_content_parse_exception", "reason": f"[1:1] Duplicate field '{key}'"}
                raise Misfit(f"failed to parse: [1:1] Duplicate field '{key}'", cause)
            keys.add(key)
        return dict(found)

    try:
        event = json.loads(document, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise Misfit("failed to parse", {"type": "x_content_e_o_f_exception", "reason": str(error)}) from error
    if not isinstance(event, dict):
        raise Misfit("failed to parse", {"type": "not_x_content_exception", "reason": "not an object"})
    return event


def _check_key(key: str) -> None:
    if key == "":
        raise _failed("field name cannot be an empty string")
    if not key.strip():
        raise Misfit(f"Field name cannot contain only whitespace: [{key}]")
    if not key.strip("."):
        raise _failed("field name cannot contain only dots")
    if any(not part.strip() for part in key.rstrip(".").split(".")):
        raise _failed(f"field name cannot contain only whitespace: ['{key}']")


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        inner = [e for each in level if isinstance(each, dict) for e in each.values()]
        inner += [e for each in level if isinstance(each, list) for e in each]
        level = [each for each in inner if isinstance(each, dict | list)]
    return depth
