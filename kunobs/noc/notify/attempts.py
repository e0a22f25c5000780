"""What is sent next, and what an attempt's outcome means: again, another way, or somebody must know.

claim     due rows of a channel, checked again, within the provider's budgets, under a lease
record    Ok ends it; Retry waits; the second failure of a page takes another way beside it; Permanent takes it at once
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kunobs.noc.decide import paging
from kunobs.noc.decide.incident import find
from kunobs.noc.decide.intake import own_alert
from kunobs.noc.decide.own import PREFIX, channel_of
from kunobs.noc.decide.reach import Address
from kunobs.noc.notify import digest, outbox
from kunobs.noc.notify.budget import take
from kunobs.noc.notify.compose import compose
from kunobs.noc.notify.contract import Ok, Outcome, Partial, Permanent, Receipt, RefreshToken, Retry
from kunobs.noc.notify.outbox import PAGES, Job
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx
from kunobs.noc.store.timers import set_timer

if TYPE_CHECKING:
    from kunobs.noc.decide.policy import Policy

# The first wait, and the longest, between attempts.
FIRST_MS, LONGEST_MS = 1_000, 60_000
# After so many failures somebody is told that the channel fails; a page takes another way after the second.
_SPILL_AT, _TELL_AT = 2, 4
# A page is not tried for longer, an announcement neither: by then the ladder has called others.
GIVE_UP_MS = 3600_000
# A provider's own name for a message; what is longer would not fit into an index.
LONGEST_ID = 500


def claim(tx: Tx, policy: Policy, channel: str, slots: int, lease_ms: int, now_ms: int) -> list[Job]:
    """At most `slots` rows to be sent now."""
    claimed: list[Job] = []
    speaker = channel_of(tx, policy, channel)
    # More than can be sent are looked at, because those that are obsolete or over budget take no slot.
    for job in outbox.waiting(tx, channel, now_ms, slots + 64):
        if len(claimed) == slots:
            break
        reason = outbox.obsolete(tx, job) if speaker is not None else "its channel is gone"
        if not reason and now_ms - job.created_ms > GIVE_UP_MS:
            reason = "too old"
        if reason or speaker is None:
            outbox.finish(tx, job, "dropped", now_ms, reason)
            continue
        # What was under way when a process died has been paid for, and should not wait for another minute's budget.
        died = job.state == "sending"
        free_at = None if died else take(tx, speaker.limits(job.address), job.critical, now_ms)
        if free_at is not None:
            _over_budget(tx, policy, job, free_at, now_ms)
            continue
        outbox.lease(tx, job, now_ms + lease_ms)
        claimed.append(job)
    return claimed


def record(tx: Tx, policy: Policy, job: Job, outcome: Outcome, now_ms: int) -> None:
    """What became of an attempt. An answer that comes after the lease ran out counts as well."""
    attempt = job.attempts + 1
    match outcome:
        case Ok() | Partial():
            _sent(tx, policy, job, outcome, now_ms)
        case RefreshToken(code, reason) if job.attempts == 0:
            outbox.postpone(tx, job, now_ms, f"{code}: {reason}"[:1000])
            _journal(tx, job, "token refreshed", now_ms, attempt=attempt, reason=reason)
        case Retry(code, reason) | RefreshToken(code, reason):
            after = outcome.after if isinstance(outcome, Retry) else None
            maybe = isinstance(outcome, Retry) and outcome.delivered_maybe
            _again(tx, policy, job, f"{code}: {reason}"[:1000], after, maybe, now_ms)
        case Permanent(code, reason, dead):
            outbox.finish(tx, job, "failed", now_ms, f"{code}: {reason}"[:1000])
            spill(tx, policy, job, now_ms, f"{code}: {reason}"[:300])
            # A card whose buttons stay is not worth waking anybody.
            if dead != "message" or not job.message.endswith("-card"):
                _tell(tx, policy, job, f"{code}: {reason}"[:300], dead, now_ms)


def _sent(tx: Tx, policy: Policy, job: Job, outcome: Ok | Partial, now_ms: int) -> None:
    receipt: Receipt = outcome.receipt if isinstance(outcome, Ok) else "accepted"
    refused = "" if isinstance(outcome, Ok) else "; ".join(f"{who}: {why}" for who, why in outcome.failed)[:1000]
    tx.run(
        "UPDATE outbox SET state = 'sent', done_ms = ?, provider_id = ?, handle = ?, answer = ?,"
        " receipt = CASE WHEN receipt = '' THEN ? ELSE receipt END, receipt_ms = COALESCE(receipt_ms, ?) WHERE id = ?",
        now_ms, outcome.provider_id[:LONGEST_ID], outcome.handle[:LONGEST_ID], refused, receipt, now_ms, job.id,
    )  # fmt: skip
    _journal(tx, job, "sent", now_ms, attempt=job.attempts + 1, provider_id=outcome.provider_id, refused=refused)
    if refused:
        spill(tx, policy, job, now_ms, f"partly refused: {refused}"[:300])
    _healed(tx, policy, job, now_ms)


def _journal(tx: Tx, job: Job, kind: str, now_ms: int, **data: Any) -> None:
    note(tx, now_ms, kind, job.incident, message=job.frozen.key, channel=job.channel, person=job.person, **data)


def _again(tx: Tx, policy: Policy, job: Job, answer: str, after: float | None, maybe: bool, now_ms: int) -> None:
    attempt = job.attempts + 1
    wait = max(min(FIRST_MS << min(attempt - 1, 10), LONGEST_MS), int((after or 0) * 1000))
    outbox.postpone(tx, job, now_ms + wait, answer)
    _journal(tx, job, "failed once", now_ms, attempt=attempt, reason=answer, again_ms=now_ms + wait, perhaps_sent=maybe)
    if attempt >= _SPILL_AT or wait > 10_000:
        spill(tx, policy, job, now_ms, answer[:300])
    if attempt >= _TELL_AT or wait > 10_000:
        _tell(tx, policy, job, answer[:300], "channel", now_ms)


def _over_budget(tx: Tx, policy: Policy, job: Job, free_at: int, now_ms: int) -> None:
    """It waits for the provider's next free moment; a critical page takes another way meanwhile."""
    outbox.postpone(tx, job, free_at, digest.OVER)
    if not job.critical:
        digest.gather(tx, policy, job, free_at, now_ms)
    elif free_at - now_ms > 5_000:
        spill(tx, policy, job, now_ms, digest.OVER)


