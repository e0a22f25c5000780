"""What an operator asks about heartbeats: which there are, and to forget one that will not come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats import raised
from kunobs.noc.heartbeats.plan import plans
from kunobs.noc.heartbeats.states import every, find, forget
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import Tx


def heartbeat_list(relay: Relay) -> list[dict[str, Any]]:
    """name, state, seen_ms, since_ms and what is in `detail` of each."""
    found = relay.store.read(lambda tx: list(every(tx)))
    return [
        {"name": each.name, "state": each.state, "seen_ms": each.seen_ms, "since_ms": each.since_ms}
        | msgspec.to_builtins(each.detail)
        for each in found
    ]


def heartbeat_forget(relay: Relay, name: str) -> None:
    """A replica that was heard once and is gone for good. Raises Refusal."""

    def change(tx: Tx, policy: Policy, now_ms: int) -> None:
        if any(plan.name == name for plan in plans(policy.config)):
            raise Refusal(409, f"{name} is configured", hint="take it out of kunobs.yaml and reload")
        if find(tx, name) is None:
            raise Refusal(404, f"there is no heartbeat {name!r}", hint="kunobs noc heartbeats lists them")
        forget(tx, name, now_ms)
        raised.tidy(tx, policy, now_ms)

    relay.urgent(change).result()


VERBS: Mapping[str, Callable[..., Any]] = {"heartbeat.list": heartbeat_list, "heartbeat.forget": heartbeat_forget}
