"""The web configuration file of Prometheus' exporter-toolkit, read strictly: TLS, headers, users, rate limit.

What Python cannot do of it is an error that says so, never a weaker server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kunobs.errors import ConfigError
from kunobs.server.web_config_reader import Mistakes, Reader, read_yaml
from kunobs.server.web_config_tls import TLSConfig, read_tls

FORMAT = "https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md"
MAX_BYTES = 1024 * 1024
# Cost 10 takes about 50 ms of a core, 18 about 13 s; each step up doubles it.
MAX_BCRYPT_COST = 18
HTPASSWD = "htpasswd -nBC 10 \"\" | tr -d ':\\n'"

HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_BCRYPT = re.compile(r"\$2[abxy]?\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
_GO_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+")
_GO_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class WebConfigError(ConfigError):
    """The web configuration file, or a file it names, cannot be used; the message lists every mistake."""


@dataclass(frozen=True)
class WebConfig:
    """The whole file; the default is what an empty one means: plain HTTP, no password."""

    tls: TLSConfig | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    users: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    rate_interval: float = 0.0
    rate_burst: int = 0
    notes: tuple[str, ...] = ()


def parse(text: str, path: Path) -> WebConfig:
    """The configuration in `text`; `path` is for messages and for the files named relative to it."""
    mistakes = Mistakes()
    document = read_yaml(text, mistakes)
    config = WebConfig()
    if document is not None:
        top = Reader(document, "", mistakes)
        config = _read(top, path.parent)
        top.refuse_unknown()
    if mistakes.lines:
        listed = "\n".join(f"  {line}" for line in mistakes.lines)
        raise WebConfigError(f"{path} cannot be used:\n{listed}", hint=f"the format: {FORMAT}")
    return config


def _read(top: Reader, directory: Path) -> WebConfig:
    tls_section = top.section("tls_server_config")
    tls = read_tls(tls_section, directory) if tls_section else None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    notes: tuple[str, ...] = ()
    http = top.section("http_server_config")
    if http:
        if http.flag("http2", default=False):
            notes += ("http_server_config.http2 is ignored: this server speaks HTTP/1.1, as every client can",)
        headers = _read_headers(http)
        http.refuse_unknown()
    interval, burst = 0.0, 0
    limit = top.section("rate_limit")
    if limit:
        interval, burst = _read_rate(limit)
        limit.refuse_unknown()
    return WebConfig(tls, headers, _read_users(top), interval, burst, notes)


def _read_headers(http: Reader) -> tuple[tuple[bytes, bytes], ...]:
    section = http.section("headers")
    if section is None:
        return ()
    found = []
    for name, allowed in HEADERS.items():
        value = section.text(name, scalar=True)
        if value and allowed and value not in allowed:
            section.wrong(name, f'is "{value}"; write {" or ".join(allowed)}')
        if any(not " " <= character <= "~" for character in value):
            section.wrong(name, "has characters that a header cannot carry")
        elif value:
            found.append((name.lower().encode(), value.encode()))
    section.refuse_unknown()
    return tuple(found)


def _read_users(top: Reader) -> dict[bytes, bytes]:
    section = top.section("basic_auth_users")
    if section is None:
        return {}
    users: dict[bytes, bytes] = {}
    for name in section.keys:
        hashed = section.text(name)
        found = _BCRYPT.fullmatch(hashed)
        if ":" in str(name):
            section.wrong(name, "has a colon, which basic auth cannot send in a user's name")
        if found is None:
            section.wrong(name, f"is not a bcrypt hash; make one with {HTPASSWD}")
        elif not 4 <= int(found["cost"]) <= MAX_BCRYPT_COST:
            section.wrong(name, f"has bcrypt cost {found['cost']}; write 4 to {MAX_BCRYPT_COST}, as in 10")
        users[str(name).encode()] = hashed.encode()
    return users


def _read_rate(section: Reader) -> tuple[float, int]:
    text = section.text("interval", scalar=True) or "0"
    burst = section.whole("burst")
    if text != "0" and not _GO_DURATION.fullmatch(text):
        section.wrong("interval", f'is "{text}"; write a duration such as 1s, 250ms or 1m30s')
        return 0.0, 0
    parts = re.findall(r"([0-9.]+)([a-zµ]+)", text)
    interval = sum(float(number) * _GO_UNITS[unit] for number, unit in parts)
    if interval and burst < 1:
        section.wrong("burst", "must be at least 1, or every request is refused")
    return interval, burst
