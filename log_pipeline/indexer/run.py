"""The process `kunobs indexer`: the loop, and how it starts and ends."""

from __future__ import annotations

import threading
from collections.abc import Callable

from confluent_kafka import KafkaException, Producer
from prometheus_client import CollectorRegistry

from kunobs import elastic, kafka
from kunobs.catalogue.metrics import Metrics
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config import Config
from kunobs.config.kafka import KafkaCluster
from kunobs.config.source import SourceConfig
from kunobs.errors import UnavailableError
from kunobs.log import get_logger, repeated
from kunobs.names import Names
from kunobs.retry import Backoff
from kunobs.service import Lifecycle
from log_pipeline.event import EventReader
from log_pipeline.indexer import lifecycle as index_lifecycle
from log_pipeline.indexer import template
from log_pipeline.indexer.api import Api, NoAnswer
from log_pipeline.indexer.assemble import Assembler, Bulk
from log_pipeline.indexer.dead_letter import LEG, DeadLetters
from log_pipeline.indexer.delivery import Tools
from log_pipeline.indexer.feed import Feed
from log_pipeline.indexer.generations import Refused, Registry
from log_pipeline.indexer.lookup import Lookup
from log_pipeline.indexer.report import Report
from log_pipeline.indexer.sender import Sender
from log_pipeline.indexer.window import Window
from log_pipeline.metrics import IndexerMetrics
from log_pipeline.source import Source
from log_pipeline.topics import Topics

_log = get_logger(LEG)
_IDLE = 0.1
# Pausing throws away what librdkafka has fetched ahead, so a short wait for Elasticsearch is sat out without it.
_PAUSE_AFTER = 2.0
_LEARN_AGAIN = 600.0
_LARGEST_LETTER = 128 << 20


def run(config: Config, lifecycle: Lifecycle, registry: CollectorRegistry) -> None:
    """Index until the life cycle ends. Raises KunobsError where going on would lose events or hide trouble."""
    indexer = Indexer(config, lifecycle, registry)
    try:
        indexer.start()
        indexer.loop()
        indexer.drain()
    finally:
        indexer.close()


