"""Reads a topic for the canary's lines: without a group, no record twice, and soon only the partition they come on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import ClusterMetadata, OffsetSpec  # type: ignore[attr-defined]

from exporters.logs.line import Line
from exporters.logs.topics import LATEST, Offsets, Place
from exporters.logs.tracker import Tracker
from kunobs import kafka
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.kafka import KafkaCluster

GROUP = "kunobs-logs-canary"
_OPTIONS = {
    "client.id": GROUP,
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 16384,
    "isolation.level": "read_committed",
}
_CALL = 5.0
# Filebeat stamps a record with the time in the log line, fanout with its own; clocks differ by less than this.
_SKEW = 5.0
_REFRESH = 10.0
_GONE = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)


class KafkaHop:
    """One hop. `turn()` is called for as long as the process lives, by one thread; where it raises, `close()` comes next.

    With `narrow`, only partitions on which a line came within `wait` are read. When a line is waited for longer than half
    of `wait`, all are read from the time it was written, for at most `wait` and again only ten times that later: after a
    rotation Filebeat may send the rest of a file under another path, which is another partition.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        topics: Iterable[str],
        line: Line,
        tracker: Tracker,
        *,
        wait: float,
        narrow: bool,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._cluster, self._line, self._tracker = cluster, line, tracker
        self._wait, self._narrow, self._clock = wait, narrow, clock
        self._topics = tuple(topics)
        self._offsets = Offsets(cluster)
        self._began = clock.now()
        self._known: frozenset[Place] = frozenset()
        self._reading: frozenset[Place] = frozenset()
        self._next: dict[Place, int] = {}
        self._came: dict[Place, float] = {}
        self._learnt: frozenset[Place] = frozenset()
        self._wide_since: float | None = None
        self._not_wide_before = 0.0
        self._refresh_at = 0.0
        self._consumer: Consumer | None = None
        self._assigned: frozenset[Place] | None = None
        self.read_bytes = 0

    @property
    def reading(self) -> frozenset[Place]:
        """The partitions that are read now."""
        return self._assigned or frozenset()

    def turn(self) -> None:
        """Look what partitions there are when it is time, read for a moment. Raises KunobsError and KafkaException."""
        if self._consumer is None:
            self._consumer = kafka.consumer(self._cluster, GROUP, **_OPTIONS)
        now = self._clock.monotonic()
        if now >= self._refresh_at:
            self._known = self._partitions(self._consumer)
            # A tenant's topic is made with its first line.
            self._refresh_at = now + (_REFRESH if self._known else 1.0)
        self._read_these(self._consumer, self._chosen(now))
        for message in self._consumer.consume(1000, 0.2):
            self._take(message)

    def close(self) -> None:
        """Let go of the connection; the next turn makes another and goes on where this one was."""
        consumer, self._consumer = self._consumer, None
        self._assigned, self._refresh_at = None, 0.0
        if consumer is not None:
            consumer.close()

    def _partitions(self, consumer: Consumer) -> frozenset[Place]:
        pattern = next((re.compile(topic) for topic in self._topics if topic.startswith("^")), None)
        # Only what a consumer asks for by name is not made by asking.
        answers = [consumer.list_topics(timeout=_CALL)] if pattern else map(self._named(consumer), self._topics)
        found = (topic for answer in answers for topic in answer.topics.items())
        return frozenset((n, part) for n, t in found if not pattern or pattern.match(n) for part in t.partitions)

    @staticmethod
    def _named(consumer: Consumer) -> Callable[[str], ClusterMetadata]:
        return lambda topic: consumer.list_topics(topic, timeout=_CALL)

    def _chosen(self, now: float) -> frozenset[Place]:
        """Which partitions to read."""
        if not self._narrow:
            return self._known
        self._came = {place: at for place, at in self._came.items() if now - at <= self._wait}
        self._learnt = (frozenset(self._came) or self._learnt) & self._known
        return self._learnt if self._learnt and not self._doubtful(now) else self._known

    def _doubtful(self, now: float) -> bool:
        """A line may have come where nobody looks."""
        if self._tracker.oldest(now) <= self._wait / 2:
            self._wide_since = None
            return False
        if self._wide_since is None:
            if now < self._not_wide_before:
                return False
            self._wide_since, self._not_wide_before = now, now + 11 * self._wait
        return now - self._wide_since <= self._wait

    def _read_these(self, consumer: Consumer, chosen: frozenset[Place]) -> None:
        if chosen == self._assigned:
            return
        # What has been read all the while goes on where it was, whatever became of the connection.
        self._next |= self._starts(chosen - self._reading)
        consumer.assign([TopicPartition(*place, self._next[place]) for place in sorted(chosen)])
        self._reading = self._assigned = chosen

    def _starts(self, places: Iterable[Place]) -> dict[Place, int]:
        """Where to begin: at the first record since the oldest line that is waited for, never before what has been read."""
        waited = self._tracker.oldest(self._clock.monotonic())
        since = max(self._clock.now() - waited, self._began) - _SKEW
        wanted = sorted(places)
        # The ends first: a record that comes between the questions is then not passed over.
        ends, failed = self._offsets.ask(wanted, LATEST, _CALL)
        spec = OffsetSpec.for_timestamp(int(since * 1000))
        times, failed_too = self._offsets.ask(wanted, spec, _CALL)
        for error in (*failed.values(), *failed_too.values()):
            raise error
        begins = {place: times[place].offset if times[place].offset >= 0 else ends[place].offset for place in wanted}
        return {place: max(self._next.get(place, 0), begin) for place, begin in begins.items()}

    def _take(self, message: Message) -> None:
        place = str(message.topic()), int(message.partition() or 0)
        error = message.error()
        if error is not None:
            if error.code() in _GONE:
                self._next.pop(place, None)
                self._reading -= {place}
            raise KafkaException(error)
        self._next[place] = int(message.offset() or 0) + 1
        value = message.value()
        self.read_bytes += len(value or b"")
        number = self._line.number(value if isinstance(value, bytes) else None)
        now = self._clock.monotonic()
        if number is not None and self._tracker.seen(number, now):
            self._came[place] = now
