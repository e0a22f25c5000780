"""bytes -> the few fields that routing and the natural id need; pure. The rest of an event is never decoded."""

from __future__ import annotations

import json
import re
import sys
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from operator import attrgetter
from typing import Any, NamedTuple, NoReturn

import msgspec

# Python 3.11 decodes what nests less than 1,000 deep minus the frames of the caller.
_MAX_DEPTH = 1000
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}]')

FIELDS = ("namespace", "path", "offset", "timestamp", "stream", "container_id", "agent_id", "host_id")

# Where agents put them. Filebeat: libbeat's codec/json and add_kubernetes_metadata; Fluent Bit: the kubernetes filter with tail's
# `Path_Key log_path` and `Offset_Key log_offset`; Vector: the kubernetes_logs source.
PROFILES: dict[str, dict[str, str]] = {
    "filebeat": {
        "namespace": "kubernetes.namespace",
        "path": "log.file.path",
        "offset": "log.offset",
        "timestamp": "@timestamp",
        "stream": "stream",
        "container_id": "container.id",
        "agent_id": "agent.id",
        "host_id": "host.id",
    },
    "fluent-bit": {
        "namespace": "kubernetes.namespace_name",
        "path": "log_path",
        "offset": "log_offset",
        "timestamp": "@timestamp",
        "stream": "stream",
        "container_id": "kubernetes.docker_id",
        "agent_id": "agent_id",
        "host_id": "kubernetes.host",
    },
    "vector": {
        "namespace": "kubernetes.pod_namespace",
        "path": "file",
        "offset": "offset",
        "timestamp": "timestamp",
        "stream": "stream",
        "container_id": "kubernetes.container_id",
        "agent_id": "agent_id",
        "host_id": "kubernetes.pod_node_name",
    },
}

_TYPES: dict[str, Any] = {"offset": int | None, "timestamp": str | int | float | None}


class Fields(NamedTuple):
    """What routing and the natural id use; None where the event has no value of the right type."""

    namespace: str | None
    path: str | None
    offset: int | None
    timestamp: str | int | float | None
    stream: str | None
    container_id: str | None
    agent_id: str | None
    host_id: str | None
    bad_namespace: bool = False
    """The event names a namespace that is not a string, so it must not be routed by its path alone."""


@dataclass(frozen=True)
class Unreadable:
    """Why bytes are no event: `null_value`, `not_json`, `not_object` or `too_deep`."""

    reason: str


NULL_VALUE, NOT_JSON = Unreadable("null_value"), Unreadable("not_json")
NOT_OBJECT, TOO_DEEP = Unreadable("not_object"), Unreadable("too_deep")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _same(empty: msgspec.Struct) -> msgspec.Struct:
    return empty


def _struct(name: str, tree: Mapping[str, Any]) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    for index, (key, sub) in enumerate(tree.items()):
        attribute = f"f{index}"
        rename[attribute] = key
        if isinstance(sub, dict):
            nested = _struct(f"{name}_{index}", sub)
            empty = nested()
            fields.append((attribute, nested, msgspec.field(default_factory=partial(_same, empty))))
        else:
            fields.append((attribute, _TYPES.get(sub, str | None), None))
    return msgspec.defstruct(name, fields, rename=rename, gc=False)


