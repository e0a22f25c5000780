"""What a tenant may have probed: the prober stands inside the cluster, so an address is a door to whatever it can reach."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from kunobs.config.tenant import ProbeConfig
from kunobs.config.texts import split_address

_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Names that resolvers and clouds keep for the machine itself and its credentials.
_RESERVED = ("localhost", "local", "internal", "localdomain", "arpa", "onion", "test", "invalid")
_MAPPED = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
_SIX_TO_FOUR = IPv6Network("2002::/16")
_EXAMPLES = {"http": "http://shop.example.com/health", "https": "https://shop.example.com/health"}


def refusals(probe: ProbeConfig, namespace: str, networks: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(problem, fix) of a probe's target; none when it may be probed. `networks` are private ones that are open to tenants."""
    try:
        host = _host(probe)
    except ValueError:
        example = _EXAMPLES.get(probe.module, "shop.example.com:443")
        yield f"is no target of module {probe.module}", f"write it as {example}"
        return
    literal = _literal(host)
    if literal is not None:
        if not _open(literal, networks):
            yield (
                f"{literal} is no address that tenants may probe",
                "use a public name or address, or a Service of yours",
            )
        return
    name = host.lower().removesuffix(".")
    if not _HOST.fullmatch(name) or name.rpartition(".")[2].isdigit() or name.rpartition(".")[2].startswith("0x"):
        yield f"{host!r} is no full name of a host", f"as in shop.example.com, or shop.{namespace}.svc.cluster.local"
        return
    labels = name.split(".")
    if labels[-1] in _RESERVED and labels[-2:] != ["cluster", "local"]:
        yield f"{host} is a name inside the platform", "use a public name, or a Service of yours"
    elif (labels[-1] == "svc" or "svc" in labels[1:]) or labels[-2:] == ["cluster", "local"]:
        own = [part for part in labels if part not in ("cluster", "local")]
        if len(own) != 3 or own[1:] != [namespace, "svc"]:
            yield f"{host} is not in namespace {namespace}", f"SERVICE.{namespace}.svc.cluster.local"


def _host(probe: ProbeConfig) -> str:
    target = probe.target
    if not target.isprintable() or " " in target or len(target) > 500:
        raise ValueError(target)
    if probe.module in ("http", "https"):
        parts = urlsplit(target)
        if (
            parts.scheme != probe.module
            or "@" in parts.netloc
            or "\\" in target
            or parts.port == 0
            or not parts.hostname
        ):
            raise ValueError(target)
        return parts.hostname
    if probe.module == "dns" and ":" not in target:
        return target
    host, port = split_address(target)
    if port == 0:
        raise ValueError(target)
    return host


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _open(address: IPv4Address | IPv6Address, networks: Sequence[str]) -> bool:
    """True for what is on the internet, and for the private networks that the platform opens; an IPv4 in an IPv6 counts as itself."""
    if isinstance(address, IPv6Address):
        if address.scope_id:
            return False
        if any(address in one for one in _MAPPED):
            return _open(IPv4Address(int(address) & 0xFFFFFFFF), networks)
        if address in _SIX_TO_FOUR:
            return _open(IPv4Address(int(address) >> 80 & 0xFFFFFFFF), networks)
    allowed = [ip_network(one) for one in networks]
    if any(address in one for one in allowed if one.version == address.version):
        return True
    return address.is_global and not address.is_multicast and not address.is_reserved
