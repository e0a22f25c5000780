"""gobgpd with --pprof-host, which also serves /metrics; Debian 12's 3.10 has fewer of them."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_made = declared("github.com/osrg/gobgp@v4.8.0:pkg/metrics/metrics.go")

METRICS = (
    _made("bgp_peer_state", "gauge", "1, with the state of a session.", "peer", "session_state", "admin_state"),
    _made("bgp_peer_flop_count", "counter", "How often a session was lost.", "peer"),
    _made("bgp_routes_accepted", "gauge", "Routes accepted from a peer.", "peer", "route_family"),
    _made("bgp_routes_advertised", "gauge", "Routes advertised to a peer.", "peer", "route_family"),
)
