"""Every incident that is kept, the newest first, by text, tenant, state, severity and storm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kunobs.noc.decide.incident import Incident, select
from kunobs.noc.store.port import Tx

PAGE = 50
_HIGHEST = 1 << 53
STATES = ("open", "firing", "acked", "silenced", "resolved")
_WHERE = {
    "open": "state <> 'resolved'",
    "firing": "state = 'firing'",
    "acked": "state = 'acked'",
    "silenced": "state <> 'resolved' AND silence_id IS NOT NULL",
    "resolved": "state = 'resolved'",
}


@dataclass(frozen=True)
class Search:
    """What is looked for; empty or 0 for everything. `before` is the number of the last incident of the page before."""

    text: str = ""
    tenant: str = ""
    state: str = ""
    severity: str = ""
    storm: int = 0
    before: int = 0


@dataclass(frozen=True)
class Found:
    """A page; `more` is where the next one begins (`before`), 0 for the last."""

    incidents: Sequence[Incident]
    more: int
    tenants: Sequence[str]


def search(tx: Tx, wanted: Search) -> Found:
    """A page of what fits; a text is part of a title or label, `#12` a number."""
    conditions, values = ["1 = 1"], list[object]()
    number = wanted.text.strip().removeprefix("#")
    if wanted.text.strip().startswith("#") and number.isdecimal() and len(number) < 16:
        conditions.append("id = ?")
        values.append(int(number))
    elif wanted.text.strip():
        conditions.append("(lower(title) LIKE lower(?) ESCAPE '!' OR lower(labels) LIKE lower(?) ESCAPE '!')")
        values += [f"%{_escaped(wanted.text.strip())}%"] * 2
    for condition, value in (
        ("tenant = ?", wanted.tenant),
        ("severity = ?", wanted.severity),
        ("storm_id = ?", min(wanted.storm, _HIGHEST)),
        ("id < ?", min(wanted.before, _HIGHEST)),
    ):
        if value:
            conditions.append(condition)
            values.append(value)
    if wanted.state in _WHERE:
        conditions.append(_WHERE[wanted.state])
    found = select(tx, f"WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?", *values, PAGE + 1)
    more = found[PAGE - 1].id if len(found) > PAGE else 0
    tenants = [row[0] for row in tx.rows("SELECT DISTINCT tenant FROM incident ORDER BY tenant LIMIT 1000")]
    return Found(found[:PAGE], more, tenants)


def _escaped(text: str) -> str:
    for sign in "!%_":
        text = text.replace(sign, f"!{sign}")
    return text
