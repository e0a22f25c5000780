"""`indexer:` public Kafka -> Elasticsearch data streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from kunobs.config.base import Conflict, Flag, Section, Whole, section
from kunobs.config.quantities import Duration, Size, format_duration
from kunobs.config.texts import Group, Listen


class IndexConfig(Section):
    """The data streams: their template, rollover and retention."""

    manage_template: Flag = Field(
        default=True,
        description="Write the index template at start. With `false` the keys below are yours to keep in "
        "your own template.",
    )
    shards: Whole = Field(
        default=1, ge=1, le=1024, description="Primary shards of a new index. Each costs heap; few is right."
    )
    replicas: Whole = Field(
        default=1,
        ge=0,
        le=10,
        description="Copies beside the primary. 0 loses logs with one node and halves the disk.",
    )
    fields_limit: Whole = Field(
        default=1000,
        ge=10,
        le=100_000,
        description="Fields a mapping may hold; what comes after is kept but not searchable by field. "
        "More costs heap on every node.",
    )
    rollover_size: Size = Field(
        default=50 * 1024**3,
        ge=1024,
        description="A primary shard of this size starts a new index. 10 to 50 GiB is usual.",
    )
    rollover_age: Duration = Field(
        default=86400.0,
        ge=1,
        le=3650 * 86400,
        description="An index of this age starts a new one. Shorter deletes more exactly and makes more shards.",
    )
    retention: Duration = Field(
        default=7 * 86400.0,
        ge=1,
        le=3650 * 86400,
        description="An index is deleted this long after its rollover, so events live up to "
        "`rollover_age` longer. Longer costs disk.",
    )
    lifecycle: Literal["auto", "ilm", "own", "none"] = Field(
        default="auto",
        description="Who rolls over and deletes: Elasticsearch's `ilm`, kunobs itself (`own`, for "
        "clusters without ILM), `auto` (ilm where there is one, else own) or `none`.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """An index that would be deleted before it is full."""
        if self.lifecycle != "none" and self.retention <= self.rollover_age:
            text = f"must be longer than rollover_age ({format_duration(self.rollover_age)})"
            yield Conflict(("retention", "rollover_age"), text, "an index is deleted whole, after its rollover")


class IndexerConfig(Section):
    """The leg that writes each event to Elasticsearch."""

    listen: Listen = Field(
        default="127.0.0.1:9502", description="Address of the HTTP server. 0.0.0.0:9502 lets others in."
    )
    group: Group = Field(
        default="kunobs-indexer",
        description="Consumer group on the public Kafka, not fanout's. A new name starts again where "
        "`source.start` says.",
    )
    bulk: Size = Field(
        default=8 * 1024**2,
        ge=64 * 1024,
        le=100 * 1024**2,
        description="Bytes of one bulk request before compression. 5 to 15 MiB is usual; Elasticsearch "
        "refuses more than http.max_content_length (100 MB).",
    )
    bulk_interval: Duration = Field(
        default=1.0,
        ge=0.01,
        le=60,
        description="A bulk that is not full is sent after this. Shorter brings events sooner.",
    )
    in_flight_min: Whole = Field(
        default=1, ge=1, le=256, description="Bulk requests under way at least, when Elasticsearch is overloaded."
    )
    in_flight_max: Whole = Field(
        default=6,
        ge=1,
        le=256,
        description="Bulk requests under way at most, when Elasticsearch keeps up. Each holds `bulk` bytes of memory.",
    )
    compression_level: Whole = Field(
        default=1,
        ge=0,
        le=3,
        description="gzip effort for bulk bodies, 0 (least) to 3 (isal). More saves network for CPU.",
    )
    commit_interval: Duration = Field(
        default=1.0,
        ge=0.01,
        le=60,
        description="How often offsets are committed. What is read again after a crash is recognised, not doubled.",
    )
    drain_timeout: Duration = Field(
        default=20.0,
        ge=1,
        le=600,
        description="On SIGTERM, how long to finish what was read. What is left is read again by the next "
        "process. Keep it below the pod's terminationGracePeriodSeconds.",
    )
    index: IndexConfig = section(IndexConfig)

    def conflicts(self) -> Iterator[Conflict]:
        """Limits in the wrong order, waits that cannot fit into each other."""
        if self.in_flight_min > self.in_flight_max:
            text = f"must not exceed in_flight_max ({self.in_flight_max})"
            yield Conflict(("in_flight_min", "in_flight_max"), text)
        if self.drain_timeout <= self.bulk_interval:
            text = f"must be longer than bulk_interval ({format_duration(self.bulk_interval)})"
            yield Conflict(("drain_timeout", "bulk_interval"), text, "the last bulk must fit in")
        if self.drain_timeout <= self.commit_interval:
            text = f"must be longer than commit_interval ({format_duration(self.commit_interval)})"
            yield Conflict(("drain_timeout", "commit_interval"), text, "the last commit must fit in")
