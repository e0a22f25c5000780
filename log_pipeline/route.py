"""Fields -> where an event goes; pure. Both legs use it, so both give every event the same outcome."""

from __future__ import annotations

import re
from typing import NamedTuple

from kunobs.names import is_namespace
from log_pipeline.event import Fields, Unreadable

# Names of pods, namespaces and containers hold no "_"; the container id follows the last "-" (kubelet's log symlinks).
_CONTAINERS = re.compile(r"/var/log/containers/[^_/]+_([^_/]+)_[^_/]+-([^-_/.]+)\.log(?:\.[^/]*)?")
_PODS = re.compile(r"/var/log/pods/([^_/]+)_[^_/]+_[^_/]+/[^/]+/[^/]+")


class Route(NamedTuple):
    """`deliver` with a namespace; or `quarantine` or `unrouted` with a reason."""

    outcome: str
    namespace: str
    reason: str


class PathOrigin(NamedTuple):
    """What a log file's path says of its writer."""

    namespace: str | None
    container_id: str | None


NOWHERE = PathOrigin(None, None)


def path_origin(path: str | None) -> PathOrigin:
    """Namespace and container id by the kubelet's file names; nothing for any other path."""
    if path is None:
        return NOWHERE
    if match := _CONTAINERS.fullmatch(path):
        return PathOrigin(match[1], match[2])
    if match := _PODS.fullmatch(path):
        return PathOrigin(match[1], None)
    return NOWHERE


def decide(namespace: str | None, path: str | None) -> Route:
    """Route by the metadata's namespace, checked against the path's; by the path's where there is no metadata."""
    of_path = path_origin(path).namespace
    chosen = of_path if namespace is None else namespace
    if chosen is None:
        return Route("unrouted", "", "no_namespace")
    if not is_namespace(chosen):
        return Route("unrouted", "", "invalid_namespace")
    if of_path is not None and of_path != chosen:
        return Route("quarantine", chosen, "path_mismatch")
    return Route("deliver", chosen, "")


class Router:
    """`decide` with a memory: a container's lines all carry the same namespace and path."""

    def __init__(self, remembered: int = 100_000) -> None:
        self._limit = remembered
        self._routes: dict[tuple[str | None, str | None], Route] = {}
        self._origins: dict[str | None, PathOrigin] = {}

    def route(self, fields: tuple[str | None, str | None] | Fields | Unreadable) -> Route:
        """Where the event with these fields goes."""
        if isinstance(fields, Unreadable):
            return Route("unrouted", "", fields.reason)
        if isinstance(fields, Fields):
            if fields.bad_namespace:
                return Route("unrouted", "", "invalid_namespace")
            pair = fields.namespace, fields.path
        else:
            pair = fields
        route = self._routes.get(pair)
        if route is None:
            if len(self._routes) >= self._limit:
                self._routes.clear()
            route = self._routes[pair] = decide(*pair)
        return route

    def origin(self, path: str | None) -> PathOrigin:
        """`path_origin`, remembered."""
        origin = self._origins.get(path)
        if origin is None:
            if len(self._origins) >= self._limit:
                self._origins.clear()
            origin = self._origins[path] = path_origin(path)
        return origin
