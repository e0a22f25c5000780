"""The whole configuration: a field for each section, and the rules that need more than one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, PrivateAttr

from kunobs.config.base import Conflict, Section, section
from kunobs.config.elasticsearch import ElasticsearchConfig
from kunobs.config.exporters.root import ExportersConfig
from kunobs.config.fanout import FanoutConfig
from kunobs.config.indexer import IndexerConfig
from kunobs.config.kafka import KafkaConfig
from kunobs.config.log import LogConfig
from kunobs.config.monitoring import MonitoringConfig
from kunobs.config.noc.root import NocConfig
from kunobs.config.server import ServerConfig
from kunobs.config.source import SourceConfig
from kunobs.config.topics import TopicsConfig
from kunobs.names import Names

VERSION: Final = 1


class Config(Section):
    """kunobs.yaml: one mapping for each part; a process reads only the sections it uses."""

    version: Literal[1] = Field(default=VERSION, description="Version of this file's keys; 1 is the only one so far.")
    log: LogConfig = section(LogConfig)
    server: ServerConfig = section(ServerConfig)
    kafka: KafkaConfig = section(KafkaConfig)
    elasticsearch: ElasticsearchConfig = section(ElasticsearchConfig)
    source: SourceConfig = section(SourceConfig)
    topics: TopicsConfig = section(TopicsConfig)
    fanout: FanoutConfig = section(FanoutConfig)
    indexer: IndexerConfig = section(IndexerConfig)
    noc: NocConfig = section(NocConfig)
    exporters: ExportersConfig = section(ExportersConfig)
    monitoring: MonitoringConfig = section(MonitoringConfig)

    _notes: tuple[str, ...] = PrivateAttr(())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a process should log once at start: top-level keys that it does not know and did not read."""
        return self._notes

    @property
    def loaded(self) -> frozenset[str]:
        """The sections this configuration holds; another one is no attribute."""
        return frozenset(self.__dict__) - {"version"}

    def conflicts(self) -> Iterator[Conflict]:
        """Sections that are each fine but not together."""
        if {"fanout", "indexer"} <= self.loaded and self.fanout.group == self.indexer.group:
            text = "is the same group for both legs, so each would get half of the events"
            yield Conflict(("indexer.group", "fanout.group"), text, "give each its own group")
        if {"kafka", "source"} <= self.loaded:
            yield from self._loops()

    def _loops(self) -> Iterator[Conflict]:
        """One Kafka for both clusters, and a source that would read what fanout writes."""
        public, tenant = self.kafka.public.brokers, self.kafka.tenant.brokers
        names = Names(self.kafka.tenant.topic_prefix)
        own = (names.logs("a"), names.dead_letters("a"), names.quarantine, names.unrouted, names.checkpoints)
        for topic in self.source.topics if set(public) & set(tenant) else ():
            pattern = topic if topic.startswith("^") else f"^{re.escape(topic)}$"
            found = next((name for name in own if re.match(pattern, name)), None)
            if found:
                keys = ("source.topics", "kafka.public.brokers", "kafka.tenant.brokers")
                text = f"takes in kunobs' own topics, such as {found}, which would be read and written for ever"
                yield Conflict(keys, text, "name the shipper's topics, as in ^filebeat")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in type(self).model_fields:
                raise AttributeError(f"section {name!r} was not loaded: name it in load(sections=…)")
            return super().__getattr__(name)
