"""One demo from an empty stack to settled books; whatever happens, both legs are stopped and the stack stays up."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from kunobs.clock import Clock
from kunobs.config import Config, load
from kunobs.errors import LocalStackError, UsageError
from kunobs.local.demo import farend, legs
from kunobs.local.demo.books import Books, balance
from kunobs.local.demo.feed import Feed
from kunobs.local.demo.latency import IdWatcher, Latency, Sample, TopicReader, quantiles
from kunobs.local.demo.progress import Offsets
from kunobs.local.demo.scrape import Scrape, scrape
from kunobs.local.demo.source import RecordSource
from kunobs.local.demo.table import Display, display
from kunobs.local.demo.watch import Speed, Watch, Watched
from kunobs.local.progress import Reporter
from kunobs.local.stack import SOURCE_TOPIC, LocalStack
from kunobs.names import LEGS, Names

STACK = "demo"
_LOOK_EVERY = 0.5
_READY_TIMEOUT = 60.0
# How long nothing may move before the books are settled with what is there.
_PATIENCE = 90.0


@dataclass(frozen=True)
class Plan:
    """What is sent and how fast; `rate` in records a second, None for as fast as Kafka takes them."""

    source: RecordSource
    rate: float | None
    seconds: float | None


@dataclass(frozen=True)
class Outcome:
    """What the demo found; `took` is the time from the first record to the last outcome, in seconds."""

    books: Books
    latency: dict[str, Latency]
    took: float
    scrape: Scrape


class Demo:
    """The stack, the legs and the measuring; `out` gets progress."""

    def __init__(
        self, stack: LocalStack, *, reporter: Reporter, out: TextIO, environ: Mapping[str, str], clock: Clock
    ) -> None:
        self.stack = stack
        self._reporter = reporter
        self._out = out
        self._environ = environ
        self._clock = clock
        self._legs = legs.both(stack.folder, clock)

    def run(self, plan: Plan) -> Outcome:
        """Raises KunobsError when it cannot be carried out; books that do not balance are no error."""
        with alone(self.stack.folder), ExitStack() as cleanup:
            self._fresh_stack()
            config = load(self.stack.config_path, environ={})
            for leg in self._legs:
                cleanup.callback(leg.kill)
            legs.start(self._legs, self.stack.config_path, self._environ)
            return self._measured(plan, config)

    def _fresh_stack(self) -> None:
        for leg in self._legs:
            leg.kill()
        self.stack.down(wipe=True)
        self.stack.up()

    def _measured(self, plan: Plan, config: Config) -> Outcome:
        names = Names(config.kafka.tenant.topic_prefix)
        reader = TopicReader(config.kafka.tenant, names, self._clock)
        watcher = IdWatcher(config.elasticsearch, self._clock)
        feed = Feed(
            config.kafka.public,
            SOURCE_TOPIC,
            plan.source,
            rate=plan.rate,
            seconds=plan.seconds,
            clock=self._clock,
            on_send=lambda record: watcher.offer(record.value),
        )
        took = self._follow(plan, feed, reader, watcher, config)
        failures = self._stop_legs()
        self._reporter.note("counting: every topic is consumed, the index is read")
        far = farend.read(
            config.kafka.public, SOURCE_TOPIC, config.kafka.tenant, names, config.elasticsearch, self._clock
        )
        books = balance(far)
        if feed.acknowledged != books.received:
            failures.append(f"{feed.acknowledged} records were acknowledged, {books.received} are in the public topic")
        books.wrongs += failures
        by_id = quantiles(sample.seconds for sample in sent_once(watcher.samples, far))
        self._reporter.note("scraping: the exporters of Kafka and of logs, as Prometheus would")
        seen = scrape(self.stack.folder, self.stack.config_path, self._environ, self._clock)
        return Outcome(books, dict(zip(LEGS, (quantiles(reader.seconds), by_id), strict=True)), took, seen)

    def _follow(self, plan: Plan, feed: Feed, reader: TopicReader, watcher: IdWatcher, config: Config) -> float:
        """Send, measure and show until all is handled; the seconds from the first record to the last outcome."""
        groups = (config.fanout.group, config.indexer.group)
        measured = (lambda: reader.seconds, lambda: [sample.seconds for sample in watcher.samples])
        watched = [
            Watched(leg.name, group, leg.address, seconds, Speed(self._clock))
            for leg, group, seconds in zip(self._legs, groups, measured, strict=True)
        ]
        offsets = Offsets(config.kafka.public, SOURCE_TOPIC)
        watch = Watch(offsets, watched, lambda: feed.acknowledged, self._clock)
        with ExitStack() as cleanup:
            cleanup.callback(watch.close)
            self._await_ready(watch)
            for sampler in (reader, watcher):
                cleanup.callback(sampler.close)
                sampler.start()
            cleanup.callback(feed.stop)
            began = self._clock.monotonic()
            self._send_and_settle(plan.source.opening > 0, feed, watch, (reader, watcher))
            return self._clock.monotonic() - began

    def _stop_legs(self) -> list[str]:
        """Stop both; what went wrong, in a sentence each."""
        failures = []
        for leg in self._legs:
            try:
                leg.stop()
            except LocalStackError as error:
                failures.append(str(error))
        return failures

    def _await_ready(self, watch: Watch) -> None:
        deadline = self._clock.monotonic() + _READY_TIMEOUT
        for leg in self._legs:
            while not watch.ready(leg.address):
                leg.require_alive()
                if self._clock.monotonic() >= deadline:
                    raise LocalStackError(
                        f"kunobs {leg.name} is not ready after {_READY_TIMEOUT:.0f} s; the end of {leg.log_file}:\n"
                        f"{leg.log_tail()}",
                        hint=f"less {leg.log_file}",
                    )
                self._clock.sleep(0.1)
        self._reporter.note(f"{' and '.join(LEGS)}: ready")

    def _send_and_settle(
        self, opening: bool, feed: Feed, watch: Watch, samplers: tuple[TopicReader, IdWatcher]
    ) -> None:
        """With an opening, latencies count from its end on: making a topic and a stream takes seconds, once."""
        for sampler in samplers:
            sampler.since = float("inf") if opening else 0.0
        began = self._clock.monotonic()
        feed.start()
        if opening:
            if not self._until_settled(lambda: feed.opened() or feed.done(), watch, began):
                return
            for sampler in samplers:
                sampler.since = self._clock.now()
            self._reporter.note("every namespace has its topic and its data stream; measuring begins")
            feed.go_on()
        self._until_settled(feed.done, watch, began)

    def _until_settled(self, sent: Callable[[], bool], watch: Watch, began: float) -> bool:
        """Until both legs have handled all that was sent; False when nothing has moved for too long."""
        with display(self._out, self._clock, began) as shown:
            settled = self._show_until_settled(sent, watch, shown)
        if not settled:
            missing = ", ".join(f"{leg} {count}" for leg, count in watch.missing.items())
            self._reporter.note(f"nothing has moved for {_PATIENCE:.0f} s; records without an outcome: {missing}")
        return settled

    def _show_until_settled(self, sent: Callable[[], bool], watch: Watch, shown: Display) -> bool:
        moved, moved_at = -1, self._clock.monotonic()
        while True:
            sent_all = sent()
            looks = watch.look()
            finished = sent_all and watch.settled()
            shown.show(looks, last=finished)
            if finished:
                return True
            for leg in self._legs:
                leg.require_alive()
            if watch.progress() != moved:
                moved, moved_at = watch.progress(), self._clock.monotonic()
            elif self._clock.monotonic() - moved_at > _PATIENCE:
                return False
            self._clock.sleep(_LOOK_EVERY)


def sent_once(samples: list[Sample], far: farend.FarEnd) -> list[Sample]:
    """Without lines that an agent sent again: which of the two was found cannot be told."""
    times: dict[tuple[str, str], int] = {}
    for record in far.public.values():
        if record.verdict.id is not None:
            key = farend.stream_and_id(record.verdict)
            times[key] = times.get(key, 0) + 1
    return [sample for sample in samples if times.get((sample.stream, sample.id)) == 1]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """A demo wipes its stack, so there must not be two at once. Raises UsageError."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder.parent / f"{folder.name}.demo-lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError("another `kunobs demo` is running", hint="wait for its end, or stop it") from None
        yield
    finally:
        os.close(handle)
