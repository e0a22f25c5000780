"""Bytes of topics, of namespaces, and of the brokers' disks: DescribeLogDirs of every broker."""

from __future__ import annotations

import importlib
from collections import defaultdict
from typing import Any

from exporters.kafka.cluster import Cluster, Key
from exporters.kit import Context
from kunobs import kafka
from kunobs.catalogue import kafka as declared


class Sizes:
    """The collector of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        # Half a second on a busy machine, which is not to be the first scrape's.
        importlib.import_module("kafka.admin")

    def collect(self, ctx: Context) -> None:
        """Ask every broker for its log directories."""
        name, known = self._cluster.name, self._cluster.known
        largest: dict[Key, int] = defaultdict(int)
        disk: dict[str, int] = defaultdict(int)
        total, free, offline = [], [], 0
        for broker, found in kafka.log_dirs(self._cluster.config, ctx.remaining):
            label = (name, broker, found["log_dir"])
            if found["error_code"]:
                offline += 1
                ctx.log("a log directory cannot be used", broker=broker, log_dir=found["log_dir"])
                continue
            # -1 from brokers before 3.3, which do not tell.
            total += [(*label, found["total_bytes"])] if found.get("total_bytes", -1) >= 0 else []
            free += [(*label, found["usable_bytes"])] if found.get("usable_bytes", -1) >= 0 else []
            for topic, partition, size in _replicas(found):
                if known.topic(topic):
                    largest[topic, partition] = max(largest[topic, partition], size)
                    disk[known.namespace(topic)] += size
        topics: dict[str, int] = defaultdict(int)
        for (topic, _), size in largest.items():
            topics[topic] += size
        ctx.emit(declared.TOPIC_BYTES, [(name, known.namespace(topic), topic, size) for topic, size in topics.items()])
        ctx.emit(declared.NAMESPACE_BYTES, [(name, namespace, size) for namespace, size in disk.items()])
        ctx.emit(declared.DISK_TOTAL, total)
        ctx.emit(declared.DISK_FREE, free)
        ctx.emit(declared.OFFLINE_DIRS, [(name, offline)])


def _replicas(found: dict[str, Any]) -> list[tuple[str, int, int]]:
    """(topic, partition, bytes); a replica on its way to another directory is not counted twice."""
    return [
        (topic["name"], part["partition_index"], part["partition_size"])
        for topic in found["topics"]
        for part in topic["partitions"]
        if not part["is_future_key"]
    ]
