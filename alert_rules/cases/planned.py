"""Cases of kunobs.catalogue.planned."""

from __future__ import annotations

from alert_rules.case import Case, Level, Series

_JOOL = 'gateway="gw-1",name="default"'
_GATEWAY = {"gateway": "gw-1", "name": "default"}
_POOL = {"ippool": "pods"}
_BUCKET = {"endpoint": "s3.example.com", "bucket": "canary"}


def _one(selector: str, silent: Level, fires: Level, value: float, **labels: str) -> Case:
    """One series is all that it takes."""
    return Case((Series(selector, silent, fires),), value=value, labels=labels)


def _ports(gateway: str, protocol: str, silent: float, fires: float) -> tuple[Series, ...]:
    """Of a thousand."""
    labels = f'gateway="{gateway}",name="default",protocol="{protocol}"'
    return (
        Series(f"kunobs_nat64_pool4_ports{{{labels}}}", 1000),
        Series(f"kunobs_nat64_pool4_ports_used{{{labels}}}", silent, fires),
    )


def _failures(gateway: str, received: float, reason: str, silent: float, fires: float) -> tuple[Series, ...]:
    return (
        Series(f'kunobs_nat64_packets_received_total{{gateway="{gateway}",name="default",ip_family="ip6"}}', received),
        Series(f'kunobs_nat64_failures_total{{gateway="{gateway}",name="default",reason="{reason}"}}', silent, fires),
    )


def _canary(operation: str, silent: float, fires: float, bucket: str = "canary", metric: str = "success") -> Series:
    labels = f'endpoint="s3.example.com",bucket="{bucket}",operation="{operation}"'
    return Series(f"kunobs_s3_canary_{metric}{{{labels}}}", silent, fires)


def _pool(ippool: str, silent: tuple[float, float, float], fires: tuple[float, float, float]) -> tuple[Series, ...]:
    """Allocated, cooling and free addresses."""
    states = zip(("allocated", "cooling", "free"), silent, fires, strict=True)
    return tuple(Series(f'kunobs_ipam_addresses{{ippool="{ippool}",state="{state}"}}', *two) for state, *two in states)


CASES = {
    "KunFilebeatDown": _one('kunobs_filebeat_up{node="node-1"}', 1, 0, 0, node="node-1"),
    "KunFilebeatLosesLogs": Case(
        (
            Series('kunobs_filebeat_lost_bytes_total{node="node-1",namespace="shop"}', 6000, 6000),
            Series('kunobs_filebeat_lost_bytes_total{node="node-2",namespace="pay"}', 5500, 6000),
        ),
        value=10_800_000,
    ),
    "KunFilebeatDrops": Case(
        (
            Series('kunobs_filebeat_output_events_total{node="node-1",outcome="dropped"}', 0.096, 0.12),
            Series('kunobs_filebeat_output_events_total{node="node-1",outcome="acked"}', 900),
            Series('kunobs_filebeat_output_events_total{node="node-2",outcome="dropped"}', 0),
        ),
        value=0.12,
        labels={"node": "node-1"},
    ),
    "KunFilebeatBehind": Case(
        (
            Series('kunobs_filebeat_unshipped_bytes{node="node-1",namespace="shop"}', 400_000_000, 400_000_000),
            Series('kunobs_filebeat_unshipped_bytes{node="node-1",namespace="pay"}', 130_000_000, 150_000_000),
            Series('kunobs_filebeat_unshipped_bytes{node="node-2",namespace="shop"}', 400_000_000),
        ),
        value=550_000_000,
        labels={"node": "node-1"},
    ),
    "KunFilebeatStalled": _one(
        'kunobs_filebeat_stalled_files{node="node-1",namespace="shop"}', 0, 2, 2, node="node-1", namespace="shop"
    ),
    "KunNAT64Down": _one(f"kunobs_nat64_up{{{_JOOL}}}", 1, 0, 0, **_GATEWAY),
    "KunNAT64PoolExhausted": Case(
        (*_ports("gw-1", "tcp", 890, 920), *_ports("gw-1", "udp", 100, 100), *_ports("gw-2", "tcp", 800, 800)),
        value=0.92,
        labels=_GATEWAY | {"protocol": "tcp"},
    ),
    "KunNAT64Failures": Case(
        (
            *_failures("gw-1", 1000, "bib6_not_found", 9.6, 12),
            Series(f'kunobs_nat64_failures_total{{{_JOOL},reason="pool4_mismatch"}}', 300),
            *_failures("gw-2", 9, "enomem", 3, 3),
        ),
        value=0.012,
        labels=_GATEWAY,
    ),
    "KunS3Down": Case(
        (_canary("put", 0, 0), _canary("get", 1, 0), _canary("delete", 0, 0), _canary("get", 1, 1, "other")),
        value=0,
        labels=_BUCKET,
    ),
    "KunS3CanaryFailing": Case(
        (
            *(_canary(operation, 1, 0 if operation == "put" else 1) for operation in ("put", "get", "delete")),
            *(_canary(operation, 0, 0, "gone") for operation in ("put", "get", "delete")),
        ),
        value=0,
        labels=_BUCKET | {"operation": "put"},
    ),
    "KunS3Slow": Case(
        (_canary("get", 1.9, 2.2, metric="duration_seconds"), _canary("put", 1.9, 1.9, metric="duration_seconds")),
        value=2.2,
        labels=_BUCKET | {"operation": "get"},
    ),
    "KunS3MountHung": Case(
        (
            Series('kunobs_s3_mount_up{node="node-1",namespace="shop",mountpoint="/a"}', 1, 0),
            Series('kunobs_s3_mount_up{node="node-1",namespace="shop",mountpoint="/b"}', 1, 1),
            Series('kunobs_s3_mount_up{node="node-1",namespace="pay",mountpoint="/c"}', 1, 1),
        ),
        value=1,
        labels={"node": "node-1", "namespace": "shop"},
    ),
    "KunIPCoolDownStarves": Case(
        (*_pool("pods", (900, 79, 21), (900, 85, 15)), *_pool("full", (960, 25, 15), (960, 25, 15))),
        value=0.015,
        labels=_POOL,
    ),
    "KunIPReusedEarly": _one('kunobs_ipam_early_reuses_total{ippool="pods"}', 0, 0.01, 9, **_POOL),
    "KunIPCoolDownStuck": Case(
        (
            Series('kunobs_ipam_cooldown_seconds{ippool="pods"}', 600),
            Series('kunobs_ipam_oldest_cooling_seconds{ippool="pods"}', 1470, 1560),
        ),
        value=960,
        labels=_POOL,
    ),
    "KunIPBlocksOrphaned": _one('kunobs_ipam_orphaned_blocks{ippool="pods"}', 0, 3, 3, **_POOL),
}
