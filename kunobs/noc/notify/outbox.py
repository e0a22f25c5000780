"""Messages on their way: written with the decision that wants them, claimed under a lease, and done when that is on disk.

due ──claim──> sending ──record──> sent | failed | dropped
 ^                │ lease ran out, or Retry
 └────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kunobs.noc.decide.own import PREFIX, channel_of
from kunobs.noc.notify.contract import Frozen, Kind, Message
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Row, Tx

if TYPE_CHECKING:
    from kunobs.noc.decide.incident import Incident
    from kunobs.noc.decide.policy import Policy
    from kunobs.noc.decide.reach import Address

# The text that follows all that begin with the prefix.
_AFTER = PREFIX[:-1] + chr(ord(PREFIX[-1]) + 1)
PAGES = ("page", "reminder", "storm")
_COLUMNS = (
    "id, message, part, incident_id, tenant, kind, critical, step, reminder, person, channel, address, title, body, attempts,"
    " spilled, created_ms, state"
)


@dataclass(frozen=True)
class Job:
    """A claimed row: one request to be made."""

    id: int
    message: str
    part: int
    incident: int | None
    tenant: str
    kind: Kind
    critical: bool
    step: int
    reminder: int
    person: str
    channel: str
    address: str
    title: str
    body: bytes
    attempts: int
    spilled: bool
    created_ms: int
    state: str

    @property
    def frozen(self) -> Frozen:
        """What the channel is given."""
        return Frozen(f"{self.message}-{self.part}", self.address, self.body)


def put(tx: Tx, policy: Policy, message: Message, address: Address, now_ms: int, *, spilled: bool = False) -> bool:
    """Freeze a message and store it; False where the same one is there already."""
    channel = channel_of(tx, policy, address.channel)
    bodies = channel.pack(message, address.address) if channel is not None else []
    fresh = 0
    for number, body in enumerate(bodies, start=1):
        fresh += tx.run(
            "INSERT INTO outbox (message, part, incident_id, tenant, kind, critical, step, reminder, person, channel, address, title,"
            " body, state, due_ms, created_ms, attempts, spilled, provider_id, handle, receipt, answer)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'due', ?, ?, 0, ?, '', '', '', '') ON CONFLICT (message, part) DO NOTHING",
            message.key, number, message.incident or None, message.tenant, message.kind, int(message.severity == "critical"),
            message.step, message.reminder, address.person, address.channel, address.address, message.title, body, now_ms, now_ms,
            int(spilled),
        )  # fmt: skip
    policy.stirred.add(address.channel)
    return fresh > 0


def put_body(
    tx: Tx,
    policy: Policy,
    incident: Incident,
    key: str,
    channel: str,
    person: str,
    address: str,
    body: bytes,
    now_ms: int,
) -> None:
    """A request that is no message of its own: it changes one that was sent."""
    tx.run(
        "INSERT INTO outbox (message, part, incident_id, tenant, kind, critical, step, reminder, person, channel, address, title, body,"
        " state, due_ms, created_ms, attempts, spilled, provider_id, handle, receipt, answer)"
        " VALUES (?, 1, ?, ?, 'taken', 0, 0, 0, ?, ?, ?, ?, ?, 'due', ?, ?, 0, 1, '', '', '', '') ON CONFLICT (message, part) DO NOTHING",
        key, incident.id, incident.tenant, person, channel, address, incident.title, body, now_ms, now_ms,
    )  # fmt: skip
    policy.stirred.add(channel)


def waiting(tx: Tx, channel: str, now_ms: int, limit: int) -> list[Job]:
    """Rows of a channel that may be sent now, critical ones first; a part waits for the parts before it."""
    return [
        _job(row)
        for row in tx.rows(
            f"SELECT {_COLUMNS} FROM outbox o WHERE channel = ? AND state IN ('due', 'sending') AND due_ms <= ?"
            " AND (part = 1 OR NOT EXISTS (SELECT 1 FROM outbox b WHERE b.message = o.message AND b.part < o.part"
            " AND b.state IN ('due', 'sending'))) ORDER BY critical DESC, id LIMIT ?",
            channel, now_ms, limit,
        )
    ]  # fmt: skip


def lease(tx: Tx, job: Job, until_ms: int) -> None:
    """It is being sent; when nothing is recorded until then it is due again."""
    tx.run("UPDATE outbox SET state = 'sending', due_ms = ?, attempts = attempts + 1 WHERE id = ?", until_ms, job.id)


def postpone(tx: Tx, job: Job, until_ms: int, answer: str) -> None:
    """Not yet."""
    tx.run("UPDATE outbox SET state = 'due', due_ms = ?, answer = ? WHERE id = ?", until_ms, answer, job.id)


def finish(tx: Tx, job: Job, state: str, now_ms: int, answer: str) -> None:
    """It is over without having been sent: `failed`, `dropped` or `digested`; later parts of it too."""
    tx.run(
        "UPDATE outbox SET state = ?, done_ms = ?, answer = ? WHERE message = ? AND part >= ? AND state IN ('due', 'sending')",
        state, now_ms, answer, job.message, job.part,
    )  # fmt: skip
    note(tx, now_ms, state, job.incident, message=job.frozen.key, channel=job.channel, person=job.person, reason=answer)


def obsolete(tx: Tx, job: Job) -> str:
    """Why it need not be sent any more, empty when it must be."""
    if job.incident is None:
        return ""
    row = tx.row("SELECT state, silence_id, storm_id FROM incident WHERE id = ?", job.incident)
    if row is None:
        return "the incident is gone"
    if job.kind in PAGES:
        if row[0] != "firing":
            return f"the incident is {row[0]}"
        if row[1] is not None:
            return "the incident is silenced"
    return ""


def by_key(tx: Tx, channel: str, key: str) -> Job | None:
    """The row that a message's key, or a request's, means; its first part where the key is the message's."""
    message, _, part = key.rpartition("-")
    where = f"SELECT {_COLUMNS} FROM outbox WHERE channel = ? AND message = ? AND part = ?"
    row = tx.row(where, channel, key, 1) or (tx.row(where, channel, message, int(part)) if _is_number(part) else None)
    return _job(row) if row else None


