"""Values -> HTML: the templates, what may be linked, how times and ages are written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from kunobs.noc.board.texts import TEXTS, UNITS, text
from kunobs.noc.notify.contract import Language
from kunobs.noc.relay import Relay

STATIC = {
    "board.css": "text/css; charset=utf-8",
    "board.js": "text/javascript; charset=utf-8",
    "board.svg": "image/svg+xml",
}


class Renderer:
    """Templates with autoescape on: all that is shown may come from a hostile alert."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        folder = files("kunobs.noc.board") / "static"
        self.static = {name: (folder / name).read_bytes() for name in STATIC}
        # A browser keeps a file until its content changes.
        self._version = {name: sha256(content).hexdigest()[:12] for name, content in self.static.items()}

    def text(self, language: Language, key: str, /, **values: object) -> str:
        """A text of the dictionary."""
        return text(language, key, **values)

    def render(self, name: str, language: Language, /, **values: Any) -> str:
        """The HTML."""
        zone, now_ms = self._relay.policy.zone, self._relay.now_ms()
        return (
            _templates()
            .get_template(name)
            .render(
                t=partial(text, language),
                known=TEXTS.__contains__,
                language=language,
                now_ms=now_ms,
                zone=zone.key,
                units="|".join(UNITS[language]),
                short=partial(short, language=language),
                at=_moment(now_ms, zone),
                src=lambda file: f"/board/static/{file}?v={self._version[file]}",
                **values,
            )
        )


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("kunobs.noc.board"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["link"] = link
    environment.tests["link"] = lambda value: bool(link(value))
    return environment


def _moment(now_ms: int, zone: ZoneInfo) -> Callable[..., str]:
    """`21:05` today, `11-24 21:05` this year, else `2023-11-24 21:05`, in the board's zone or another."""

    def written(at_ms: int | None, there: str = "") -> str:
        if at_ms is None:
            return "—"
        place = ZoneInfo(there) if there else zone
        today, moment = (datetime.fromtimestamp(ms / 1000, UTC).astimezone(place) for ms in (now_ms, at_ms))
        if moment.date() == today.date():
            return moment.strftime("%H:%M")
        return moment.strftime("%m-%d %H:%M" if moment.year == today.year else "%Y-%m-%d %H:%M")

    return written


def short(milliseconds: int, language: Language) -> str:
    """The two largest units, as short as can be: `45s`, `12m`, `3h 12m`, `2d`; board.js writes the same."""
    seconds = max(0, milliseconds // 1000)
    days, hours, minutes, rest = UNITS[language]
    if seconds < 60:
        return f"{seconds}{rest}"
    if seconds < 3600:
        return f"{seconds // 60}{minutes}"
    if seconds < 86400:
        first, second = f"{seconds // 3600}{hours}", f"{seconds // 60 % 60}{minutes}"
    else:
        first, second = f"{seconds // 86400}{days}", f"{seconds // 3600 % 24}{hours}"
    return first if second[0] == "0" else f"{first} {second}" if language == "en" else first + second


def link(url: object) -> str:
    """The URL where a click on it can only open a web page, else empty."""
    shown = str(url).strip()
    try:
        parts = urlsplit(shown)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    return shown if sound and shown.isprintable() and "\\" not in shown else ""


def preferred(chosen: str, accepted: str, configured: Language) -> Language:
    """The language that was chosen, else the first of Accept-Language that we speak, else the configured one."""
    if chosen in ("zh", "en"):
        return "zh" if chosen == "zh" else "en"
    wanted = []
    for position, part in enumerate(accepted[:500].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), position, tag.lower()[:2]))
        except ValueError:
            continue
    for _, _, tag in sorted(wanted):
        if tag in ("zh", "en"):
            return "zh" if tag == "zh" else "en"
    return configured
