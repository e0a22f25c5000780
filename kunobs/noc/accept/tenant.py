"""`POST /v1/alerts`: the relay's own JSON for tenants' programs. What is not said exactly is refused with its place.

One bad alert refuses the whole list, so that a sender never has to ask which were taken. Without `dedup_key` the labels and the
summary say which alert it is, not its severity: who resolves an alert says those again. A key that stands twice counts as its last.
Only one of `starts_at` and `ends_at` mixes two clocks: send both or neither.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from kunobs.noc.accept.alert import Alert, Post, milliseconds
from kunobs.noc.accept.moment import sane
from kunobs.noc.accept.refusal import Refusal

MOST_ALERTS = 1000
_MOST_LABELS, _MOST_LINKS = 64, 16
# As the usual limits of Prometheus' remote storage have it (Mimir's max_label_name_length and max_label_value_length).
_NAME, _VALUE, _TEXT, _LINK = 1024, 2048, 8192, 2048
_Time = Annotated[datetime, Meta(tz=True)]


class _Alert(msgspec.Struct, forbid_unknown_fields=True):
    summary: Annotated[str, Meta(min_length=1, max_length=1024)]
    severity: Literal["critical", "warning", "info"] = "warning"
    status: Literal["firing", "resolved"] = "firing"
    dedup_key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    labels: Annotated[dict[str, Any], Meta(max_length=_MOST_LABELS)] = {}
    annotations: Annotated[dict[str, Any], Meta(max_length=_MOST_LABELS)] = {}
    links: Annotated[list[Annotated[str, Meta(max_length=_LINK)]], Meta(max_length=_MOST_LINKS)] = []
    starts_at: _Time | None = None
    ends_at: _Time | None = None


_KEYS = _Alert.__struct_fields__
_HINTS = {
    "severity": "write critical, warning or info",
    "status": "write firing or resolved",
    "starts_at": "write RFC 3339 with a zone, as in 2026-11-24T13:00:00+08:00",
    "ends_at": "write RFC 3339 with a zone, as in 2026-11-24T13:00:00+08:00",
    "labels": f'write {{"service": "pay"}}, at most {_MOST_LABELS} of them',
    "annotations": f'write {{"runbook": "…"}}, at most {_MOST_LABELS} of them',
    "links": f'write ["https://…"], at most {_MOST_LINKS} of them',
}
_HINT = 'write {"summary": "…", "severity": "warning"} or a list of such objects; docs/probers.md has every key'
_decode = msgspec.json.Decoder(_Alert | Annotated[list[_Alert], Meta(max_length=MOST_ALERTS)]).decode


def read(body: bytes, now_ms: int) -> Post:
    """The alerts of a body: one object or a list of at most 1,000. Raises Refusal: 400 for no JSON, 422 with the place."""
    try:
        found = _decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"the body is no JSON: {error}", hint=_HINT) from error
    if isinstance(found, _Alert):
        return Post(sender="api", alerts=(_alert("$", found, now_ms),))
    return Post(sender="api", alerts=tuple(_alert(f"$[{at}]", alert, now_ms) for at, alert in enumerate(found)))


def _invalid(problem: str) -> Refusal:
    """What the decoder found, with a hint: the nearest known key, or the form of the value."""
    unknown = re.search(r"unknown field `(.*?)`", problem, re.DOTALL)
    if unknown:
        near = difflib.get_close_matches(unknown[1], _KEYS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_KEYS)}"
    else:
        key = re.search(r"\$(?:\[\d+\])?\.(\w+)[^`]*`$", problem)
        hint = _HINTS.get(key[1], _HINT) if key else _HINT
    place = re.search(r" - at `([^`]*)`$", problem)
    where, what = (place[1], problem[: place.start()]) if place else ("$", problem)
    return Refusal(422, f"{where}: {_printable(what, 200)}", hint=hint)


def _alert(path: str, alert: _Alert, now_ms: int) -> Alert:
    labels = _texts(f"{path}.labels", alert.labels, _VALUE, "severity")
    summary = _text(f"{path}.summary", alert.summary, 1024)
    starts = _moment(f"{path}.starts_at", alert.starts_at, now_ms)
    ends = _moment(f"{path}.ends_at", alert.ends_at, now_ms)
    firing = alert.status == "firing"
    if ends is not None and firing:
        raise Refusal(
            422, f"{path}.ends_at: an alert that fires has no end", hint='send "status": "resolved" when it ends'
        )
    if ends is not None and starts is not None and ends < starts:
        raise Refusal(422, f"{path}.ends_at is before starts_at", hint="an alert ends after it begins")
    key = _text(f"{path}.dedup_key", alert.dedup_key, 255) if alert.dedup_key else _identity(labels, summary)
    return Alert(
        status=alert.status,
        labels=labels | {"severity": alert.severity},
        annotations=_texts(f"{path}.annotations", alert.annotations, _TEXT, "summary") | {"summary": summary},
        starts_ms=starts if starts is not None else now_ms if firing else 0,
        ends_ms=ends,
        links=tuple(_link(f"{path}.links[{at}]", link) for at, link in enumerate(alert.links)),
        dedup_key=key,
    )


def _identity(labels: Mapping[str, str], summary: str) -> str:
    said = msgspec.json.encode([sorted(labels.items()), summary])
    return f"labels+summary:{blake2b(said, digest_size=16).hexdigest()}"


def _texts(path: str, given: Mapping[str, Any], longest: int, own: str) -> dict[str, str]:
    """A mapping of texts; as in Prometheus an empty value is none."""
    found = {}
    for name, value in given.items():
        place = (
            f"{path}.{name}" if re.fullmatch(r"[a-zA-Z_]\w{0,59}", name, re.ASCII) else f"{path}['{_printable(name)}']"
        )
        if not 0 < len(name) <= _NAME or "\0" in name:
            raise Refusal(422, f"{place}: a name has 1 to {_NAME} characters and no NUL", hint="as in service")
        if name == own:
            raise Refusal(422, f"{place} is set from {own}", hint=f"write it as {own}, beside labels and annotations")
        if not isinstance(value, str):
            raise Refusal(422, f"{place} is no text", hint="put the value in quotes")
        if value:
            found[name] = _text(place, value, longest)
    return found


def _printable(text: str, longest: int = 60) -> str:
    short = text if len(text) <= longest else text[: longest - 3] + "..."
    return "".join(c if c.isprintable() else "?" for c in short)


def _text(path: str, text: str, longest: int) -> str:
    if len(text) > longest or "\0" in text:
        raise Refusal(422, f"{path} has more than {longest} characters or a NUL", hint="shorten it")
    return text


def _link(path: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise Refusal(422, f"{path} is no address of a page", hint="write https://host/path")
    return url


def _moment(path: str, moment: datetime | None, now_ms: int) -> int | None:
    if moment is None:
        return None
    try:
        return sane(milliseconds(moment), now_ms)
    except ValueError as error:
        raise Refusal(422, f"{path} {error}", hint=_HINTS["starts_at"]) from error
