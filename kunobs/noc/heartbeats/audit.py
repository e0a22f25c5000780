"""Whether we are well ourselves: messages go out, timers run, the store takes what we write, the clock is a clock."""

from __future__ import annotations

from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats.deadlines import JUMPED
from kunobs.noc.store.port import Tx

# A journal entry is as old as its change, which may have waited for the disk.
_BEHIND_MS = 5_000
# Timers run at once; this many seconds late means that nobody runs them.
_TIMERS_MS = 60_000
# Looking further back would read the whole outbox while everybody who posts waits.
_LATELY = 20_000
# So long after the clock was set nothing is said to be well.
_SET_MS = 300_000


def audit(tx: Tx, policy: Policy, now_ms: int) -> list[str]:
    """What is wrong, for people; empty when nothing is. It writes, so that a store that takes nothing raises."""
    tx.run(
        "INSERT INTO fact (name, value) VALUES ('audit_ms', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        str(now_ms),
    )
    return [*_messages(tx, policy, now_ms), *_timers(tx, now_ms), *_clock(tx, now_ms)]


def _messages(tx: Tx, policy: Policy, now_ms: int) -> list[str]:
    """Of our own channels: a tenant's receiver that is gone is none of the outside world's trouble."""
    found = []
    before = now_ms - int(policy.config.ping.oldest_due * 1000)
    waiting = "state IN ('due', 'sending')"
    for channel, oldest in tx.rows(f"SELECT channel, min(due_ms) FROM outbox WHERE {waiting} GROUP BY channel"):
        if oldest < before and channel in policy.channels:
            found.append(f"channel {channel}: a message is due for {(now_ms - oldest) // 1000} s")
    for (name,) in tx.rows("SELECT name FROM fact WHERE name LIKE 'failing/%' ORDER BY name"):
        if name.removeprefix("failing/") in policy.channels:
            found.append(f"channel {name.removeprefix('failing/')} fails")
    # Retries are due again and again; what tells that they do not succeed is that nothing of the channel does.
    for (channel,) in tx.rows(f"SELECT DISTINCT channel FROM outbox WHERE {waiting} AND created_ms < ?", before):
        if channel not in policy.channels:
            continue
        row = tx.row(
            "SELECT max(done_ms) FROM (SELECT channel, state, done_ms FROM outbox ORDER BY id DESC LIMIT ?) AS lately"
            " WHERE channel = ? AND state = 'sent'",
            _LATELY, channel,
        )  # fmt: skip
        last = row[0] if row and row[0] is not None else 0
        if last < before:
            when = f"for {(now_ms - last) // 1000} s" if last else "yet"
            found.append(f"channel {channel}: messages wait, and none was sent {when}")
    return found


def _timers(tx: Tx, now_ms: int) -> list[str]:
    row = tx.row("SELECT min(due_ms) FROM timer")
    late = now_ms - row[0] if row and row[0] is not None else 0
    return [f"timers are {late // 1000} s late"] if late > _TIMERS_MS else []


def _clock(tx: Tx, now_ms: int) -> list[str]:
    found = []
    last = tx.row("SELECT at_ms FROM journal ORDER BY seq DESC LIMIT 1")
    if last is not None and last[0] > now_ms + _BEHIND_MS:
        found.append(f"the clock is {(last[0] - now_ms) // 1000} s behind the journal")
    jumped = tx.row("SELECT value FROM fact WHERE name = ?", JUMPED)
    if jumped is not None and abs(now_ms - int(jumped[0])) < _SET_MS:
        found.append("the clock was set a moment ago")
    return found
