"""A whole relay on a clock of its own, whose channels remember instead of sending: for `send --dry-run` and for tests.

Decisions, store, templates and outbox are the real ones.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

from kunobs.clock import Clock
from kunobs.config import parse_duration
from kunobs.config.noc.references import channel_kinds
from kunobs.config.noc.root import NocConfig
from kunobs.noc.accept.alert import Post
from kunobs.noc.decide.incidents import Decision, Rules
from kunobs.noc.decide.policy import Policy
from kunobs.noc.notify.contract import Channel, Frozen, Limit, Message, Ok, Outcome
from kunobs.noc.relay import Relay, signing_secret
from kunobs.noc.store.migrate import FILE, migrate
from kunobs.noc.store.port import Row
from kunobs.noc.store.sqlite import SqliteStore
from kunobs.testing.clock import FakeClock


@dataclass
class MemoryChannel:
    """Remembers what it was given; `outcomes` are answered first, then `always`, else Ok. `limit` as the provider would have it."""

    name: str
    clock: Clock
    outcomes: list[Outcome] = field(default_factory=list)
    always: Outcome | None = None
    limit: Sequence[Limit] = ()
    received: list[dict[str, Any]] = field(default_factory=list)

    kind: ClassVar[str] = "memory"
    markup: ClassVar[Literal["markdown", "text"]] = "text"

    def pack(self, message: Message, address: str) -> list[bytes]:
        """The message as JSON."""
        return [msgspec.json.encode(message)]

    def send(self, frozen: Frozen) -> Outcome:
        """What was wanted."""
        outcome = self.outcomes.pop(0) if self.outcomes else self.always or Ok(frozen.key)
        if isinstance(outcome, Ok):
            at_ms = int(self.clock.now() * 1000)
            self.received.append(msgspec.json.decode(frozen.body) | {"address": frozen.address, "at_ms": at_ms})
        return outcome

    def limits(self, address: str) -> Sequence[Limit]:
        """As given."""
        return self.limit

    def check(self) -> Outcome:
        """Always well."""
        return Ok()

    def close(self) -> None:
        """Nothing to close."""


class Rehearsal:
    """In a temporary folder, or in `folder`, from which a second one goes on where the first ended."""

    def __init__(
        self,
        config: NocConfig,
        channels: Mapping[str, Channel] | None = None,
        folder: Path | None = None,
        start: float = 1_700_000_000.0,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory() if folder is None else None
        place = Path(self._folder.name if self._folder else str(folder))
        self.clock = FakeClock(start)
        self.config = config
        kinds = channel_kinds(config.channels)
        memory = {
            name: type("MemoryChannel", (MemoryChannel,), {"kind": kind})(name, self.clock)
            for name, kind in kinds.items()
        }
        self.channels: dict[str, Any] = memory | dict(channels or {})
        migrate(str(place))
        self.store = SqliteStore(place / FILE)
        self.relay = Relay(self.store, Policy(config, self.channels, signing_secret(self.store)), self.clock)

    def __enter__(self) -> Rehearsal:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()
        if self._folder:
            self._folder.cleanup()

    def take(self, post: Post, tenant: str, integration: str, rules: Rules, body: bytes = b"{}") -> list[Decision]:
        """Post, and let everything happen that is due at once."""
        decisions = self.relay.post(tenant, integration, post, body, rules).result()
        self.relay.settle()
        return decisions

    def advance(self, wait: str) -> None:
        """Let time pass (`10m`, `4m59s`), stopping wherever something is due."""
        seconds = sum(parse_duration(part) for part in re.findall(r"[0-9.]+[a-z]+", wait))
        until = self.relay.now_ms() + int(seconds * 1000)
        while True:
            due = self.relay.next_ms()
            if due is None or due > until:
                break
            self.clock.advance(max(0, due - self.relay.now_ms()) / 1000 + 0.0005)
            self.relay.settle()
        self.clock.advance(max(0.0, (until - self.relay.now_ms()) / 1000))

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        """Look into the store."""
        return self.store.read(lambda tx: tx.rows(sql, *parameters))
