"""An incident as the store has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import msgspec

from kunobs.noc.store.port import Tx


@dataclass(frozen=True)
class Incident:
    """A row. `severity` is critical, warning or info; `step`, `round` and `told` say where it stands on its ladder."""

    id: int
    tenant: str
    group_key: str
    state: str
    severity: str
    title: str
    opened_ms: int
    labels_json: str
    acked_ms: int | None
    acked_by: str | None
    resolved_ms: int | None
    ladder: str
    step: int
    round: int
    told: int
    silence_id: int | None
    storm_id: int | None
    flapping: int
    loud_ms: int | None
    truncated: int

    @property
    def labels(self) -> Mapping[str, str]:
        """Those of its first alert."""
        found: Mapping[str, str] = msgspec.json.decode(self.labels_json)
        return found

    @property
    def open(self) -> bool:
        """Whether anything of it fires."""
        return self.state != "resolved"

    @property
    def pages(self) -> bool:
        """Whether people are to be called for it now."""
        return self.state == "firing" and self.silence_id is None and self.storm_id is None


_COLUMNS = ", ".join("labels" if field.name == "labels_json" else field.name for field in fields(Incident))
_BY_ID = f"SELECT {_COLUMNS} FROM incident WHERE id = ?"


def find(tx: Tx, number: int) -> Incident | None:
    """The incident, None where there is none."""
    row = tx.row(_BY_ID, number)
    return Incident(*row) if row else None


def load(tx: Tx, number: int) -> Incident:
    """The incident; ValueError where there is none."""
    found = find(tx, number)
    if found is None:
        raise ValueError(f"there is no incident {number}")
    return found


def select(tx: Tx, where: str, *parameters: object) -> list[Incident]:
    """All that meet a condition of our own making; its values are parameters."""
    return [Incident(*row) for row in tx.rows(f"SELECT {_COLUMNS} FROM incident {where}", *parameters)]
