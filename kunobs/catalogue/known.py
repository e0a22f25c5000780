"""Every metric that a rule or a dashboard may name: ours and those of other programs."""

from __future__ import annotations

from collections.abc import Mapping

from kunobs.catalogue import SYSTEMS, by_name
from kunobs.catalogue.third_party import THIRD_PARTY
from kunobs.catalogue.types import MetricSpec

KNOWN: Mapping[str, MetricSpec] = by_name(
    spec for system in SYSTEMS.values() for spec in system if spec.origin != "planned"
) | by_name(spec for program in THIRD_PARTY.values() for spec in program)