def spill(tx: Tx, policy: Policy, job: Job, now_ms: int, why: str) -> None:
    """Once for each message: the person's next way, else the ladder's next step, at once."""
    # A tenant's own receiver is told beside the ladder, so its failure moves nobody on it.
    if job.kind not in PAGES or job.incident is None or job.channel.startswith(PREFIX):
        return
    if not tx.run("UPDATE outbox SET spilled = 1 WHERE message = ? AND part = 1 AND spilled = 0", job.message):
        return
    incident = find(tx, job.incident)
    if incident is None or not incident.pages:
        return
    way = _next_way(tx, policy, job)
    if way is None:
        note(tx, now_ms, "no other way", job.incident, channel=job.channel, person=job.person, reason=why)
        paging.sound(tx, incident.id, now_ms, f"{job.person or job.channel} cannot be reached: {why}")
        # Only to a step that is still to come: reminders would be brought forward for ever.
        if incident.step == job.step and incident.step < len(policy.ladder(incident.ladder).steps):
            set_timer(tx, "climb", incident.id, now_ms)
        return
    told = int(job.message.split("-")[1])
    message, _ = compose(
        tx,
        policy,
        incident,
        job.kind,
        way,
        now_ms,
        told=told,
        step=job.step,
        reminder=job.reminder,
    )
    if outbox.put(tx, policy, message, way, now_ms):
        note(
            tx,
            now_ms,
            "another way",
            job.incident,
            channel=way.channel,
            person=way.person,
            instead_of=job.channel,
            reason=why,
        )


def _next_way(tx: Tx, policy: Policy, job: Job) -> Address | None:
    person = policy.people.get(job.person)
    if person is None:
        return None
    prefix = job.message.rsplit("-", 1)[0] + "-%"
    used = {
        row[0] for row in tx.rows("SELECT channel FROM outbox WHERE message LIKE ? AND person = ?", prefix, job.person)
    }
    for channel, address in person.addresses.items():
        if channel not in used and channel in policy.channels:
            return Address(channel, address, person.key, person.language)
    return None


def _tell(tx: Tx, policy: Policy, job: Job, why: str, dead: str, now_ms: int) -> None:
    """The relay's own alert about a channel or an address, which goes by other channels."""
    name = {"channel": "KunobsChannelFails", "address": "KunobsAddressFails", "message": "KunobsMessageRefused"}[dead]
    own = job.channel.startswith(PREFIX)
    severity = "info" if own else "critical" if dead == "channel" else "warning"
    labels = {"alertname": name, "severity": severity, "kunobs_channel": job.channel}
    summary = f"channel {job.channel} fails: {why}"
    if dead == "address":
        labels["person"] = job.person
        summary = f"{job.person or job.address} cannot be reached by {job.channel}: {why}"
    elif dead == "message":
        summary = f"channel {job.channel} refuses a message of incident {job.incident}: {why}"
    else:
        tx.run(
            "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", f"failing/{job.channel}", why
        )
    own_alert(tx, policy, labels, summary, now_ms, firing=True, tenant=job.tenant if own else "")


def _healed(tx: Tx, policy: Policy, job: Job, now_ms: int) -> None:
    if tx.run("DELETE FROM fact WHERE name = ?", f"failing/{job.channel}"):
        own = job.channel.startswith(PREFIX)
        labels = {
            "alertname": "KunobsChannelFails",
            "severity": "info" if own else "critical",
            "kunobs_channel": job.channel,
        }
        tenant = job.tenant if own else ""
        own_alert(tx, policy, labels, f"channel {job.channel} works again", now_ms, firing=False, tenant=tenant)
