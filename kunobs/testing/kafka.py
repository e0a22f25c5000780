"""A tenant's topic in memory: the real `LogConsumer` reads it without a broker and without waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_INVALID,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from kunobs.client import Access, LogConsumer
from kunobs.client.profiles import PROFILES
from kunobs.config import KafkaCluster
from kunobs.names import Names, group_prefix
from kunobs.testing.clock import FakeClock

Callback = Callable[[Any, list[TopicPartition]], None]


def log_event(
    message: str,
    *,
    namespace: str = "team",
    pod: str = "app-6878f48fcc-65vcr",
    container: str = "app",
    time: datetime | None = None,
    labels: Mapping[str, str] | None = None,
    **fields: Any,
) -> bytes:
    """A line as Filebeat writes it; `fields` are laid over the event's top level."""
    time = time or datetime(2026, 11, 1, 3, 18, 27, tzinfo=UTC)
    event = {
        "@timestamp": time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "message": message,
        "stream": "stdout",
        "kubernetes": {
            "namespace": namespace,
            "pod": {"name": pod},
            "container": {"name": container},
            "node": {"name": "node-1"},
            "labels": dict(labels or {"app": pod.split("-")[0]}),
        },
    }
    try:
        return json.dumps(event | fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character can only be written as an escape
        return json.dumps(event | fields).encode()


@dataclass
class _Log:
    """One partition: records by offset, None for the marker that ends a transaction."""

    records: list[Message | None] = field(default_factory=list)
    low: int = 0


class MemoryTopic:
    """A namespace's topic, what its groups have committed, and who their members are."""

    def __init__(self, namespace: str = "team", partitions: int = 1, *, profile: str = "filebeat") -> None:
        names = Names()
        self.clock = FakeClock()
        self.access = Access(
            namespace=namespace,
            kafka=KafkaCluster(),
            topic=names.logs(namespace),
            dead_letters=names.dead_letters(namespace),
            group_prefix=group_prefix(namespace),
            elasticsearch=None,
            profile=PROFILES[profile],
            origin="memory",
        )
        self.name = self.access.topic
        self.logs = [_Log() for _ in range(partitions)]
        self.offsets: dict[str, dict[int, int]] = {}
        self.members: dict[str, list[MemoryConsumer]] = {}
        self.commits_fail: KafkaError | None = None
        """While set, what every commit is answered with."""

    def append(
        self,
        *events: bytes | None,
        partition: int = 0,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes]] = (),
        source: str = "",
    ) -> None:
        """Write events; `source` is the text of a `kunobs-source` header. The records' time is the clock's."""
        log, all_headers = self.logs[partition], [*headers, *([("kunobs-source", source.encode())] if source else [])]
        for value in events:
            log.records.append(
                Message(
                    topic=self.name,
                    partition=partition,
                    offset=len(log.records),
                    key=key,
                    value=value,
                    headers=list(all_headers) or None,
                    timestamp=(2, int(self.clock.now() * 1000)),
                )
            )

    def append_marker(self, partition: int = 0) -> None:
        """End a transaction, which takes an offset that is never delivered."""
        self.logs[partition].records.append(None)

    def delete_before(self, offset: int, partition: int = 0) -> None:
        """Let retention delete the events before `offset`."""
        self.logs[partition].low = offset

    def add_partition(self) -> None:
        """Give the topic one more partition."""
        self.logs.append(_Log())

    def committed(self, group: str) -> dict[int, int]:
        """Partition -> committed offset of the group `<namespace>.<group>`."""
        return dict(self.offsets.get(self.access.group_prefix + group, {}))

    def consumer(self, group: str = "test", **arguments: Any) -> LogConsumer:
        """A `LogConsumer` that reads this topic; a wait costs no time, so `idle=` ends a loop at once."""
        return LogConsumer(
            self.access.namespace, group, self.access, clock=self.clock, connect=self.connect, **arguments
        )

    def connect(self, _: KafkaCluster, group: str, **options: Any) -> MemoryConsumer:
        """What `kunobs.kafka.consumer` is for a broker."""
        return MemoryConsumer(self, group, options)

    def share_of(self, member: MemoryConsumer) -> set[int]:
        """The partitions that `member` should have: each belongs to one member of its group."""
        members = self.members.get(member.group, [])
        if member not in members:
            return set()
        return {number for number in range(len(self.logs)) if members[number % len(members)] is member}


