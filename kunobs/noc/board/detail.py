"""One incident with all that is known of it: its alerts, every message and how far it came, its story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from kunobs.noc.board import story
from kunobs.noc.board.wall import Call, Card, call_of, cards_of
from kunobs.noc.decide.incident import find
from kunobs.noc.decide.policy import Policy
from kunobs.noc.store.port import Tx

_ALERTS, _MESSAGES = 50, 200


@dataclass(frozen=True)
class AlertView:
    """An alert of the incident; `links` are as they came."""

    status: str
    sender: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    links: Sequence[str]
    starts_ms: int
    ends_ms: int | None
    copies: int


@dataclass(frozen=True)
class Sent:
    """A message of the incident. `receipt_ms` is when it was heard of last, `answer` the provider's word."""

    kind: str
    step: int
    call: Call
    address: str
    created_ms: int
    receipt_ms: int | None
    attempts: int
    answer: str


@dataclass(frozen=True)
class Detail:
    """An incident's page; `more_alerts` and `more_messages` are not shown."""

    card: Card
    alerts: Sequence[AlertView]
    more_alerts: int
    messages: Sequence[Sent]
    more_messages: int
    story: story.Story


def read_detail(tx: Tx, policy: Policy, number: int) -> Detail | None:
    """None where there is no such incident."""
    incident = find(tx, number)
    if incident is None:
        return None
    card = cards_of(tx, policy, [incident])[0]
    messages = tx.rows(
        "SELECT kind, step, person, channel, state, receipt, attempts, answer, address, created_ms, receipt_ms, done_ms FROM outbox"
        " WHERE incident_id = ? AND part = 1 ORDER BY id DESC LIMIT ?",
        number, _MESSAGES,
    )  # fmt: skip
    total = tx.row("SELECT count(*) FROM outbox WHERE incident_id = ? AND part = 1", number) or (0,)
    alerts = _alerts(tx, number)
    return Detail(
        card,
        alerts,
        max(0, card.alerts - len(alerts)) + incident.truncated,
        [
            Sent(
                kind, step, call_of(policy, person, channel, state, receipt, attempts, answer), _hidden(address),
                created_ms, receipt_ms or done_ms, attempts, answer,
            )
            for kind, step, person, channel, state, receipt, attempts, answer, address, created_ms, receipt_ms, done_ms in messages
        ],
        total[0] - len(messages),
        story.read_story(tx, policy, number),
    )  # fmt: skip


def _alerts(tx: Tx, number: int) -> list[AlertView]:
    rows = tx.rows(
        "SELECT status, sender, labels, annotations, links, starts_ms, ends_ms, copies FROM alert WHERE incident_id = ?"
        " ORDER BY status, id LIMIT ?",
        number, _ALERTS,
    )  # fmt: skip
    decode = msgspec.json.decode
    return [
        AlertView(status, sender, decode(labels), decode(annotations), decode(links), starts_ms, ends_ms, copies)
        for status, sender, labels, annotations, links, starts_ms, ends_ms, copies in rows
    ]


def _hidden(address: str) -> str:
    """Enough of a phone number to know it by; the board hangs on a wall."""
    return f"{address[:3]}…{address[-4:]}" if address.startswith("+") and len(address) > 8 else address
