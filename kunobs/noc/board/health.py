"""Whether the ways to people work, and whether those who must be heard are heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats.states import Heartbeat, every
from kunobs.noc.store.port import Tx

HEART_STATES = ("down", "late", "new", "paused", "up")
# Looking further back would read the whole outbox for a channel that is rarely used.
_LATELY = 5000
# What waits for less is on its way.
_PATIENCE_MS = 30_000


@dataclass(frozen=True)
class ChannelHealth:
    """A channel. `failing` is why, or empty; `waiting` messages since `oldest_ms`; what became of those of late."""

    name: str
    kind: str
    failing: str
    waiting: int
    oldest_ms: int | None
    last_ms: int | None
    sent: int
    failed: int
    state: str
    """failing, waiting (too long), works or idle (nothing was sent of late)."""


def read_channels(tx: Tx, policy: Policy, now_ms: int) -> list[ChannelHealth]:
    """Each configured channel."""
    failing = {
        name.removeprefix("failing/"): value
        for name, value in tx.rows("SELECT name, value FROM fact WHERE name LIKE 'failing/%'")
    }
    waiting = {
        channel: (count, oldest)
        for channel, count, oldest in tx.rows(
            "SELECT channel, count(*), min(created_ms) FROM outbox WHERE state IN ('due', 'sending') GROUP BY channel"
        )
    }
    lately = {
        channel: (last, sent, failed)
        for channel, last, sent, failed in tx.rows(
            "SELECT channel, max(CASE WHEN state = 'sent' THEN done_ms END),"
            " sum(CASE WHEN state = 'sent' THEN 1 ELSE 0 END), sum(CASE WHEN state = 'failed' THEN 1 ELSE 0 END)"
            " FROM (SELECT channel, state, done_ms FROM outbox ORDER BY id DESC LIMIT ?) AS lately GROUP BY channel",
            _LATELY,
        )
    }
    found = []
    for name, channel in policy.channels.items():
        count, oldest = waiting.get(name, (0, None))
        last, sent, failed = lately.get(name, (None, 0, 0))
        late = oldest is not None and now_ms - oldest > _PATIENCE_MS
        state = "failing" if name in failing else "waiting" if late else "works" if last else "idle"
        found.append(ChannelHealth(name, channel.kind, failing.get(name, ""), count, oldest, last, sent, failed, state))
    return found


def count_hearts(tx: Tx) -> Mapping[str, int]:
    """How many are in each state."""
    found: dict[str, int] = dict(tx.rows("SELECT state, count(*) FROM heartbeat GROUP BY state"))
    return {state: found[state] for state in HEART_STATES if state in found}


def read_hearts(tx: Tx) -> Sequence[tuple[str, Sequence[Heartbeat]]]:
    """By cluster (what stands before the first slash of their names, empty for jobs), those in trouble first."""
    groups: dict[str, list[Heartbeat]] = {}
    for heartbeat in every(tx):
        cluster, slash, _ = heartbeat.name.partition("/")
        groups.setdefault(cluster if slash else "", []).append(heartbeat)
    for members in groups.values():
        members.sort(key=lambda one: HEART_STATES.index(one.state) if one.state in HEART_STATES else 0)
    return sorted(groups.items())
