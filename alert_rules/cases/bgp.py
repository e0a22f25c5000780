"""Cases of kunobs.catalogue.signals.bgp."""

from __future__ import annotations

from alert_rules.case import Case, Level, Series

_ROUTER = "192.0.2.1"
_SESSION = {"instance": "node-1:6060", "peer": _ROUTER}


def _state(node: int, state: str, silent: Level, fires: Level, admin: str = "UP", peer: str = _ROUTER) -> Series:
    """One series of a session: there while the session is in that state."""
    labels = f'session_state="SESSION_STATE_{state}",admin_state="ADMIN_STATE_{admin}"'
    return Series(f'bgp_peer_state{{instance="node-{node}:6060",peer="{peer}",{labels}}}', silent, fires)


def _falls(node: int, peer: str = _ROUTER) -> tuple[Series, ...]:
    """A session that is lost."""
    return _state(node, "ESTABLISHED", 1, None, peer=peer), _state(node, "ACTIVE", None, 1, peer=peer)


def _advertised(node: int, peer: str, silent: float, fires: float, family: str = "ipv6-unicast") -> Series:
    labels = f'instance="node-{node}:6060",peer="{peer}",route_family="{family}"'
    return Series(f"bgp_routes_advertised{{{labels}}}", silent, fires)


CASES = {
    "KunBGPSpeakerDown": Case(
        (
            Series('up{job="bgp",instance="node-1:6060"}', 1, 0),
            Series('up{job="bgp",instance="node-2:6060"}', 1),
            Series('up{job="node",instance="node-3:9100"}', 0),
        ),
        value=0,
        labels={"instance": "node-1:6060"},
    ),
    "KunBGPSessionDown": Case(
        (
            *_falls(1),
            _state(2, "ESTABLISHED", 1, 1),
            _state(3, "IDLE", 1, 1, admin="DOWN"),
        ),
        value=0,
        labels=_SESSION,
    ),
    "KunBGPSessionsDown": Case(
        (
            *(series for node in range(1, 3) for series in _falls(node)),
            *(_state(node, "ACTIVE", 1, 1) for node in range(3, 13)),
            *(_state(node, "ESTABLISHED", 1, 1) for node in range(13, 22)),
            # Switched off on purpose: they do not count.
            *(_state(node, "IDLE", 1, 1, admin="DOWN") for node in range(30, 40)),
        ),
        value=9 / 21,
    ),
    "KunECMPWidthLow": Case(
        (
            *(series for node in range(1, 4) for series in _falls(node)),
            *(_state(node, "ESTABLISHED", 1, 1) for node in range(4, 11)),
            _state(11, "ACTIVE", 1, 1),
            _state(1, "ESTABLISHED", 1, 1, peer="192.0.2.2"),
            *_falls(2, peer="192.0.2.3"),
            *(_state(node, "ESTABLISHED", 1, 1, peer="192.0.2.3") for node in range(3, 6)),
            # Switched off on purpose.
            _state(6, "ESTABLISHED", 1, None, peer="192.0.2.4"),
            _state(6, "IDLE", None, 1, admin="DOWN", peer="192.0.2.4"),
        ),
        value=0.7,
        labels={"peer": _ROUTER},
        window=12,
    ),
    "KunBGPRoutesWithdrawn": Case(
        (
            _advertised(1, _ROUTER, 50, 18),
            # The best of a node's sessions counts: one that is down withdraws nothing.
            _advertised(1, "192.0.2.2", 50, 0),
            _advertised(2, _ROUTER, 50, 50),
            _advertised(2, "192.0.2.2", 50, 0),
            _advertised(1, _ROUTER, 100, 72, family="ipv4-unicast"),
        ),
        value=0.68,
        labels={"route_family": "ipv6-unicast"},
        window=12,
    ),
    "KunBGPFlapping": Case(
        (
            Series('bgp_peer_flop_count{instance="node-1:6060",peer="192.0.2.1"}', 3.84 / 3600, 4.8 / 3600),
            Series('bgp_peer_flop_count{instance="node-1:6060",peer="192.0.2.2"}', 0),
        ),
        value=4.8,
        labels=_SESSION,
    ),
}
