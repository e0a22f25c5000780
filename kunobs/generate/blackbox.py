"""The modules of blackbox_exporter: each once for IPv4 and once for IPv6, never one in place of the other."""

from __future__ import annotations

from typing import Any

from alert_rules.yaml import dump

FAMILIES = ("ip4", "ip6")


def blackbox_files() -> dict[str, str]:
    """`blackbox.yml`."""
    modules = {f"{name}_{family}": _module(name, family) for name in _PROBERS for family in FAMILIES}
    # Twice the same path with two sizes: a tunnel that lets small packets through and no large ones.
    modules |= {f"icmp_{size}_{family}": _icmp(size, family) for size in (56, 1400) for family in FAMILIES}
    return {"blackbox.yml": dump({"modules": modules})}


def _family(family: str) -> dict[str, Any]:
    # With a fallback a dead IPv6 is a success of IPv4.
    return {"preferred_ip_protocol": family, "ip_protocol_fallback": False}


def _module(name: str, family: str) -> dict[str, Any]:
    prober, options = _PROBERS[name]
    own = _family(family) | options
    if prober == "dns":
        own |= {"query_type": "A" if family == "ip4" else "AAAA"}
    return {"prober": prober, "timeout": "5s", prober: own}


def _icmp(size: int, family: str) -> dict[str, Any]:
    return {
        "prober": "icmp",
        "timeout": "3s",
        "icmp": _family(family) | {"payload_size": size, "dont_fragment": family == "ip4"},
    }


_PROBERS: dict[str, tuple[str, dict[str, Any]]] = {
    "http": ("http", {"valid_status_codes": [], "follow_redirects": False}),
    "https": ("http", {"valid_status_codes": [], "follow_redirects": False, "fail_if_not_ssl": True}),
    "tcp": ("tcp", {}),
    "tls": ("tcp", {"tls": True}),
    "grpc": ("grpc", {"service": ""}),
    "dns": ("dns", {"query_name": "kubernetes.default.svc.cluster.local", "valid_rcodes": ["NOERROR"]}),
    "redis": (
        "tcp", {"query_response": [{"send": "PING"}, {"expect": "^(\\+PONG|-NOAUTH|-NOPERM)"}]},
    ),
}  # fmt: skip
