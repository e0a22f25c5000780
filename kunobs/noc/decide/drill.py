"""A fire drill: a test page to every person by every way, asking for an answer, and who answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.decide import paging
from kunobs.noc.decide.incident import load
from kunobs.noc.decide.policy import Policy
from kunobs.noc.decide.reach import Address
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx

KEY = "drill"


@dataclass(frozen=True)
class Answer:
    """One way to one person, and how far the test page came: waiting, failed, accepted, delivered, read or acted."""

    person: str
    channel: str
    state: str
    detail: str


def drill(tx: Tx, policy: Policy, people: Collection[str], now_ms: int) -> int:
    """Page these, or everybody and every group; the drill's incident, which pages nobody else. Raises Refusal."""
    unknown = sorted(set(people) - set(policy.people))
    if unknown:
        raise Refusal(404, f"there is no person {unknown[0]!r}", hint=f"one of {', '.join(policy.people)}")
    row = tx.row(
        # It is over from the beginning: nobody is to be called by a ladder for it.
        "INSERT INTO incident (tenant, group_key, state, severity, title, labels, opened_ms, resolved_ms)"
        " VALUES (?, ?, 'resolved', 'info', 'drill', '{\"alertname\":\"KunobsDrill\"}', ?, ?) RETURNING id",
        policy.config.tenant, KEY, now_ms, now_ms,
    )  # fmt: skip
    assert row is not None  # noqa: S101  RETURNING returns it
    number = int(row[0])
    addresses = [
        Address(channel, address, person.key, person.language)
        for person in policy.people.values()
        if not people or person.key in people
        for channel, address in person.addresses.items()
    ]
    if not people:
        groups = [name for name, channel in policy.channels.items() if channel.kind in ("wecom_robot", "webhook")]
        addresses += [Address(name, "", "", policy.config.language) for name in groups]
    note(tx, now_ms, "drill", number, people=sorted(people))
    paging.tell(tx, policy, load(tx, number), "drill", addresses, now_ms)
    return number


def report(tx: Tx, number: int) -> list[Answer]:
    """How far each test page came."""
    rows = tx.rows(
        "SELECT person, channel, state, receipt, answer FROM outbox WHERE incident_id = ? AND kind = 'drill' AND part = 1"
        " ORDER BY person, channel",
        number,
    )  # fmt: skip
    return [
        Answer(person, channel, receipt if state == "sent" else "failed" if state == "failed" else "waiting", answer)
        for person, channel, state, receipt, answer in rows
    ]
