"""The canary at work: a thread that writes, one for each hop that reads, and a collector that shows the books."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from confluent_kafka import KafkaException

from exporters.kit import Collector, Context
from exporters.logs.asking import Asker
from exporters.logs.elastic_hop import ElasticHop
from exporters.logs.kafka_hop import KafkaHop
from exporters.logs.line import Line
from exporters.logs.tracker import Tracker
from exporters.logs.writer import LogFile
from kunobs.catalogue import logs
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config import Config
from kunobs.config.kafka import KafkaCluster
from kunobs.errors import KunobsError, UnavailableError
from kunobs.log import get_logger, repeated
from kunobs.names import Names

_log = get_logger("exporter")
_AGAIN = 1.0
_STOP = 5.0


class _Reader(Protocol):
    def turn(self) -> None: ...

    def close(self) -> None: ...


class Hop:
    """A hop, its books and how its reader fares."""

    def __init__(self, name: str, reader: _Reader, tracker: Tracker, every: float) -> None:
        self.name, self.reader, self.tracker, self.every = name, reader, tracker, every
        self.up = False
        self.problem = "it has not been read yet"

    def run(self, stop: threading.Event) -> None:
        """Read until told to stop, whatever happens."""
        while not stop.is_set():
            try:
                self.reader.turn()
            except Exception as error:  # noqa: BLE001 - the hop is read again whatever it was
                self.up, self.problem = False, _told(error)
                odd = None if isinstance(error, (KunobsError, KafkaException, OSError)) else error
                key, event = f"canary {self.name}", "the canary cannot read a hop"
                repeated(_log, key, event, hop=self.name, error=self.problem, exc_info=odd)
                self.reader.close()
                stop.wait(_AGAIN)
            else:
                self.up, self.problem = True, ""
                stop.wait(self.every)
        self.reader.close()


class Canary:
    """Writer, readers and books of one run of the process."""

    def __init__(self, config: Config, clock: Clock = SYSTEM_CLOCK) -> None:
        self._config = config.exporters.logs.canary
        self._clock = clock
        self.line = Line(secrets.token_hex(8))
        self._file = LogFile(self._config)
        self.hops = tuple(self._hop(name, config) for name in self._config.hops)
        self.sent = self.write_errors = 0
        self._last_sent: float | None = None
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write and read for as long as the block lasts."""
        work: list[tuple[str, Callable[[], None]]] = [("writer", self._write)]
        work += [(hop.name, lambda hop=hop: hop.run(self._stop)) for hop in self.hops]  # type: ignore[misc]
        threads = [threading.Thread(target=run, name=f"canary-{name}", daemon=True) for name, run in work]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            until = self._clock.monotonic() + _STOP
            for thread in threads:
                thread.join(max(0.0, until - self._clock.monotonic()))

    def write(self, number: int) -> None:
        """One line, and what came of it into the books."""
        at = self._clock.monotonic()
        # First the books: a reader may be faster than the return from the write.
        for hop in self.hops:
            hop.tracker.sent(number, at)
        now = self._clock.now()
        try:
            self._file.append(self.line.cri(number, now))
        except OSError as error:
            for hop in self.hops:
                hop.tracker.withdraw(number)
            self.write_errors += 1
            repeated(_log, "canary writer", "the canary cannot write its line", error=str(error)[:300])
        else:
            self.sent += 1
            self._last_sent = now

    def collect(self, ctx: Context) -> None:
        """Emit the books; UnavailableError afterwards when a hop cannot be read."""
        at = self._clock.monotonic()
        ctx.emit(logs.SENT, [(self.sent,)])
        ctx.emit(logs.WRITE_ERRORS, [(self.write_errors,)])
        ctx.emit(logs.LAST_SENT, [] if self._last_sent is None else [(self._last_sent,)])
        ctx.emit(logs.READER_UP, [(hop.name, int(hop.up)) for hop in self.hops])
        books = [(hop.name, hop.tracker.counts(at)) for hop in self.hops]
        ctx.emit(logs.DELAY, [(name, one.delay) for name, one in books])
        ctx.emit(logs.RECEIVED, [(name, one.received) for name, one in books])
        ctx.emit(logs.MISSING, [(name, one.missing) for name, one in books])
        ctx.emit(logs.LATE, [(name, one.late) for name, one in books])
        ctx.emit(logs.DUPLICATE, [(name, one.duplicate) for name, one in books])
        ctx.emit(logs.OUT_OF_ORDER, [(name, one.out_of_order) for name, one in books])
        ctx.emit(logs.OUTSTANDING, [(name, one.outstanding) for name, one in books])
        now = self._clock.now()
        ctx.emit(logs.LAST_SEEN, [(n, round(now - (at - b.last_seen), 3)) for n, b in books if b.last_seen is not None])
        readers = [(hop.name, hop.reader) for hop in self.hops]
        ctx.emit(logs.READ_BYTES, [(name, one.read_bytes) for name, one in readers if isinstance(one, KafkaHop)])
        down = [f"{hop.name}: {hop.problem}" for hop in self.hops if not hop.up]
        if down:
            raise UnavailableError(f"the canary cannot read {'; '.join(down)}"[:500])

    def _write(self) -> None:
        number, due = 0, self._clock.monotonic()
        while not self._stop.wait(max(0.0, due - self._clock.monotonic())):
            number += 1
            self.write(number)
            # After a pause no lines are made up for: they would say nothing of the time that has passed.
            due = max(due + self._config.interval, self._clock.monotonic())

    def _hop(self, name: str, config: Config) -> Hop:
        wait, clock = self._config.wait, self._clock
        tracker = Tracker(wait)
        if name == "elasticsearch":
            namespace = self._file.namespace
            search = ElasticHop(Asker(config.elasticsearch), namespace, self.line, tracker, wait=wait, clock=clock)
            return Hop(name, search, tracker, self._config.poll)
        cluster: KafkaCluster = config.kafka.public
        topics = config.source.topics
        if name == "tenant":
            cluster = config.kafka.tenant
            topics = (Names(config.kafka.tenant.topic_prefix).logs(self._file.namespace),)
        narrow = name == "public"
        reader = KafkaHop(cluster, topics, self.line, tracker, wait=wait, narrow=narrow, clock=clock)
        return Hop(name, reader, tracker, 0.0)


def collector(canary: Canary | None) -> Collector:
    """The collector; one that emits nothing where there is no canary."""
    return Collector("canary", logs.CANARY, canary.collect if canary is not None else lambda ctx: None)


def _told(error: Exception) -> str:
    text = error.args[0].str() if isinstance(error, KafkaException) else str(error)
    return f"{type(error).__name__}: {text}"[:300]
