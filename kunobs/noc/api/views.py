"""An incident as the API shows it: to its own tenant, and without what is the platform's."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.admin.story import lines
from kunobs.noc.api.texts import Moment, maybe, moment
from kunobs.noc.decide.incident import Incident, find
from kunobs.noc.store.port import Tx

_MOST_ALERTS, _MOST_MESSAGES, _MOST_LINES = 200, 500, 500
# Entries of the journal whose text is ours; the others repeat what a provider said, which may be about the platform's people.
_TOLD = frozenset(
    (
        *("opened", "joined", "repeated", "copy", "resolved", "stale", "late", "worse"),
        *("silenced", "gathered", "storm begun", "storm ended", "held"),
        *("climbed", "told only", "sent", "receipt", "digested", "dropped", "no other way"),
        *("taken", "taken already", "given back", "escalated", "closed", "comment", "too late"),
    )
)


class IncidentOut(BaseModel):
    """What people are called for: one alert, or several that belong together."""

    id: int
    state: Literal["firing", "acked", "resolved"]
    severity: str
    title: str
    labels: Mapping[str, str] = Field(description="Those of its first alert.")
    opened_at: Moment
    acked_at: Moment | None
    acked_by: str | None
    resolved_at: Moment | None
    silence: int | None = Field(description="The silence that keeps it from being paged.")
    storm: int | None = Field(description="The incident that speaks for it in an alert storm.")


class AlertOut(BaseModel):
    """One alert of an incident."""

    status: Literal["firing", "resolved"]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    links: list[str]
    starts_at: Moment
    ends_at: Moment | None
    seen_at: Moment = Field(description="When somebody last said something new of it.")
    copies: int = Field(description="How often another sender said the same.")


class MessageOut(BaseModel):
    """One message to one person or group."""

    kind: str = Field(description="page, reminder, taken, resolved, digest or storm.")
    channel: str
    person: str = Field(description="Empty for a group.")
    state: str = Field(description="due, sending, sent, failed, dropped or digested.")
    receipt: str = Field(
        description="How far it is known to have come: accepted, delivered, read, acted; empty for not yet."
    )
    attempts: int
    created_at: Moment
    done_at: Moment | None


class LineOut(BaseModel):
    """One thing that happened."""

    at: Moment
    kind: str
    text: str


class WholeIncident(IncidentOut):
    """An incident with all that is known of it; the newest where there is too much."""

    alerts: list[AlertOut]
    messages: list[MessageOut]
    story: list[LineOut]


def own_incident(tx: Tx, tenant: str, number: int) -> Incident:
    """Raises Refusal 404 where there is none, or it is another tenant's."""
    incident = find(tx, number)
    if incident is None or incident.tenant != tenant:
        raise Refusal(404, f"there is no incident {number}", hint="GET /v1/incidents lists them")
    return incident


def brief(incident: Incident) -> IncidentOut:
    """What a list shows of it."""
    return IncidentOut(**_values(incident))


def _values(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "state": incident.state,
        "severity": incident.severity,
        "title": incident.title,
        "labels": incident.labels,
        "opened_at": moment(incident.opened_ms),
        "acked_at": maybe(incident.acked_ms),
        "acked_by": incident.acked_by,
        "resolved_at": maybe(incident.resolved_ms),
        "silence": incident.silence_id,
        "storm": incident.storm_id,
    }


def whole(tx: Tx, tenant: str, number: int) -> WholeIncident:
    """Everything that is known of it. Raises Refusal 404."""
    incident = own_incident(tx, tenant, number)
    alerts = tx.rows(
        "SELECT status, labels, annotations, links, starts_ms, ends_ms, seen_ms, copies FROM alert"
        " WHERE incident_id = ? ORDER BY id DESC LIMIT ?",
        number, _MOST_ALERTS,
    )  # fmt: skip
    messages = tx.rows(
        "SELECT kind, channel, person, state, receipt, attempts, created_ms, done_ms FROM outbox"
        " WHERE incident_id = ? AND part = 1 ORDER BY id DESC LIMIT ?",
        number, _MOST_MESSAGES,
    )  # fmt: skip
    told = deque((line for line in lines(tx, number) if line.kind in _TOLD), maxlen=_MOST_LINES)
    return WholeIncident(
        **_values(incident),
        alerts=[
            AlertOut(
                status=status,
                labels=msgspec.json.decode(labels),
                annotations=msgspec.json.decode(annotations),
                links=msgspec.json.decode(links),
                starts_at=moment(starts_ms),
                ends_at=maybe(ends_ms),
                seen_at=moment(seen_ms),
                copies=copies,
            )
            for status, labels, annotations, links, starts_ms, ends_ms, seen_ms, copies in alerts[::-1]
        ],
        messages=[
            MessageOut(
                kind=kind,
                channel=channel,
                person=person,
                state=state,
                receipt=receipt,
                attempts=attempts,
                created_at=moment(created_ms),
                done_at=maybe(done_ms),
            )
            for kind, channel, person, state, receipt, attempts, created_ms, done_ms in messages[::-1]
        ],
        story=[LineOut(at=moment(line.at_ms), kind=line.kind, text=line.text) for line in told],
    )