def _tree(paths: Mapping[str, str]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for field, path in paths.items():
        node = root
        *parents, leaf = path.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
            if isinstance(node, str):
                raise ValueError(f"field path {path!r} runs through another field's path")
        if leaf in node:
            raise ValueError(f"field path {path!r} is used twice or runs through another field's path")
        node[leaf] = field
    return root


def _attribute(tree: Mapping[str, Any], path: str) -> str:
    names: list[str] = []
    node: Any = tree
    for key in path.split("."):
        names.append(f"f{list(node).index(key)}")
        node = node[key]
    return ".".join(names)


class EventReader:
    """Reads events of one profile; one instance per process, safe to share between threads."""

    def __init__(self, profile: str = "filebeat", overrides: Mapping[Any, str] | None = None) -> None:
        self.paths = PROFILES[profile] | dict(overrides or {})
        self._keys = {field: path.split(".") for field, path in self.paths.items()}
        self.decode_all, self.pick_all = self._reader(FIELDS)
        self.decode_route, self.pick_route = self._reader(("namespace", "path"))

    def _reader(self, fields: tuple[str, ...]) -> tuple[Callable[[bytes], Any], Callable[[Any], tuple[Any, ...]]]:
        tree = _tree({field: self.paths[field] for field in fields})
        decode = msgspec.json.Decoder(_struct("Event", tree)).decode
        return decode, attrgetter(*(_attribute(tree, self.paths[f]) for f in fields))

    def route_fields(self, value: bytes | None) -> tuple[str | None, str | None] | Fields | Unreadable:
        """(namespace, path): the fast way. `Fields` where the event is odd, `Unreadable` where it is none."""
        if not value:
            return NULL_VALUE
        try:
            if not value.isascii():
                value.decode()
            return self.pick_route(self.decode_route(value))
        except (ValueError, RecursionError):
            return self._slow(value)

    def fields(self, value: bytes | None) -> Fields | Unreadable:
        """Every field, for the natural id."""
        if not value:
            return NULL_VALUE
        try:
            if not value.isascii():
                value.decode()
            return Fields(*self.pick_all(self.decode_all(value)))
        except (ValueError, RecursionError):
            return self._slow(value)

    def _slow(self, value: bytes) -> Fields | Unreadable:
        """Fields of the wrong type become None; JSON the fast reader is too strict for (lone surrogates) is read."""
        try:
            event = _loads(value)
        except RecursionError:
            return TOO_DEEP
        except ValueError:
            return NOT_JSON
        if not isinstance(event, dict):
            return NOT_OBJECT
        raw = {field: _pluck(event, keys) for field, keys in self._keys.items()}
        text = {f: v if isinstance(v, str) else None for f, v in raw.items()}
        offset, timestamp = raw["offset"], raw["timestamp"]
        return Fields(
            namespace=text["namespace"],
            path=text["path"],
            offset=offset if isinstance(offset, int) and not isinstance(offset, bool) else None,
            timestamp=timestamp
            if isinstance(timestamp, str | int | float) and not isinstance(timestamp, bool)
            else None,
            stream=text["stream"],
            container_id=text["container_id"],
            agent_id=text["agent_id"],
            host_id=text["host_id"],
            bad_namespace=raw["namespace"] is not None and text["namespace"] is None,
        )


def _loads(value: bytes) -> Any:
    """How deep a decoder gets depends on how deep its caller stands, and the legs stand differently: up to _MAX_DEPTH is read in any case."""
    text = value.decode()
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        if _depth(value) > _MAX_DEPTH:
            raise
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + 3 * _MAX_DEPTH)
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        finally:
            sys.setrecursionlimit(limit)


def _depth(value: bytes) -> int:
    deepest = depth = 0
    for token in _BRACKETS.finditer(value):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token[0], 0)
        deepest = max(deepest, depth)
    return deepest


def _pluck(event: Any, keys: list[str]) -> Any:
    for key in keys:
        if not isinstance(event, dict):
            return None
        event = event.get(key)
    return event


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def line_id(source: str, offset: int, timestamp: str | float | None, stream: str | None) -> str:
    """The natural id of a line however often an agent sends it: 22 characters of base64url.

    `source` is the container's id, or what stands in for it. Path and offset alone collide after a rotation (same path, offsets start
    again), hence the timestamp.
    """
    line = f"{source}\0{offset}\0{timestamp}\0{stream}"
    digest = blake2b(line.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return b2a_base64(digest, newline=False).translate(_URL_SAFE, b"=").decode()
