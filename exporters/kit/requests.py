"""What a scrape asks for, and a refusal that names what there is when it asks for something else."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporters.kit.exporter import Collector, Exporter
from exporters.kit.flight import Asked
from kunobs.server.scrape import RefusedScrapeError, ScrapeRequest

# Prometheus must have the answer before its own timeout; blackbox_exporter's offset is the same.
OFFSET = 0.5
MAX_VALUES = 100
MAX_VALUE = 200


@dataclass(frozen=True)
class Wish:
    """The collectors by name, the families by name (None: all), the level of detail, and whether to say how it went."""

    collectors: frozenset[str]
    names: frozenset[str] | None
    detail: str
    debug: bool
    params: Mapping[str, tuple[str, ...]]

    def asked(self, collector: Collector, default: str) -> Asked:
        """What this is to one collector: a level it does not know is its default."""
        levels = [level for level in (self.detail, default) if level in collector.details]
        read = ((name, self.params[name]) for name in sorted(collector.parameters) if name in self.params)
        return Asked((*levels, *collector.details, "")[0], tuple(read))


def deadline_of(request: ScrapeRequest, now: float, timeout: float) -> float:
    """When the answer must be made, monotonic: 0.5 s before Prometheus gives up, half its time if that is less than a second."""
    theirs = request.timeout
    return now + (timeout if theirs is None else min(timeout, max(theirs - OFFSET, theirs / 2)))


def read(request: ScrapeRequest, collectors: Iterable[Collector]) -> Wish:
    """The wish for these collectors; RefusedScrapeError for a name that none of them has."""
    group = tuple(collectors)
    params = request.parameters
    for name, values in params.items():
        if len(values) > MAX_VALUES or any(len(value) > MAX_VALUE for value in values):
            raise RefusedScrapeError(f"{name}: at most {MAX_VALUES} values of {MAX_VALUE} characters")
    known = {collector.name for collector in group}
    wanted = _known("collect[]", params.get("collect[]", ()), known) or known
    unwanted = _known("exclude[]", params.get("exclude[]", ()), known)
    names = frozenset(params.get("name[]", ()))
    detail = _one(params, "detail")
    details = {level for collector in group for level in collector.details}
    if detail:
        _known("detail", (detail,), details)
    if names:
        declared = {collector.name: {spec.name for spec in collector.families} for collector in group}
        wanted = {name for name in wanted if declared[name] & names}
    return Wish(frozenset(wanted - unwanted), names or None, detail, _one(params, "debug") in ("true", "1"), params)


def target_of(request: ScrapeRequest, exporters: Iterable[Exporter]) -> tuple[Exporter, str, tuple[Collector, ...]]:
    """The exporter, the target and its collectors of a /probe; only what the configuration names can be probed."""
    of = {target: exporter for exporter in exporters for target in exporter.targets}
    target = _one(request.parameters, "target")
    if not target:
        raise RefusedScrapeError("a probe needs ?target=", hint=f"one of {_list(of)}")
    _known("target", (target,), of)
    exporter = of[target]
    group = exporter.targets[target]
    module = _one(request.parameters, "module")
    if module:
        _known("module", (module,), exporter.modules)
        group = tuple(collector for collector in group if collector.name in exporter.modules[module])
    return exporter, target, group


def _known(parameter: str, values: Iterable[str], known: Iterable[str]) -> set[str]:
    there = sorted(known)
    for value in values:
        if value not in there:
            near = difflib.get_close_matches(value, there, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise RefusedScrapeError(
                f"{parameter}: there is no {ascii(value)[:60]}", hint=f"{hint}there are {_list(there)}"
            )
    return set(values)


def _one(params: Mapping[str, tuple[str, ...]], name: str) -> str:
    values = params.get(name, ())
    if len(values) > 1:
        raise RefusedScrapeError(f"{name} is given {len(values)} times", hint="give it once")
    return values[0] if values else ""


def _list(names: Iterable[str]) -> str:
    there = sorted(names)
    return ", ".join(there[:20]) + (f" and {len(there) - 20} more" if len(there) > 20 else "") or "none"
