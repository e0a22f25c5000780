"""Where a partition begins: the committed offset, else what the program asked for; and what to do about a gap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from confluent_kafka import KafkaException, TopicPartition

from kunobs.client.connect import CALL_TIMEOUT, Session
from kunobs.client.notes import note
from kunobs.client.progress import Part, Seen
from kunobs.clock import Clock
from kunobs.errors import GapError

Start = Literal["earliest", "latest"] | datetime | timedelta
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Starts:
    """Decides beginnings. `missed` counts the events that retention deleted before they were read (an upper bound)."""

    def __init__(self, session: Session, start: Start, *, remember: int, stop_at_gap: bool, clock: Clock) -> None:
        self.missed = 0
        self._session, self._start, self._remember = session, start, remember
        self._stop_at_gap, self._clock = stop_at_gap, clock

    def of(self, partitions: list[TopicPartition]) -> list[tuple[Part, TopicPartition]]:
        """For each partition its state, and where to read from: `remember` events earlier, to recognise repeated lines.

        Raises KafkaException when the broker does not say, GapError when retention was faster and that is to stop us.
        """
        if not partitions:
            return []
        found = []
        for partition in self._session.kafka.committed(partitions, timeout=CALL_TIMEOUT):
            if partition.error is not None:
                raise KafkaException(partition.error)
            part, low = self._part(partition.partition, partition.offset)
            earlier = max(low, part.begin - self._remember)
            found.append((part, TopicPartition(partition.topic, partition.partition, earlier)))
        return found

    def after_gap(self, number: int, wanted: int) -> int:
        """The oldest offset there is, now that `wanted` was found to be gone."""
        low, _ = self._watermarks(number)
        self._miss(number, wanted, low)
        return low

    def _part(self, number: int, committed: int) -> tuple[Part, int]:
        low, high = self._watermarks(number)
        begin = committed if committed >= 0 else self._first(number, low, high)
        if begin < low:
            self._miss(number, begin, low)
            begin = low
        elif begin > high:
            topic = self._session.topic
            note("%s[%d]: offset %d lies beyond the end %d: the topic was made anew", topic, number, begin, high)
            begin = low
        return Part(begin, Seen(self._remember), committed if committed == begin else -1), low

    def _miss(self, number: int, wanted: int, low: int) -> None:
        gone = max(low - wanted, 0)
        self.missed += gone
        text = f"{self._session.topic}[{number}]: up to {gone} events from offset {wanted} on were deleted by retention"
        if gone and self._stop_at_gap:
            hint = "read faster or with more members; on_gap='continue' goes on with the oldest event there is"
            raise GapError(f"{text} before they were read", hint=hint)
        note("%s before they were read; going on at offset %d", text, low)

    def _watermarks(self, number: int) -> tuple[int, int]:
        partition = TopicPartition(self._session.topic, number)
        return self._session.kafka.get_watermark_offsets(partition, timeout=CALL_TIMEOUT)

    def _first(self, number: int, low: int, high: int) -> int:
        if self._start == "earliest":
            return low
        if self._start == "latest":
            return high
        since = self._start
        if isinstance(since, timedelta):
            since = _EPOCH + timedelta(seconds=self._clock.now()) - since
        wanted = TopicPartition(self._session.topic, number, max(int(since.timestamp() * 1000), 0))
        found = self._session.kafka.offsets_for_times([wanted], timeout=CALL_TIMEOUT)[0]
        if found.error is not None:
            raise KafkaException(found.error)
        return found.offset if found.offset >= 0 else high
