"""Alertmanager's webhook, version 4, from 0.25 to the newest (`template.Data` and `notify/webhook` of its source).

Every alert counts for itself: a body whose status is `firing` may bring resolved alerts. `notification_reason` (0.32) and `routeLabels`
(0.34) are optional, unknown fields are passed over here and kept with the body. `externalURL` names the replica.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import msgspec

from kunobs.noc.accept.alert import Alert, Post, milliseconds
from kunobs.noc.accept.refusal import Refusal

_HINT = "see https://prometheus.io/docs/alerting/latest/configuration/#webhook_config; a `payload:` template cannot be used here"
# A count of any size is JSON; a database's is 32 bits.
_MOST_TRUNCATED = 2**31 - 1


class _Alert(msgspec.Struct, gc=False):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: datetime = msgspec.field(name="startsAt")
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    ends_at: datetime | None = msgspec.field(default=None, name="endsAt")
    generator_url: str = msgspec.field(default="", name="generatorURL")


class _Message(msgspec.Struct, gc=False):
    version: str
    alerts: list[_Alert]
    group_key: str = msgspec.field(default="", name="groupKey")
    truncated: int = msgspec.field(default=0, name="truncatedAlerts")
    external_url: str = msgspec.field(default="", name="externalURL")


_decode = msgspec.json.Decoder(_Message).decode

# Annotations of rules that are addresses; the first is mixins' and operators' custom.
_LINKS = ("runbook_url", "dashboard_url", "logs_url")


def read(body: bytes) -> Post:
    """The alerts of a body. Raises Refusal."""
    try:
        body.decode()
        message = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"the body is no Alertmanager webhook: {error}", hint=_HINT) from error
    if message.version != "4":
        raise Refusal(
            400, f"webhook version {message.version!r} is not known, only '4'", hint="use Alertmanager 0.25 or newer"
        )
    return Post(
        sender=message.external_url,
        alerts=tuple(_alert(number, alert) for number, alert in enumerate(message.alerts)),
        truncated=min(max(0, message.truncated), _MOST_TRUNCATED),
        group=message.group_key,
        ordered=bool(message.external_url),
    )


def _alert(number: int, alert: _Alert) -> Alert:
    starts = _moment(alert.starts_at)
    if starts is None:
        raise Refusal(400, f"$.alerts[{number}].startsAt is no time: {alert.starts_at.isoformat()}", hint=_HINT)
    ends = _moment(alert.ends_at) if alert.ends_at is not None else None
    return Alert(
        status=alert.status,
        labels=alert.labels,
        annotations=alert.annotations,
        starts_ms=starts,
        # A firing alert's end is only when Alertmanager would take it for resolved.
        ends_ms=ends if alert.status == "resolved" else None,
        links=tuple(_links(alert)),
    )


def _links(alert: _Alert) -> Iterator[str]:
    """What to do, what to look at, and the query: in the order in which somebody who was woken opens them."""
    for name in _LINKS:
        url = alert.annotations.get(name, "")
        if url.startswith(("https://", "http://")):
            yield url
    if alert.generator_url:
        yield alert.generator_url


def _moment(moment: datetime) -> int | None:
    """None for the zero time, and for a 1970 that east of Greenwich is still 1969."""
    found = milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return found if found is not None and found >= 0 else None
