"""What a provider tells later: it arrived, it did not, somebody pressed a button; each report counts once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.decide import actions
from kunobs.noc.notify import outbox
from kunobs.noc.notify.attempts import LONGEST_ID, spill
from kunobs.noc.notify.contract import Event
from kunobs.noc.notify.outbox import Job
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx

if TYPE_CHECKING:
    from kunobs.noc.decide.policy import Policy

_ORDER = ("", "accepted", "delivered", "read", "acted")


Received = Literal["taken", "repeated", "unknown"]


def receive(tx: Tx, policy: Policy, channel: str, event: Event, now_ms: int) -> Received:
    """Take a report in. An unknown one may be early: our request's answer, with the provider's id, is not recorded yet."""
    job = _find(tx, channel, event)
    if job is None:
        return "unknown"
    fresh = tx.run(
        "INSERT INTO seen (kind, id, at_ms, answer) VALUES (?, ?, ?, '') ON CONFLICT (kind, id) DO NOTHING",
        f"callback/{channel}", event.id[:LONGEST_ID], now_ms,
    )  # fmt: skip
    if not fresh:
        return "repeated"
    receipt = "acted" if event.action else event.receipt
    if receipt is not None:
        row = tx.row("SELECT receipt FROM outbox WHERE id = ?", job.id)
        if row is not None and _ORDER.index(receipt) > _ORDER.index(row[0]):
            # A report can overtake the answer to our request: then that request has been carried out.
            tx.run(
                "UPDATE outbox SET receipt = ?, receipt_ms = ?, state = 'sent', done_ms = COALESCE(done_ms, ?) WHERE id = ?",
                receipt, now_ms, now_ms, job.id,
            )  # fmt: skip
        note(
            tx,
            now_ms,
            "receipt",
            job.incident,
            message=job.frozen.key,
            channel=channel,
            person=job.person,
            receipt=receipt,
        )
    if event.failed:
        note(
            tx,
            now_ms,
            "not delivered",
            job.incident,
            message=job.frozen.key,
            channel=channel,
            reason=event.failed[:300],
        )
        spill(tx, policy, job, now_ms, event.failed[:300])
    if event.action and job.incident is not None:
        _act(tx, policy, channel, job, event, now_ms)
    return "taken"


def _act(tx: Tx, policy: Policy, channel: str, job: Job, event: Event, now_ms: int) -> None:
    who = next((p.name for p in policy.people.values() if event.who and p.addresses.get(channel) == event.who), "")
    known = policy.people.get(job.person)
    by = who or event.who or (known.name if known else job.address) or channel
    action = "silence:3600" if event.action == "silence" else str(event.action)
    try:
        actions.act(tx, policy, job.incident or 0, action, by, channel, now_ms)
    except Refusal as refusal:
        note(tx, now_ms, "action refused", job.incident, by=by, action=action, reason=str(refusal))


def _find(tx: Tx, channel: str, event: Event) -> Job | None:
    if event.key:
        return outbox.by_key(tx, channel, event.key)
    return outbox.by_provider_id(tx, channel, event.provider_id[:LONGEST_ID]) if event.provider_id else None
