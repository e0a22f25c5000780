"""`kunobs noc send --dry-run`: who would be reached, when, by what, for this payload, if nobody took it; nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass

from kunobs.config.noc.root import NocConfig
from kunobs.errors import UsageError
from kunobs.noc.accept import alertmanager
from kunobs.noc.rehearsal import Rehearsal


@dataclass(frozen=True)
class Reached:
    """`after_s` seconds after the post."""

    after_s: float
    channel: str
    address: str
    kind: str
    title: str
    text: str


def dry_run(config: NocConfig, integration: str, body: bytes, wait: str, start: float) -> list[Reached]:
    """Everything that would be sent within `wait`, in order. Raises UsageError, and Refusal for a body that would be refused."""
    known = config.integrations
    if integration not in known:
        raise UsageError(
            f"there is no integration {integration!r}",
            hint=f"one of {', '.join(known) or 'none: add one to noc.integrations'}",
        )
    if known[integration].kind != "alertmanager":
        raise UsageError(
            f"integration {integration!r} is of kind {known[integration].kind}",
            hint="a dry run reads Alertmanager's webhooks",
        )
    post = alertmanager.read(body)
    with Rehearsal(config, start=start) as rehearsal:
        chosen = rehearsal.relay.policy.integrations[integration]
        began = rehearsal.relay.now_ms()
        rehearsal.take(post, chosen.tenant, integration, chosen.rules, body)
        rehearsal.advance(wait)
        found = [
            Reached((each["at_ms"] - began) / 1000, name, each["address"], each["kind"], each["title"], each["text"])
            for name, channel in rehearsal.channels.items()
            for each in channel.received
        ]
    return sorted(found, key=lambda each: (each.after_s, each.channel, each.address))
