"""What happened to an incident, as people read it: who posted what when, which copy was dropped and why, each attempt, who took it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec

from kunobs.noc.decide.incident import Incident, find
from kunobs.noc.store.journal import first_broken
from kunobs.noc.store.port import Tx


@dataclass(frozen=True)
class Line:
    """One entry of the journal. `kind` is the journal's word, `text` what it means."""

    at_ms: int
    kind: str
    text: str


def lines(tx: Tx, number: int) -> Iterator[Line]:
    """All of an incident, oldest first."""
    for at_ms, kind, data in tx.rows(
        "SELECT at_ms, kind, data FROM journal WHERE incident_id = ? ORDER BY seq", number
    ):
        values: dict[str, Any] = msgspec.json.decode(data)
        say = _WORDS.get(kind)
        yield Line(at_ms, kind, say(values) if say else f"{kind} {_plain(values)}")


def story(tx: Tx, number: int, zone: tzinfo = UTC) -> str | None:
    """The whole text, with what the seal of the journal says; None where there is no such incident."""
    incident = find(tx, number)
    told = list(lines(tx, number))
    if incident is None and not told:
        return None
    head = _head(incident, zone) if incident else [f"incident {number} (its data is past the retention)"]
    body = [f"{_time(line.at_ms, zone)}  {line.text}" for line in told]
    return "\n".join([*head, "", *body, "", *_summary(tx, number), _seal(tx)])


def _head(incident: Incident, zone: tzinfo) -> list[str]:
    state = incident.state
    if incident.state == "acked":
        state = f"taken by {incident.acked_by}"
    labels = ", ".join(f"{name}={value}" for name, value in sorted(incident.labels.items()))
    return [
        f"incident {incident.id}: {incident.title}",
        f"{incident.severity}, tenant {incident.tenant}, {state}, opened {_time(incident.opened_ms, zone)}",
        labels,
    ]


def _summary(tx: Tx, number: int) -> list[str]:
    rows = tx.rows(
        "SELECT channel, person, state, receipt, sum(attempts), count(*) FROM outbox WHERE incident_id = ?"
        " GROUP BY channel, person, state, receipt ORDER BY channel, person, state",
        number,
    )  # fmt: skip
    return [
        f"{channel:<12} {person or 'the group':<12} {state}{f' ({receipt})' if receipt else ''}: {count} in {attempts} attempts"
        for channel, person, state, receipt, attempts, count in rows
    ]


def _seal(tx: Tx) -> str:
    broken = first_broken(tx)
    return (
        "journal: every entry fits to the one before" if broken is None else f"journal: BROKEN from entry {broken} on"
    )


def _time(at_ms: int, zone: tzinfo) -> str:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{at_ms % 1000:03d}"


def _plain(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _from(values: Mapping[str, Any]) -> str:
    return values.get("sender") or "somebody without a name"


def _who(values: Mapping[str, Any]) -> str:
    person = values.get("person")
    return f"{person} by {values['channel']}" if person else str(values["channel"])


def _attempt(values: Mapping[str, Any]) -> str:
    text = f"attempt {values['attempt']} to reach {_who(values)}: accepted"
    if values.get("provider_id"):
        text += f", the provider calls it {values['provider_id']}"
    return text + (f"; refused: {values['refused']}" if values.get("refused") else "")


def _failed(values: Mapping[str, Any]) -> str:
    perhaps = "; it may have arrived" if values.get("perhaps_sent") else ""
    return f"attempt {values['attempt']} to reach {_who(values)} failed: {values['reason']}{perhaps}"


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "opened": lambda v: f"{_from(v)} posted it: opened",
    "joined": lambda v: f"{_from(v)} posted one more alert of it",
    "repeated": lambda v: f"{_from(v)} posted it again: nothing new",
    "copy": lambda v: f"{_from(v)} posted the same, which another had posted before: dropped as a copy",
    "resolved": lambda v: f"{_from(v)} posted that it ended",
    "stale": lambda v: f"{_from(v)} posted a firing that is older than its end: overtaken, unless nobody tells its end",
    "still fires": lambda v: (
        f"it was said again that it fires, and nobody said that it ended: opened anew, after incident {v['before']}"
    ),
    "late": lambda v: f"{_from(v)} posted the end of an earlier firing: dropped",
    "silenced": lambda v: f"silence {v['silence']} covers it: nobody is called",
    "gathered": lambda v: f"it is one of a storm: incident {v['storm']} speaks for it",
    "storm begun": lambda v: "too many incidents at once: a storm, told as one",
    "storm ended": lambda v: "the last incident of the storm ended",
    "held": lambda v: f"it flaps ({v['times']} times): called only if it stays for {v['hold_s']} s",
    "climbed": lambda v: f"step {v['step']}, round {v['round'] + 1}: {', '.join(v['told']) or 'nobody can be reached'}",
    "told only": lambda v: f"its severity climbs no ladder: told to {', '.join(v['told']) or 'nobody'}",
    "sent": _attempt,
    "failed once": _failed,
    "failed": lambda v: f"given up to reach {_who(v)}: {v['reason']}",
    "dropped": lambda v: f"not sent to {_who(v)}: {v['reason']}",
    "digested": lambda v: f"sent with others in one message by {v['channel']}",
    "another way": lambda v: (
        f"{v['person'] or 'the group'} is called by {v['channel']} instead of {v['instead_of']}: {v['reason']}"
    ),
    "no other way": lambda v: f"there is no other way to {_who(v)}: the next step is now",
    "token refreshed": lambda v: f"the access token of {v['channel']} was refused; a new one is fetched",
    "receipt": lambda v: f"{_who(v)}: {v['receipt']}",
    "not delivered": lambda v: f"{v['channel']} reports that it was not delivered: {v['reason']}",
    "board sounds": lambda v: f"the board sounds: {v['reason']}",
    "taken": lambda v: f"{v['by']} takes it, by {v['via']}",
    "taken already": lambda v: f"{v['by']} wanted to take it, but {v['has']} has it",
    "given back": lambda v: f"{v['by']} gives it back ({v['via']}): from the first step again",
    "escalated": lambda v: f"{v['by']} wants help ({v['via']}): the next step now",
    "closed": lambda v: f"{v['by']} closes it, by {v['via']}",
    "comment": lambda v: f"{v['by']}: {v['text']}",
    "too late": lambda v: f"{v['by']} wanted to {v['action']} it ({v['via']}), but it was over",
    "worse": lambda v: f"worse: {v['severity']} instead of {v['before']}, from the first step again",
    "template failed": lambda v: f"the template for {v['channel']} failed, the plain form is sent: {v['reason']}",
    "drill": lambda v: "a drill",
    "drill answered": lambda v: f"{v['by']} answers the drill, by {v['via']}",
}