class MemoryConsumer:
    """The methods of `confluent_kafka.Consumer` that kunobs.client uses, on a `MemoryTopic`."""

    def __init__(self, topic: MemoryTopic, group: str, options: Mapping[str, Any] | None = None) -> None:
        self.topic, self.group = topic, group
        self.options = dict(options or {})
        self.positions: dict[int, int] = {}
        self.owned: set[int] = set()
        """What the group gave to this member, whether it reads it or not."""
        self._ended: set[int] = set()
        self._answers: list[Callable[[], None]] = []
        self._callbacks: dict[str, Callback | None] = {}
        self._called_assign = False
        self._turn = 0

    def subscribe(
        self,
        topics: list[str],
        on_assign: Callback | None = None,
        on_revoke: Callback | None = None,
        on_lost: Callback | None = None,
    ) -> None:
        """Join the group; `topics` must be this topic."""
        if topics != [self.topic.name]:
            raise ValueError(f"this is {self.topic.name}, not {topics}")
        self._callbacks = {"assign": on_assign, "revoke": on_revoke, "lost": on_lost}
        self.topic.members.setdefault(self.group, []).append(self)

    def poll(self, timeout: float = -1) -> Message | None:
        """The next record or end of partition; else None, with the topic's clock `timeout` seconds later."""
        self._serve()
        message = self._next()
        if message is None and timeout > 0:
            self.topic.clock.sleep(timeout)
        return message

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """Up to `num_messages` of what is there."""
        self._serve()
        found: list[Message] = []
        while len(found) < num_messages and (message := self._next()) is not None:
            found.append(message)
        return found

    def _serve(self) -> None:
        while self._answers:
            self._answers.pop(0)()
        if self._callbacks:
            self._rebalance(self.topic.share_of(self))

    def _rebalance(self, share: set[int]) -> None:
        if self.owned - share:
            self._give_back("revoke", self.owned - share)
        others = {n for other in self.topic.members.get(self.group, []) if other is not self for n in other.owned}
        new = share - self.owned - others
        if new:
            self._called_assign = False
            self.owned |= new
            partitions = [TopicPartition(self.topic.name, number) for number in sorted(new)]
            if callback := self._callbacks["assign"]:
                callback(self, partitions)
            if not self._called_assign:
                self.incremental_assign(self.committed(partitions))

    def lose_everything(self) -> None:
        """Be thrown out of the group, as a member is that did not ask for events in time, and join again."""
        self._give_back("lost", set(self.owned))

    def _give_back(self, how: str, numbers: set[int]) -> None:
        if callback := self._callbacks.get(how):
            callback(self, [TopicPartition(self.topic.name, number) for number in sorted(numbers)])
        for number in numbers:
            self.owned.discard(number)
            self.positions.pop(number, None)
            self._ended.discard(number)

    def _next(self) -> Message | None:
        numbers = sorted(self.positions)
        for step in range(len(numbers)):
            number = numbers[(self._turn + step) % len(numbers)]
            message = self._next_of(number)
            if message is not None:
                self._turn += step + 1
                return message
        return None

    def _next_of(self, number: int) -> Message | None:
        log, at = self.topic.logs[number], self.positions[number]
        if at < 0:
            return None
        if at < log.low or at > len(log.records):
            return self._out_of_range(number, log)
        while at < len(log.records):
            record = log.records[at]
            at += 1
            self.positions[number] = at
            if record is not None:
                self._ended.discard(number)
                return record
        if self.options.get("enable.partition.eof") and number not in self._ended:
            self._ended.add(number)
            return self._error(number, at, KafkaError._PARTITION_EOF)
        return None

    def _out_of_range(self, number: int, log: _Log) -> Message | None:
        if self.options.get("auto.offset.reset", "error") == "earliest":
            self.positions[number] = log.low
            return self._next_of(number)
        self.positions[number] = OFFSET_INVALID
        return self._error(number, OFFSET_INVALID, KafkaError._AUTO_OFFSET_RESET)

    def _error(self, number: int, offset: int, code: int) -> Message:
        return Message(topic=self.topic.name, partition=number, offset=offset, error=KafkaError(code))

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Read exactly these, each from its offset."""
        self.positions = {}
        self.incremental_assign(partitions)

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """Read these too, each from its offset."""
        self._called_assign = True
        for partition in partitions:
            log = self.topic.logs[partition.partition]
            special = {OFFSET_BEGINNING: log.low, OFFSET_END: len(log.records), OFFSET_INVALID: -1}
            self.positions[partition.partition] = special.get(partition.offset, partition.offset)

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        """Read these no more."""
        for partition in partitions:
            self.positions.pop(partition.partition, None)
            self._ended.discard(partition.partition)

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool = True) -> list[TopicPartition] | None:
        """Store offsets; an asynchronous commit's answer comes with the next poll."""
        failure = self.topic.commits_fail
        answered = [TopicPartition(one.topic, one.partition, one.offset) for one in offsets]
        if failure is None:
            store = self.topic.offsets.setdefault(self.group, {})
            store.update({one.partition: one.offset for one in offsets})
        if not asynchronous:
            if failure is not None:
                raise KafkaException(failure)
            return answered
        on_commit = self.options.get("on_commit")
        if on_commit:
            self._answers.append(lambda: on_commit(failure, answered))
        return None

    def committed(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """What the group has committed, OFFSET_INVALID where it has nothing."""
        store = self.topic.offsets.get(self.group, {})
        return [TopicPartition(p.topic, p.partition, store.get(p.partition, OFFSET_INVALID)) for p in partitions]

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """The first offset at or after each time, OFFSET_END where there is none."""
        found = []
        for wanted in partitions:
            log = self.topic.logs[wanted.partition]
            later = (
                log.low + index
                for index, record in enumerate(log.records[log.low :])
                if record is not None and record.timestamp()[1] >= wanted.offset
            )
            found.append(TopicPartition(wanted.topic, wanted.partition, next(later, OFFSET_END)))
        return found

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = -1, cached: bool = False
    ) -> tuple[int, int]:
        """(oldest offset, offset of the next record)."""
        log = self.topic.logs[partition.partition]
        return log.low, len(log.records)

    def list_topics(self, topic: str = "", timeout: float = -1) -> Any:
        """Metadata of this topic; of another that it is missing."""
        if topic != self.topic.name:
            missing = SimpleNamespace(error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), partitions={})
            return SimpleNamespace(topics={topic: missing})
        known = SimpleNamespace(error=None, partitions=dict.fromkeys(range(len(self.topic.logs))))
        return SimpleNamespace(topics={topic: known})

    def close(self) -> None:
        """Give everything back and leave the group."""
        if self.owned and self._callbacks:
            self._give_back("revoke", set(self.owned))
        self.positions, self._callbacks = {}, {}
        members = self.topic.members.get(self.group, [])
        if self in members:
            members.remove(self)
