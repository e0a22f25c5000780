"""Topics on the tenant Kafka: made only by policy, never by the broker, and not more than a budget an hour."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]

from kunobs import kafka
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.kafka import KafkaCluster
from kunobs.config.topics import TopicsConfig
from kunobs.errors import DeniedError, UnavailableError
from kunobs.log import get_logger, repeated
from kunobs.names import LEGS, Names
from kunobs.retry import Backoff

_log = get_logger("topics")
_TIMEOUT = 15.0
CHECKPOINT_PARTITIONS = 32
LARGEST_MESSAGE = 16 << 20


class Topics:
    """What exists on the tenant Kafka, and how to make what does not.

    Counts of what was made are in `created`, `failed` and `over_budget`.
    """

    def __init__(self, cluster: KafkaCluster, names: Names, config: TopicsConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        self.names = names
        self.config = config
        self.created = self.failed = self.over_budget = 0
        self.partitions: dict[str, int] = {}
        self._clock = clock
        self._admin: AdminClient = kafka.admin(cluster)
        self._made: deque[float] = deque()
        self._refused_until: dict[str, float] = {}

    def refresh(self) -> None:
        """Read names and partition counts of all topics; raises UnavailableError when the cluster does not answer."""
        try:
            listed = self._admin.list_topics(timeout=_TIMEOUT).topics
        except KafkaException as error:
            raise UnavailableError(f"the tenant Kafka does not answer: {error.args[0].str()}") from error
        self.partitions = {name: len(topic.partitions) for name, topic in listed.items() if topic.error is None}

    def ensure_system(self, leg: str) -> None:
        """Make the topics a leg cannot work without; raises DeniedError or UnavailableError."""
        self.refresh()
        wanted = [
            self._system(self.names.quarantine),
            self._system(self.names.unrouted),
            self._system(self.names.replay(leg)),
        ]
        if leg == LEGS[0]:
            wanted.append(self._checkpoints())
        errors = self._create([topic for topic in wanted if topic.topic not in self.partitions])
        for topic, error in errors.items():
            if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise DeniedError(
                    f"topic {topic} may not be created: {error.str()}",
                    hint=f"grant Create on it, or create it yourself: kafka-topics --create --topic {topic}",
                )
            raise UnavailableError(f"topic {topic} cannot be created: {error.str()}")

    def ensure_logs(self, namespaces: Iterable[str]) -> dict[str, str]:
        """Make the topics of these namespaces where policy allows; {namespace: reason} for those that stay without one.

        Reasons: `unknown_namespace`, `topic_budget`, `denied`, `missing_topic`. Raises UnavailableError.
        """
        refused: dict[str, str] = {}
        wanted: list[str] = []
        now = self._clock.monotonic()
        while self._made and now - self._made[0] >= 3600:
            self._made.popleft()
        for namespace in sorted(set(namespaces)):
            if self.names.logs(namespace) in self.partitions:
                continue
            if self.config.create == "known" and namespace not in self.config.known:
                refused[namespace] = "unknown_namespace"
            elif len(self._made) + len(wanted) >= self.config.new_per_hour:
                refused[namespace] = "topic_budget"
                self.over_budget += 1
                repeated(
                    _log,
                    "budget",
                    "topic budget of this hour is spent",
                    new_per_hour=self.config.new_per_hour,
                    namespace=namespace,
                )
            elif self._refused_until.get(namespace, 0.0) > now:
                refused[namespace] = "denied"
            else:
                wanted.append(namespace)
        if wanted:
            refused |= self._make_logs(wanted, now)
        return refused

    def ensure_dead_letters(self, namespace: str) -> str | None:
        """Make the namespace's dead letter topic; the reason why it stays absent, None when it is there. Raises UnavailableError."""
        topic = self.names.dead_letters(namespace)
        if topic in self.partitions:
            return None
        error = self._create([self._tenant(topic, LARGEST_MESSAGE)]).get(topic)
        return None if error is None else _reason(error)

    def largest_messages(self, topics: list[str]) -> dict[str, int]:
        """`max.message.bytes` of these topics; those we may not read are left out."""
        found: dict[str, int] = {}
        if not topics:
            return found
        wanted = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
        with suppress(KafkaException):
            for resource, answer in self._admin.describe_configs(wanted, request_timeout=_TIMEOUT).items():
                with suppress(KafkaException, KeyError, ValueError):
                    found[resource.name] = int(answer.result()["max.message.bytes"].value)
        return found

    def forget(self, topic: str) -> None:
        """The topic turned out to be gone."""
        self.partitions.pop(topic, None)

    def _make_logs(self, wanted: list[str], now: float) -> dict[str, str]:
        by_topic = {self.names.logs(namespace): namespace for namespace in wanted}
        errors = self._create([self._tenant(topic, self.config.max_message) for topic in by_topic])
        self._made.extend([now] * (len(by_topic) - len(errors)))
        self.created += len(by_topic) - len(errors)
        self.failed += len(errors)
        refused = {}
        for topic, error in errors.items():
            repeated(_log, f"create:{topic}", "topic cannot be created", topic=topic, reason=error.str())
            refused[by_topic[topic]] = _reason(error)
            self._refused_until[by_topic[topic]] = now + 30
        if len(errors) < len(by_topic):
            _log.info("topics created", count=len(by_topic) - len(errors), first=next(iter(by_topic)))
        return refused

    def _create(self, topics: list[NewTopic]) -> dict[str, KafkaError]:
        """Create and wait until every partition has a leader; {topic: error} of those that failed."""
        errors: dict[str, KafkaError] = {}
        if not topics:
            return errors
        for name, future in self._admin.create_topics(
            topics, operation_timeout=_TIMEOUT, request_timeout=_TIMEOUT
        ).items():
            try:
                future.result()
            except KafkaException as failure:
                error = failure.args[0]
                if error.code() in (
                    KafkaError._TIMED_OUT,
                    KafkaError._TRANSPORT,
                    KafkaError.REQUEST_TIMED_OUT,
                ):
                    raise UnavailableError(f"the tenant Kafka does not answer: {error.str()}") from failure
                if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    errors[name] = error
        self._await_leaders([topic.topic for topic in topics if topic.topic not in errors])
        return errors

    def _await_leaders(self, names: list[str]) -> None:
        deadline = self._clock.monotonic() + _TIMEOUT
        for delay in Backoff(initial=0.02, maximum=0.5).delays():
            listed = self._admin.list_topics(timeout=_TIMEOUT).topics
            ready = {
                name: len(listed[name].partitions)
                for name in names
                if name in listed
                and listed[name].partitions
                and all(p.leader >= 0 for p in listed[name].partitions.values())
            }
            self.partitions |= ready
            if len(ready) == len(names):
                return
            if self._clock.monotonic() > deadline:
                missing = sorted(set(names) - set(ready))
                raise UnavailableError(f"new topics have no leader after {_TIMEOUT:.0f} s: {', '.join(missing[:5])}")
            self._clock.sleep(delay)

    def _tenant(self, topic: str, largest: int) -> NewTopic:
        config = self.config
        return NewTopic(
            topic,
            num_partitions=config.partitions,
            replication_factor=config.replication,
            config={
                "retention.ms": str(int(config.retention * 1000)),
                "retention.bytes": str(config.retention_bytes),
                "max.message.bytes": str(largest),
                # By event time, retention would delete a late line at once.
                "message.timestamp.type": "LogAppendTime",
            },
        )

    def _system(self, topic: str) -> NewTopic:
        return self._tenant(topic, LARGEST_MESSAGE)

    def _checkpoints(self) -> NewTopic:
        return NewTopic(
            self.names.checkpoints,
            num_partitions=CHECKPOINT_PARTITIONS,
            replication_factor=self.config.replication,
            config={
                # A new owner reads its partition from the beginning, so it is kept short.
                "cleanup.policy": "compact",
                "segment.bytes": str(1 << 20),
                "segment.ms": "600000",
                "min.cleanable.dirty.ratio": "0.1",
                "max.compaction.lag.ms": "600000",
                "delete.retention.ms": "600000",
            },
        )


def _reason(error: KafkaError) -> str:
    denied = (
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.POLICY_VIOLATION,
    )
    return "denied" if error.code() in denied else "missing_topic"
