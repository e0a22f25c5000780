"""`topics:` the tenants' topics that fanout makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from kunobs.config.base import Conflict, Section, Whole
from kunobs.config.quantities import Duration, Size
from kunobs.config.texts import Distinct, NamespaceName


class TopicsConfig(Section):
    """How a namespace's topic is made on the tenant Kafka."""

    create: Literal["auto", "known"] = Field(
        default="auto",
        description="`auto`: a namespace gets its topic with its first event. `known`: only those in "
        "`known`, the events of others are unrouted. `known` keeps forged names from making "
        "topics.",
    )
    known: Annotated[tuple[NamespaceName, ...], Distinct] = Field(
        default=(), description="Namespaces that may have a topic when `create` is `known`."
    )
    partitions: Whole = Field(
        default=1,
        ge=1,
        le=1000,
        description="Partitions of a new topic. More lets a tenant read with more consumers, and each "
        "costs the brokers files and memory.",
    )
    replication: Whole = Field(
        default=-1, ge=-1, le=100, description="Copies of a new topic. -1: the broker's default.replication.factor."
    )
    retention: Duration = Field(
        default=7 * 86400.0,
        ge=1,
        le=3650 * 86400,
        description="How long a tenant's topic keeps an event. Longer lets a slow consumer catch up and costs disk.",
    )
    retention_bytes: Size = Field(
        default=10 * 1024**3,
        ge=1024,
        description="Bytes a partition of a tenant's topic keeps; whichever of both limits comes first "
        "deletes. Disk to plan: namespaces x partitions x this x copies.",
    )
    max_message: Size = Field(
        default=1024**2,
        ge=1024,
        le=1024**3,
        description="The largest event a tenant's topic takes; a larger one becomes a dead letter. "
        "Consumers of tenants must be able to fetch it.",
    )
    new_per_hour: Whole = Field(
        default=500,
        ge=1,
        le=1_000_000,
        description="New topics in an hour; the events of further namespaces are unrouted until the next. "
        "Keeps a flood of forged names from filling the cluster.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """A list of namespaces that is missing, or that nothing reads; no copies at all."""
        if self.create == "known" and not self.known:
            yield Conflict(("create", "known"), "allows no namespace at all", "list them in known")
        if self.create == "auto" and self.known:
            yield Conflict(("known", "create"), "has no effect while create is auto", "set create: known")
        if self.replication == 0:
            yield Conflict(("replication",), "0 keeps no copy", "write 3, or -1 for the broker's default")
