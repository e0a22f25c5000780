"""Cases of kunobs.catalogue.signals.kubeproxy."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Series

_LAST = "kubeproxy_sync_proxy_rules_last_timestamp_seconds"
_QUEUED = "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds"
_AT = 'instance="node-1:10249",ip_family="IPv6"'
_PROXY = {"instance": "node-1:10249", "ip_family": "IPv6"}


def _proxy(node: int, last: tuple[float, float], queued: float, family: str = "IPv6") -> tuple[Series, ...]:
    """Seconds since the last sync (silent, firing) and since the last change."""
    labels = f'instance="node-{node}:10249",ip_family="{family}"'
    return (
        Series(f"{_LAST}{{{labels}}}", Ago(last[0]), Ago(last[1])),
        Series(f"{_QUEUED}{{{labels}}}", Ago(queued)),
    )


def _unsynced(node: int, silent: float, fires: float) -> tuple[Series, ...]:
    """Seconds since a start after which no sync has worked."""
    at = f'instance="node-{node}:10249"'
    return (
        Series(f'{_QUEUED}{{{at},ip_family="IPv6"}}', Ago(5)),
        Series(f'process_start_time_seconds{{job="kube-proxy",{at}}}', Ago(silent), Ago(fires)),
    )


def _failures(metric: str) -> Case:
    """3 in 15 minutes are not yet many."""
    return Case(
        (
            Series(f"{metric}{{{_AT}}}", 2.88 / 900, 3.6 / 900),
            Series(f'{metric}{{instance="node-1:10249",ip_family="IPv4"}}', 0),
        ),
        value=3.6,
        labels=_PROXY,
    )


def _histogram(metric: str, labels: str, *steps: tuple[str, float, float]) -> tuple[Series, ...]:
    """(le, silent, fires), cumulative."""
    return tuple(Series(f'{metric}_bucket{{{labels},le="{le}"}}', *levels) for le, *levels in steps)


CASES = {
    "KunProxySyncStuck": Case(
        (*_unsynced(1, 590, 660), *_proxy(2, (3000, 3000), 3001), *_proxy(3, (590, 590), 5)),
        value=660,
        labels=_PROXY,
    ),
    "KunProxiesStuckTogether": Case(
        (
            *(series for node in range(1, 5) for series in _proxy(node, (700, 700), 5)),
            # Both families of a node are one node.
            *(series for node in range(1, 5) for series in _proxy(node, (700, 700), 5, "IPv4")),
            *_unsynced(5, 700, 700),
            *_unsynced(6, 590, 660),
            *_proxy(7, (590, 660), 5),
            *(series for node in range(8, 12) for series in _proxy(node, (3000, 3000), 3001)),
        ),
        value=7,
    ),
    "KunProxySyncSlow": Case(
        (
            *_histogram(
                "kubeproxy_sync_proxy_rules_duration_seconds",
                _AT,
                ("8.192", 9.88, 9.8),
                ("16.384", 10, 10),
                ("+Inf", 10, 10),
            ),
        ),
        value=12.288,
        labels=_PROXY,
    ),
    "KunProxyRestoreFailures": _failures("kubeproxy_sync_proxy_rules_iptables_restore_failures_total"),
    "KunProxyNftablesFailures": _failures("kubeproxy_sync_proxy_rules_nftables_sync_failures_total"),
    "KunNetworkProgrammingSlow": Case(
        (
            *_histogram(
                "kubeproxy_network_programming_duration_seconds",
                _AT,
                ("28", 980, 900),
                ("29", 990, 950),
                ("32", 995, 980),
                ("33", 1000, 1000),
                ("+Inf", 1000, 1000),
            ),
        ),
        value=32.5,
        labels={"ip_family": "IPv6"},
    ),
    "KunProxyNoLocalEndpoints": Case(
        (
            Series(f'kubeproxy_sync_proxy_rules_no_local_endpoints_total{{{_AT},traffic_policy="internal"}}', 0, 2),
            Series(f'kubeproxy_sync_proxy_rules_no_local_endpoints_total{{{_AT},traffic_policy="external"}}', 40),
        ),
        value=2,
        labels=_PROXY,
    ),
}
