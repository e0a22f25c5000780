"""A member's partitions: where each begins, what comes out of them in order, and what is given back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from kunobs.client.access import Access
from kunobs.client.connect import CALL_TIMEOUT, Connect, Session
from kunobs.client.event import SOURCE_HEADER, Event
from kunobs.client.notes import note, note_repeated
from kunobs.client.progress import Part, Progress, Seen
from kunobs.client.starts import Start, Starts
from kunobs.client.trouble import error_of, is_final, is_missing
from kunobs.clock import Clock
from kunobs.errors import GapError

_FETCH = 500
_SERVE_EVERY = 1.0
_COMMIT_POLL = 0.1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def headers_of(message: Message) -> list[tuple[str, bytes | None]]:
    """A consumed record's headers; librdkafka's type also covers what one may produce."""
    return cast("list[tuple[str, bytes | None]]", message.headers() or [])


def event_of(message: Message, access: Access) -> Event:
    """A Kafka record as an event."""
    milliseconds = message.timestamp()[1]
    return Event(
        message.value(),
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        appended=_EPOCH + timedelta(milliseconds=max(milliseconds, 0)),
        key=message.key(),
        headers=headers_of(message),
        profile=access.profile,
    )


class Intake:
    """Takes events of the partitions that the group gave us; `given_back` hears of those that are taken away."""

    def __init__(
        self,
        access: Access,
        topic: str,
        group: str,
        options: dict[str, Any],
        *,
        start: Start,
        remember: int,
        stop_at_gap: bool,
        given_back: Callable[[set[int]], None],
        clock: Clock,
        connect: Connect,
    ) -> None:
        self.progress = Progress()
        self.duplicates = 0
        self.assigned_at: float | None = None
        self._given_back, self._clock = given_back, clock
        self._buffer: deque[Message] = deque()
        self._failure: Exception | None = None
        self._refusal: KafkaError | None = None
        self._given_up = False
        self._memories: dict[int, Seen] = {}
        """Of partitions that were ours: what we handled without being able to commit it is not handled again."""
        self._polled_at = clock.monotonic()
        self._session = Session(access, topic, group, options | {"on_commit": self._on_commit}, connect)
        self._kafka = self._session.kafka
        self._starts = Starts(self._session, start, remember=remember, stop_at_gap=stop_at_gap, clock=clock)

    @property
    def missed(self) -> int:
        """Upper bound of the events that retention deleted before they were read."""
        return self._starts.missed

    def open(self) -> None:
        """Join the group; raises when no broker answers, the topic is missing or we may not read it."""
        try:
            self._session.partitions()
        except BaseException:
            self._kafka.close()
            raise
        self._kafka.subscribe(
            [self._session.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def check(self) -> None:
        """Raises when no broker answers or the topic is gone."""
        self._session.partitions(serve=False)

    def next(self, timeout: float) -> tuple[Event | None, bool]:
        """(the next event that is new, whether anything came); waits up to `timeout` seconds with nothing at hand."""
        if not self._buffer:
            self._fetch(timeout)
        elif self._clock.monotonic() - self._polled_at > _SERVE_EVERY:
            self._take(self._poll(0))
        while self._buffer:
            event = self._accept(self._buffer.popleft())
            if event is not None:
                return event, True
            if not self._buffer:
                return None, True
        return None, False

    def _poll(self, timeout: float) -> Message | None:
        try:
            message = self._kafka.poll(timeout)
        except KafkaException as exception:
            raise self._session.explained(exception) from exception
        self._polled_at = self._clock.monotonic()
        if self._failure is not None:
            raise self._failure
        return message

    def _fetch(self, timeout: float) -> None:
        first = self._poll(timeout)
        if first is None:
            return
        self._take(first)
        for message in self._kafka.consume(_FETCH, timeout=0):
            self._take(message)
        if self._failure is not None:
            raise self._failure

    def _take(self, message: Message | None) -> None:
        if message is None:
            return
        error = message.error()
        if error is None:
            if message.partition() in self.progress.parts:
                self._buffer.append(message)
        elif error.code() in (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET):
            self._buffer.append(message)  # in its place behind the partition's last event
        elif is_final(error.code()):
            raise self._session.explained(KafkaException(error))
        elif is_missing(error.code()):
            self.check()
        else:
            note_repeated(f"{self._session.topic}:{error.code()}", "kafka: %s", str(error.str())[:300])

    def _accept(self, message: Message) -> Event | None:
        number, offset = message.partition() or 0, message.offset() or 0
        part = self.progress.parts.get(number)
        if part is None:
            return None
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._AUTO_OFFSET_RESET:
                self._pass_gap(number, part)
            else:
                # The end lies behind the marker of the last transaction, so that a group's lag can become 0.
                part.at_end, part.read = True, max(part.read, offset)
                self.progress.pass_over(number, offset)
            return None
        part.at_end = False
        source = next((value for key, value in headers_of(message) if key == SOURCE_HEADER), None)
        new = source is None or part.seen.add(source, offset)
        if offset < part.begin:
            return None
        part.read = offset + 1
        if not new:
            self.duplicates += 1
            self.progress.pass_over(number, offset + 1)
            return None
        self.progress.give(number, offset + 1)
        return event_of(message, self._session.access)

    def _pass_gap(self, number: int, part: Part) -> None:
        """Retention deleted what we were about to read, or the topic was made anew: go on with the oldest there is."""
        low = self._starts.after_gap(number, part.read)
        part.begin = part.read = low
        here = TopicPartition(self._session.topic, number, low)
        self._kafka.incremental_unassign([here])
        self._kafka.incremental_assign([here])

    def _on_assign(self, _: Any, partitions: list[TopicPartition]) -> None:
        try:
            found = self._starts.of(partitions)
        except KafkaException as exception:
            # Raised by the poll that runs this callback, before anything is read.
            self._failure = self._session.explained(exception)
            return
        except GapError as gap:
            self._failure = gap
            return
        self.assigned_at = self._clock.monotonic()
        for part, beginning in found:
            part.seen = self._memories.pop(beginning.partition, part.seen)
            self.progress.parts[beginning.partition] = part
        self._kafka.incremental_assign([beginning for _, beginning in found])

    def _on_revoke(self, _: Any, partitions: list[TopicPartition]) -> None:
        numbers = {partition.partition for partition in partitions}
        self._given_back(numbers)
        try:
            if not self._given_up:
                self._store_at_once(self.progress.unconfirmed(numbers))
        except KafkaException as exception:
            note("could not commit %s: %s; these events are read again", sorted(numbers), error_of(exception).str())
        self._drop(numbers)

    def _on_lost(self, _: Any, partitions: list[TopicPartition]) -> None:
        numbers = {partition.partition for partition in partitions}
        if numbers:
            note("partitions %s went to another member before their events could be committed", sorted(numbers))
        self._given_back(numbers)
        self._drop(numbers)

    def _drop(self, numbers: set[int]) -> None:
        for number in numbers:
            seen = self.progress.drop(number)
            if seen is not None:
                self._memories[number] = seen
        self._buffer = deque(message for message in self._buffer if message.partition() not in numbers)

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            trouble = error or partition.error
            if trouble is None:
                self.progress.confirmed(partition.partition, partition.offset)
            else:
                self._refusal = trouble
                self.progress.refused(partition.partition)
                note_repeated(f"commit:{trouble.code()}", "could not commit: %s; trying again", trouble.str())

    def commit_later(self) -> None:
        """Send what was handled since the last time, and do not wait for the answer."""
        offsets = self.progress.unsent()
        if offsets:
            try:
                self._kafka.commit(offsets=self._positions(offsets), asynchronous=True)
            except KafkaException as exception:
                note_repeated("commit", "could not commit: %s; trying again", error_of(exception).str())
                return
            self.progress.sent(offsets)

    def commit_now(self) -> None:
        """Store what was handled; raises when the broker does not confirm it within 15 s."""
        offsets = self.progress.unconfirmed()
        if not offsets:
            return
        try:
            self._refusal = None
            self._kafka.commit(offsets=self._positions(offsets), asynchronous=True)
            self.progress.sent(offsets)
            self._await_confirmation(offsets)
        except KafkaException as exception:
            raise self._session.explained(exception) from exception

    def _await_confirmation(self, offsets: dict[int, int]) -> None:
        """librdkafka's own waiting commit has no timeout: with a broker that hangs it took minutes."""
        deadline = self._clock.monotonic() + CALL_TIMEOUT
        while not self.progress.are_confirmed(offsets):
            self._take(self._poll(_COMMIT_POLL))
            if self._refusal is not None:
                raise KafkaException(self._refusal)
            if not self.progress.parts.keys() & offsets.keys() and not self.progress.are_confirmed(offsets):
                raise KafkaException(KafkaError(KafkaError._ASSIGNMENT_LOST))
            if self._clock.monotonic() >= deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    def _store_at_once(self, offsets: dict[int, int]) -> None:
        """Inside a rebalance, where nothing else may run, and a coordinator is there that wants it."""
        if not offsets:
            return
        for partition in self._kafka.commit(offsets=self._positions(offsets), asynchronous=False) or []:
            if partition.error is not None:
                raise KafkaException(partition.error)
            self.progress.confirmed(partition.partition, partition.offset)
        self.progress.sent(offsets)

    def _positions(self, offsets: dict[int, int]) -> list[TopicPartition]:
        return [TopicPartition(self._session.topic, number, offset) for number, offset in offsets.items()]

    def close(self) -> None:
        """Commit what was handled and leave the group, so that others take over at once."""
        try:
            self.commit_now()
        except BaseException:
            self._given_up = True
            raise
        finally:
            self._leave()

    def _leave(self) -> None:
        """librdkafka's close has no timeout either: a broker that hangs must not keep the program from ending."""
        leaving = threading.Thread(target=self._kafka.close, name="kunobs-client-close", daemon=True)
        leaving.start()
        leaving.join(CALL_TIMEOUT)
        if leaving.is_alive():
            note("the brokers did not let group %s be left; they notice by themselves", self._session.group)
