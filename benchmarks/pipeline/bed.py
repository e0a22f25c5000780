"""The test bed: Kafka twice and Elasticsearch once on this machine, and topics of its own for each measurement."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kunobs import elastic, kafka
from kunobs.config.indexer import IndexConfig
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.local import LocalStack
from kunobs.local.topics import ensure
from kunobs.names import Names
from kunobs.testing.events import Line
from log_pipeline.indexer import template
from log_pipeline.indexer.api import Api

SOURCE_PARTITIONS = 4
# What fanout itself would make a tenant's topic with.
_TARGET = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(1 << 20)}
# A program is stopped while its backlog is laid, for longer than the 6 s after which the local stack gives a member up.
_PATIENT = {"group.consumer.session.timeout.ms": "45000"}


@dataclass(frozen=True)
class Job:
    """One measurement's own topics, groups and folder; everything a program is told."""

    name: str
    folder: Path
    public: KafkaCluster
    tenant: TenantKafkaCluster
    elasticsearch: str
    namespaces: tuple[str, ...]

    @property
    def source(self) -> str:
        """The topic on the public cluster."""
        return f"{self.name}-source"

    @property
    def names(self) -> Names:
        """Topics on the tenant cluster."""
        return Names(f"{self.name}.")

    @property
    def targets(self) -> dict[str, str]:
        """Tenant topic by namespace."""
        return {namespace: self.names.logs(namespace) for namespace in self.namespaces}


class Bed:
    """A stack in a folder of its own; `close` removes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = LocalStack(
            "bench",
            root=folder,
            broker_properties={"public": _PATIENT, "tenant": _PATIENT},
            heap={"public": "512m", "tenant": "512m", "elasticsearch": "1g"},
        )
        self._number = 0

    def open(self) -> None:
        """Start both Kafka clusters."""
        self._stack.up(only=("public", "tenant"))

    def close(self) -> None:
        """Stop everything and delete it."""
        self._stack.down(wipe=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def fresh_elasticsearch(self) -> None:
        """An empty node that has the indexer's template: whoever writes to it, the documents are mapped alike."""
        self.stop_elasticsearch()
        node = self._stack.service("elasticsearch")
        shutil.rmtree(node.folder / "data", ignore_errors=True)
        self._stack.up(only=("elasticsearch",))
        api = Api(elastic.client(self._stack.elasticsearch_config()))
        template.ensure(api, IndexConfig(replicas=0), "")
        api.close()

    def stop_elasticsearch(self) -> None:
        """The two cores are for what is measured."""
        self._stack.service("elasticsearch").stop(grace=5.0)

    def job(self, label: str, namespaces: Iterable[str]) -> Job:
        """A new job whose topics exist and have leaders."""
        self._number += 1
        name = f"{label}-{self._number}"
        folder = self._folder / name
        folder.mkdir()
        stack = self._stack
        job = Job(
            name,
            folder,
            stack.public_cluster(),
            stack.tenant_cluster(),
            stack.elasticsearch_url,
            tuple(sorted(set(namespaces))),
        )
        ensure(job.public, {job.source: SOURCE_PARTITIONS})
        ensure(job.tenant, dict.fromkeys(job.targets.values(), 1), config=_TARGET)
        return job

    def forget(self, job: Job) -> None:
        """Delete the job's topics, so that disks and brokers are as before."""
        for cluster, prefix in ((job.public, job.source), (job.tenant, job.names.topic_prefix)):
            admin = kafka.admin(cluster)
            topics = [topic for topic in admin.list_topics(timeout=30).topics if topic.startswith(prefix)]
            for future in admin.delete_topics(topics).values():
                future.result(30)


def feed(job: Job, lines: Iterable[Line]) -> int:
    """Write lines to the source topic as fast as it takes them; how many were acknowledged."""
    failures: list[Any] = []
    producer = kafka.producer(
        job.public,
        **{"linger.ms": 20, "compression.type": "lz4", "delivery.report.only.error": True, "on_delivery": lambda e, _: failures.append(e)},
    )  # fmt: skip
    count = 0
    for line in lines:
        try:
            producer.produce(job.source, line.value, line.key)
        except BufferError:
            producer.flush(60)
            producer.produce(job.source, line.value, line.key)
        count += 1
    left = producer.flush(60)
    assert not left, f"{left} lines were not acknowledged"
    assert not failures, failures[:3]
    return count