def by_provider_id(tx: Tx, channel: str, provider_id: str) -> Job | None:
    """The row that the provider gave this name; the last of several."""
    row = tx.row(
        f"SELECT {_COLUMNS} FROM outbox WHERE channel = ? AND provider_id = ? AND provider_id <> '' ORDER BY id DESC LIMIT 1",
        channel, provider_id,
    )  # fmt: skip
    return _job(row) if row else None


def next_due(tx: Tx, channel: str = "") -> int | None:
    """When the next row, of a channel or of any, is due; None where nothing waits."""
    where = "state IN ('due', 'sending')"
    row = (
        tx.row(f"SELECT min(due_ms) FROM outbox WHERE channel = ? AND {where}", channel)
        if channel
        else tx.row(f"SELECT min(due_ms) FROM outbox WHERE {where}")
    )
    return row[0] if row else None


def own_due(tx: Tx, now_ms: int, limit: int) -> list[str]:
    """Tenants' own channels for which something is due, the longest first."""
    rows = tx.rows(
        "SELECT channel, min(due_ms) FROM outbox WHERE channel >= ? AND channel < ? AND state IN ('due', 'sending') AND due_ms <= ?"
        " GROUP BY channel ORDER BY min(due_ms) LIMIT ?",
        PREFIX, _AFTER, now_ms, limit,
    )  # fmt: skip
    return [row[0] for row in rows]


def next_own_due(tx: Tx) -> int | None:
    """When the next row of any tenant's own channel is due."""
    row = tx.row(
        "SELECT min(due_ms) FROM outbox WHERE channel >= ? AND channel < ? AND state IN ('due', 'sending')",
        PREFIX,
        _AFTER,
    )
    return row[0] if row else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _job(row: Row) -> Job:
    values = list(row)
    values[6], values[15] = bool(values[6]), bool(values[15])
    return Job(*values)
