"""`source:` what both legs read from the public Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from kunobs.config.base import Conflict, Section, Whole
from kunobs.config.quantities import Size
from kunobs.config.texts import Distinct, FieldPath, NotEmpty, TopicSource

FieldName = Literal["namespace", "path", "offset", "timestamp", "stream", "container_id", "agent_id", "host_id"]


class SourceConfig(Section):
    """What fanout and the indexer read, and where an event keeps its facts."""

    topics: Annotated[tuple[TopicSource, ...], Distinct, NotEmpty] = Field(
        default=("filebeat",),
        description="Topics by name, or one regular expression that begins with ^. A new topic that "
        "matches is found within minutes.",
    )
    profile: Literal["filebeat", "fluent-bit", "vector"] = Field(
        default="filebeat", description="The shipper that wrote the events: decides where their fields are."
    )
    fields: Mapping[FieldName, FieldPath] = Field(
        default={},
        description="Where a fact is when it is not where the profile says, as in {namespace: k8s.ns}. "
        "Facts: namespace, path, offset, timestamp, stream, container_id, agent_id, host_id. "
        "All but the first make the natural id, so a change lets re-read events be indexed "
        "twice.",
    )
    group_protocol: Literal["consumer", "classic"] = Field(
        default="consumer",
        description="`consumer`: the broker assigns partitions (KIP-848, Kafka 4.0 or newer). `classic`: "
        "cooperative-sticky, for older brokers.",
    )
    start: Literal["earliest", "latest"] = Field(
        default="earliest",
        description="Where a group without any offset begins. `latest` skips what was written before the first start.",
    )
    on_gap: Literal["stop", "continue"] = Field(
        default="stop",
        description="When retention deleted events before they were read: `stop` and let a person decide, "
        "or `continue` behind the gap and count it.",
    )
    batch_events: Whole = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Events taken from the client at once. More costs memory and delay, fewer costs CPU per event.",
    )
    buffer: Size = Field(
        default=32 * 1024**2,
        ge=1024**2,
        le=2047 * 1024**2,
        description="Bytes a process reads ahead. Most of its memory; a slow network wants more.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """A regular expression that is not alone."""
        if len(self.topics) > 1 and any(topic.startswith("^") for topic in self.topics):
            hint = "join them: ^(filebeat|team-.*)$"
            yield Conflict(("topics",), "has a regular expression beside other entries", hint)
