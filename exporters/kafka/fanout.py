"""Fanout's own progress: its checkpoints on the tenant Kafka against the ends on the public one."""

from __future__ import annotations

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from exporters.kafka.cluster import GROUP, Cluster, Key
from exporters.kafka.questions import Questions, UnansweredError
from exporters.kafka.ring import Ring
from exporters.kit import Context
from kunobs import kafka
from kunobs.catalogue import kafka as declared
from kunobs.checkpoint import Place, read_key, read_offset
from kunobs.clock import SYSTEM_CLOCK, Clock

BATCH = 5000


class Fanout:
    """The collector. It keeps a consumer on the checkpoints and reads what is new at each collection."""

    def __init__(self, tenant: Cluster, public: Cluster, topic: str, group: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._tenant, self._public, self._topic, self._group, self._clock = tenant, public, topic, group, clock
        self._ring = Ring()
        self._reader: Consumer | None = None
        self._next: dict[Key, int] = {}
        self._reached: dict[int, int] = {}

    def collect(self, ctx: Context) -> None:
        """Read the checkpoints to their end, then ask for the ends of the partitions they name."""
        try:
            self._read(ctx)
        except BaseException:
            # Where it stands is not known any more; the next collection begins anew.
            self._close()
            raise
        asked = Questions(self._public, ctx)
        # A client that asked for a topic before it was there goes on not knowing it until it is told all topics.
        asked.metadata()
        ends = asked.ends(sorted(self._next))
        now = self._clock.now()
        self._ring.add(now, ends)
        lags: dict[str, int] = {}
        ages: dict[str, float] = {}
        for key, end in ends.items():
            behind = max(0, end - self._next[key])
            lags[key[0]] = lags.get(key[0], 0) + behind
            written = self._ring.written_at(key, self._next[key]) if behind else now
            # Older than the first scrape: at least that old.
            age = now - (self._ring.oldest or now if written is None else written)
            ages[key[0]] = max(ages.get(key[0], 0.0), age)
        ctx.emit(declared.FANOUT_LAG, [(self._group, topic, lag) for topic, lag in lags.items()])
        ctx.emit(declared.FANOUT_LAG_SECONDS, [(self._group, topic, round(age, 3)) for topic, age in ages.items()])
        asked.finish()

    def _read(self, ctx: Context) -> None:
        """Read until each partition's end as the broker tells it now: a hung one must not pass for one without news."""
        partitions = self._partitions(ctx)
        if not partitions:
            ctx.log("fanout has no checkpoints yet", topic=self._topic)
            return
        asked = Questions(self._tenant, ctx)
        ends = asked.ends((self._topic, number) for number in partitions)
        asked.finish()
        reader = self._reader or self._open(partitions)
        while any(self._reached.get(number, 0) < end for (_, number), end in ends.items()):
            for message in reader.consume(BATCH, min(0.2, ctx.remaining)):
                error, number, offset = message.error(), message.partition() or 0, message.offset() or 0
                if error is None:
                    self._take(read_key(message.key()), read_offset(message.value()))
                    self._reached[number] = offset + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    # Beyond the last record: markers of transactions are never handed out.
                    self._reached[number] = offset
                else:
                    raise UnansweredError(self._tenant, error)

    def _open(self, partitions: list[int]) -> Consumer:
        self._next, self._reached = {}, {}
        self._reader = kafka.consumer(
            self._tenant.config,
            GROUP,
            **{"isolation.level": "read_committed", "enable.partition.eof": True, "auto.offset.reset": "earliest"},
        )
        self._reader.assign([TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in partitions])
        return self._reader

    def _partitions(self, ctx: Context) -> list[int]:
        topic = Questions(self._tenant, ctx).metadata().topics.get(self._topic)
        return sorted(topic.partitions) if topic is not None else []

    def _take(self, place: Place | None, offset: int | None) -> None:
        if place is None or place.group != self._group or place.cluster != self._public.name:
            return
        if offset is None:
            self._next.pop((place.topic, place.partition), None)
        else:
            self._next[place.topic, place.partition] = offset

    def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            try:
                reader.close()
            except (KafkaException, RuntimeError):
                return
