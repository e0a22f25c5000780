"""What a person does about an incident: from a button, a link, the board, a key of a phone, the command line."""

from __future__ import annotations

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.decide import drill, paging, silences
from kunobs.noc.decide.incident import Incident, find
from kunobs.noc.decide.policy import Policy
from kunobs.noc.notify import cards
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx
from kunobs.noc.store.timers import cancel_timer, set_timer

LONGEST_COMMENT = 2000


def act(
    tx: Tx,
    policy: Policy,
    number: int,
    action: str,
    by: str,
    via: str,
    now_ms: int,
    *,
    comment: str = "",
    tenant: str = "",
) -> Incident:
    """Do it; the incident before it. Repeating what is done changes nothing. Raises Refusal.

    `action` is ack, unack, escalate, comment, resolve, or silence:DURATION in seconds. `tenant` narrows what may be touched.
    """
    incident = find(tx, number)
    if incident is None or (tenant and incident.tenant != tenant):
        raise Refusal(404, f"there is no incident {number}")
    by = " ".join(by.split())[:100]
    if not by:
        raise Refusal(422, "nobody is named", hint="say who does it")
    name, _, argument = action.partition(":")
    if name == "comment":
        if not comment.strip():
            raise Refusal(422, "the comment is empty")
        note(tx, now_ms, "comment", number, by=by, via=via, text=comment.strip()[:LONGEST_COMMENT])
    elif incident.group_key == drill.KEY:
        note(tx, now_ms, "drill answered", number, by=by, via=via)
    elif not incident.open:
        note(tx, now_ms, "too late", number, by=by, via=via, action=name)
    elif name == "ack":
        _ack(tx, policy, incident, by, via, now_ms)
    elif name == "unack":
        unack(tx, incident, by, via, now_ms)
    elif name == "escalate":
        _escalate(tx, policy, incident, by, via, now_ms)
    elif name == "resolve":
        _resolve(tx, policy, incident, by, via, now_ms)
    elif name == "silence":
        _silence(tx, incident, argument, by, via, now_ms, comment)
    else:
        raise Refusal(
            422, f"{name[:40]!r} is no action", hint="ack, unack, escalate, comment, resolve or silence:SECONDS"
        )
    return incident


def _ack(tx: Tx, policy: Policy, incident: Incident, by: str, via: str, now_ms: int) -> None:
    if incident.state == "acked":
        note(tx, now_ms, "taken already", incident.id, by=by, via=via, has=incident.acked_by)
        return
    tx.run(
        "UPDATE incident SET state = 'acked', acked_ms = ?, acked_by = ?, loud_ms = NULL WHERE id = ?",
        now_ms,
        by,
        incident.id,
    )
    cancel_timer(tx, "climb", incident.id)
    note(tx, now_ms, "taken", incident.id, by=by, via=via)
    ladder = policy.ladder(incident.ladder)
    set_timer(tx, "unack", incident.id, now_ms + int(ladder.unack_after * 1000))
    after = find(tx, incident.id)
    assert after is not None  # noqa: S101  it was changed in this transaction
    paging.tell(tx, policy, after, "taken", paging.told(tx, policy, incident.id), now_ms)
    cards.settle(tx, policy, after, "taken", now_ms)


def unack(tx: Tx, incident: Incident, by: str, via: str, now_ms: int) -> None:
    """Nobody has it any more: from the first step again."""
    if incident.state != "acked":
        return
    tx.run(
        "UPDATE incident SET state = 'firing', acked_ms = NULL, acked_by = NULL, step = 0, round = 0 WHERE id = ?",
        incident.id,
    )
    cancel_timer(tx, "unack", incident.id)
    note(tx, now_ms, "given back", incident.id, by=by, via=via, had=incident.acked_by)
    set_timer(tx, "climb", incident.id, now_ms)


def _escalate(tx: Tx, policy: Policy, incident: Incident, by: str, via: str, now_ms: int) -> None:
    """The next step now, taken or not: whoever has it wants help. Raises Refusal where nobody is called for it at all."""
    if incident.silence_id is not None:
        raise Refusal(
            409, f"silence {incident.silence_id} covers it", hint=f"kunobs noc silence end {incident.silence_id}"
        )
    if incident.storm_id is not None:
        raise Refusal(409, f"incident {incident.storm_id} speaks for it", hint=f"escalate {incident.storm_id}")
    if incident.state == "acked":
        tx.run("UPDATE incident SET state = 'firing', acked_ms = NULL, acked_by = NULL WHERE id = ?", incident.id)
        cancel_timer(tx, "unack", incident.id)
    note(tx, now_ms, "escalated", incident.id, by=by, via=via)
    paging.climb(tx, policy, incident.id, now_ms)


def _resolve(tx: Tx, policy: Policy, incident: Incident, by: str, via: str, now_ms: int) -> None:
    tx.run(
        "UPDATE alert SET status = 'resolved', ends_ms = ?, sender = ? WHERE incident_id = ? AND status = 'firing'",
        now_ms, by, incident.id,
    )  # fmt: skip
    tx.run("UPDATE incident SET state = 'resolved', resolved_ms = ?, loud_ms = NULL WHERE id = ?", now_ms, incident.id)
    note(tx, now_ms, "closed", incident.id, by=by, via=via)
    paging.resolved(tx, policy, incident.id, now_ms)


def _silence(tx: Tx, incident: Incident, seconds: str, by: str, via: str, now_ms: int, comment: str) -> None:
    if not seconds.isdigit() or not 60 <= int(seconds) <= silences.LONGEST_MS // 1000:
        raise Refusal(422, "a silence lasts 60 seconds to 30 days", hint="silence:3600 is an hour")
    matchers = [f'{name}="{_escaped(value)}"' for name, value in sorted(incident.labels.items())]
    silences.add(
        tx,
        incident.tenant,
        matchers,
        now_ms,
        now_ms + int(seconds) * 1000,
        by,
        comment or f"from incident {incident.id}",
        now_ms,
    )
    note(tx, now_ms, "silence wanted", incident.id, by=by, via=via, seconds=int(seconds))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
