"""What an alert's unit tests are made of: the series while all is just well, and while the alert must fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ago:
    """The value is a moment: so many seconds before now, at any now."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Flap:
    """The value changes at every scrape between these two."""

    one: float
    other: float


Level = float | Ago | Flap | None
"""A gauge's value, or what a counter grows by each second; None: there is no such series."""


class _Same:
    """The default of `fires`: as in `silent`."""


SAME = _Same()


@dataclass(frozen=True, slots=True)
class Series:
    """One series: `metric{label="value"}`, how it is just below the threshold, and how it is above."""

    selector: str
    silent: Level
    fires: Level | _Same = SAME

    @property
    def firing(self) -> Level:
        """While the alert must fire."""
        return self.silent if isinstance(self.fires, _Same) else self.fires


@dataclass(frozen=True, slots=True)
class Case:
    """The series of one alert, and what the alert then is: its labels and its value once it has fired for a while."""

    series: tuple[Series, ...]
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    counters: tuple[str, ...] = ()
    """Metrics that grow though the catalogue says gauge, as kube-proxy names some."""
    external: Mapping[str, str] = field(default_factory=dict)
    """External labels of the Prometheus that evaluates it."""
    step: int = 1
    """Minutes between samples and evaluations: more where days are asked about."""
    window: int | None = None
    """Minutes after which a change shows; else the longest range of the query, which a comparison with yesterday has not."""
