"""Cases of kunobs.catalogue.signals.nfs."""

from __future__ import annotations

from alert_rules.case import Case, Level, Series

_EXPORT = "10.2.0.5:/shop"
_OTHER = "10.2.0.6:/pay"


def _mount(
    node: int, silent: Level, fires: Level, device: str = _EXPORT, fstype: str = "nfs4", *, asked: bool = True
) -> tuple[Series, ...]:
    """Whether a mount hangs; while it does it says no size, and one that may not be asked never has."""
    labels = f'instance="node-{node}:9100",device="{device}",fstype="{fstype}",mountpoint="/mnt{device[-5:]}"'
    size: tuple[Level, Level] = (None if silent else 1e9, None if fires else 1e9) if asked else (None, None)
    return (
        Series(f"node_filesystem_device_error{{{labels}}}", silent, fires),
        Series(f"node_filesystem_avail_bytes{{{labels}}}", *size),
    )


def _operations(metric: str, export: str, operation: str, silent: float, fires: float, node: int = 1) -> Series:
    labels = (
        f'instance="node-{node}:9100",export="{export}",protocol="tcp",mountaddr="10.2.0.5",operation="{operation}"'
    )
    return Series(f"node_mountstats_nfs_operations_{metric}_total{{{labels}}}", silent, fires)


def _calls(node: int, calls: float, silent: float, fires: float) -> tuple[Series, ...]:
    return (
        Series(f'node_nfs_rpcs_total{{instance="node-{node}:9100"}}', calls),
        Series(f'node_nfs_rpc_retransmissions_total{{instance="node-{node}:9100"}}', silent, fires),
    )


CASES = {
    "KunNFSMountHung": Case(
        (
            *_mount(1, 0, 1),
            *_mount(2, 0, 0),
            *_mount(1, 1, 1, "10.2.0.7:/root", asked=False),
            *_mount(1, 0, 1, "/dev/vda", "ext4"),
        ),
        value=1,
        labels={"instance": "node-1:9100", "device": _EXPORT},
        window=12,
    ),
    "KunNFSExportHung": Case(
        (
            *(series for node in (1, 2) for series in _mount(node, 0, 1)),
            *_mount(3, 0, 1),
            *_mount(4, 0, 0),
            *(series for node in range(1, 5) for series in _mount(node, 1, 1, "10.2.0.7:/root", asked=False)),
            *(series for node in range(1, 5) for series in _mount(node, 0, 1, "/dev/vda", "ext4")),
            *(series for node in (1, 2) for series in _mount(node, 0, 1, _OTHER)),
        ),
        value=3,
        labels={"device": _EXPORT},
        window=12,
    ),
    "KunNFSSlow": Case(
        (
            _operations("requests", _EXPORT, "WRITE", 10, 10),
            _operations("request_time_seconds", _EXPORT, "WRITE", 9.6, 12),
            _operations("requests", _EXPORT, "COMMIT", 10, 10),
            _operations("request_time_seconds", _EXPORT, "COMMIT", 50, 50),
            _operations("requests", _OTHER, "WRITE", 0.4, 0.4),
            _operations("request_time_seconds", _OTHER, "WRITE", 2, 2),
        ),
        value=1.2,
        labels={"export": _EXPORT, "operation": "WRITE"},
    ),
    "KunNFSQueueing": Case(
        (
            _operations("queue_time_seconds", _EXPORT, "READ", 11, 14),
            _operations("queue_time_seconds", _EXPORT, "WRITE", 20, 20),
            _operations("queue_time_seconds", _EXPORT, "READ", 20, 20, node=2),
            _operations("queue_time_seconds", _OTHER, "READ", 20, 20),
        ),
        value=34,
        labels={"instance": "node-1:9100", "export": _EXPORT},
    ),
    "KunNFSRetransmissions": Case(
        (*_calls(1, 100, 0.96, 1.2), *_calls(2, 2, 0.048, 0.048)),
        value=0.012,
        labels={"instance": "node-1:9100"},
    ),
}
