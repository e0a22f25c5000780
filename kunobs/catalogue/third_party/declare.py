"""How a file of this folder declares the metrics of one program."""

from __future__ import annotations

from collections.abc import Callable

from kunobs.catalogue.types import Label, MetricSpec, MetricType


def declared(evidence: str, *attached: str) -> Callable[..., MetricSpec]:
    """Makes the specs of one program: `spec(name, type, help, *labels, unit=…)`, the labels as names."""

    def spec(
        name: str, kind: MetricType, help: str, *labels: str, unit: str = "", buckets: tuple[float, ...] = ()
    ) -> MetricSpec:
        return MetricSpec(
            name,
            kind,
            help,
            unit,
            tuple(map(Label, labels)),
            origin="third_party",
            evidence=evidence,
            buckets=buckets,
            attached=attached,
        )

    return spec
