"""`LogConsumer`: a namespace's log lines for a tenant's own program, each at least once, shared between its members."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from kunobs.client.access import Access, find_access
from kunobs.client.connect import Connect
from kunobs.client.event import Event
from kunobs.client.intake import Intake
from kunobs.client.notes import note
from kunobs.client.starts import Start
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import KunobsError, UnavailableError, UsageError
from kunobs.kafka import consumer as kafka_consumer

_SLICE = 0.5
_JOINING = 60.0


class LogConsumer:
    """A member of the consumer group `<namespace>.<group>` that reads the namespace's topic.

        with LogConsumer("team-pay", "billing") as events:
            for event in events:
                print(event.timestamp, event.pod, event.message)

    An event is handled when the loop asks for the next one; what is handled is committed every `commit_interval`
    seconds and on leaving. An exception that leaves the `with` block leaves the current event unhandled, and so does
    `break`: it comes again at the next start. `stop()` ends the loop after the current event.

    `credentials` is a file, None to look for one (docs/tenants.md), or an `Access`. `start` is where a group without
    any offset begins: "earliest", "latest", a time, or a timedelta before now. `idle` ends the loop when all is read
    and nothing came for that many seconds. `remember` is how many events back, per partition, a line delivered twice
    is recognised by its `kunobs-source` header; as many are read again at the start to know them, and 0 turns it off.
    `on_gap` says what to do when retention deleted events before they were read. `handling_timeout` is how many seconds
    the program may take between two events before the group gives its partitions to others. `dead_letters` reads the
    events that could not be delivered instead. `protocol` is "classic" or, with Kafka 4, "consumer" (KIP-848).

    One thread only, except `stop()`. Raises UsageError and ConfigError for wrong arguments; the loop raises
    UnavailableError, DeniedError and GapError.
    """

    def __init__(
        self,
        namespace: str,
        group: str,
        credentials: str | Path | Access | None = None,
        start: Start = "earliest",
        *,
        idle: float | None = None,
        remember: int = 5000,
        commit_interval: float = 1.0,
        on_gap: Literal["continue", "stop"] = "continue",
        handling_timeout: float = 300.0,
        dead_letters: bool = False,
        protocol: Literal["classic", "consumer"] = "classic",
        clock: Clock = SYSTEM_CLOCK,
        connect: Connect = kafka_consumer,
    ) -> None:
        if not isinstance(credentials, Access):
            credentials = find_access(namespace, Path(credentials) if credentials is not None else None)
        if credentials.namespace != namespace:
            raise UsageError(f"this access is for namespace {credentials.namespace}, not {namespace}")
        _check(group, start, idle, remember, commit_interval, handling_timeout)
        self.namespace = namespace
        self.group = credentials.group_prefix + group.removeprefix(credentials.group_prefix)
        self.topic = credentials.dead_letters if dead_letters else credentials.topic
        self._idle, self._commit_interval, self._clock = idle, commit_interval, clock
        self._held: list[Event] = []
        self._stopping = False
        self._intake: Intake | None = None
        self._came_at = self._committed_at = clock.monotonic()
        self._arguments: dict[str, Any] = {
            "access": credentials,
            "topic": self.topic,
            "group": self.group,
            "options": _options(protocol, handling_timeout),
            "start": start,
            "remember": remember,
            "stop_at_gap": on_gap == "stop",
            "given_back": self._given_back,
            "clock": clock,
            "connect": connect,
        }
        self.duplicates = 0
        """Lines that were delivered twice and passed over."""
        self.missed = 0
        """Upper bound of the events that retention deleted before they were read."""

    def __enter__(self) -> LogConsumer:
        self._intake = Intake(**self._arguments)
        self._intake.open()
        self._came_at = self._committed_at = self._clock.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._intake is None:
            return
        self._held = []
        try:
            self._intake.close()
        except KunobsError as trouble:
            if error is None:
                raise
            note("%s: could not commit on leaving: %s", self.group, trouble)
        finally:
            self._intake = None

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        intake = self._asked()
        while not self._stopping:
            event = self._step(intake)
            if event is not None:
                return event
            if self._read_out(intake):
                break
        raise StopIteration

    def batches(self, size: int = 500, seconds: float = 5.0) -> Iterator[list[Event]]:
        """Lists of up to `size` events, given out `seconds` after their first one at the latest.

        A batch is handled when the loop asks for the next one.
        """
        if size < 1 or seconds < 0:
            raise UsageError("batches() needs a size of at least 1 and no negative time")
        while batch := self._collect(size, seconds):
            yield batch

    def _collect(self, size: int, seconds: float) -> list[Event]:
        intake = self._asked()
        self._held = []
        until = float("inf")
        while not self._stopping and len(self._held) < size:
            left = until - self._clock.monotonic()
            if left <= 0:
                break
            event = self._step(intake, left)
            if event is not None:
                if not self._held:
                    until = self._clock.monotonic() + seconds
                self._held.append(event)
            elif not self._held:
                until = float("inf")
            if event is None and self._read_out(intake):
                break
        if self._stopping:  # the half-full batch comes again at the next start
            self._held = []
            intake.progress.abandon()
        batch, self._held = self._held, []
        return batch

    def _asked(self) -> Intake:
        """The program asks for more: it has handled what it has, and `idle` counts from now."""
        intake = self._open_intake()
        intake.progress.settle()
        self._came_at = self._clock.monotonic()
        return intake

    def commit(self) -> None:
        """What the loop has given out is handled, the current event too; returns when the broker has stored that."""
        intake = self._open_intake()
        intake.progress.settle()
        intake.commit_now()
        self._committed_at = self._clock.monotonic()

    def stop(self) -> None:
        """End the loop when it next asks for an event. For signal handlers and other threads."""
        self._stopping = True

    def _open_intake(self) -> Intake:
        if self._intake is None:
            raise UsageError("this LogConsumer is not open", hint="with LogConsumer(...) as events:")
        return self._intake

    def _step(self, intake: Intake, longest: float = _SLICE) -> Event | None:
        now = self._clock.monotonic()
        if now - self._committed_at >= self._commit_interval:
            intake.commit_later()
            self._committed_at = now
        event, came = intake.next(min(_SLICE, longest, _SLICE if self._idle is None else max(self._idle, 0.01)))
        if came:
            self._came_at = self._clock.monotonic()
        self.duplicates, self.missed = intake.duplicates, intake.missed
        return event

    def _given_back(self, partitions: set[int]) -> None:
        """These partitions go to another member, which reads what we hold of them."""
        self._held = [event for event in self._held if event.partition not in partitions]

    def _read_out(self, intake: Intake) -> bool:
        """True when `idle` seconds have passed and everything is read; raises when it cannot be read."""
        if self._idle is None:
            return False
        now = self._clock.monotonic()
        quiet = now - max(self._came_at, intake.assigned_at or 0.0)
        if quiet < self._idle:
            return False
        parts = intake.progress.parts
        if parts and all(part.at_end for part in parts.values()):
            return True
        if quiet < max(self._idle, _JOINING):
            return False
        intake.check()
        if not parts:  # other members have them all
            return True
        behind = sorted(number for number, part in parts.items() if not part.at_end)
        raise UnavailableError(
            f"{self.topic}: partitions {behind} gave nothing for {quiet:.0f} s but are not read to their end",
            hint="the broker that leads them may be down; what was handled is committed",
        )


def _check(
    group: str, start: Start, idle: float | None, remember: int, commit_interval: float, handling_timeout: float
) -> None:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,180}", group):
        raise UsageError(f"{group!r} is not a group", hint="letters, digits, . _ and -, as in billing")
    if isinstance(start, str) and start not in ("earliest", "latest"):
        raise UsageError(f"start={start!r}", hint='"earliest", "latest", a datetime or a timedelta before now')
    if (idle is not None and idle <= 0) or remember < 0 or commit_interval < 0 or not 10 <= handling_timeout <= 86400:
        raise UsageError(
            "idle must be more than 0, remember and commit_interval at least 0, handling_timeout from 10 to 86400 s"
        )


def _options(protocol: str, handling_timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "client.id": "kunobs-client",
        "socket.timeout.ms": 10_000,
        "group.protocol": protocol,
        "max.poll.interval.ms": int(handling_timeout * 1000),
        "fetch.queue.backoff.ms": 10,
        "queued.max.messages.kbytes": 32 * 1024,
    }
    if protocol == "classic":
        # Another member takes over 10 s after a crash. With KIP-848 the broker decides (45 s unless configured).
        options |= {
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 10_000,
            "heartbeat.interval.ms": 3_000,
        }
    return options
