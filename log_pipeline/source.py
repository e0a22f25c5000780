"""One consumer of one cluster: where to begin, batches, pausing, rebalances, gaps. Both legs read through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from kunobs import kafka
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.kafka import KafkaCluster
from kunobs.config.source import SourceConfig
from kunobs.errors import FencedError, GapError, KunobsError, UnavailableError
from kunobs.log import get_logger, repeated
from log_pipeline.message import Message

Partition = tuple[str, int]
_log = get_logger("source")


class Leg(Protocol):
    """What a source asks of the leg that reads it."""

    def positions(self, partitions: set[Partition]) -> dict[Partition, int]:
        """Next offsets the leg itself remembers; partitions it does not know are left out."""

    def assigned(self, positions: dict[Partition, int]) -> None:
        """These partitions are read from these offsets now."""

    def revoked(self, partitions: set[Partition], *, lost: bool) -> None:
        """Give them up: finish what is in flight and commit, unless they are `lost` already."""


@dataclass
class Rebalances:
    """Counted here, shown by the leg."""

    assigned: int = 0
    revoked: int = 0
    lost: int = 0
    gap_events: int = 0


@dataclass
class Source:
    """Reads `topics` (names, or one regular expression that begins with ^) as a member of `group`."""

    cluster: KafkaCluster
    group: str
    topics: list[str]
    config: SourceConfig
    leg: Leg
    options: Mapping[str, Any] = field(default_factory=dict)
    move_hint: str = ""
    """A command that moves the leg's progress, with {topic} and {partition}."""
    timeout: float = 30.0
    """Seconds that one question to the cluster may take: what shares the loop with this source stands still as long."""
    rest: float = 0.0
    """Seconds until the next try to find out where to begin."""
    clock: Clock = SYSTEM_CLOCK
    rebalances: Rebalances = field(default_factory=Rebalances)
    paused: bool = False

    def __post_init__(self) -> None:
        self.positions: dict[Partition, int] = {}
        self._unsettled: set[Partition] = set()
        self._failure: BaseException | None = None
        self._settling = False
        self._next_settle = 0.0
        self._consumer: Consumer = kafka.consumer(self.cluster, self.group, **self._protocol(), **self._fetching())
        self._consumer.subscribe(
            self.topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def _protocol(self) -> dict[str, Any]:
        if self.config.group_protocol == "consumer":
            return {"group.protocol": "consumer"}
        return {"group.protocol": "classic", "partition.assignment.strategy": "cooperative-sticky"}

    def _fetching(self) -> dict[str, Any]:
        return {
            "queued.max.messages.kbytes": max(1024, self.config.buffer // 1024),
            "fetch.message.max.bytes": 4 << 20,
            # The default of one second after a full queue would starve a fast reader.
            "fetch.queue.backoff.ms": 10,
            "fetch.wait.max.ms": 100,
            "topic.metadata.refresh.interval.ms": 10_000,
        } | dict(self.options)

    @property
    def partitions(self) -> set[Partition]:
        """What this process owns now."""
        return set(self.positions)

    def take(self, timeout: float) -> list[Message]:
        """Up to `batch_events` messages in partition order; rebalances happen inside.

        Raises GapError where retention overtook the lag and `on_gap` is `stop`. Raises UnavailableError or FencedError where it cannot
        be found out where newly assigned partitions begin: they stay unread, and a later call tries again.
        """
        if self._unsettled and not self.paused and self.clock.monotonic() >= self._next_settle:
            self._settle()
        received = self._consumer.consume(self.config.batch_events, timeout)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        for record in received:
            error = record.error()
            if error is not None:
                self._trouble(error, (str(record.topic()), int(record.partition() or 0)))
                received = [r for r in received if r.error() is None]
        messages = cast(list[Message], received)
        if self._settling:
            # A batch that was being collected while partitions moved may hold messages of partitions given up.
            self._settling = bool(self._unsettled)
            at = self.positions
            messages = [m for m in messages if m.offset() >= at.get((m.topic(), m.partition()), 1 << 62)]
        return messages

    def advance(self, ends: Mapping[Partition, int]) -> None:
        """These next offsets are handled: a rewind or a lag is computed from here."""
        for partition, offset in ends.items():
            if partition in self.positions:
                self.positions[partition] = offset

    def pause(self) -> None:
        """Stop fetching but stay in the group; `take` must go on being called."""
        if not self.paused:
            self.paused = True
            self._consumer.pause([TopicPartition(*p) for p in self.positions])

    @property
    def settled(self) -> bool:
        """Every assigned partition has a position."""
        return not self._unsettled

    def resume(self) -> None:
        """Fetch again from where it was paused."""
        if self.paused:
            self.paused = False
            self._consumer.resume([TopicPartition(*p) for p in self.positions])

    def rewind(self, positions: Mapping[Partition, int]) -> None:
        """Read these owned partitions again from these offsets."""
        for partition, offset in positions.items():
            if partition in self.positions:
                self._consumer.seek(TopicPartition(*partition, offset))
                self.positions[partition] = offset
        self._settling = True

    def commit(self, offsets: Mapping[Partition, int], *, wait: bool) -> bool:
        """Commit next offsets of the group; False where this process is no longer a member (only with `wait`)."""
        if not offsets:
            return True
        marks = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        try:
            if wait:
                self._consumer.commit(offsets=marks, asynchronous=False)
            else:
                self._consumer.commit(offsets=marks)
        except KafkaException as error:
            code = error.args[0].code()
            repeated(
                _log,
                f"commit:{self.group}",
                "offsets were not committed",
                group=self.group,
                reason=str(error.args[0]),
            )
            return code in (KafkaError._NO_OFFSET, KafkaError._TIMED_OUT)
        return True

    def committed(self, partitions: set[Partition]) -> dict[Partition, int]:
        """The group's committed next offsets. Raises UnavailableError."""
        known: dict[Partition, int] = {}
        for mark in self._consumer.committed([TopicPartition(*p) for p in sorted(partitions)], timeout=self.timeout):
            if mark.error is not None:
                raise UnavailableError(f"offsets of group {self.group} cannot be read: {mark.error.str()}")
            if mark.offset >= 0:
                known[mark.topic, mark.partition] = mark.offset
        return known

    def end_offsets(self) -> dict[Partition, int]:
        """High watermarks as last fetched; no request is made."""
        ends = {}
        for partition in self.positions:
            marks = self._consumer.get_watermark_offsets(TopicPartition(*partition), cached=True)
            if marks and marks[1] >= 0:
                ends[partition] = marks[1]
        return ends

    def close(self) -> None:
        """Leave the group; `revoked` is called for what is still owned."""
        self._consumer.close()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    # Rebalances. An exception in a librdkafka callback would leave the partitions assigned but read from auto.offset.reset, so it
    # is kept and raised by take().

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            self._failure = self._failure or error

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._settling = True
        self.rebalances.assigned += 1
        new = {(p.topic, p.partition) for p in partitions}
        begin: dict[Partition, int] = {}
        try:
            begin = self._begin(new)
        except (UnavailableError, FencedError) as error:
            repeated(
                _log,
                f"begin:{self.group}",
                "partitions cannot begin yet",
                group=self.group,
                reason=str(error),
            )
        except BaseException as error:  # noqa: BLE001
            self._failure = self._failure or error
        # What is not assigned here, librdkafka would assign by itself and read from wherever.
        for partition in partitions:
            partition.offset = begin.get((partition.topic, partition.partition), OFFSET_END)
        consumer.incremental_assign(partitions)
        self._unsettled |= new - set(begin)
        held = new if self.paused else new - set(begin)
        if held:
            consumer.pause([TopicPartition(*p) for p in held])
        if new - held:
            # A partition that was paused when it was lost is still paused in librdkafka when it comes back.
            consumer.resume([TopicPartition(*p) for p in new - held])
        self._own(begin)

    def _own(self, begin: dict[Partition, int]) -> None:
        if begin:
            self.positions.update(begin)
            _log.info("partitions assigned", group=self.group, count=len(begin), owned=len(self.positions))
            self._guard(lambda: self.leg.assigned(begin))

    def _settle(self) -> None:
        begin = self._begin(set(self._unsettled))
        for partition, offset in begin.items():
            self._consumer.seek(TopicPartition(*partition, offset))
        self._unsettled -= set(begin)
        self._settling = True
        self._own(begin)
        self._consumer.resume([TopicPartition(*p) for p in begin])

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.rebalances.revoked += 1
        self._give_up(consumer, partitions, lost=False)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.rebalances.lost += 1
        self._give_up(consumer, partitions, lost=True)

    def _give_up(self, consumer: Consumer, partitions: list[TopicPartition], *, lost: bool) -> None:
        self._settling = True
        going = {(p.topic, p.partition) for p in partitions}
        self._unsettled -= going
        gone = going & set(self.positions)
        _log.info("partitions lost" if lost else "partitions revoked", group=self.group, count=len(gone))
        if gone:
            self._guard(lambda: self.leg.revoked(gone, lost=lost))
        for partition in gone:
            self.positions.pop(partition, None)
        consumer.incremental_unassign(partitions)

    def _begin(self, partitions: set[Partition]) -> dict[Partition, int]:
        try:
            known = dict(self.leg.positions(partitions))
            missing = partitions - set(known)
            if missing:
                known |= self.committed(missing)
            return {partition: self._inside(partition, known.get(partition)) for partition in sorted(partitions)}
        except KafkaException as error:
            self._next_settle = self.clock.monotonic() + self.rest
            raise UnavailableError(
                f"group {self.group} cannot begin to read {', '.join(self.topics)} at {', '.join(self.cluster.brokers)}: "
                f"{error.args[0].str()}",
                hint="are all brokers of the source up?",
            ) from error

    def _inside(self, partition: Partition, offset: int | None) -> int:
        """A position that exists: `offset` if it still does, else what the policies `start` and `on_gap` say."""
        low, high = self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=self.timeout)
        if offset is None:
            return high if self.config.start == "latest" else low
        if low <= offset <= high:
            return offset
        topic, number = partition
        what = (
            f"{low - offset} messages of {topic}[{number}] were deleted by retention before group {self.group} read them"
            if offset < low
            else f"group {self.group} is at offset {offset} of {topic}[{number}], which ends at {high}: the topic was recreated"
        )
        if self.config.on_gap == "stop":
            raise GapError(
                f"{what} (next offset {offset}, oldest {low}, end {high})",
                hint="set `source.on_gap: continue` to go on from the oldest message and count what is missing, "
                "or choose a place: " + self.move_hint.format(topic=topic, partition=number),
            )
        self.rebalances.gap_events += max(0, low - offset)
        _log.error(
            "source gap",
            topic=topic,
            partition=number,
            next_offset=offset,
            oldest=low,
            end=high,
            missing=max(0, low - offset),
        )
        return low

    def _trouble(self, error: KafkaError, partition: Partition) -> None:
        code = error.code()
        if code == KafkaError._AUTO_OFFSET_RESET:
            if partition in self.positions:
                self.rewind({partition: self._inside(partition, self.positions[partition])})
            return
        if error.fatal() or code in (
            KafkaError._FATAL,
            KafkaError.UNSUPPORTED_VERSION,
            KafkaError._UNSUPPORTED_FEATURE,
        ):
            raise KunobsError(
                f"group {self.group} cannot be read: {error.str()}",
                hint="a broker older than 4.0 needs `source.group_protocol: classic`",
            )
        hints = {
            KafkaError.UNKNOWN_TOPIC_OR_PART: "create the topic, or correct `source.topics`",
            KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant Read and Describe on the topic",
            KafkaError.GROUP_AUTHORIZATION_FAILED: f"grant Read on group {self.group}",
        }
        repeated(
            _log,
            f"source:{self.group}:{code}",
            "source trouble",
            group=self.group,
            reason=error.str(),
            hint=hints.get(code, ""),
        )


def last_of_each(messages: list[Message], partitions: int) -> dict[Partition, Message]:
    """The last message of each partition in a batch that holds at most that many partitions."""
    found: dict[Partition, Message] = {}
    for message in reversed(messages):
        key = message.topic(), message.partition()
        if key not in found:
            found[key] = message
            if len(found) == partitions:
                break
    return found
