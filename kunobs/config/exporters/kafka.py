"""`exporters.kafka:` clusters, topics and consumer groups of the public and the tenant Kafka."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kunobs.config.base import Whole
from kunobs.config.exporters.limits import ExporterConfig
from kunobs.config.quantities import Duration
from kunobs.config.texts import Distinct, Pattern


class KafkaExporterConfig(ExporterConfig):
    """The Kafka exporter; where the clusters are and how to be let in is said under `kafka:`."""

    clusters: Annotated[tuple[Literal["public", "tenant"], ...], Distinct] = Field(
        default=("public", "tenant"), description="Which of the clusters under `kafka:` are observed."
    )
    detail: Literal["topic", "partition"] = Field(
        default="topic",
        description="`partition` adds series for each partition, and for each of each group. A scrape can ask for "
        "it by ?detail=partition.",
    )
    ignore_topics: Annotated[tuple[Pattern, ...], Distinct] = Field(
        default=("^__",), description="Topics that match one of these (anywhere in the name) are left out."
    )
    ignore_groups: Annotated[tuple[Pattern, ...], Distinct] = Field(
        default=("^console-consumer-", "^kunobs-reader$"),
        description="Consumer groups that match one of these are left out.",
    )
    stale_after: Duration = Field(
        default=86400.0,
        ge=60,
        le=365 * 86400,
        description="A group with lag and without a commit for this long is stale. Counted from the exporter's start.",
    )
    sizes_interval: Duration = Field(
        default=60.0,
        ge=0,
        le=86400,
        description="Bytes of topics are asked of all brokers at most this often; it is their dearest question.",
    )
    requests_in_flight: Whole = Field(
        default=64, ge=1, le=1000, description="Questions about groups that are asked at once."
    )
