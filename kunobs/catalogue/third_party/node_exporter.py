"""node_exporter on every machine; what needs disks, IPVS, systemd or NFS of a real one is by its source."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_made = declared("node_exporter-1.5.0.prom")
_SOURCE = "github.com/prometheus/node_exporter@v1.5.0:collector"
_mdadm = declared(f"{_SOURCE}/mdadm_linux.go")
_systemd = declared(f"{_SOURCE}/systemd_linux.go")
_ipvs = declared(f"{_SOURCE}/ipvs_linux.go")
_nfs = declared(f"{_SOURCE}/nfs_linux.go")
_mountstats = declared(f"{_SOURCE}/mountstats_linux.go")
_DISK = ("device", "fstype", "mountpoint")
_OPERATION = ("export", "protocol", "mountaddr", "operation")

METRICS = (
    _made("node_cpu_seconds_total", "counter", "Time of each CPU by mode.", "cpu", "mode", unit="seconds"),
    _made("node_memory_MemTotal_bytes", "gauge", "Memory that the machine has.", unit="bytes"),
    _made(
        "node_memory_MemAvailable_bytes", "gauge", "Memory that programs can still get without swapping.", unit="bytes"
    ),
    _made("node_filesystem_size_bytes", "gauge", "Size of a filesystem.", *_DISK, unit="bytes"),
    _made("node_filesystem_avail_bytes", "gauge", "Room for programs that are not root's.", *_DISK, unit="bytes"),
    _made("node_filesystem_files", "gauge", "Inodes that a filesystem has.", *_DISK),
    _made("node_filesystem_files_free", "gauge", "Inodes that are left.", *_DISK),
    _made("node_filesystem_readonly", "gauge", "1 when a filesystem is read-only.", *_DISK),
    _made(
        "node_filesystem_device_error",
        "gauge",
        "1 when a filesystem does not say its size: it hangs, fails, or is forbidden to node_exporter.",
        *_DISK,
    ),
    _made("node_filefd_allocated", "gauge", "File descriptors in use on the machine."),
    _made("node_filefd_maximum", "gauge", "File descriptors that the kernel allows."),
    _made("node_timex_offset_seconds", "gauge", "How far the clock is from its time source.", unit="seconds"),
    _made("node_timex_maxerror_seconds", "gauge", "How far off the clock may be, by the kernel.", unit="seconds"),
    _made("node_timex_sync_status", "gauge", "1 when the clock is synchronised."),
    _made("node_network_receive_packets_total", "counter", "Packets that a device received.", "device"),
    _made("node_network_transmit_packets_total", "counter", "Packets that a device sent.", "device"),
    _made("node_network_receive_errs_total", "counter", "Errors of a device while receiving.", "device"),
    _made("node_network_transmit_errs_total", "counter", "Errors of a device while sending.", "device"),
    _made("node_nf_conntrack_entries", "gauge", "Connections in the conntrack table."),
    _made("node_nf_conntrack_entries_limit", "gauge", "Connections that the conntrack table can hold."),
    _made("node_nf_conntrack_stat_drop", "gauge", "Packets dropped because conntrack failed; only grows."),
    _made("node_nf_conntrack_stat_insert_failed", "gauge", "Entries that could not be inserted; only grows."),
    _made("node_netstat_TcpExt_ListenOverflows", "untyped", "Connections lost to full listen queues; only grows."),
    _made("node_netstat_Tcp_OutSegs", "untyped", "TCP segments sent; only grows."),
    _made("node_netstat_Tcp_RetransSegs", "untyped", "TCP segments sent once more; only grows."),
    _made("node_softnet_dropped_total", "counter", "Packets dropped from the receive queue of a CPU.", "cpu"),
    _ipvs(
        "node_ipvs_backend_weight",
        "gauge",
        "Weight of a backend in IPVS; 0 takes no new connections.",
        *("local_address", "local_port", "remote_address", "remote_port", "proto", "local_mark"),
    ),
    _mdadm("node_md_disks", "gauge", "Disks of an array by their state.", "device", "state"),
    _mdadm("node_md_disks_required", "gauge", "Disks that an array should have.", "device"),
    _nfs("node_nfs_rpcs_total", "counter", "Calls of NFS that the machine made as a client."),
    _nfs("node_nfs_rpc_retransmissions_total", "counter", "Calls of NFS that were sent once more."),
    # Of its collector mountstats, which is off unless it is asked for.
    _mountstats(
        "node_mountstats_nfs_operations_requests_total", "counter", "Operations on an export that ended.", *_OPERATION
    ),
    _mountstats(
        "node_mountstats_nfs_operations_request_time_seconds_total",
        "counter",
        "Time from asking for an operation to its end.",
        *_OPERATION,
        unit="seconds",
    ),
    _mountstats(
        "node_mountstats_nfs_operations_queue_time_seconds_total",
        "counter",
        "Time that operations waited before they were sent.",
        *_OPERATION,
        unit="seconds",
    ),
    _mountstats(
        "node_mountstats_nfs_operations_response_time_seconds_total",
        "counter",
        "Time from sending an operation to its answer.",
        *_OPERATION,
        unit="seconds",
    ),
    _mountstats(
        "node_mountstats_nfs_operations_major_timeouts_total",
        "counter",
        "Times that an operation had no answer after all its retries.",
        *_OPERATION,
    ),
    _mountstats(
        "node_mountstats_nfs_operations_sent_bytes_total",
        "counter",
        "Bytes sent for an operation.",
        *_OPERATION,
        unit="bytes",
    ),
    _mountstats(
        "node_mountstats_nfs_operations_received_bytes_total",
        "counter",
        "Bytes received for an operation.",
        *_OPERATION,
        unit="bytes",
    ),
    _systemd("node_systemd_unit_state", "gauge", "1 for the state that a unit is in.", "name", "state", "type"),
)
