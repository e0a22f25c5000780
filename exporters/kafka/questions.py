"""What one collection asks a Kafka: many questions at once, none longer than the deadline, and what was not answered is counted."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import ClusterMetadata, ConfigResource  # type: ignore[attr-defined]

from exporters.kafka.cluster import Cluster, Key
from exporters.kit import Context, DeadlineError
from kunobs.errors import KunobsError, UnavailableError

Answer = TypeVar("Answer")
Item = TypeVar("Item")
# One call for all partitions is quadratic in librdkafka: 50,000 took 12.7 s, in chunks of 500 it was 0.8 s. A consumer answers a
# chunk in one call; the admin client makes a future for each partition, which cost two thirds of a scrape.
CHUNK = 500
# Requests for offsets that wait side by side.
AT_ONCE = 4
# The times that ListOffsets takes for the two ends.
LATEST, EARLIEST = -1, -2
# It was deleted between two questions: there is nothing to tell of it.
_GONE = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.GROUP_ID_NOT_FOUND,
    }
)
# It is there, and this part of the truth cannot be had now, or not by us.
_MISSING = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_COORDINATOR,
    }
)


class UnansweredError(UnavailableError):
    """The cluster said no, or nothing; `code` is Kafka's."""

    def __init__(self, cluster: Cluster, error: Any) -> None:
        hint = f"kcat -b {','.join(cluster.config.brokers)} -L; see kafka.{cluster.name} in kunobs.yaml"
        super().__init__(f"{cluster.name} Kafka: {error.str()}", hint=hint)
        self.code = error.code()


class IncompleteError(KunobsError):
    """The families are emitted, and rows of them are missing."""