class Indexer:
    """Sources in, one sender out."""

    def __init__(
        self, config: Config, lifecycle: Lifecycle, registry: CollectorRegistry, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        cfg = config.indexer
        self.config = config
        self.lifecycle = lifecycle
        self.clock = clock
        self.names = Names(config.kafka.tenant.topic_prefix)
        self.topics = Topics(config.kafka.tenant, self.names, config.topics)
        self.api = Api(elastic.client(config.elasticsearch, connections=cfg.in_flight_max + 4))
        self.registry = Registry(self.api, clock)
        self.window = Window(cfg.in_flight_min, cfg.in_flight_max)
        metrics = IndexerMetrics(Metrics(registry, LEG))
        self.report = Report(metrics, clock)
        self.feeds: list[Feed] = []
        self._stop = threading.Event()
        self._has_first_partition = False
        self._replay_exists = threading.Event()
        self._next_commit = self._next_report = 0.0
        self._stalled_since: float | None = None
        letters = DeadLetters(self._letter_producer, self.topics, self.names, self._stop)
        lookup = Lookup(self.api, self.registry, lambda result: metrics.lookups.labels(result).inc())
        self.sender = Sender(
            Tools(
                self.api, self.registry, lookup, letters, self.window, metrics, self._stop, clock,
                level=cfg.compression_level, timeout=config.elasticsearch.timeout,
            ),
            cfg.in_flight_max,
        )  # fmt: skip

    # Start

    def start(self) -> None:
        """Wait for Elasticsearch, make sure of the template, then join the groups."""
        self._until_it_works(self._prepare_elasticsearch)
        if self.lifecycle.stopping:
            return
        source = self.config.source
        self._connect(self.config.kafka.public, list(source.topics), source)
        threading.Thread(target=self._prepare_tenant, name="tenant-topics", daemon=True).start()
        threading.Thread(target=self._learn_again, name="generations", daemon=True).start()
        self.lifecycle.ready()

    def _prepare_elasticsearch(self) -> None:
        index = self.config.indexer.index
        chosen = index_lifecycle.choose(self.api, index.lifecycle)
        policy = ""
        if chosen == "ilm" and index.manage_template:
            index_lifecycle.ensure_policy(self.api, index)
            policy = index_lifecycle.POLICY
        template.ensure(self.api, index, policy)
        self.registry.learn_all()
        if chosen == "own":
            rounds = index_lifecycle.OwnLifecycle(
                self.api, index, lambda result: self.report.metrics.rollovers.labels(result).inc()
            )
            threading.Thread(
                target=rounds.run,
                args=(self._stop.wait, lambda: self._has_first_partition),
                name="lifecycle",
                daemon=True,
            ).start()
        _log.info("elasticsearch is ready", lifecycle=chosen, streams=len(self.registry.streams()))

    def _connect(
        self, cluster: KafkaCluster, topics: list[str], source: SourceConfig, timeout: float = 30.0, rest: float = 0.0
    ) -> None:
        cfg = self.config.indexer
        reader = EventReader(source.profile, source.fields)
        assembler = Assembler(
            reader,
            self.registry,
            cfg.bulk,
            profile=source.profile,
            replay_topic=self.names.replay(LEG),
            only_topic=len(topics) == 1 and not topics[0].startswith("^"),
        )
        feed = Feed(
            assembler, self.sender, self, self.clock, cfg.bulk, cfg.bulk_interval, self.report.taken, self._passed
        )
        move = f"stop every indexer, then kafka-consumer-groups.sh --bootstrap-server {cluster.brokers[0]} --group {cfg.group} "
        move += "--topic {topic}:{partition} --reset-offsets --to-earliest --dry-run"
        feed.source = Source(cluster, cfg.group, topics, source, feed, move_hint=move, timeout=timeout, rest=rest)
        self.feeds.append(feed)

    def _prepare_tenant(self) -> None:
        """Dead letters and replays need the tenant Kafka; indexing does not wait for it."""
        for delay in Backoff(initial=0.5, maximum=15.0).delays():
            try:
                self.topics.ensure_system(LEG)
                self._replay_exists.set()
                return
            except (UnavailableError, KafkaException) as error:
                repeated(
                    _log, "tenant", "tenant Kafka does not answer: no replays, dead letters wait", reason=str(error)
                )
            if self._stop.wait(delay):
                return

    def _learn_again(self) -> None:
        while not self._stop.wait(_LEARN_AGAIN):
            try:
                self.registry.learn_all()
            except (NoAnswer, Refused) as error:
                repeated(_log, "learn", "streams cannot be listed", reason=str(error))

    def _letter_producer(self) -> Producer:
        return kafka.producer(
            self.config.kafka.tenant,
            **{"message.max.bytes": _LARGEST_LETTER, "compression.type": "lz4", "linger.ms": 5},
        )

    # The loop

    def loop(self) -> None:
        """Until the life cycle ends."""
        while not self.lifecycle.stopping:
            try:
                self._round()
            except (UnavailableError, KafkaException) as error:
                repeated(_log, "kafka", "the source cannot be read now", reason=str(error))
                self.lifecycle.wait(0.5)

    def _round(self) -> None:
        wait, has_room = _IDLE, True
        for feed in self.feeds:
            has_room = feed.fill(wait) and has_room
            wait = 0.0
        self.collect()
        now = self.clock.monotonic()
        self._pause_or_resume(now, has_room)
        if now >= self._next_commit:
            self._next_commit = now + self.config.indexer.commit_interval
            for feed in self.feeds:
                if feed.commit(wait=False):
                    self.report.committed()
        if now >= self._next_report:
            self._next_report = now + 1.0
            self._housekeeping()

    def _pause_or_resume(self, now: float, has_room: bool) -> None:
        if has_room:
            if self._stalled_since is not None:
                self._stalled_since = None
                self.lifecycle.ready()
            for feed in self.feeds:
                feed.source.resume()
            return
        if self._stalled_since is None:
            self._stalled_since = now
        self.sender.wait(0.2)
        if now - self._stalled_since < _PAUSE_AFTER:
            return
        self.lifecycle.not_ready(
            f"no event has been indexed for {now - self._stalled_since:.0f} s: see the log for what is waited for"
        )
        for feed in self.feeds:
            # Paused it is polled on, to stay in the group.
            feed.source.pause()
            feed.batch += feed.source.take(0.0)

    def _housekeeping(self) -> None:
        self._has_first_partition = bool(self.feeds) and any(
            number == 0 for _, number in self.feeds[0].source.positions
        )
        if self._replay_exists.is_set() and len(self.feeds) == 1:
            # Whatever retention takes from the replay topic is still among the dead letters.
            source = self.config.source.model_copy(update={"start": "earliest", "on_gap": "continue"})
            # A tenant Kafka that hangs just then must not stop indexing.
            self._connect(self.config.kafka.tenant, [self.names.replay(LEG)], source, timeout=1.0, rest=15.0)
        self.report.update(
            self.feeds, self.registry, self.sender.under_way, self.window.limit, stalled=self._stalled_since is not None
        )

    def collect(self) -> None:
        """Account for bulks that are finished. Raises what stopped a sender's thread."""
        for bulk, tally in self.sender.collect():
            assert bulk.watermark is not None  # noqa: S101  set when it was handed over
            for token in bulk.tokens:
                bulk.watermark.done(token)
            self.report.finished(bulk, tally)

    def _passed(self, bulk: Bulk) -> None:
        assert bulk.watermark is not None  # noqa: S101  set when it was handed over
        for token in bulk.tokens:
            bulk.watermark.done(token)
        self.report.finished(bulk, None)

    # The end

    def drain_seconds(self) -> float:
        """How long a partition that is taken away may be finished: the process must be gone by its own deadline."""
        if self._stop.is_set():
            return 0.0
        return max(0.0, min(self.config.indexer.drain_timeout, self.lifecycle.remaining - 1.0))

    def drain(self) -> None:
        """Finish and commit what is under way, leave the groups."""
        for feed in self.feeds:
            feed.source.pause()
        for feed in self.feeds:
            feed.source.close()
        self.feeds = []

    def close(self) -> None:
        """Abandon whatever is left."""
        self._stop.set()
        self.sender.close()
        for feed in self.feeds:
            feed.source.close()
        self.api.close()

    def _until_it_works(self, step: Callable[[], None]) -> None:
        for delay in Backoff(initial=0.2, maximum=5.0).delays():
            if self.lifecycle.stopping:
                return
            try:
                step()
                return
            except (NoAnswer, Refused) as error:
                repeated(_log, "start", "waiting for Elasticsearch", reason=str(error))
                self.lifecycle.not_ready(str(error))
                self.lifecycle.wait(delay)
