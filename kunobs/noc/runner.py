"""The relay's threads: one for what is due, one for each channel that claims, and a few of each channel's that send."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from kunobs.log import get_logger, repeated
from kunobs.noc.decide.own import PREFIX
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.notify import outbox
from kunobs.noc.notify.contract import Ok, Outcome, Partial, Permanent, RefreshToken
from kunobs.noc.notify.outbox import Job
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable, Tx
from kunobs.noc.store.timers import next_timer

# A channel waits for its provider most of the time, so a few threads go a long way.
SLOTS = 8
# And a tenant's own channel has so many of those that all tenants share.
_EACH = 2
# A clock that is set back, or a missed wake-up, costs this much and no more.
LONGEST_WAIT = 1.0
_BLOCKED_WAIT = 0.1
_log = get_logger("noc")


class Runner:
    """Runs until `stop`."""

    def __init__(self, relay: Relay, metrics: NocMetrics) -> None:
        self._relay = relay
        self._metrics = metrics
        self._lock = threading.Lock()
        self._stopping = False
        self._speakers: dict[str, _Speaker] = {}
        self._timers = _Loop("noc-timers", self._run_timers)

    def start(self) -> None:
        """Begin."""
        self._relay.stirred = self._stir
        self._relay.woken = self._timers.wake
        self._timers.start()
        self.renew()

    def renew(self) -> None:
        """After a reload: a speaker for every channel there is now."""
        with self._lock:
            for name in set(self._relay.policy.channels) - set(self._speakers):
                self._speakers[name] = _Speaker(name, self._relay, self._metrics)
                self._speakers[name].start()
            if PREFIX not in self._speakers:
                self._speakers[PREFIX] = _OwnSpeaker(PREFIX, self._relay, self._metrics)
                self._speakers[PREFIX].start()
            known = {*self._relay.policy.channels, PREFIX}
            gone = [self._speakers.pop(name) for name in set(self._speakers) - known]
        for speaker in gone:
            speaker.stop(0.0)

    def stop(self, timeout: float) -> bool:
        """Claim nothing more, and wait for attempts under way; False where some are left (their lease will run out)."""
        clock = self._relay.clock
        until = clock.monotonic() + timeout
        self._timers.stop()
        with self._lock:
            speakers = list(self._speakers.values())
        for speaker in speakers:
            speaker.halt()
        stopped = [speaker.stop(max(0.0, until - clock.monotonic())) for speaker in speakers]
        return all(stopped)

    def _stir(self) -> None:
        stirred = self._relay.policy.stirred
        while stirred:
            try:
                name = stirred.pop()
            except KeyError:
                break
            speaker = self._speakers.get(PREFIX if name.startswith(PREFIX) else name)
            if speaker is not None:
                speaker.wake()

    def _run_timers(self) -> float:
        due = self._relay.store.read(next_timer)
        if due is not None and due <= self._relay.now_ms():
            self._relay.run_timers()
            return 0.0
        return LONGEST_WAIT if due is None else (due - self._relay.now_ms()) / 1000


class _Loop:
    """A thread that does something, says how long it may rest, and can be woken."""

    def __init__(self, name: str, work: object) -> None:
        self._work = work
        self._condition = threading.Condition()
        self._woken = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        with self._condition:
            self._woken = True
            self._condition.notify()

    def halt(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify()

    def stop(self) -> None:
        self.halt()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            rest = LONGEST_WAIT
            try:
                rest = self._work()  # type: ignore[operator]
            except StoreUnavailable as trouble:
                repeated(
                    _log, f"store {trouble.kind}", "the store does not answer", reason=str(trouble), hint=trouble.hint
                )
            except Exception as error:  # noqa: BLE001  the thread must live: without it nobody is called
                repeated(_log, "loop", "a part of the relay failed", level="error", exc_info=error)
            with self._condition:
                if not self._woken and not self._stopped:
                    self._condition.wait(min(max(rest, 0.0), LONGEST_WAIT))
                self._woken = False


class _Speaker:
    """Claims what is due on one channel and has it sent."""

    def __init__(self, name: str, relay: Relay, metrics: NocMetrics) -> None:
        self._name = name
        self._label = name.rstrip("/")
        self._relay = relay
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(SLOTS, thread_name_prefix=f"noc-{name}")
        self._busy = 0
        self._idle = threading.Condition()
        self._loop = _Loop(f"noc-{name}", self._claim)

    def start(self) -> None:
        self._loop.start()

    def wake(self) -> None:
        self._loop.wake()

    def halt(self) -> None:
        self._loop.halt()

    def stop(self, timeout: float) -> bool:
        self._loop.stop()
        with self._idle:
            done = self._idle.wait_for(lambda: self._busy == 0, timeout)
        self._pool.shutdown(wait=False, cancel_futures=True)
        return done

    def _claim(self) -> float:
        now_ms = self._relay.now_ms()
        free = SLOTS - self._busy
        due = self._relay.store.read(self._next_due) if free else None
        if due is None or due > now_ms:
            return LONGEST_WAIT if due is None else (due - now_ms) / 1000
        claimed = self._jobs(free)
        for job in claimed:
            with self._idle:
                self._busy += 1
            self._pool.submit(self._attempt, job)
        # What is due but may not go yet waits for another attempt's end, which wakes us, or for its budget.
        return 0.0 if claimed and self._busy < SLOTS else _BLOCKED_WAIT

    def _next_due(self, tx: Tx) -> int | None:
        return outbox.next_due(tx, self._name)

    def _jobs(self, free: int) -> list[Job]:
        return self._relay.claim(self._name, free)

    def _over(self, job: Job) -> None:
        """An attempt has ended."""

    def _attempt(self, job: Job) -> None:
        try:
            began = self._relay.clock.monotonic()
            outcome = self._relay.send(job)
            self._metrics.attempt_seconds.labels(self._label).observe(self._relay.clock.monotonic() - began)
            self._metrics.attempts.labels(self._label, _word(outcome)).inc()
            if not isinstance(outcome, Ok):
                repeated(
                    _log, f"attempt {job.channel}", "an attempt failed", channel=job.channel, outcome=_word(outcome),
                    reason=getattr(outcome, "reason", "some addresses were refused"), incident=job.incident,
                )  # fmt: skip
            self._record(job, outcome)
        finally:
            self._over(job)
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()
            self._loop.wake()

    def _record(self, job: Job, outcome: Outcome) -> None:
        """Until it is kept, or the lease is over and the next attempt will tell."""
        clock = self._relay.clock
        until = clock.monotonic() + self._relay.policy.config.lease
        while True:
            try:
                self._relay.record(job, outcome)
                return
            except StoreUnavailable as trouble:
                repeated(_log, "record", "an attempt cannot be recorded", channel=self._name, reason=str(trouble))
                if trouble.kind == "closed" or clock.monotonic() > until:
                    return
                clock.sleep(0.2)


class _OwnSpeaker(_Speaker):
    """All of tenants' own channels: each has few of the threads, so that a slow webhook of one holds up no other."""

    def __init__(self, name: str, relay: Relay, metrics: NocMetrics) -> None:
        super().__init__(name, relay, metrics)
        self._by_channel: Counter[str] = Counter()
        self._counting = threading.Lock()

    def _next_due(self, tx: Tx) -> int | None:
        return outbox.next_own_due(tx)

    def _jobs(self, free: int) -> list[Job]:
        found: list[Job] = []
        for channel in self._relay.own_due():
            with self._counting:
                slots = min(_EACH - self._by_channel[channel], free - len(found))
            if slots > 0:
                claimed = self._relay.claim(channel, slots)
                with self._counting:
                    self._by_channel.update(job.channel for job in claimed)
                found += claimed
        return found

    def _over(self, job: Job) -> None:
        with self._counting:
            self._by_channel[job.channel] -= 1
            if not self._by_channel[job.channel]:
                del self._by_channel[job.channel]


def _word(outcome: Outcome) -> str:
    match outcome:
        case Ok():
            return "ok"
        case Partial():
            return "partial"
        case Permanent():
            return "permanent"
        case RefreshToken():
            return "refresh_token"
    return "retry"
