"""A storm: two Alertmanagers have thousands of groups at once, and a relay with default settings takes all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.noc import payload
from benchmarks.noc.alertmanagers import Pair, Told
from benchmarks.noc.servers import Kunobs
from kunobs.clock import SYSTEM_CLOCK
from kunobs.testing.wecom import WecomServer

_LOOK = 0.1
# So long nothing may move before it is over; after a failure Alertmanager tries again, after longer and longer pauses.
_QUIET, _QUIET_AFTER_FAILURE = 4.0, 30.0
_PATIENCE = 180.0


@dataclass(frozen=True)
class Found:
    """`seconds` from the first post in the inbox to the last 2xx; `refused` are requests that failed, `lost` groups not in the inbox."""

    seconds: float
    refused: int
    posts: int
    incidents: int
    lost: int
    answer_ms: float
    rss: int


def run(folder: Path, groups: int) -> Found:
    """One storm. Raises RuntimeError when a program dies or it does not end."""
    relay, pair = Kunobs(), Pair()
    with WecomServer((), {"key": "ops"}) as wecom:
        try:
            relay.start(folder, wecom.url)
            pair.start(folder, relay)
            pair.fire(_alert(number) for number in range(groups))
            told, ended = _watch(relay, pair, groups)
            rss = relay.rss()
        finally:
            relay.end()
            pair.end()
    kept = relay.kept()
    (posts, first_ms) = relay.rows("SELECT count(*), min(at_ms) FROM inbox")[0]
    ((incidents,),) = relay.rows("SELECT count(*) FROM incident WHERE group_key <> 'storm'")
    return Found(
        seconds=ended - first_ms / 1000,
        refused=told.failed,
        posts=posts,
        incidents=incidents,
        lost=groups - len(kept),
        answer_ms=told.seconds / max(1, told.ended) * 1000,
        rss=rss,
    )


def _alert(number: int) -> dict[str, object]:
    one = payload.alert(f"node-{number:08}:9100")
    one["labels"]["inst"] = one["labels"]["instance"]
    return one


def _watch(relay: Kunobs, pair: Pair, groups: int) -> tuple[Told, float]:
    """Until every group has been accepted and nothing moves any more: the counters, and when they moved last."""
    last, moved = Told(0, 0, 0, 0.0), SYSTEM_CLOCK.now()
    began = SYSTEM_CLOCK.monotonic()
    while True:
        assert relay.process is not None
        relay.process.check()
        told, now = pair.told(), SYSTEM_CLOCK.now()
        if told != last:
            last, moved = told, now
        quiet = _QUIET_AFTER_FAILURE if told.failed or told.accepted < groups else _QUIET
        if told.ended == told.requests and now - moved > quiet:
            return told, moved
        if SYSTEM_CLOCK.monotonic() - began > _PATIENCE:
            raise RuntimeError(f"{relay.log()}\nthe storm of {groups} groups does not end: {told}")
        SYSTEM_CLOCK.sleep(_LOOK)
