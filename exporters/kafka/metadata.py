"""Brokers and partitions as the cluster's metadata tells: who leads, who is in sync."""

from __future__ import annotations

from exporters.kafka.cluster import Cluster
from exporters.kafka.questions import Questions
from exporters.kit import Context
from kunobs.catalogue import kafka as declared


class Metadata:
    """The collector of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def collect(self, ctx: Context) -> None:
        """One request."""
        found = Questions(self._cluster, ctx).metadata()
        name, known = self._cluster.name, self._cluster.known
        everything = [p for topic in found.topics.values() for p in topic.partitions.values()]
        ctx.emit(declared.BROKERS, [(name, len(found.brokers))])
        ctx.emit(declared.UNDER_REPLICATED, [(name, sum(len(p.isrs) < len(p.replicas) for p in everything))])
        ctx.emit(declared.OFFLINE, [(name, sum(p.leader < 0 for p in everything))])
        shown = sorted((topic, data.partitions) for topic, data in found.topics.items() if known.topic(topic))
        labels = {topic: (name, known.namespace(topic), topic) for topic, _ in shown}
        ctx.emit(declared.TOPIC_PARTITIONS, [(*labels[topic], len(parts)) for topic, parts in shown])
        ctx.emit(
            declared.TOPIC_UNDER_REPLICATED,
            [(*labels[topic], sum(len(p.isrs) < len(p.replicas) for p in parts.values())) for topic, parts in shown],
        )
        each = [(labels[topic], number, part) for topic, parts in shown for number, part in sorted(parts.items())]
        ctx.emit(declared.IN_SYNC, ((*label, number, len(p.isrs)) for label, number, p in each), detail="partition")
        ctx.emit(declared.LEADER, ((*label, number, p.leader) for label, number, p in each), detail="partition")
