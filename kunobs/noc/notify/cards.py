"""Cards with buttons, once somebody has answered: the buttons give way to who has it, as the provider allows once for each card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kunobs.noc.decide.own import channel_of
from kunobs.noc.notify import outbox
from kunobs.noc.notify.compose import message_key
from kunobs.noc.store.port import Tx

if TYPE_CHECKING:
    from kunobs.noc.decide.incident import Incident
    from kunobs.noc.decide.policy import Policy

_WORDS = {"zh": {"taken": "{by} 已接手", "resolved": "已恢复"}, "en": {"taken": "{by} has it", "resolved": "resolved"}}


@runtime_checkable
class HasCards(Protocol):
    """A channel whose messages can be changed later."""

    def replaced(self, handle: str, text: str) -> bytes:
        """The request that does it."""


def settle(tx: Tx, policy: Policy, incident: Incident, what: str, now_ms: int) -> None:
    """Queue the change of every card of the incident that still has its buttons; `what` is taken or resolved."""
    rows = tx.rows(
        "SELECT id, channel, person, address, handle FROM outbox WHERE incident_id = ? AND handle <> '' AND state = 'sent'",
        incident.id,
    )  # fmt: skip
    for number, name, person, address, handle in rows:
        channel = channel_of(tx, policy, name)
        if not isinstance(channel, HasCards):
            continue
        known = policy.people.get(person)
        words = _WORDS[known.language if known else policy.config.language]
        text = words[what].format(by=incident.acked_by or "")
        key = message_key(incident.id, number, name, address) + "-card"
        outbox.put_body(tx, policy, incident, key, name, person, address, channel.replaced(handle, text), now_ms)
        tx.run("UPDATE outbox SET handle = '' WHERE id = ?", number)
