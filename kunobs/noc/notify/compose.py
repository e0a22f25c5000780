"""An incident -> what one person is told, in that person's language, time zone and channel's markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from kunobs.noc.decide.incident import Incident
from kunobs.noc.decide.own import channel_of
from kunobs.noc.notify.contract import Kind, Language, Message
from kunobs.noc.store.port import Tx

if TYPE_CHECKING:
    from kunobs.noc.decide.policy import Policy
    from kunobs.noc.decide.reach import Address

_SHOWN_ALERTS = 10
_SHOWN_LABELS = 12
# What an alert may say of itself in a message; the board shows the whole.
_LONGEST_TEXT, _LONGEST_VALUE = 4000, 200
_HIDDEN_LABELS = ("alertname", "severity")
SEVERITY_ZH = {"critical": "严重", "warning": "警告", "info": "提示"}


def message_key(incident: int, told: int, channel: str, address: str) -> str:
    """The same for ever: which telling of which incident, to whom, by what."""
    digest = blake2b(f"{channel}\0{address}".encode(), digest_size=6).hexdigest()
    return f"{incident}-{told}-{digest}"


def compose(
    tx: Tx,
    policy: Policy,
    incident: Incident,
    kind: Kind,
    address: Address,
    now_ms: int,
    *,
    told: int,
    step: int = 1,
    reminder: int = 0,
    extra: Mapping[str, Any] = {},
) -> tuple[Message, str]:
    """The message, and why the template of the configuration could not be used (empty when it could)."""
    channel = channel_of(tx, policy, address.channel)
    if channel is None:
        raise ValueError(f"there is no channel {address.channel}")
    person = policy.people.get(address.person)
    values = values_of(tx, policy, incident, kind, address, now_ms, channel.markup) | dict(extra)
    trouble: list[str] = []
    title, text = policy.templates.render(
        incident.tenant, address.channel, kind, address.language, values, trouble.append
    )
    pages = kind in ("page", "reminder", "storm", "drill")
    message = Message(
        key=message_key(incident.id, told, address.channel, address.address),
        kind=kind,
        tenant=incident.tenant,
        incident=incident.id,
        severity=incident.severity,
        title=title,
        text=text,
        step=step,
        reminder=reminder,
        language=address.language,
        ack_url=policy.links.ack(incident.id, person.key if person else "", now_ms) if pages else "",
        detail_url=policy.links.detail(incident.id),
        mention=address.mention if pages else (),
    )
    return message, "".join(trouble)


def values_of(
    tx: Tx, policy: Policy, incident: Incident, kind: Kind, address: Address, now_ms: int, markup: str
) -> dict[str, Any]:
    """What a template is given."""
    person = policy.people.get(address.person)
    zone = person.zone if person else policy.zone
    ends_ms = incident.resolved_ms or now_ms
    rows = tx.rows(
        "SELECT labels, annotations, links, status FROM alert WHERE incident_id = ? ORDER BY status, id LIMIT ?",
        incident.id, _SHOWN_ALERTS,
    )  # fmt: skip
    count = len(rows)
    if count == _SHOWN_ALERTS:
        count = (tx.row("SELECT count(*) FROM alert WHERE incident_id = ?", incident.id) or (count,))[0]
    return {
        "kind": kind,
        "incident": {
            "id": incident.id,
            "title": incident.title,
            "tenant": incident.tenant,
            "severity": incident.severity,
            "flapping": incident.flapping,
            "labels": dict(incident.labels),
        },
        "severity_zh": SEVERITY_ZH.get(incident.severity, incident.severity),
        "alerts": [_alert(row, address.language) for row in rows],
        "more": count - len(rows) + incident.truncated,
        "opened": moment(incident.opened_ms, zone),
        "duration": duration(ends_ms - incident.opened_ms, address.language),
        "person": person.name if person else "",
        "by": incident.acked_by or "",
        "b": _bold if markup == "markdown" else str,
        "storm": {"total": 0, "firing": 0, "groups": [], "rest": 0},
        "entries": [],
    }


def _alert(row: Sequence[str], language: Language) -> dict[str, Any]:
    labels: dict[str, str] = msgspec.json.decode(row[0])
    annotations: dict[str, str] = msgspec.json.decode(row[1])
    shown = {name: value for name, value in labels.items() if name not in _HIDDEN_LABELS}
    return {
        "labels": {name: _cut(value, _LONGEST_VALUE) for name, value in list(shown.items())[:_SHOWN_LABELS]},
        "annotations": {name: _cut(value, _LONGEST_TEXT) for name, value in annotations.items()},
        "links": [link for link in msgspec.json.decode(row[2])[:3] if len(link) <= _LONGEST_TEXT],
        "status": row[3],
        "text": _cut(_told(annotations, language), _LONGEST_TEXT),
    }


def _told(annotations: Mapping[str, str], language: Language) -> str:
    """What the rule says to people of this language; rules may have words in several, `description_zh` beside `description`."""
    names = (f"description_{language}", "description", f"summary_{language}", "summary")
    return next((annotations[name] for name in names if annotations.get(name)), "")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _bold(text: object) -> str:
    return f"**{text}**"


def moment(at_ms: int, zone: Any) -> str:
    """`11-24 21:05` in the person's zone."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).strftime("%m-%d %H:%M")


_UNITS = {"zh": ("天", "小时", "分钟", "秒"), "en": (" d", " h", " min", " s")}


def duration(milliseconds: int, language: Language) -> str:
    """The two largest units: `3 h 12 min`, `3小时12分钟`."""
    left = max(0, milliseconds // 1000)
    parts: list[str] = []
    for name, size in zip(_UNITS[language], (86400, 3600, 60, 1), strict=True):
        count, left = divmod(left, size)
        if count and len(parts) < 2:
            parts.append(f"{count}{name}")
    return (" " if language == "en" else "").join(parts) or f"0{_UNITS[language][3]}"
