"""Plays the agents: sends records to the public Kafka at a steady rate, or as fast as it takes them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message

from kunobs import kafka
from kunobs.clock import Clock
from kunobs.config.kafka import KafkaCluster
from kunobs.errors import UnavailableError
from kunobs.local.demo.source import LARGEST_LINE, Record, RecordSource

# Records are sent in slices of this many seconds, so that a high rate costs no wake-up per record.
_SLICE = 0.02
_FLUSH_TIMEOUT = 60.0
_OPTIONS: dict[str, Any] = {
    "linger.ms": 5,
    "compression.type": "lz4",
    "message.max.bytes": LARGEST_LINE + 8 * 1024,
    "queue.buffering.max.kbytes": 64 * 1024,
}


class Feed:
    """A thread that sends `source` to `topic`.

    After the source's opening it waits for `go_on`. From then on `rate` records a second (None: no limit) until the
    source ends or `seconds` have passed. `on_send` is called in the thread just before a record goes to the client.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        topic: str,
        source: RecordSource,
        *,
        rate: float | None,
        seconds: float | None,
        clock: Clock,
        on_send: Callable[[Record], None],
    ) -> None:
        self.acknowledged = 0
        self._sent = 0
        self._refused: str | None = None
        self._topic = topic
        self._source = source
        self._rate = rate
        self._seconds = seconds
        self._clock = clock
        self._on_send = on_send
        self._stopped = threading.Event()
        self._opened = threading.Event()
        self._going_on = threading.Event()
        self._producer = kafka.producer(cluster, **_OPTIONS)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._run_future: Future[None] | None = None

    def start(self) -> None:
        """Begin to send."""
        self._run_future = self._pool.submit(self._run)

    def stop(self) -> None:
        """Send nothing more; returns when what was sent is acknowledged or given up."""
        self._stopped.set()
        self._going_on.set()
        self._pool.shutdown()

    def opened(self) -> bool:
        """True when the opening was acknowledged and the rest waits."""
        return self._opened.is_set() and not self._going_on.is_set()

    def go_on(self) -> None:
        """Send the rest."""
        self._going_on.set()

    def done(self) -> bool:
        """True when everything was acknowledged. Raises what went wrong: UnavailableError, UsageError."""
        if self._run_future is None or not self._run_future.done():
            return False
        self._run_future.result()
        return True

    def _run(self) -> None:
        try:
            self._send_all()
            left = self._producer.flush(0 if self._refused else _FLUSH_TIMEOUT)
        finally:
            self._producer.purge()
        if self._refused:
            raise UnavailableError(self._refused)
        if left:
            raise UnavailableError(f"the public Kafka did not acknowledge {left} records within {_FLUSH_TIMEOUT:.0f} s")

    def _send_all(self) -> None:
        opening = self._source.opening
        began = self._clock.monotonic()
        for record in self._source:
            if opening and self._sent == opening:
                self._producer.flush(_FLUSH_TIMEOUT)
                self._opened.set()
                self._going_on.wait()
                began = self._clock.monotonic()
            now = self._clock.monotonic() - began
            if self._stopped.is_set() or self._refused or (self._seconds is not None and now >= self._seconds):
                return
            if self._rate is not None and self._sent > opening:
                ahead = (self._sent - opening) / self._rate - now
                if ahead > _SLICE:
                    self._clock.sleep(ahead)
            self._send(record)

    def _send(self, record: Record) -> None:
        self._on_send(record)
        while True:
            try:
                self._producer.produce(self._topic, record.value, record.key, on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                raise UnavailableError(f"{record.origin} cannot be sent: {error.args[0].str()}") from error
        self._sent += 1
        self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.acknowledged += 1
        elif self._refused is None:
            self._refused = f"the public Kafka refused a record: {error.str()}"
