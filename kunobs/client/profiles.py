"""Where each log shipper puts the facts of a line, and what a log file's name says of its writer; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Path = tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """Paths of an event's facts, tried from left to right."""

    name: str
    message: tuple[Path, ...]
    timestamp: tuple[Path, ...]
    namespace: tuple[Path, ...]
    pod: tuple[Path, ...]
    container: tuple[Path, ...]
    node: tuple[Path, ...]
    stream: tuple[Path, ...]
    labels: tuple[Path, ...]
    file: tuple[Path, ...]
    offset: tuple[Path, ...]


def _paths(*dotted: str) -> tuple[Path, ...]:
    return tuple(tuple(path.split(".")) for path in dotted)


FILEBEAT = Profile(
    name="filebeat",
    message=_paths("message"),
    timestamp=_paths("@timestamp"),
    namespace=_paths("kubernetes.namespace"),
    pod=_paths("kubernetes.pod.name"),
    container=_paths("kubernetes.container.name"),
    node=_paths("kubernetes.node.name", "host.name"),
    stream=_paths("stream"),
    labels=_paths("kubernetes.labels"),
    file=_paths("log.file.path"),
    offset=_paths("log.offset"),
)
# The kubernetes filter; tail with `Path_Key log_path` and `Offset_Key log_offset`; `log` unless a parser renamed it.
FLUENT_BIT = Profile(
    name="fluent-bit",
    message=_paths("log", "message"),
    timestamp=_paths("@timestamp", "time"),
    namespace=_paths("kubernetes.namespace_name"),
    pod=_paths("kubernetes.pod_name"),
    container=_paths("kubernetes.container_name"),
    node=_paths("kubernetes.host"),
    stream=_paths("stream"),
    labels=_paths("kubernetes.labels"),
    file=_paths("log_path"),
    offset=_paths("log_offset"),
)
# The kubernetes_logs source.
VECTOR = Profile(
    name="vector",
    message=_paths("message"),
    timestamp=_paths("timestamp"),
    namespace=_paths("kubernetes.pod_namespace"),
    pod=_paths("kubernetes.pod_name"),
    container=_paths("kubernetes.container_name"),
    node=_paths("kubernetes.pod_node_name"),
    stream=_paths("stream"),
    labels=_paths("kubernetes.pod_labels"),
    file=_paths("file"),
    offset=_paths("offset"),
)
PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (FILEBEAT, FLUENT_BIT, VECTOR)}


def pick(fields: Mapping[str, Any], paths: tuple[Path, ...]) -> Any:
    """The first value that is there and not null, else None."""
    for path in paths:
        node: Any = fields
        for key in path:
            node = node.get(key) if isinstance(node, Mapping) else None
        if node is not None:
            return node
    return None


# Names of pods, namespaces and containers hold no "_"; the container id follows the last "-" (kubelet's log symlinks).
_CONTAINERS = re.compile(
    r"/var/log/containers/(?P<pod>[^_/]+)_(?P<namespace>[^_/]+)_(?P<container>[^_/]+)-[^-_/.]+\.log"
)
_PODS = re.compile(r"/var/log/pods/(?P<namespace>[^_/]+)_(?P<pod>[^_/]+)_[^_/]+/(?P<container>[^/]+)/[^/]+")


@dataclass(frozen=True)
class Writer:
    """The container a log file belongs to, by the file's name; empty texts when the name does not say."""

    namespace: str = ""
    pod: str = ""
    container: str = ""


UNKNOWN = Writer()


@lru_cache(maxsize=4096)
def writer_of(path: str) -> Writer:
    """Who wrote `path`: an agent's first events after its start carry no other metadata."""
    found = _CONTAINERS.match(path) or _PODS.fullmatch(path)
    return Writer(found["namespace"], found["pod"], found["container"]) if found else UNKNOWN
