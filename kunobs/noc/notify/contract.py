"""What every channel keeps to. A channel says *whether* to try again, because it knows the provider; the sender says *when*.

A message is packed once, into bytes that are stored before the first attempt: a retry after a crash is the same request to the byte, so
that a provider that recognises duplicates can. What differs on purpose (step, reminder) is in the bytes, so that it never takes a
reminder for a duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

Kind = Literal["page", "reminder", "taken", "resolved", "digest", "storm", "meta", "drill"]
Language = Literal["zh", "en"]
Receipt = Literal["accepted", "delivered", "read", "acted"]
"""How far a message is known to have come: the provider took it, it is on the phone, somebody saw it, somebody answered."""
Action = Literal["ack", "escalate", "silence", "unack", "resolve"]


@dataclass(frozen=True)
class Message:
    """What is to be told, before it has a channel's form. `text` is already in the channel's markup and may be of any length.

    `key` identifies it for ever: 1 to 64 characters of [0-9a-z-]. `incident` is 0 where it is about none. `step` and `reminder` count
    from 1 and 0. `mention` are addresses on this channel that a message to a group calls. `ack_url` is a page where a person confirms.
    """

    key: str
    kind: Kind
    tenant: str
    incident: int
    severity: str
    title: str
    text: str
    step: int = 1
    reminder: int = 0
    language: Language = "zh"
    ack_url: str = ""
    detail_url: str = ""
    mention: Sequence[str] = ()


@dataclass(frozen=True)
class Frozen:
    """One request to a provider. `key` is its own, `<message key>-<part number>`; `address` is empty for a robot."""

    key: str
    address: str
    body: bytes


@dataclass(frozen=True)
class Ok:
    """The provider took it. `provider_id` is its own name for it, `handle` what a later update of a card needs."""

    provider_id: str = ""
    receipt: Receipt = "accepted"
    handle: str = ""


@dataclass(frozen=True)
class Retry:
    """Perhaps later: not before `after` seconds where the provider said so. Whatever is not understood is this, never Ok.

    `code` is a bounded word for metrics (`45009`, `http_500`, `timeout`); `reason` the provider's own words, without secrets.
    `delivered_maybe` is True when the request may have been carried out (the answer was lost), so that a duplicate may follow.
    """

    code: str
    reason: str
    after: float | None = None
    delivered_maybe: bool = False


@dataclass(frozen=True)
class Permanent:
    """Never, as it is. `dead` names what is wrong: this message, this address, or the channel for everybody."""

    code: str
    reason: str
    dead: Literal["message", "address", "channel"] = "message"


@dataclass(frozen=True)
class RefreshToken:
    """The access token is not taken; the next attempt fetches a new one. Not an attempt that counts, but for the first time."""

    code: str
    reason: str


@dataclass(frozen=True)
class Partial:
    """Taken for some addresses of the request; `failed` are the others, with the provider's reason each."""

    failed: Sequence[tuple[str, str]]
    provider_id: str = ""
    handle: str = ""


Outcome = Ok | Retry | Permanent | RefreshToken | Partial


@dataclass(frozen=True)
class Limit:
    """At most `count` requests in `seconds` from one bucket; `reserve` of them only for critical ones.

    `bucket` names who counts: `ops/robot`, `main/member/zhangsan`. The provider's own limit, as data.
    """

    bucket: str
    count: int
    seconds: int
    reserve: int = 0


@dataclass(frozen=True)
class Event:
    """What a provider told us later: a receipt, or that somebody pressed a button.

    `id` is for recognising a repeated callback. `key` is the message's or frozen key where the provider gives it back, else empty and
    `provider_id` tells. `who` is the address of the person on this channel.
    """

    id: str
    key: str = ""
    provider_id: str = ""
    receipt: Receipt | None = None
    failed: str = ""
    action: Action | None = None
    who: str = ""


class Channel(Protocol):
    """A way to people. Safe between threads; nothing here reads the store or the clock of the machine."""

    name: str
    kind: ClassVar[str]
    markup: ClassVar[Literal["markdown", "text"]]
    """What the default template for `text` is written in."""

    def pack(self, message: Message, address: str) -> list[bytes]:
        """The requests' bodies, in order, each within the provider's limits to the byte. Never raises for any text."""

    def send(self, frozen: Frozen) -> Outcome:
        """One attempt. Raises nothing: what is not understood is Retry."""

    def limits(self, address: str) -> Sequence[Limit]:
        """The budgets a request to this address is taken from."""

    def check(self) -> Outcome:
        """Ask the provider, without reaching anybody, whether we would be let in; Ok where it cannot be asked."""

    def close(self) -> None:
        """Let go of connections."""