class Questions:
    """The questions of one collection to one cluster. Not safe between threads."""

    def __init__(self, cluster: Cluster, ctx: Context) -> None:
        self._cluster, self._ctx, self._admin = cluster, ctx, cluster.admin
        self._missing: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def finish(self) -> None:
        """Raises IncompleteError when a question was not answered; call it once everything is emitted."""
        if self._missing:
            parts = (f"{count} x {reason} ({self._examples[reason]})" for reason, count in self._missing.most_common(5))
            raise IncompleteError(
                "not answered: " + "; ".join(parts), hint="rights: docs/exporters.md; leaders: kcat -L"
            )

    def metadata(self) -> ClusterMetadata:
        """Brokers and all topics."""
        try:
            return self._admin.list_topics(timeout=self._ctx.remaining)
        except KafkaException as error:
            raise UnansweredError(self._cluster, error.args[0]) from None

    def groups(self) -> list[Any]:
        """The listings (group_id, state, type) of the groups that are shown."""
        listed = self._wait(self._admin.list_consumer_groups(request_timeout=self._ctx.remaining))
        for error in listed.errors:
            self._miss(f"{self._cluster.name} Kafka: {error}", "groups of a broker")
        return [group for group in listed.valid if self._cluster.known.group(group.group_id)]

    def members(self, groups: Iterable[str]) -> Iterator[tuple[str, int]]:
        """(group, members); all groups of a coordinator in one request. A group that cannot be described is left out."""
        for chunk in _chunks(groups, CHUNK):
            asked = self._admin.describe_consumer_groups(chunk, request_timeout=self._ctx.remaining)
            for group, future in asked.items():
                described = self._or_none(future, f"group {group}")
                if described is not None:
                    yield group, len(described.members)

    def commits(self, groups: Iterable[str]) -> Iterator[tuple[str, list[TopicPartition]]]:
        """(group, its commits); many groups at once, for librdkafka has no request for several."""

        def ask(group: str) -> Future[Any]:
            request = [ConsumerGroupTopicPartitions(group)]
            return self._admin.list_consumer_group_offsets(request, request_timeout=self._ctx.remaining)[group]

        for group, future in self._window(groups, ask):
            found = self._or_none(future, f"commits of {group}")
            if found is not None:
                yield group, found.topic_partitions

    def ends(self, keys: Iterable[Key]) -> dict[Key, int]:
        """The last stable offset of each partition."""
        return self._offsets((key, LATEST) for key in keys)

    def begins(self, keys: Iterable[Key]) -> dict[Key, int]:
        """The first offset that retention has left of each partition."""
        return self._offsets((key, EARLIEST) for key in keys)

    def at(self, times: Mapping[Key, float]) -> dict[Key, int]:
        """The first offset written at that time (seconds since the epoch) or later; -1 when there is none."""
        return self._offsets((key, int(time * 1000)) for key, time in times.items())

    def retention(self, topics: Iterable[str]) -> dict[str, float | None]:
        """Seconds after which a topic's records are deleted, None where time deletes nothing."""
        found: dict[str, float | None] = {}
        for chunk in _chunks(topics, CHUNK):
            resources = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in chunk]
            asked = self._admin.describe_configs(resources, request_timeout=self._ctx.remaining)
            for resource, future in asked.items():
                settings = self._or_none(future, f"settings of {resource.name}")
                if settings is not None:
                    milliseconds = int(settings["retention.ms"].value)
                    deletes = "delete" in settings["cleanup.policy"].value and milliseconds >= 0
                    found[resource.name] = milliseconds / 1000 if deletes else None
        return found

    def _offsets(self, specs: Iterable[tuple[Key, int]]) -> dict[Key, int]:
        """Offsets by time in milliseconds, EARLIEST or LATEST; a few requests at a time, for each blocks its thread."""

        def ask(chunk: list[tuple[Key, int]]) -> list[TopicPartition]:
            wanted = [TopicPartition(topic, number, time) for (topic, number), time in chunk]
            try:
                return self._cluster.offsets.offsets_for_times(wanted, timeout=self._ctx.remaining)
            except KafkaException as error:
                if error.args[0].code() == KafkaError._NOENT:
                    # No topic of the chunk has a leader that the client knows of.
                    self._miss(str(UnansweredError(self._cluster, error.args[0])), chunk[0][0][0])
                    return []
                raise UnansweredError(self._cluster, error.args[0]) from None

        found: dict[Key, int] = {}
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"kunobs-kafka-{self._cluster.name}") as threads:
            for answers in threads.map(ask, _chunks(specs, CHUNK)):
                for one in answers:
                    if one.error is None:
                        found[one.topic, one.partition] = one.offset
                    else:
                        self._leave_out(UnansweredError(self._cluster, one.error), one.topic)
        return found

    def _window(self, items: Iterable[Item], ask: Callable[[Item], Answer]) -> Iterator[tuple[Item, Answer]]:
        """Each item with its answer, in order; so many are asked ahead as may be in flight."""
        source = iter(items)
        asked = deque((item, ask(item)) for item in islice(source, self._cluster.in_flight))
        while asked:
            yield asked.popleft()
            asked.extend((item, ask(item)) for item in islice(source, 1))

    def _or_none(self, future: Future[Answer], what: str) -> Answer | None:
        """The answer; None, and remembered as missing, when the cluster has none for this while it answers others."""
        try:
            return self._wait(future)
        except UnansweredError as error:
            self._leave_out(error, what)
            return None

    def _leave_out(self, error: UnansweredError, what: str) -> None:
        """Remember what is missing; raises what is no matter of one topic or group."""
        if error.code in _MISSING:
            self._miss(str(error), what)
        elif error.code not in _GONE:
            raise error

    def _miss(self, reason: str, what: str) -> None:
        self._missing[reason] += 1
        self._examples.setdefault(reason, what)

    def _wait(self, future: Future[Answer]) -> Answer:
        try:
            return future.result(self._ctx.remaining)
        except TimeoutError:
            raise DeadlineError(f"{self._cluster.name} Kafka has not answered before the deadline") from None
        except KafkaException as error:
            raise UnansweredError(self._cluster, error.args[0]) from None


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
