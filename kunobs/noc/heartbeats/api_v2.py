"""What an Alertmanager answers (api/v2/openapi.yaml of its source, 0.25 to the newest): how long it runs, which alerts it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import msgspec

from kunobs.noc.heartbeats.ask import Asker

# Those that are silenced or inhibited are still there; so they are by default, but a proxy may think otherwise.
_ALERTS = "/api/v2/alerts?active=true&silenced=true&inhibited=true"


@dataclass(frozen=True)
class Status:
    """`age_s` is by its own clock, None where it did not say the time; `about` is for people."""

    age_s: float | None
    about: str


class _Cluster(msgspec.Struct):
    status: str
    peers: list[dict[str, str]] = []


class _Version(msgspec.Struct):
    version: str


class _Status(msgspec.Struct, rename="camel"):
    cluster: _Cluster
    version_info: _Version
    uptime: datetime


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    fingerprint: str


_decode_status = msgspec.json.Decoder(_Status).decode
_decode_alerts = msgspec.json.Decoder(list[_Alert]).decode


def status(asker: Asker, url: str) -> Status | str:
    """Its status, or in a word why there is none: a proxy's page with status 200 is no answer."""
    answer = asker.get(f"{url}/api/v2/status")
    if isinstance(answer, str):
        return answer
    try:
        found = _decode_status(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "no_status"
    version = "".join(c for c in found.version_info.version[:40] if c.isprintable())
    peers = len(found.cluster.peers)
    about = f"{version or '?'}, {found.cluster.status[:20]}, {peers} peers" if peers else version
    return Status(_age(found.uptime, answer.headers.get("date", "")), about)


def alerts(asker: Asker, url: str) -> Sequence[Mapping[str, str]] | str:
    """The labels of every alert that is not over, or in a word why they are not known."""
    answer = asker.get(f"{url}{_ALERTS}")
    if isinstance(answer, str):
        return answer
    try:
        return [alert.labels for alert in _decode_alerts(answer.body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "no_alerts"


def _age(started: datetime, said: str) -> float | None:
    """The field `uptime` is when it was started. Its clock may not be ours, so it is compared with the answer's own date."""
    try:
        return (parsedate_to_datetime(said) - started).total_seconds()
    except (ValueError, TypeError):
        return None
