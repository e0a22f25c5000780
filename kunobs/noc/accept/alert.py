"""One alert, wherever it came from, and the identity that says which incident it belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Literal

Status = Literal["firing", "resolved"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Alert:
    """Times in milliseconds since the epoch; `ends_ms` is None while nobody knows the end. `dedup_key` overrides the labels."""

    status: Status
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_ms: int = 0
    ends_ms: int | None = None
    links: tuple[str, ...] = ()
    dedup_key: str = ""


@dataclass(frozen=True)
class Post:
    """What one request brought. `sender` is what tells one replica from another; `truncated` alerts were left out by it."""

    sender: str
    alerts: tuple[Alert, ...]
    truncated: int = 0
    group: str = ""
    ordered: bool = False
    """Whether this sender says things in the order in which it knows them, as an Alertmanager does of one group."""


def identity(tenant: str, alert: Alert, drop: Collection[str] = ()) -> str:
    """32 hexadecimal digits: the same for the same tenant and labels, those in `drop` left out.

    `startsAt` is no part of it: it differs between two replicas of Prometheus and after a restart (Prometheus sets it when the rule
    begins to fire in that process).
    """
    texts = ["key", alert.dedup_key]
    if not alert.dedup_key:
        texts = ["labels", *(text for pair in sorted(alert.labels.items()) if pair[0] not in drop for text in pair)]
    digest = blake2b(digest_size=16)
    for text in (tenant, *texts):
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


def milliseconds(moment: datetime) -> int | None:
    """None for the zero time, which Go writes as the year 1."""
    if moment < _EPOCH:
        return None
    return int((moment - _EPOCH).total_seconds() * 1000)
