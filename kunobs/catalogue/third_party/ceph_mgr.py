"""Ceph, as the module prometheus of its active manager shows it."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_mgr = declared("github.com/ceph/ceph@v16.2.15:src/pybind/mgr/prometheus/module.py")

METRICS = (
    _mgr("ceph_health_status", "untyped", "0 when all is well, 1 with warnings, 2 with errors."),
    _mgr("ceph_health_detail", "gauge", "1 while this health check is active, 0 once it was.", "name", "severity"),
    _mgr("ceph_healthcheck_slow_ops", "gauge", "Requests that OSDs or monitors take too long to process."),
    _mgr("ceph_mon_quorum_status", "gauge", "1 when this monitor is in the quorum.", "ceph_daemon"),
    _mgr("ceph_osd_up", "untyped", "1 when this OSD is up.", "ceph_daemon"),
    _mgr(
        "ceph_osd_metadata",
        "untyped",
        "What an OSD is and where it runs.",
        "back_iface",
        "ceph_daemon",
        "cluster_addr",
        "device_class",
        "front_iface",
        "hostname",
        "objectstore",
        "public_addr",
        "ceph_version",
    ),
    _mgr("ceph_pg_degraded", "gauge", "Placement groups that lack a copy.", "pool_id"),
    _mgr("ceph_pool_percent_used", "gauge", "What part of a pool is used, from 0 to 1.", "pool_id"),
    _mgr(
        "ceph_pool_metadata",
        "untyped",
        "What a pool is called.",
        "pool_id",
        "name",
        "type",
        "description",
        "compression_mode",
    ),
    _mgr(
        "ceph_rbd_write_latency_sum",
        "counter",
        "Nanoseconds that writes to an image took.",
        "pool",
        "namespace",
        "image",
    ),
    _mgr("ceph_rbd_write_latency_count", "counter", "Writes to an image.", "pool", "namespace", "image"),
)
