"""The process `kunobs fanout`: the loop, and what happens when anything goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from kunobs.catalogue.metrics import Metrics
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config import Config
from kunobs.config.kafka import KafkaCluster
from kunobs.config.source import SourceConfig
from kunobs.errors import FencedError, UnavailableError
from kunobs.log import get_logger, repeated
from kunobs.names import Names
from kunobs.retry import Backoff
from kunobs.service import Lifecycle
from log_pipeline.event import EventReader
from log_pipeline.fanout.at_least_once import AtLeastOnce
from log_pipeline.fanout.checkpoints import CheckpointStore, Slot
from log_pipeline.fanout.delivery import Delivery
from log_pipeline.fanout.exactly_once import ExactlyOnce
from log_pipeline.fanout.plan import LEG, Planner
from log_pipeline.fanout.report import Report
from log_pipeline.message import Message
from log_pipeline.source import Partition, Source, last_of_each
from log_pipeline.topics import Topics

_log = get_logger(LEG)
# While a transaction is open, batches are taken in short steps, so that sending overlaps with collecting.
_STEP = 0.02
_IDLE = 0.25
_HICCUP = 2.0
_MOVE = "kunobs fanout offsets set --topic {topic} --partition {partition} --to earliest --dry-run"


def run(config: Config, lifecycle: Lifecycle, registry: CollectorRegistry) -> None:
    """Copy until the life cycle ends. Raises KunobsError where going on would lose events or hide trouble."""
    fanout = Fanout(config, lifecycle, registry)
    try:
        fanout.start()
        fanout.loop()
    finally:
        fanout.stop()


@dataclass
class Reader:
    """One source with its place among the checkpoints; what a Source calls back."""

    fanout: Fanout
    cluster: str
    standing: dict[Partition, int] = field(default_factory=dict)
    source: Source = field(init=False)

    def connect(self, cluster: KafkaCluster, topics: list[str], source: SourceConfig) -> None:
        """Join the group."""
        self.source = Source(cluster, self.fanout.config.fanout.group, topics, source, self, move_hint=_MOVE)

    def slot(self, partition: Partition) -> Slot:
        """The checkpoint of a partition."""
        return Slot(self.fanout.config.fanout.group, self.cluster, *partition)

    def positions(self, partitions: set[Partition]) -> dict[Partition, int]:
        """The checkpoints, once nobody else can move them."""
        # Others wait behind an open transaction, and fencing may take a second.
        self.fanout.commit(wait=False)
        offsets = self.fanout.delivery.take_over({self.slot(p) for p in partitions})
        found = {p: offsets[self.slot(p)] for p in partitions if self.slot(p) in offsets}
        if self.fanout.config.fanout.delivery == "at_least_once":
            # A writer that was paused may have put its older offset over a newer one; the group's own are guarded by membership.
            for partition, offset in self.source.committed(partitions).items():
                found[partition] = max(offset, found.get(partition, 0))
        return found

    def assigned(self, positions: dict[Partition, int]) -> None:
        """Remember where they stand."""
        self.standing |= positions

    def revoked(self, partitions: set[Partition], *, lost: bool) -> None:
        """Commit what is written and let go. Committing after a loss is harmless: a new owner has fenced us or reads it."""
        try:
            self.fanout.commit()
            if not lost:
                self.source.commit({p: self.standing[p] for p in partitions if p in self.standing}, wait=True)
                self.fanout.delivery.release({self.slot(p) for p in partitions})
        except (FencedError, UnavailableError) as error:
            self.fanout.broken = error
        for partition in partitions:
            self.standing.pop(partition, None)
            self.fanout.report.gone(partition)


class Fanout:
    """Sources in, one delivery out."""

    def __init__(self, config: Config, lifecycle: Lifecycle, registry: CollectorRegistry) -> None:
        self.config = config
        self.lifecycle = lifecycle
        self.names = Names(config.kafka.tenant.topic_prefix)
        self.topics = Topics(config.kafka.tenant, self.names, config.topics)
        self.report = Report(Metrics(registry, LEG))
        self.delivery = self._delivery()
        self.readers: list[Reader] = []
        self.broken: Exception | None = None
        self._next_report = 0.0
        self._taking = self._writing = False

    def _delivery(self) -> Delivery:
        config, tenant = self.config, self.config.kafka.tenant
        reader = EventReader(config.source.profile, config.source.fields)
        planner = Planner(reader, self.topics, self.names, compressed=config.fanout.compression != "none")
        store = CheckpointStore(tenant, self.names.checkpoints)
        kind: Callable[..., Delivery] = ExactlyOnce if config.fanout.delivery == "exactly_once" else AtLeastOnce
        return kind(tenant, config.fanout, planner, self._stalled, store=store)

    def start(self) -> None:
        """Wait for the tenant Kafka, then join the groups."""
        self._until_it_works(lambda: self.topics.ensure_system(LEG))
        self._until_it_works(self.delivery.open)
        if self.lifecycle.stopping:
            return
        public, replay = Reader(self, "public"), Reader(self, "tenant")
        source = self.config.source
        public.connect(self.config.kafka.public, list(source.topics), source)
        self.readers.append(public)
        # Whatever retention takes from the replay topic is still among the dead letters; and the end of a transaction, which
        # nobody reads, is not behind us when retention has emptied the topic.
        own = source.model_copy(update={"start": "earliest", "on_gap": "continue"})
        replay.connect(self.config.kafka.tenant, [self.names.replay(LEG)], own)
        self.readers.append(replay)
        self.lifecycle.ready()

    def loop(self) -> None:
        """Until the life cycle ends."""
        while not self.lifecycle.stopping:
            try:
                self._round()
            except (FencedError, UnavailableError) as error:
                self._recover(error)

    def stop(self) -> None:
        """Commit what is written, give partitions back, leave the groups."""
        for reader in self.readers:
            reader.source.close()
        self.readers = []
        self.delivery.discard()
        self.report.update(self.delivery, [], self.topics)

    def commit(self, *, wait: bool = True) -> None:
        """Make what is written durable and remember where that leaves each partition.

        Raises UnavailableError when it is called by a rebalance that came while a batch was being written: half of it would be made
        durable, and its offsets not.
        """
        if self._writing:
            raise UnavailableError("a batch is being written")
        began = SYSTEM_CLOCK.monotonic()
        self._writing = True
        try:
            ends = self.delivery.commit(wait=wait)
        finally:
            self._writing = False
        if ends:
            self.report.batch_seconds(SYSTEM_CLOCK.monotonic() - began)
        for reader in self.readers:
            for partition in reader.standing:
                offset = ends.get(reader.slot(partition))
                if offset is not None:
                    reader.standing[partition] = offset

    def _round(self) -> None:
        if self.broken is not None:
            broken, self.broken = self.broken, None
            raise broken
        due = self.delivery.due(SYSTEM_CLOCK.monotonic())
        wait = min(max(due, 0.0), _STEP if self.delivery.busy else _IDLE)
        for reader in self.readers:
            messages = self._take(reader, wait)
            wait = 0.0
            if messages:
                last = last_of_each(messages, len(reader.source.positions))
                ends = {partition: message.offset() + 1 for partition, message in last.items()}
                self._write(messages, {reader.slot(p): offset for p, offset in ends.items()})
                reader.source.advance(ends)
                self.report.consumed(messages, last)
        now = SYSTEM_CLOCK.monotonic()
        if self.delivery.busy and self.delivery.due(now) <= 0:
            self.commit(wait=False)
        stuck = self.delivery.stuck(now)
        if stuck >= _HICCUP:
            self._stalled(stuck)
        elif any(reader.source.paused for reader in self.readers):
            for reader in self.readers:
                reader.source.resume()
            self.lifecycle.ready()
        if now >= self._next_report:
            self._next_report = now + 1.0
            self._tell()

    def _take(self, reader: Reader, wait: float) -> list[Message]:
        self._taking = True
        try:
            return reader.source.take(wait)
        finally:
            self._taking = False

    def _write(self, messages: list[Message], ends: dict[Slot, int]) -> None:
        self._writing = True
        try:
            self.delivery.write(messages, ends)
        finally:
            self._writing = False

    def _tell(self) -> None:
        """Once a second: metrics, and the group's offsets for lag tools (the checkpoint is the truth)."""
        self.report.update(self.delivery, [reader.source for reader in self.readers], self.topics)
        for reader in self.readers:
            reader.source.commit(reader.standing, wait=False)

    def _recover(self, cause: Exception) -> None:
        """Begin again at the last durable offsets, as a new writer, once the tenant Kafka answers and the group agrees."""
        self.report.retry(cause)
        repeated(_log, f"recover:{cause}", "begin again at the checkpoints", reason=str(cause))
        self.lifecycle.not_ready(str(cause))
        self.delivery.discard()
        for reader in self.readers:
            reader.source.pause()
        for delay in Backoff(initial=0.1, maximum=5.0).delays():
            self._poll(delay)
            if self.lifecycle.stopping:
                return
            try:
                if self._reopen():
                    break
            except (FencedError, UnavailableError) as error:
                repeated(
                    _log, "recover:again", "the tenant Kafka cannot be written yet", reason=str(error), hint=error.hint
                )
                self.lifecycle.not_ready(str(error))
                self.delivery.discard()
        self.broken = None
        for reader in self.readers:
            reader.source.resume()
        self.lifecycle.ready()
        _log.info("began again", partitions=sum(len(r.standing) for r in self.readers))

    def _reopen(self) -> bool:
        # Fenced because the group gave our partitions to another process, or because the broker gave up our transaction? Only a
        # member can commit; who is none must not fence the rightful owner.
        for reader in self.readers:
            if not reader.source.commit(reader.standing, wait=True):
                return False
        self.topics.refresh()
        self.delivery.open()
        for reader in self.readers:
            slots = {reader.slot(p): p for p in reader.standing}
            offsets = self.delivery.take_over(set(slots)) if slots else {}
            reader.standing |= {slots[slot]: offset for slot, offset in offsets.items()}
            reader.source.rewind(reader.standing)
        return True

    def _poll(self, seconds: float) -> None:
        """Stay in the groups while nothing is read."""
        end = SYSTEM_CLOCK.monotonic() + seconds
        while SYSTEM_CLOCK.monotonic() < end and not self.lifecycle.stopping:
            for reader in self.readers:
                self._take(reader, 0.05)

    def _stalled(self, seconds: float) -> None:
        """The tenant Kafka takes no records: stay in the groups, read nothing, say so."""
        if seconds < _HICCUP or self._taking:
            # A full queue is what a fast source looks like; and within a rebalance nothing may be taken.
            return
        repeated(_log, "stalled", "the tenant Kafka takes no records; waiting", seconds=int(seconds))
        self.lifecycle.not_ready(f"the tenant Kafka has taken no records for {seconds:.0f} s")
        self.report.stalled()
        for reader in self.readers:
            reader.source.pause()
            self._take(reader, 0.0)

    def _until_it_works(self, step: Callable[[], None]) -> None:
        for delay in Backoff(initial=0.2, maximum=5.0).delays():
            if self.lifecycle.stopping:
                return None
            try:
                return step()
            except (UnavailableError, FencedError, KafkaException) as error:
                hint = getattr(error, "hint", "")
                repeated(_log, "start", "waiting for the tenant Kafka", reason=str(error), hint=hint)
                self.lifecycle.not_ready(str(error))
                self.lifecycle.wait(delay)
        return None
