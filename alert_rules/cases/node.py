"""Cases of kunobs.catalogue.signals.node."""

from __future__ import annotations

from alert_rules.case import Case, Level, Series

_NODE = {"instance": "node-1:9100"}
_AT = 'instance="node-1:9100"'
_DATA = _NODE | {"mountpoint": "/data"}


def _mount(mountpoint: str, fstype: str = "ext4") -> str:
    return f'{_AT},device="/dev/vda",fstype="{fstype}",mountpoint="{mountpoint}"'


def _share(free: str, size: str, silent: float, fires: float) -> Case:
    """What is left of 1,000; other kinds of filesystems, and those that are read-only, do not count."""
    mounts = (_mount("/data"), _mount("/scratch", "tmpfs"), _mount("/run/user/0"), _mount("/usr"))
    levels: tuple[tuple[Level, Level], ...] = ((silent, fires), (1, 1), (1, 1), (1, 1))
    return Case(
        tuple(Series(f"{size}{{{mount}}}", 1000) for mount in mounts)
        + tuple(Series(f"{free}{{{mount}}}", *level) for mount, level in zip(mounts, levels, strict=True))
        + tuple(Series(f"node_filesystem_readonly{{{mount}}}", float(mount == mounts[-1])) for mount in mounts),
        value=fires / 1000,
        labels=_DATA,
    )


def _falling() -> Case:
    """One volume falls below the threshold, one ends just above it, one is nearly full for ever."""
    mounts = (_mount("/data"), _mount("/near"), _mount("/still"), _mount("/scratch", "tmpfs"), _mount("/run/user/0"))
    levels = ((600, 190), (600, 205), (100, 100), (600, 190), (600, 190))
    return Case(
        tuple(Series(f"node_filesystem_size_bytes{{{mount}}}", 1000) for mount in mounts)
        + tuple(
            Series(f"node_filesystem_avail_bytes{{{mount}}}", *level)
            for mount, level in zip(mounts, levels, strict=True)
        ),
        value=0.19,
        labels=_DATA,
        window=2,
    )


def _mode(mode: str, silent: float, fires: float) -> Case:
    """A mode of both CPUs, while another one takes more."""
    return Case(
        (
            Series(f'node_cpu_seconds_total{{{_AT},cpu="0",mode="{mode}"}}', silent, fires),
            Series(f'node_cpu_seconds_total{{{_AT},cpu="1",mode="{mode}"}}', silent, fires),
            Series(f'node_cpu_seconds_total{{{_AT},cpu="0",mode="user"}}', 0.9),
        ),
        value=fires,
        labels=_NODE,
    )


def _up(node: int, silent: Level, fires: Level, job: str = "node") -> Series:
    return Series(f'up{{job="{job}",instance="node-{node}:9100"}}', silent, fires)


def _card(device: str, packets: float, silent: float, fires: float) -> tuple[Series, ...]:
    """A network card with packets in each direction and errors of what it receives."""
    card = f'{_AT},device="{device}"'
    return (
        Series(f"node_network_receive_packets_total{{{card}}}", packets),
        Series(f"node_network_transmit_packets_total{{{card}}}", packets),
        Series(f"node_network_receive_errs_total{{{card}}}", silent, fires),
        Series(f"node_network_transmit_errs_total{{{card}}}", 0),
    )


def _unit(name: str, state: str, silent: float, fires: float) -> Series:
    return Series(f'node_systemd_unit_state{{{_AT},name="{name}",state="{state}",type="simple"}}', silent, fires)


CASES = {
    "KunNodeDown": Case((_up(1, 1, 0), _up(2, 1, 1), _up(3, 0, 0, job="coredns")), value=0, labels=_NODE),
    "KunNodesDownTogether": Case(
        (
            *(_up(node, 0, 0) for node in range(1, 6)),
            *(_up(node, 1, 0) for node in range(6, 8)),
            *(_up(node, 1, 1) for node in range(8, 10)),
            *(_up(node, 0, 0, job="probes") for node in range(1, 10)),
            *(Series(f'node_memory_MemTotal_bytes{{instance="node-{node}:9100"}}', 1000) for node in range(1, 10)),
            # These have been away for days.
            *(_up(node, 0, 0) for node in range(20, 30)),
        ),
        value=7,
        window=2,
    ),
    "KunNodeDiskFilling": _falling(),
    "KunNodeDiskFull": _share("node_filesystem_avail_bytes", "node_filesystem_size_bytes", 51, 48),
    "KunNodeInodesLow": _share("node_filesystem_files_free", "node_filesystem_files", 51, 48),
    "KunNodeFilesystemReadOnly": Case(
        (
            Series(f"node_filesystem_readonly{{{_mount('/data')}}}", 0, 1),
            Series(f"node_filesystem_readonly{{{_mount('/boot')}}}", 1),
            Series(f"node_filesystem_readonly{{{_mount('/mnt', 'nfs4')}}}", 0, 1),
        ),
        value=1,
        labels=_DATA,
        window=2,
    ),
    "KunNodeMemoryLow": Case(
        (
            Series(f"node_memory_MemTotal_bytes{{{_AT}}}", 1000),
            Series(f"node_memory_MemAvailable_bytes{{{_AT}}}", 52, 47),
        ),
        value=0.953,
        labels=_NODE,
    ),
    "KunNodeIOWait": _mode("iowait", 0.29, 0.32),
    "KunNodeSteal": _mode("steal", 0.097, 0.11),
    "KunNodeClockSkew": Case(
        (
            Series(f"node_timex_offset_seconds{{{_AT}}}", -0.049, -0.06),
            Series('node_timex_offset_seconds{instance="node-2:9100"}', 0.001),
        ),
        value=0.06,
        labels=_NODE,
    ),
    "KunNodeClockNotSynchronised": Case(
        (
            Series(f"node_timex_sync_status{{{_AT}}}", 1, 0),
            Series(f"node_timex_maxerror_seconds{{{_AT}}}", 16),
            Series('node_timex_sync_status{instance="node-2:9100"}', 0),
            Series('node_timex_maxerror_seconds{instance="node-2:9100"}', 15.9),
        ),
        value=0,
        labels=_NODE,
    ),
    "KunNodeNetworkErrors": Case(
        (*_card("eth0", 1000, 1.9, 2.2), *_card("eth1", 49, 1, 1), *_card("veth1", 1000, 50, 50)),
        value=0.0011,
        labels=_NODE | {"device": "eth0"},
    ),
    "KunNodeFileDescriptors": Case(
        (Series(f"node_filefd_maximum{{{_AT}}}", 1000), Series(f"node_filefd_allocated{{{_AT}}}", 790, 820)),
        value=0.82,
        labels=_NODE,
    ),
    "KunNodeUnitFailed": Case(
        (
            _unit("kubelet.service", "failed", 0, 1),
            _unit("kubelet.service", "active", 1, 0),
            _unit("session-1.scope", "failed", 1, 1),
        ),
        value=1,
        labels=_NODE | {"name": "kubelet.service"},
    ),
    "KunNodeRAIDDegraded": Case(
        (
            Series(f'node_md_disks_required{{{_AT},device="md0"}}', 2),
            Series(f'node_md_disks{{{_AT},device="md0",state="active"}}', 2, 1),
            Series(f'node_md_disks{{{_AT},device="md0",state="failed"}}', 0, 1),
        ),
        value=1,
        labels=_NODE | {"device": "md0"},
    ),
}
