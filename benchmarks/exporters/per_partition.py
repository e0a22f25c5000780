"""The lag of every group by a request for each partition, as kafka_exporter works; a program and independent of our exporter.

`python -m benchmarks.exporters.per_partition BROKERS THREADS`: a line on standard input makes it collect, a line of JSON
on standard output is the answer, `[[group, topic, partition, lag], ...]`.

As danielqsj/kafka_exporter 1.9.0 does: so many workers take a topic at a time and ask for one partition's newest and
oldest offset after the other's; all share one client, that is one connection to each broker; then each group's commits in
a request of its own. Kinder than that program in four things: both requests of a partition are under way at once; a group
is asked for what it has committed, not for every partition of the cluster; the groups of a broker are asked at the same
time, not in turn; and no partition's newest offset is asked for again for each group that has committed in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

_TIMEOUT = 600.0


class PerPartition:
    """The clients stay connected from one collection to the next."""

    def __init__(self, brokers: str, threads: int) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": brokers, "group.id": "per-partition", "enable.auto.commit": False}
        )
        self._admin = AdminClient({"bootstrap.servers": brokers})
        self._pool = ThreadPoolExecutor(threads)

    def collect(self) -> Iterator[tuple[str, str, int, int]]:
        """(group, topic, partition, lag) of every commit."""
        topics = self._consumer.list_topics(timeout=_TIMEOUT).topics
        wanted = [(name, sorted(topic.partitions)) for name, topic in topics.items() if not name.startswith("__")]
        ends = dict(pair for found in self._pool.map(self._ends, *zip(*wanted, strict=True)) for pair in found)
        listed = self._admin.list_consumer_groups(request_timeout=_TIMEOUT).result()
        if listed.errors:
            raise RuntimeError(f"groups: {listed.errors[0]}")
        groups = [group.group_id for group in listed.valid]
        for group, commits in zip(groups, self._pool.map(self._commits, groups), strict=True):
            for one in commits:
                if one.error is not None:
                    raise RuntimeError(f"commits of {group}: {one.error}")
                if one.offset >= 0:
                    yield group, one.topic, one.partition, ends[one.topic, one.partition] - one.offset

    def _ends(self, topic: str, partitions: list[int]) -> list[tuple[tuple[str, int], int]]:
        """The end of each partition; that the beginning is asked for too is part of the way."""
        found = []
        for number in partitions:
            offsets = self._consumer.get_watermark_offsets(TopicPartition(topic, number), _TIMEOUT, cached=False)
            if offsets is None:
                raise RuntimeError(f"no offsets of {topic} {number}")
            found.append(((topic, number), offsets[1]))
        return found

    def _commits(self, group: str) -> list[TopicPartition]:
        asked = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=_TIMEOUT)
        found: list[TopicPartition] = asked[group].result().topic_partitions
        return found


def main(brokers: str, threads: int) -> None:
    """An answer for each line, until there are no more."""
    way = PerPartition(brokers, threads)
    for _ in sys.stdin:
        print(json.dumps(list(way.collect())), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
