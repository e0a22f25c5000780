"""What somebody who writes an exporter declares: its collectors, the metrics of each, and its limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from exporters.kit.context import Context
from kunobs.catalogue.lint import lint
from kunobs.catalogue.types import MetricSpec
from kunobs.errors import UsageError
from kunobs.server.asgi import App

_NAME = re.compile(r"[a-z][a-z0-9_.-]*", re.ASCII)


@dataclass(frozen=True)
class Limits:
    """How much an exporter may take: seconds for one collection, seconds for which it is shared, series and bytes of one collector."""

    timeout: float = 9.5
    min_interval: float = 5.0
    series: int = 200_000
    bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True)
class Collector:
    """A source of families. `collect(context)` may block and may raise; it costs its own families then and nothing else.

    `details` names its levels from coarse to fine, the first shown unless `?detail=` or the configuration asks for more.
    `parameters` are those of a request it reads; for each of their values it is collected anew. `min_interval` is for a
    source that is dearer than the exporter's others: seconds for which a collection is shared, if longer than theirs.
    """

    name: str
    families: tuple[MetricSpec, ...]
    collect: Callable[[Context], None]
    details: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    min_interval: float = 0.0


@dataclass(frozen=True)
class Exporter:
    """Collectors that belong together. Those of `collectors` answer /metrics, those of a target /probe?target=….

    `modules` are sets of collector names for /probe?module=…; without it a target answers with all of its own.
    `running` is entered while the process runs, for what must go on between scrapes; `routes` are further pages.
    """

    name: str
    collectors: tuple[Collector, ...] = ()
    targets: Mapping[str, tuple[Collector, ...]] = field(default_factory=dict)
    modules: Mapping[str, frozenset[str]] = field(default_factory=dict)
    limits: Limits = Limits()
    detail: str = ""
    running: Callable[[], AbstractContextManager[object]] = nullcontext
    routes: Mapping[str, App] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """UsageError for a declaration that could not work: the person who writes an exporter reads it at the first start."""
        for problem in self._problems():
            raise UsageError(f"exporter {self.name!r}: {problem}", hint="see docs/write-an-exporter.md")

    @property
    def groups(self) -> tuple[tuple[Collector, ...], ...]:
        """The collectors of /metrics and those of each target."""
        return (self.collectors, *self.targets.values())

    @property
    def families(self) -> dict[str, MetricSpec]:
        """Every metric it declares, by name."""
        return {spec.name: spec for group in self.groups for one in group for spec in one.families}

    def _problems(self) -> list[str]:
        found = []
        known: dict[str, MetricSpec] = {}
        for group in self.groups:
            names = [collector.name for collector in group]
            found += [f"two collectors are called {name}" for name in {n for n in names if names.count(n) > 1}]
            found += [f"{name!r} is no name; use a-z 0-9 _ . -" for name in names if not _NAME.fullmatch(name)]
            for spec in (spec for collector in group for spec in collector.families):
                if known.setdefault(spec.name, spec) != spec:
                    found.append(f"{spec.name} is declared in two ways")
        own = {collector.name for group in self.groups for collector in group}
        for module, wanted in self.modules.items():
            found += [f"module {module} names {name}, which is no collector" for name in sorted(wanted - own)]
        if not _NAME.fullmatch(self.name):
            found.append("is no name; use a-z 0-9 _ . -")
        if not own:
            found.append("has no collector")
        return found + [problem for spec in known.values() for problem in lint_own(spec)]


def lint_own(spec: MetricSpec) -> list[str]:
    """What is wrong with a declaration; a name outside kunobs_ is fine, for it is somebody else's."""
    return [problem for problem in lint(spec) if not problem.endswith("does not begin with kunobs_")]
