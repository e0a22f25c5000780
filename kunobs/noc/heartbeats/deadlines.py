"""We are the ones who must listen: after a start, a store that failed or a clock that was set, nobody is judged for one period.

A heartbeat that came while we were deaf is lost, so silence means nothing before the next one had its time. What is known of a job with
a `cron` is used: only an occurrence whose time and grace touch our deafness is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass

from kunobs.log import get_logger
from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats.expected import next_ms
from kunobs.noc.heartbeats.plan import EARLY_MS, Plan, plan_of
from kunobs.noc.heartbeats.states import FRESH_MS, LISTENING, WAITING, every, rearm, sync
from kunobs.noc.relay import Relay
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import StoreUnavailable, Tx

JUMPED = "clock_set_ms"
# The wall clock and the monotonic one may differ by this much between two turns before the first counts as set. A judgement needs a turn
# that is younger, so that a clock that is set is noticed first.
JUMP_S = FRESH_MS / 1000
# cron does not run again what it has run before a clock was set back by less than three hours.
_BACK_MS = 3 * 3600_000
_log = get_logger("noc")


@dataclass(frozen=True)
class _Deaf:
    """Why, and since when; None where only the store knows. A clock that was set back has `since_ms` after now."""

    reason: str
    since_ms: int | None = None
    clock_set: bool = False


class Deadlines:
    """`turn` is called once before timers run, then once a second. Before the first call and while calls fail nobody is judged.

    When no call comes for `stopped` seconds the process was stopped, and deaf; for less, only a thread of it was busy.
    """

    def __init__(self, relay: Relay, stopped: float = 30.0) -> None:
        self._relay = relay
        self._stopped = stopped
        self._policy: Policy | None = None
        # Wall and monotonic seconds of the last turn.
        self._last: tuple[float, float] | None = None
        self._failed = False

    def turn(self) -> None:
        """Raises StoreUnavailable."""
        policy, clock = self._relay.policy, self._relay.clock
        wall, mono = clock.now(), clock.monotonic()
        deaf, same = self._deaf(wall, mono), policy is self._policy
        if deaf or not same or policy.config.heartbeats or policy.config.clusters:
            try:
                held = self._relay.change(lambda tx, policy, now: _turn(tx, policy, now, deaf, same)).result()
            except StoreUnavailable:
                self._failed = True
                raise
            if held and deaf:
                _log.warning("heartbeats are held for one period", reason=deaf.reason, heartbeats=held)
        self._policy, self._last, self._failed = policy, (wall, mono), False

    def _deaf(self, wall: float, mono: float) -> _Deaf | None:
        if self._last is None:
            return _Deaf("start")
        since_ms, passed = int(self._last[0] * 1000), mono - self._last[1]
        drift = wall - self._last[0] - passed
        if abs(drift) > JUMP_S:
            # Set back, what counts is how far it had come.
            since_ms += int(passed * 1000) if drift < 0 else 0
            return _Deaf(f"the clock was set by {drift:+.1f} s", since_ms, clock_set=True)
        if self._failed:
            return _Deaf("the store failed", since_ms)
        return _Deaf("the process was stopped", since_ms) if passed > self._stopped else None


def _turn(tx: Tx, policy: Policy, now_ms: int, deaf: _Deaf | None, same: bool) -> int:
    held = 0
    if deaf is not None:
        # Housekeeping's sign of life is coarser, but there is one where no heartbeat was configured.
        since_ms = deaf.since_ms or max(_fact(tx, LISTENING), _fact(tx, "alive_ms")) or now_ms
        held = hold(tx, policy, since_ms, now_ms)
        if held:
            note(tx, now_ms, "heartbeats held", reason=deaf.reason, since_ms=since_ms, heartbeats=held)
        if deaf.clock_set:
            _write(tx, JUMPED, now_ms)
    if not same:
        sync(tx, policy, now_ms)
    _write(tx, LISTENING, now_ms)
    return held


def hold(tx: Tx, policy: Policy, since_ms: int, until_ms: int) -> int:
    """What came between these times may have been lost: how many heartbeats are expected later for it."""
    held = 0
    for heartbeat in every(tx):
        plan = plan_of(policy.config, heartbeat.name)
        # One whose promise is another now begins anew in any case.
        if plan is not None and heartbeat.state in WAITING and heartbeat.detail.plan == plan.text:
            expected_ms = held_ms(plan, heartbeat.detail.expected_ms, since_ms, until_ms)
            held += expected_ms != heartbeat.detail.expected_ms
            rearm(tx, heartbeat, plan, expected_ms)
    return held


def held_ms(plan: Plan, expected_ms: int, since_ms: int, until_ms: int) -> int:
    """When it is expected after nothing was heard between these times; `since_ms` is the later one where the clock was set back."""
    back = since_ms > until_ms
    if not back and expected_ms + plan.grace_ms < since_ms:
        # It was over before, only nobody had come to say so.
        return expected_ms
    if not plan.cron:
        return until_ms + plan.period_ms
    if back:
        return next_ms(plan.cron, plan.zone, min(since_ms, until_ms + _BACK_MS) + EARLY_MS)
    if expected_ms - EARLY_MS > until_ms:
        return expected_ms
    return next_ms(plan.cron, plan.zone, until_ms + EARLY_MS)


def _fact(tx: Tx, name: str) -> int:
    row = tx.row("SELECT value FROM fact WHERE name = ?", name)
    return int(row[0]) if row else 0


def _write(tx: Tx, name: str, now_ms: int) -> None:
    tx.run(
        "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name,
        str(now_ms),
    )
