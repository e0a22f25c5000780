"""The only way to create a metric: by a declared name, once a registry, there from the first scrape."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Mapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.metrics import MetricWrapperBase

from kunobs.catalogue import CATALOGUE
from kunobs.catalogue.types import MetricSpec, MetricType
from kunobs.errors import KunobsError

AnyMetric = TypeVar("AnyMetric", bound=MetricWrapperBase)


class UndeclaredMetric(KunobsError):
    """Code asks for a metric that the catalogue does not declare as our own, or not with that type."""


class UndeclaredLabel(KunobsError):
    """Code sets a label to a value outside the set that the catalogue declares."""


class _ClosedLabels:
    """Refuses label values outside the declared sets: a typo cannot become a series that nobody looks at."""

    closed: Mapping[str, frozenset[str]] = {}

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Any:
        """As `prometheus_client`'s, with UndeclaredLabel for a value outside a closed set."""
        if self.closed:
            names: tuple[str, ...] = self._labelnames  # type: ignore[attr-defined]
            given = labelkwargs or dict(zip(names, labelvalues, strict=False))
            for name, values in self.closed.items():
                if str(given.get(name)) not in values:
                    raise UndeclaredLabel(
                        f"{name}={given.get(name)!r} is not declared for {self}",
                        hint=f"one of {', '.join(sorted(values))}; or add it in kunobs/catalogue/",
                    )
        return super().labels(*labelvalues, **labelkwargs)  # type: ignore[misc]


class _Counter(_ClosedLabels, Counter):
    pass


class _Gauge(_ClosedLabels, Gauge):
    pass


class _Histogram(_ClosedLabels, Histogram):
    pass


_created: WeakKeyDictionary[CollectorRegistry, dict[str, MetricWrapperBase]] = WeakKeyDictionary()
_lock = threading.Lock()


class Metrics:
    """Creates the catalogue's metrics in one registry; the same name gives the same object, whoever asks."""

    def __init__(
        self,
        registry: CollectorRegistry,
        part: str = "",
        *,
        catalogue: Mapping[str, MetricSpec] = CATALOGUE,
    ) -> None:
        self.registry = registry
        self.part = part
        self._catalogue = catalogue

    def counter(self, name: str) -> Counter:
        """The declared counter; a closed label set exists at 0 in every combination from the first scrape."""
        return self._get(name, "counter", _Counter)

    def gauge(self, name: str) -> Gauge:
        """The declared gauge; a closed label set exists at 0 in every combination from the first scrape."""
        return self._get(name, "gauge", _Gauge)

    def histogram(self, name: str) -> Histogram:
        """The declared histogram, with the declared buckets."""
        return self._get(name, "histogram", _Histogram)

    def info(self, name: str) -> Info:
        """The declared `…_info` metric; call `.info({label: value})` on it."""
        return self._get(name, "info", Info)

    def created(self) -> frozenset[str]:
        """The names created in this registry so far."""
        with _lock:
            return frozenset(_created.get(self.registry, {}))

    def _get(self, name: str, kind: MetricType, factory: type[AnyMetric]) -> AnyMetric:
        spec = self._declared(name, kind)
        with _lock:
            known = _created.setdefault(self.registry, {})
            if name not in known:
                known[name] = _create(spec, factory, self.registry)
            metric = known[name]
        if not isinstance(metric, factory):
            raise UndeclaredMetric(f"{name} exists as {metric!r}, not as a {kind}")
        return metric

    def _declared(self, name: str, kind: MetricType) -> MetricSpec:
        spec = self._catalogue.get(name)
        if spec is None or spec.origin != "own":
            reason = "is not declared" if spec is None else f"is {spec.origin}, so we may not emit it"
            own = [known.name for known in self._catalogue.values() if known.origin == "own"]
            near = difflib.get_close_matches(name, own, n=1)
            raise UndeclaredMetric(
                f"{name} {reason}",
                hint=f"did you mean {near[0]}?" if near else "declare it in a file of kunobs/catalogue/",
            )
        if spec.type != kind:
            raise UndeclaredMetric(f"{name} is a {spec.type}, not a {kind}", hint=f"call metrics.{spec.type}({name!r})")
        return spec


def _create(spec: MetricSpec, factory: type[AnyMetric], registry: CollectorRegistry) -> AnyMetric:
    options: dict[str, Any] = {"registry": registry}
    if spec.type != "info":
        options |= {"labelnames": spec.label_names, "unit": spec.unit}
    if spec.buckets:
        options["buckets"] = spec.buckets
    name = spec.name.removesuffix("_info") if spec.type == "info" else spec.name
    metric = factory(name, spec.help, **options)
    if isinstance(metric, _ClosedLabels):
        metric.closed = spec.closed
        for values in spec.combinations():
            metric.labels(*values)
    return metric
