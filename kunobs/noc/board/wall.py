"""The wall: what is open and by whom it is taken, whom the last messages went to, what happens next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kunobs.noc.board import duty, health
from kunobs.noc.board.events import newest
from kunobs.noc.decide import storm
from kunobs.noc.decide.incident import Incident, select
from kunobs.noc.decide.policy import SEVERITIES, Policy
from kunobs.noc.store.port import Row, Tx

SHOWN = 100
_PAGES = "('page', 'reminder', 'storm')"
Ring = Literal["", "critical", "loud"]
_ORDER = {"ringing": 0, "open": 1, "taken": 2, "silenced": 3}


@dataclass(frozen=True)
class Call:
    """A message to somebody. `state` is waiting, sending, failed, dropped, digested, or how far it came (a receipt)."""

    who: str
    channel: str
    kind: str
    state: str
    trouble: str


@dataclass(frozen=True)
class Card:
    """An open incident. `next_ms` is when its ladder goes on, or when it is open again if somebody has it."""

    incident: Incident
    ring: Ring
    calls: Sequence[Call]
    steps: int
    next_ms: int | None
    alerts: int
    children: tuple[int, int] | None
    silence_ends_ms: int | None

    @property
    def look(self) -> str:
        """ringing, open, taken or silenced."""
        if self.incident.state == "acked":
            return "taken"
        return "silenced" if self.incident.silence_id is not None else "ringing" if self.ring else "open"


@dataclass(frozen=True)
class Wall:
    """`groups` by severity, the worst first; `total` counts those that are not shown too; `seq` is the journal's number."""

    seq: int
    groups: Sequence[tuple[str, Sequence[Card]]]
    total: int
    taken: int
    duties: Sequence[duty.Duty]
    channels: Sequence[health.ChannelHealth]
    hearts: Mapping[str, int]
    last_ms: int | None

    @property
    def cards(self) -> list[Card]:
        """All that are shown, in their order."""
        return [card for _, cards in self.groups for card in cards]

    @property
    def ringing(self) -> list[Card]:
        """Those that nobody has taken and for which the board sounds."""
        return [card for card in self.cards if card.ring]

    @property
    def ring(self) -> Ring:
        """How the board sounds."""
        rings = {card.ring for card in self.cards}
        return "loud" if "loud" in rings else "critical" if "critical" in rings else ""


def ring_of(incident: Incident) -> Ring:
    """Whether the board sounds for it: while people are to be called, and it is critical or nobody else is left to call."""
    if not incident.pages:
        return ""
    return "loud" if incident.loud_ms is not None else "critical" if incident.severity == "critical" else ""


def read_wall(tx: Tx, policy: Policy, now_ms: int) -> Wall:
    """As it is now; incidents of a storm are counted on the storm's card."""
    found = select(
        tx,
        # What the board may sound for comes first, so that it is never among what is not shown.
        "WHERE state <> 'resolved' AND storm_id IS NULL ORDER BY"
        " CASE WHEN state = 'firing' AND silence_id IS NULL THEN 0 ELSE 1 END,"
        " CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, opened_ms, id LIMIT ?",
        SHOWN,
    )
    cards = cards_of(tx, policy, found)
    counts = tx.row(
        "SELECT count(*), sum(CASE WHEN state = 'acked' THEN 1 ELSE 0 END) FROM incident"
        " WHERE state <> 'resolved' AND storm_id IS NULL"
    ) or (0, 0)  # fmt: skip
    groups = [
        (
            severity,
            sorted((card for card in cards if _group(card) == severity), key=lambda card: _ORDER[card.look]),
        )
        for severity in SEVERITIES
    ]
    last = tx.row(
        "SELECT max(resolved_ms) FROM (SELECT resolved_ms FROM incident ORDER BY id DESC LIMIT 200) AS lately"
    )
    return Wall(
        seq=newest(tx),
        groups=[group for group in groups if group[1]],
        total=counts[0],
        taken=counts[1] or 0,
        duties=duty.read_duties(tx, policy, now_ms, turns=1),
        channels=health.read_channels(tx, policy, now_ms),
        hearts=health.count_hearts(tx),
        last_ms=last[0] if last else None,
    )


def _group(card: Card) -> str:
    severity = card.incident.severity
    return severity if severity in SEVERITIES else "info"


def cards_of(tx: Tx, policy: Policy, incidents: Sequence[Incident]) -> list[Card]:
    """What a card shows of each."""
    numbers = [each.id for each in incidents]
    timers = {
        (kind, ref): due_ms
        for kind, ref, due_ms in _among(
            tx, map(str, numbers), "SELECT kind, ref, due_ms FROM timer WHERE kind IN ('climb', 'unack') AND ref IN"
        )
    }
    alerts: dict[int, int] = dict(
        _among(tx, numbers, "SELECT incident_id, count(*) FROM alert WHERE incident_id IN", "GROUP BY incident_id")
    )
    children = {
        number: (int(firing), int(total))
        for number, firing, total in _among(
            tx, (each.id for each in incidents if each.group_key == storm.KEY),
            "SELECT storm_id, sum(CASE WHEN state <> 'resolved' THEN 1 ELSE 0 END), count(*) FROM incident WHERE storm_id IN",
            "GROUP BY storm_id",
        )
    }  # fmt: skip
    held = {each.silence_id for each in incidents if each.silence_id is not None}
    silences: dict[int | None, int] = dict(_among(tx, held, "SELECT id, ends_ms FROM silence WHERE id IN"))
    return [
        Card(
            incident=each,
            ring=ring_of(each),
            calls=last_calls(tx, policy, each.id),
            steps=len(policy.ladder(each.ladder).steps) if each.ladder else 0,
            next_ms=timers.get(("unack" if each.state == "acked" else "climb", str(each.id))),
            alerts=alerts.get(each.id, 0),
            children=children.get(each.id, (0, 0)) if each.group_key == storm.KEY else None,
            silence_ends_ms=silences.get(each.silence_id),
        )
        for each in incidents
    ]


def _among(tx: Tx, values: Iterable[object], sql: str, rest: str = "") -> list[Row]:
    wanted = list(values)
    return tx.rows(f"{sql} ({', '.join('?' * len(wanted))}) {rest}", *wanted) if wanted else []


def last_calls(tx: Tx, policy: Policy, number: int) -> list[Call]:
    """The last time that people were called for it: each message, and how far it came."""
    rows = tx.rows(
        "SELECT message, person, channel, state, receipt, attempts, answer FROM outbox WHERE incident_id = ? AND part = 1"
        f" AND kind IN {_PAGES} ORDER BY id DESC LIMIT 20",
        number,
    )  # fmt: skip
    told = [row[0].split("-")[1:2] for row in rows]
    return [call_of(policy, *row[1:]) for row, each in zip(rows, told, strict=True) if each == told[0]][::-1]


def call_of(policy: Policy, person: str, channel: str, state: str, receipt: str, attempts: int, answer: str) -> Call:
    """A row of the outbox, as people see it."""
    known = policy.people.get(person)
    shown = {"due": "waiting", "sent": receipt or "accepted"}.get(state, state)
    trouble = answer if state in ("failed", "dropped") or (state == "due" and attempts) else ""
    kind = policy.channels[channel].kind if channel in policy.channels else ""
    return Call(known.name if known else person, channel, kind, shown, trouble)
