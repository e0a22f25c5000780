"""The relay itself: the store, the policy and the clock together. What comes in, what people do, what is due, what is sent.

In a process, threads run it (runner.py). In a test, `settle` does all that is due now, in one thread, and the clock is the test's own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from kunobs import crash
from kunobs.clock import Clock
from kunobs.noc.accept.alert import Post
from kunobs.noc.decide import actions
from kunobs.noc.decide.due import run_due
from kunobs.noc.decide.incidents import Decision, Rules
from kunobs.noc.decide.intake import take
from kunobs.noc.decide.own import channel_of
from kunobs.noc.decide.policy import Policy
from kunobs.noc.notify import outbox
from kunobs.noc.notify.attempts import claim, record
from kunobs.noc.notify.contract import Event, Outcome, Retry
from kunobs.noc.notify.outbox import Job
from kunobs.noc.notify.receipts import Received, receive
from kunobs.noc.store.port import Store, Tx
from kunobs.noc.store.timers import next_timer

T = TypeVar("T")
_OWN_AT_ONCE = 100


def signing_secret(store: Store) -> str:
    """The store's own, made once."""

    def change(tx: Tx) -> str:
        made = secrets.token_urlsafe(32)
        tx.run("INSERT INTO fact (name, value) VALUES ('secret', ?) ON CONFLICT (name) DO NOTHING", made)
        row = tx.row("SELECT value FROM fact WHERE name = 'secret'")
        return str(row[0]) if row else made

    return store.write(change)


class Relay:
    """`policy` may be replaced at any time; a change that has begun keeps the one it began with."""

    def __init__(self, store: Store, policy: Policy, clock: Clock) -> None:
        self.store = store
        self.policy = policy
        self.clock = clock
        # Called after whatever may have made something due.
        self.stirred: Callable[[], None] = lambda: None
        # Called after what may have set a timer to now.
        self.woken: Callable[[], None] = lambda: None

    def now_ms(self) -> int:
        """The wall clock's time."""
        return int(self.clock.now() * 1000)

    def change(self, change: Callable[[Tx, Policy, int], T]) -> Future[T]:
        """Run it in the store and look for what it made due."""
        policy, now_ms = self.policy, self.now_ms()
        future = self.store.submit(lambda tx: change(tx, policy, now_ms))
        future.add_done_callback(lambda _: self.stirred())
        return future

    def urgent(self, change: Callable[[Tx, Policy, int], T]) -> Future[T]:
        """As `change`, and look at the timers at once."""
        future = self.change(change)
        future.add_done_callback(lambda _: self.woken())
        return future

    def post(self, tenant: str, integration: str, post: Post, body: bytes, rules: Rules) -> Future[list[Decision]]:
        """Keep a post and all it means."""
        return self.change(lambda tx, policy, now: take(tx, policy, tenant, integration, post, body, rules, now))

    def act(self, incident: int, action: str, by: str, via: str, **more: Any) -> Future[Any]:
        """What a person does; fails with Refusal."""
        return self.urgent(lambda tx, policy, now: actions.act(tx, policy, incident, action, by, via, now, **more))

    def event(self, channel: str, event: Event) -> Future[Received]:
        """What a provider reports."""
        return self.urgent(lambda tx, policy, now: receive(tx, policy, channel, event, now))

    def run_timers(self) -> int:
        """Do what is due; how many things."""
        return self.change(run_due).result()

    def claim(self, channel: str, slots: int) -> list[Job]:
        """Rows to be sent by a channel now."""
        lease_ms = int(self.policy.config.lease * 1000)
        claimed = self.change(lambda tx, policy, now: claim(tx, policy, channel, slots, lease_ms, now)).result()
        if claimed:
            crash.reach("noc.after_claim")
        return claimed

    def own_due(self) -> list[str]:
        """Tenants' own channels for which something is due."""
        now_ms = self.now_ms()
        return self.store.read(lambda tx: outbox.own_due(tx, now_ms, _OWN_AT_ONCE))

    def send(self, job: Job) -> Outcome:
        """One attempt, as the channel says it went."""
        policy = self.policy
        try:
            channel = policy.channels.get(job.channel) or self.store.read(
                lambda tx: channel_of(tx, policy, job.channel)
            )
            if channel is None:
                return Retry("no_channel", "a reload took this channel away")
            outcome = channel.send(job.frozen)
        except Exception as error:  # noqa: BLE001  whatever a channel does wrong, the message must not be lost
            outcome = Retry("internal", f"{type(error).__name__} in the channel")
        crash.reach("noc.before_record")
        crash.reach(f"noc.before_record.{job.channel}")
        return outcome

    def record(self, job: Job, outcome: Outcome) -> None:
        """Keep what became of it."""
        self.change(lambda tx, policy, now: record(tx, policy, job, outcome, now)).result()

    def reclaim(self) -> int:
        """At the start, for a store that is ours alone: what another life of this process was sending is due again."""
        now_ms = self.now_ms()
        return self.store.write(lambda tx: tx.run("UPDATE outbox SET due_ms = ? WHERE state = 'sending'", now_ms))

    def settle(self) -> int:
        """Everything that is due now, in this thread; how many requests were made."""
        made = 0
        while True:
            done = self.run_timers()
            for name in [*self.policy.channels, *self.own_due()]:
                for job in self.claim(name, 1000):
                    self.record(job, self.send(job))
                    made += 1
                    done += 1
            if not done:
                return made

    def next_ms(self) -> int | None:
        """When something is due next, None for never."""
        found = self.store.read(lambda tx: [next_timer(tx), outbox.next_due(tx)])
        return min((when for when in found if when is not None), default=None)
