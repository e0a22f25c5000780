"""Messages that wait for a provider's limit -> one message that lists them, so that waiting does not grow without end."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from kunobs.noc.decide.reach import Address
from kunobs.noc.notify import outbox
from kunobs.noc.notify.contract import Message
from kunobs.noc.notify.outbox import Job
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx

if TYPE_CHECKING:
    from kunobs.noc.decide.policy import Policy

OVER = "over the provider's limit"
# Fewer are sent one after the other.
_AT_LEAST = 3
_ENTRIES = 200
_SIGN = {"page": "!", "reminder": "!", "storm": "!", "resolved": "=", "taken": ">"}


def gather(tx: Tx, policy: Policy, job: Job, free_at: int, now_ms: int) -> None:
    """Put everything that waits for the same address, and is not critical, into one message that is due at `free_at`."""
    rows = tx.rows(
        "SELECT id, message, incident_id, kind, title FROM outbox WHERE channel = ? AND address = ? AND state = 'due' AND critical = 0"
        " AND part = 1 AND attempts = 0 AND kind NOT IN ('digest', 'drill') AND answer = ? ORDER BY id LIMIT ?",
        job.channel, job.address, OVER, _ENTRIES,
    )  # fmt: skip
    if len(rows) < _AT_LEAST:
        return
    entries = [f"{_SIGN.get(kind, '-')} #{incident} {title}" for _, _, incident, kind, title in rows]
    key = "d-" + blake2b("\n".join(row[1] for row in rows).encode(), digest_size=12).hexdigest()
    person = policy.people.get(job.person)
    language = person.language if person else policy.config.language
    address = Address(job.channel, job.address, job.person, language)
    head = f"{len(entries)} messages" if language == "en" else f"{len(entries)} 条消息"
    values = {"kind": "digest", "incident": {"title": head}, "entries": entries, "b": str}
    title, text = policy.templates.render(job.tenant, job.channel, "digest", language, values, lambda _: None)
    message = Message(
        key=key, kind="digest", tenant=job.tenant, incident=0, severity="warning", title=title, text=text, language=language,
        detail_url=policy.links.board(),
    )  # fmt: skip
    if not outbox.put(tx, policy, message, address, now_ms):
        return
    tx.run("UPDATE outbox SET due_ms = ? WHERE message = ?", free_at, key)
    for _, listed, incident, _, _ in rows:
        tx.run(
            "UPDATE outbox SET state = 'digested', done_ms = ?, answer = ? WHERE message = ? AND state = 'due'",
            now_ms, f"in {key}", listed,
        )  # fmt: skip
        note(tx, now_ms, "digested", incident, message=listed, channel=job.channel, into=key)
