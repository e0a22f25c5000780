"""`kunobs exporter kafka`: clusters, topics and consumer groups of the public and the tenant Kafka.

cluster     one Kafka, and which of its topics and groups are shown
questions   what a collection asks it, bounded by the deadline; what is not answered is counted
metadata    brokers, partitions, replicas                                     collector KAFKA_cluster
offsets     commits, then ends: lag in offsets, in seconds, and what is lost  collector KAFKA_offsets
  ring      end offsets at past times: when was an offset written?
  ages      the same, asked of the broker, where the ring does not reach back
groups      states and members                                                collector KAFKA_groups
sizes       bytes of topics, namespaces and disks                             collector KAFKA_sizes
fanout      fanout's own progress, by its checkpoints                         collector fanout
"""

from __future__ import annotations

from exporters.kafka.cluster import Cluster, Known
from exporters.kafka.fanout import Fanout
from exporters.kafka.groups import Groups
from exporters.kafka.metadata import Metadata
from exporters.kafka.offsets import Offsets
from exporters.kafka.sizes import Sizes
from exporters.kit import Collector, Exporter, Limits
from kunobs.catalogue import kafka as declared
from kunobs.config import Config
from kunobs.names import Names

DETAILS = ("topic", "partition")


def build(config: Config) -> Exporter:
    """The exporter for the clusters of `exporters.kafka.clusters`."""
    section = config.exporters.kafka
    known = Known(Names(config.kafka.tenant.topic_prefix), section.ignore_topics, section.ignore_groups)
    clusters = {
        name: Cluster(name, getattr(config.kafka, name), known, section.requests_in_flight) for name in section.clusters
    }
    collectors: list[Collector] = []
    for name, cluster in clusters.items():
        collectors += (
            Collector(f"{name}_cluster", declared.CLUSTER, Metadata(cluster).collect, DETAILS),
            Collector(f"{name}_offsets", declared.OFFSETS, Offsets(cluster, section.stale_after).collect, DETAILS),
            Collector(f"{name}_groups", declared.MEMBERSHIP, Groups(cluster).collect),
            Collector(f"{name}_sizes", declared.SIZES, Sizes(cluster).collect, min_interval=section.sizes_interval),
        )
    if "public" in clusters and "tenant" in clusters:
        fanout = Fanout(clusters["tenant"], clusters["public"], known.names.checkpoints, config.fanout.group)
        collectors.append(Collector("fanout", declared.FANOUT, fanout.collect))
    limits = Limits(section.timeout, section.min_interval, section.max_series, section.max_bytes)
    return Exporter("kafka", tuple(collectors), limits=limits, detail=section.detail)
