"""etcd: a scrape of a single member of etcd 3.4; what only a cluster has, from its source."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_etcd = declared("etcd-3.4.23.prom")
_peer = declared("github.com/etcd-io/etcd@5a9e48be300156423ee1b82d0bfee83a3b28083e:etcdserver/api/rafthttp/metrics.go")

METRICS = (
    _etcd("etcd_server_has_leader", "gauge", "1 when the member knows of a leader, else 0."),
    _etcd("etcd_server_leader_changes_seen_total", "counter", "Changes of the leader that the member has seen."),
    _etcd("etcd_server_proposals_failed_total", "counter", "Proposals of the member that failed."),
    _etcd("etcd_server_proposals_pending", "gauge", "Proposals of the member that wait to be committed."),
    _etcd("etcd_server_quota_backend_bytes", "gauge", "How large the database may become.", unit="bytes"),
    _etcd("etcd_mvcc_db_total_size_in_bytes", "gauge", "How large the database's file is.", unit="bytes"),
    _etcd(
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        "gauge",
        "How much of the database's file is in use; the rest is what defragmenting gives back.",
        unit="bytes",
    ),
    _etcd(
        "etcd_disk_wal_fsync_duration_seconds",
        "histogram",
        "How long an fsync of the write-ahead log takes.",
        unit="seconds",
    ),
    _etcd(
        "etcd_disk_backend_commit_duration_seconds",
        "histogram",
        "How long a commit to the database takes.",
        unit="seconds",
    ),
    _peer(
        "etcd_network_peer_round_trip_time_seconds",
        "histogram",
        "Round trip to another member, To is its id.",
        "To",
        unit="seconds",
    ),
)
