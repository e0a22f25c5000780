"""An incident and its ladder: begun, climbed step by step until somebody takes it, ended.

opened ──> silenced? in a storm? flapping? ──> climb ──wait──> climb … ──> reminders, and the board sounds
              taken: the ladder stops, everyone who was called is told who has it; not resolved in time: it is open again
              resolved: what waits is dropped, everyone who was called is told
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kunobs.noc.decide import silences, storm
from kunobs.noc.decide.incident import Incident, load
from kunobs.noc.decide.own import channel_of, own_targets
from kunobs.noc.decide.policy import Policy
from kunobs.noc.decide.reach import Address, reach
from kunobs.noc.notify import cards
from kunobs.noc.notify.compose import compose
from kunobs.noc.notify.contract import Kind
from kunobs.noc.notify.outbox import put
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx
from kunobs.noc.store.timers import cancel_timer, set_timer


def opened(tx: Tx, policy: Policy, number: int, now_ms: int) -> None:
    """A new incident: decide whether anybody is called for it, and begin."""
    incident = load(tx, number)
    silence = silences.covering(tx, incident.tenant, incident.labels, now_ms)
    if silence is not None:
        tx.run("UPDATE incident SET silence_id = ? WHERE id = ?", silence, number)
        note(tx, now_ms, "silenced", number, silence=silence)
        return
    begin(tx, policy, incident, now_ms)


def begin(tx: Tx, policy: Policy, incident: Incident, now_ms: int) -> None:
    """Put it on its ladder, unless a storm speaks for it."""
    route = policy.route(incident.tenant, incident.labels)
    tx.run("UPDATE incident SET ladder = ? WHERE id = ?", route.ladder, incident.id)
    gathered = storm.gather(tx, policy, incident, now_ms)
    if gathered is not None:
        if gathered.begun:
            begin_storm(tx, policy, gathered.storm, route.ladder, now_ms)
            own = own_targets(tx, policy, incident.tenant, incident.labels)
            tell(tx, policy, load(tx, gathered.storm), "page", own, now_ms)
        return
    held = _held(tx, policy, incident, now_ms)
    if held:
        set_timer(tx, "climb", incident.id, now_ms + held)
        return
    _copies(tx, policy, load(tx, incident.id), "page", now_ms)
    climb(tx, policy, incident.id, now_ms)


def begin_storm(tx: Tx, policy: Policy, number: int, ladder: str, now_ms: int) -> None:
    """The storm is an incident of its own, on the ladder of the one that began it."""
    tx.run("UPDATE incident SET ladder = ? WHERE id = ?", ladder, number)
    climb(tx, policy, number, now_ms)
    set_timer(tx, "storm", number, now_ms + int(policy.config.storm.update * 1000))


def climb(tx: Tx, policy: Policy, number: int, now_ms: int) -> None:
    """The next step of its ladder, now; after the last one again, then reminders."""
    incident = load(tx, number)
    if not incident.pages:
        return
    ladder = policy.ladder(incident.ladder)
    if incident.severity not in ladder.severities:
        _mention(tx, policy, incident, now_ms)
        return
    index, around = incident.step, incident.round
    if index >= len(ladder.steps):
        around += 1
        index = 0 if around <= ladder.repeat else len(ladder.steps) - 1
    if not ladder.steps:
        sound(tx, number, now_ms, "its ladder has no steps")
        return
    step = ladder.steps[index]
    over = around > ladder.repeat
    found = reach(tx, policy, step.to, step.by, step.mention, now_ms, avoid=_avoid(incident))
    kind: Kind = "reminder" if around else "page"
    tx.run("UPDATE incident SET step = ?, round = ? WHERE id = ?", index + 1, around, number)
    told = tell(tx, policy, incident, kind, found, now_ms, step=index + 1, reminder=around)
    note(
        tx,
        now_ms,
        "climbed",
        number,
        step=index + 1,
        round=around,
        told=[each.person or each.channel for each in found],
    )
    wait = ladder.remind if over or (index + 1 == len(ladder.steps) and around == ladder.repeat) else step.wait
    if not told and not over:
        # Nobody can be reached by this step: the next one is now, and the board sounds whatever comes.
        sound(tx, number, now_ms, f"step {index + 1} reaches nobody")
        wait = 0 if index + 1 < len(ladder.steps) or around < ladder.repeat else ladder.remind
    if over:
        sound(tx, number, now_ms, "nobody took it on the whole ladder")
    set_timer(tx, "climb", number, now_ms + int(wait * 1000))


def tell(
    tx: Tx,
    policy: Policy,
    incident: Incident,
    kind: Kind,
    addresses: Iterable[Address],
    now_ms: int,
    *,
    step: int = 1,
    reminder: int = 0,
    **extra: Any,
) -> int:
    """Write a message for each address; how many."""
    addresses = list(addresses)
    if not addresses:
        return 0
    row = tx.row("UPDATE incident SET told = told + 1 WHERE id = ? RETURNING told", incident.id)
    assert row is not None  # noqa: S101  it was loaded in this transaction
    if incident.group_key == storm.KEY:
        extra["storm"] = storm.summary(tx, incident.id)
        kind = "storm" if kind in ("page", "reminder") else kind
    for address in addresses:
        message, trouble = compose(
            tx, policy, incident, kind, address, now_ms, told=row[0], step=step, reminder=reminder, extra=extra
        )
        put(tx, policy, message, address, now_ms)
        if trouble:
            note(tx, now_ms, "template failed", incident.id, channel=address.channel, reason=trouble)
            set_timer(tx, "template", address.channel, now_ms)
    return len(addresses)


def told(tx: Tx, policy: Policy, number: int) -> list[Address]:
    """Everyone who was called for it, or may have been: by whom a message was at least attempted."""
    rows = tx.rows(
        "SELECT DISTINCT channel, address, person FROM outbox WHERE incident_id = ? AND kind IN ('page', 'reminder', 'storm')"
        " AND (state = 'sent' OR state = 'sending' OR attempts > 0) ORDER BY channel, address, person",
        number,
    )  # fmt: skip
    found = []
    for channel, address, person in rows:
        speaker = channel_of(tx, policy, channel)
        if speaker is not None and speaker.kind != "phone":
            known = policy.people.get(person)
            language = known.language if known else policy.config.language
            found.append(Address(channel, address, person, language))
    return found


def resolved(tx: Tx, policy: Policy, number: int, now_ms: int) -> None:
    """It is over: stop, and tell everyone who was called. A call by phone is not repeated for good news."""
    for kind in ("climb", "unack", "storm"):
        cancel_timer(tx, kind, number)
    incident = load(tx, number)
    told_now = told(tx, policy, number)
    tell(tx, policy, incident, "resolved", told_now, now_ms)
    cards.settle(tx, policy, incident, "resolved", now_ms)
    if incident.silence_id is None and incident.storm_id is None:
        known = {(each.channel, each.address) for each in told_now}
        _copies(tx, policy, incident, "resolved", now_ms, known)
    if incident.storm_id is not None:
        storm.calm(tx, incident.storm_id, now_ms, lambda: resolved(tx, policy, incident.storm_id or 0, now_ms))


def sound(tx: Tx, number: int, now_ms: int, why: str) -> None:
    """The board sounds for it until a human takes it."""
    if tx.run("UPDATE incident SET loud_ms = ? WHERE id = ? AND loud_ms IS NULL", now_ms, number):
        note(tx, now_ms, "board sounds", number, reason=why)


def _copies(
    tx: Tx, policy: Policy, incident: Incident, kind: Kind, now_ms: int, known: Iterable[tuple[str, str]] = ()
) -> None:
    route = policy.route(incident.tenant, incident.labels)
    found = reach(tx, policy, route.copy_to, (), (), now_ms, avoid=_avoid(incident))
    found += own_targets(tx, policy, incident.tenant, incident.labels)
    tell(tx, policy, incident, kind, [each for each in found if (each.channel, each.address) not in set(known)], now_ms)


def _mention(tx: Tx, policy: Policy, incident: Incident, now_ms: int) -> None:
    """What does not climb is told once to the groups of the first step."""
    steps = policy.ladder(incident.ladder).steps
    if incident.step or not steps:
        return
    groups = [target for target in steps[0].to if target.startswith("channel:")]
    found = reach(tx, policy, groups, (), (), now_ms, avoid=_avoid(incident))
    tx.run("UPDATE incident SET step = 1 WHERE id = ?", incident.id)
    tell(tx, policy, incident, "page", found, now_ms)
    note(tx, now_ms, "told only", incident.id, told=[each.channel for each in found])


def _avoid(incident: Incident) -> tuple[str, ...]:
    """An alert about a channel of ours does not go by that channel."""
    channel = incident.labels.get("kunobs_channel", "")
    return (channel,) if channel else ()


def _held(tx: Tx, policy: Policy, incident: Incident, now_ms: int) -> int:
    """Milliseconds that a flapping one must fire before it pages; 0 to page now. It pages once in `within` whatever it does."""
    config = policy.config.flapping
    since = now_ms - int(config.within * 1000)
    row = tx.row(
        "SELECT count(*) FROM incident WHERE tenant = ? AND group_key = ? AND state = 'resolved' AND opened_ms > ?",
        incident.tenant, incident.group_key, since,
    )  # fmt: skip
    times = 1 + (row[0] if row else 0)
    if times < config.times:
        return 0
    tx.run("UPDATE incident SET flapping = ? WHERE id = ?", times, incident.id)
    told_lately = tx.row(
        "SELECT 1 FROM incident WHERE flapping > 0 AND told > 0"
        " AND (id = ? OR (tenant = ? AND group_key = ? AND state = 'resolved' AND opened_ms > ?)) LIMIT 1",
        incident.id, incident.tenant, incident.group_key, since,
    )  # fmt: skip
    if told_lately is None:
        return 0
    note(tx, now_ms, "held", incident.id, times=times, hold_s=int(config.hold))
    return int(config.hold * 1000)
