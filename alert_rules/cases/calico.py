"""Cases of kunobs.catalogue.signals.calico."""

from __future__ import annotations

from alert_rules.case import Case, Series

_NODE = {"instance": "node-1:9091"}
_AT = 'instance="node-1:9091"'
_OTHER = 'instance="node-2:9091"'
_POOL = {"ippool": "default-ipv4"}


def _pool(metric: str, silent: tuple[float, float], fires: tuple[float, float]) -> tuple[Series, ...]:
    """Two nodes' part of a pool."""
    return tuple(
        Series(f'{metric}{{ippool="default-ipv4",node="node-{node}"}}', silent[node - 1], fires[node - 1])
        for node in (1, 2)
    )


CASES = {
    "KunFelixDataplaneFailing": Case(
        (
            Series(f"felix_int_dataplane_failures{{{_AT}}}", 0.019, 0.03),
            Series(f"felix_int_dataplane_failures{{{_OTHER}}}", 0),
        ),
        value=0.03,
        labels=_NODE,
    ),
    "KunFelixFailingTogether": Case(
        (
            *(Series(f'felix_int_dataplane_failures{{instance="node-{node}:9091"}}', 0.03) for node in range(1, 6)),
            *(Series(f'felix_int_dataplane_failures{{instance="node-{node}:9091"}}', 0, 0.03) for node in range(6, 8)),
            *(Series(f'felix_int_dataplane_failures{{instance="node-{node}:9091"}}', 0.019) for node in range(8, 12)),
        ),
        value=7,
    ),
    "KunFelixApplySlow": Case(
        (
            Series(f'felix_int_dataplane_apply_time_seconds{{{_AT},quantile="0.99"}}', 9.6, 12),
            Series(f'felix_int_dataplane_apply_time_seconds{{{_AT},quantile="0.9"}}', 9),
        ),
        value=12,
        labels=_NODE,
    ),
    "KunFelixResyncStuck": Case(
        (Series(f"felix_resync_state{{{_AT}}}", 3, 2), Series(f"felix_resync_state{{{_OTHER}}}", 3)),
        value=2,
        labels=_NODE,
    ),
    "KunFelixRuleErrors": Case(
        (
            Series(f"felix_ipset_errors{{{_AT}}}", 0.01, 0.02),
            Series(f"felix_iptables_restore_errors{{{_AT}}}", 0.009, 0.01),
            # One of before nftables.
            Series(f"felix_ipset_errors{{{_OTHER}}}", 0),
            Series(f"felix_iptables_restore_errors{{{_OTHER}}}", 0),
            Series('felix_ipset_errors{instance="node-3:9091"}', 0),
            Series('felix_iptables_restore_errors{instance="node-3:9091"}', 0),
            Series('felix_nft_errors{instance="node-3:9091"}', 0.019),
        ),
        value=0.03,
        labels=_NODE,
    ),
    "KunTyphaConnectionsLost": Case(
        (
            Series('typha_connections_active{instance="typha-1:9093"}', 100),
            Series('typha_connections_active{instance="typha-2:9093"}', 100, 55),
        ),
        value=0.775,
        window=12,
    ),
    "KunIPPoolAlmostFull": Case(
        (
            Series('ipam_ippool_size{ippool="default-ipv4"}', 1000),
            *_pool("ipam_allocations_in_use", (500, 445), (500, 470)),
            Series('ipam_ippool_size{ippool="big"}', 65536),
            Series('ipam_allocations_in_use{ippool="big",node="node-1"}', 970),
            Series('ipam_ippool_size{ippool="routers"}', 128),
            Series('ipam_allocations_in_use{ippool="routers",node="node-1"}', 128),
        ),
        value=0.97,
        labels=_POOL,
    ),
    "KunIPLeakCandidates": Case(_pool("ipam_allocations_gc_candidates", (10, 10), (20, 10)), value=30, labels=_POOL),
}
