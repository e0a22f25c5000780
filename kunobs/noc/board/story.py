"""An incident's entries of the journal as people read them, each with what proves it: its number and whether its seal fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from kunobs.noc.decide.policy import Policy
from kunobs.noc.store.journal import seal
from kunobs.noc.store.port import Tx

_SHOWN = 300
# What senders repeat for hours; it is counted.
_AGAIN = "('repeated', 'copy')"


@dataclass(frozen=True)
class Entry:
    """`proof` is sealed, broken, or unknown where the entry before it was pruned; `data` has only texts and numbers."""

    seq: int
    at_ms: int
    kind: str
    data: Mapping[str, Any]
    proof: str
    hash: str

    @property
    def who(self) -> str:
        """The person of it, empty where the relay did it."""
        return str(self.data.get("by", ""))


@dataclass(frozen=True)
class Story:
    """The newest entry first; `more` older ones are not shown, `again` counts repetitions by senders."""

    entries: Sequence[Entry]
    more: int
    again: int


def read_story(tx: Tx, policy: Policy, number: int) -> Story:
    """The story of an incident."""
    rows = tx.rows(
        "SELECT j.seq, j.at_ms, j.kind, j.incident_id, j.inbox_id, j.data, j.hash, p.hash FROM journal j"
        " LEFT JOIN journal p ON p.seq = j.seq - 1"
        f" WHERE j.incident_id = ? AND j.kind NOT IN {_AGAIN} ORDER BY j.seq DESC LIMIT ?",
        number, _SHOWN,
    )  # fmt: skip
    counts = tx.row(
        f"SELECT count(*), sum(CASE WHEN kind IN {_AGAIN} THEN 1 ELSE 0 END) FROM journal WHERE incident_id = ?", number
    ) or (0, 0)
    again = int(counts[1] or 0)
    return Story([_entry(policy, *row) for row in rows], counts[0] - again - len(rows), again)


def _entry(
    policy: Policy,
    seq: int,
    at_ms: int,
    kind: str,
    incident_id: int | None,
    inbox_id: int | None,
    data: str,
    found: bytes,
    before: bytes | None,
) -> Entry:
    if before is None and seq != 1:
        proof = "unknown"
    else:
        fits = bytes(found) == seal(bytes(before or b""), seq, at_ms, kind, incident_id, inbox_id, data.encode())
        proof = "sealed" if fits else "broken"
    values = {name: _shown(policy, name, value) for name, value in msgspec.json.decode(data).items()}
    return Entry(seq, at_ms, kind, values, proof, bytes(found).hex()[:12])


def _shown(policy: Policy, name: str, value: Any) -> str | int:
    if isinstance(value, list):
        return ", ".join(dict.fromkeys(str(_shown(policy, name, each)) for each in value))
    if name in ("person", "told") and value in policy.people:
        return policy.people[value].name
    return value if isinstance(value, int) and not isinstance(value, bool) else str(value)
