"""Where a record must go and what its id is: a second, slow implementation that shares no code."""

from __future__ import annotations

import base64
import hashlib
import json
import string
import sys
from typing import Any, NamedTuple

_LETTERS = frozenset(string.ascii_lowercase + string.digits)
# Where a reader written in C gives up depends on its caller's stack, so between these either answer is right.
SURELY_READABLE, SURELY_TOO_DEEP = 250, 2000


class Verdict(NamedTuple):
    """`outcome` is `deliver`, `quarantine` or `unrouted`; without an `id` its coordinates are the id."""

    outcome: str
    namespace: str
    id: str | None
    either: bool = False
    """The event is so deeply nested that `unrouted` is right as well."""
    forged_repair: Any = None
    """What the event itself claims as `kunobs.repair_reason`."""


UNROUTED = Verdict("unrouted", "", None)


def judge(value: bytes | None) -> Verdict:
    """The verdict on one record's value."""
    depth = _depth(value) if value and value.count(b"[") + value.count(b"{") > SURELY_READABLE else 0
    if not value or depth > SURELY_TOO_DEEP:
        return UNROUTED
    try:
        event = _loads(value, depth)
    except ValueError:
        return UNROUTED
    if not isinstance(event, dict):
        return UNROUTED
    outcome, namespace = _route(event)
    forged = _at(event, "kunobs", "repair_reason")
    return Verdict(outcome, namespace, natural_id(event), depth > SURELY_READABLE, forged)


def _loads(value: bytes, depth: int) -> Any:
    usual = sys.getrecursionlimit()
    if depth:
        sys.setrecursionlimit(usual + 2 * depth)
    try:
        return json.loads(value.decode("utf-8"), parse_constant=_no_constant)
    finally:
        if depth:
            sys.setrecursionlimit(usual)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _depth(value: bytes) -> int:
    """The deepest nesting of brackets outside strings."""
    depth = deepest = 0
    in_string = escaped = False
    for byte in value:
        if escaped:
            escaped = False
        elif in_string:
            escaped = byte == 0x5C
            in_string = byte != 0x22
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _at(event: Any, *keys: str) -> Any:
    for key in keys:
        event = event.get(key) if isinstance(event, dict) else None
    return event


def _text(event: Any, *keys: str) -> str | None:
    found = _at(event, *keys)
    return found if isinstance(found, str) else None


def _is_label(name: str) -> bool:
    return (
        1 <= len(name) <= 63
        and set(name) <= _LETTERS | {"-"}
        and name[0] in _LETTERS
        and name[-1] in _LETTERS
    )  # fmt: skip


def _path_says(path: str | None) -> tuple[str | None, str | None]:
    """(namespace, container id) that the kubelet's file name holds."""
    pieces = (path or "").split("/")
    if pieces[:4] == ["", "var", "log", "containers"] and len(pieces) == 5:
        pod, namespace, rest = [*pieces[4].split("_", 2), "", ""][:3]
        container_id = _container_id(rest)
        if pod and namespace and container_id:
            return namespace, container_id
    if pieces[:4] == ["", "var", "log", "pods"] and len(pieces) == 7 and all(pieces[5:]):
        names = pieces[4].split("_")
        if len(names) == 3 and all(names):
            return names[0], None
    return None, None


def _container_id(rest: str) -> str | None:
    """`<container>-<id>.log`, or with what a rotation appends: `….log.1`, `….log.20261101.gz`."""
    end = len(rest)
    while (end := rest.rfind(".log", 0, end)) >= 0:
        suffix = rest[end + len(".log") :]
        container, _, container_id = rest[:end].rpartition("-")
        named = container and container_id and "_" not in container and not set("_.") & set(container_id)
        if named and (not suffix or suffix.startswith(".")):
            return container_id
        end += len(".log") - 1
    return None


def _route(event: dict[str, Any]) -> tuple[str, str]:
    claimed = _at(event, "kubernetes", "namespace")
    of_path, _ = _path_says(_text(event, "log", "file", "path"))
    if claimed is not None and not isinstance(claimed, str):
        return "unrouted", ""
    namespace = of_path if claimed is None else claimed
    if namespace is None or not _is_label(namespace):
        return "unrouted", ""
    if of_path is not None and of_path != namespace:
        return "quarantine", namespace
    return "deliver", namespace


def container_of(event: dict[str, Any]) -> str | None:
    """The id of the container that wrote the line, by its metadata, else by its log file's name."""
    return _text(event, "container", "id") or _path_says(_text(event, "log", "file", "path"))[1]


def natural_id(event: dict[str, Any]) -> str | None:
    """The id of a log line, None without a log offset."""
    offset, timestamp = _at(event, "log", "offset"), _at(event, "@timestamp")
    if not isinstance(offset, int) or isinstance(offset, bool):
        return None
    if not isinstance(timestamp, str | int | float) or isinstance(timestamp, bool):
        timestamp = None
    source = container_of(event)
    if not source:
        agent = _text(event, "agent", "id") or _text(event, "host", "id") or ""
        source = "\0".join((agent, _text(event, "log", "file", "path") or ""))
    parts = (source, str(offset), str(timestamp), str(_text(event, "stream")))
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
