"""Follows a namespace's topic without a consumer group: every reader sees everything, and nothing is committed."""

from __future__ import annotations

from collections.abc import Generator

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, Message, TopicPartition

from kunobs.client.access import Access
from kunobs.client.connect import CALL_TIMEOUT, Connect, Session
from kunobs.client.event import Event
from kunobs.client.intake import event_of
from kunobs.client.notes import note_repeated
from kunobs.client.trouble import is_final, is_missing
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.kafka import consumer as kafka_consumer

_FETCH = 1000
_POLL = 0.5
_METADATA_TIMEOUT = 2.0
# The coordinator asks for the right to the group's name even though nothing is committed under it.
_GROUP = "kunobs-tail"


class Tail:
    """Lines of a topic from `since` seconds ago on; `follow` goes on for ever, else it ends where the topic ended.

    New partitions are looked for every `refresh` seconds. Raises UnavailableError and DeniedError.
    """

    def __init__(
        self,
        access: Access,
        topic: str,
        *,
        since: float,
        follow: bool,
        refresh: float = 30.0,
        clock: Clock = SYSTEM_CLOCK,
        connect: Connect = kafka_consumer,
    ) -> None:
        options = {
            "auto.offset.reset": "earliest",
            "client.id": "kunobs-tail",
            "fetch.queue.backoff.ms": 10,
            "fetch.wait.max.ms": 100,
        }
        self._session = Session(access, topic, access.group_prefix + _GROUP, options, connect)
        self._kafka = self._session.kafka
        self._topic, self._since, self._follow = topic, since, follow
        self._refresh, self._clock = refresh, clock
        self._known: set[int] = set()
        self._ends: dict[int, int] = {}
        """Where the partitions that are not read out yet end, without `follow`."""

    def chunks(self) -> Generator[list[Event], None, None]:
        """Lists of events as they come; an empty one when nothing came for a moment. Closes the consumer at the end."""
        try:
            self._begin(self._session.partitions())
            refreshed = self._clock.monotonic()
            while self._follow or self._ends:
                yield self._next()
                if self._follow and self._clock.monotonic() - refreshed >= self._refresh:
                    self._find_new_partitions()
                    refreshed = self._clock.monotonic()
        finally:
            self._kafka.close()

    def _begin(self, partitions: list[int]) -> None:
        try:
            starts = self._starts(partitions)
            if not self._follow:
                for number in partitions:
                    low, high = self._watermarks(number)
                    if high > low:
                        self._ends[number] = high
        except KafkaException as exception:
            raise self._session.explained(exception) from exception
        self._known = set(partitions)
        self._kafka.assign(starts)

    def _starts(self, partitions: list[int]) -> list[TopicPartition]:
        if self._since <= 0:
            return [TopicPartition(self._topic, number, OFFSET_END) for number in partitions]
        moment = max(int((self._clock.now() - self._since) * 1000), 0)
        wanted = [TopicPartition(self._topic, number, moment) for number in partitions]
        starts = []
        for found in self._kafka.offsets_for_times(wanted, timeout=CALL_TIMEOUT):
            if found.error is not None:
                raise KafkaException(found.error)
            offset = found.offset if found.offset >= 0 else OFFSET_END
            starts.append(TopicPartition(self._topic, found.partition, offset))
        return starts

    def _watermarks(self, number: int) -> tuple[int, int]:
        return self._kafka.get_watermark_offsets(TopicPartition(self._topic, number), timeout=CALL_TIMEOUT)

    def _next(self) -> list[Event]:
        first = self._poll()
        if first is None:
            return []
        found = [first, *self._kafka.consume(_FETCH, timeout=0)]
        return [event_of(message, self._session.access) for message in found if self._is_event(message)]

    def _poll(self) -> Message | None:
        try:
            return self._kafka.poll(_POLL)
        except KafkaException as exception:
            raise self._session.explained(exception) from exception

    def _is_event(self, message: Message) -> bool:
        number, error = message.partition() or 0, message.error()
        if error is None:
            following = (message.offset() or 0) + 1
            wanted = self._follow or following <= self._ends.get(number, 0)
            if following >= self._ends.get(number, following + 1):
                self._ends.pop(number, None)
            return wanted
        if error.code() == KafkaError._PARTITION_EOF:
            self._ends.pop(number, None)
        elif is_final(error.code()):
            raise self._session.explained(KafkaException(error))
        elif is_missing(error.code()):
            self._session.partitions(serve=False)
        else:
            note_repeated(f"{self._topic}:{error.code()}", "kafka: %s", str(error.str())[:300])
        return False

    def _find_new_partitions(self) -> None:
        try:
            metadata = self._kafka.list_topics(self._topic, timeout=_METADATA_TIMEOUT).topics[self._topic]
        except KafkaException:
            return  # the broker is away; what is read is not affected
        new = set(metadata.partitions) - self._known
        if new:
            self._known |= new
            starts = [TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in sorted(new)]
            self._kafka.incremental_assign(starts)
