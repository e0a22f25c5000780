"""`kunobs exporter logs`: how fresh each namespace's logs are, and a canary whose lines are counted on their way.

Freshness, at each scrape: `freshness` asks Elasticsearch three questions (last event; documents, bytes, backing indices
and refusals; lifecycle errors), `topics` asks the tenant Kafka when each namespace's topic was last written.

The canary, all the while: `writer` appends a numbered `line` to a file that the node's Filebeat takes for a container's.
`kafka_hop` reads the public topic and the tenant's topic, `elastic_hop` searches the data stream. Each hop has a `tracker`
that decides of every line: in time, missing, late, twice, out of order. `canary` holds the threads and shows the books.
"""

from __future__ import annotations

from contextlib import nullcontext

from exporters.kit import Exporter, Limits
from exporters.logs.asking import Asker
from exporters.logs.canary import Canary, collector
from exporters.logs.freshness import Freshness
from exporters.logs.topics import Topics
from kunobs.config import Config


def build(config: Config) -> Exporter:
    """The exporter; no connection is made before the first scrape or, with the canary, before it runs."""
    own = config.exporters.logs
    canary = Canary(config) if own.canary.enabled else None
    elasticsearch = Freshness(Asker(config.elasticsearch)).collectors if "elasticsearch" in own.sources else ()
    kafka = (Topics(config.kafka.tenant).collector,) if "kafka" in own.sources else ()
    return Exporter(
        "logs",
        (*elasticsearch, *kafka, collector(canary)),
        limits=Limits(own.timeout, own.min_interval, own.max_series, own.max_bytes),
        running=canary.running if canary is not None else nullcontext,
    )
