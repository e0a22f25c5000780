"""Cases of kunobs.catalogue.signals.etcd."""

from __future__ import annotations

from alert_rules.case import Case, Series

_ONE = 'job="etcd",instance="10.0.0.1:2379"'
_OTHER = 'job="etcd",instance="10.0.0.2:2379"'
_MEMBER = {"job": "etcd", "instance": "10.0.0.1:2379"}


def _quantile(metric: str, labels: str, below: str, above: str) -> tuple[Series, ...]:
    """Buckets whose 99th percentile lies halfway between these two bounds, and a little higher when it fires."""
    return (
        Series(f'{metric}_bucket{{{labels},le="{below}"}}', 0.98, 0.975),
        Series(f'{metric}_bucket{{{labels},le="{above}"}}', 1),
        Series(f'{metric}_bucket{{{labels},le="+Inf"}}', 1),
    )


def _database(silent: float, fires: float) -> Case:
    """What a member stores, of a quota of 2,000 bytes."""
    return Case(
        (
            Series(f"etcd_mvcc_db_total_size_in_bytes{{{_ONE}}}", silent, fires),
            Series(f"etcd_server_quota_backend_bytes{{{_ONE}}}", 2000),
            Series(f"etcd_mvcc_db_total_size_in_bytes{{{_OTHER}}}", 400),
            Series(f"etcd_server_quota_backend_bytes{{{_OTHER}}}", 2000),
            Series(f"etcd_mvcc_db_total_size_in_use_in_bytes{{{_ONE}}}", 300),
        ),
        value=fires / 2000,
        labels=_MEMBER,
    )


CASES = {
    "KunEtcdNoLeader": Case(
        (
            # The third member is gone.
            Series(f"etcd_server_has_leader{{{_ONE}}}", 0),
            Series(f"etcd_server_has_leader{{{_OTHER}}}", 1, 0),
            Series('etcd_server_has_leader{job="etcd",instance="10.0.0.3:2379"}', 1, None),
            Series(f"up{{{_ONE}}}", 1),
            Series(f"etcd_server_leader_changes_seen_total{{{_ONE}}}", 0.001),
        ),
        value=0,
        labels={"job": "etcd"},
    ),
    "KunEtcdMemberIsolated": Case(
        (Series(f"etcd_server_has_leader{{{_ONE}}}", 1, 0), Series(f"etcd_server_has_leader{{{_OTHER}}}", 1)),
        value=0,
        labels=_MEMBER,
    ),
    "KunEtcdMemberDown": Case(
        (
            Series(f"up{{{_ONE}}}", 1, 0),
            Series(f"up{{{_OTHER}}}", 1),
            Series('up{job="else",instance="10.0.0.3:9100"}', 0),
        ),
        value=0,
        labels=_MEMBER,
    ),
    # 0.0032 a second are 2.88 in 15 minutes.
    "KunEtcdLeaderChanges": Case(
        (
            Series(f"etcd_server_leader_changes_seen_total{{{_ONE}}}", 0.0032, 0.0036),
            Series(f"etcd_server_leader_changes_seen_total{{{_OTHER}}}", 0.0032),
        ),
        value=3.24,
        labels={"job": "etcd"},
    ),
    "KunEtcdProposalsFailing": Case(
        (
            Series(f"etcd_server_proposals_failed_total{{{_ONE}}}", 0.0054, 0.006),
            Series(f"etcd_server_proposals_failed_total{{{_OTHER}}}", 0.0001),
        ),
        value=5.4,
        labels=_MEMBER,
    ),
    "KunEtcdProposalsPending": Case(
        (
            Series(f"etcd_server_proposals_pending{{{_ONE}}}", 99, 105),
            Series(f"etcd_server_proposals_pending{{{_OTHER}}}", 0),
        ),
        value=105,
        labels=_MEMBER,
    ),
    "KunEtcdFsyncSlow": Case(
        _quantile("etcd_disk_wal_fsync_duration_seconds", _ONE, "0.064", "0.128"), value=0.1024, labels=_MEMBER
    ),
    "KunEtcdCommitSlow": Case(
        _quantile("etcd_disk_backend_commit_duration_seconds", _ONE, "0.128", "0.256"), value=0.2048, labels=_MEMBER
    ),
    "KunEtcdQuotaFilling": _database(1580, 1640),
    "KunEtcdQuotaFull": _database(1880, 1920),
    "KunEtcdPeerSlow": Case(
        (
            Series(
                f'etcd_network_peer_round_trip_time_seconds_bucket{{{_ONE},To="8e9e05c52164694d",le="0.1024"}}',
                0.982,
                0.98,
            ),
            Series(f'etcd_network_peer_round_trip_time_seconds_bucket{{{_ONE},To="8e9e05c52164694d",le="0.2048"}}', 1),
            Series(f'etcd_network_peer_round_trip_time_seconds_bucket{{{_ONE},To="8e9e05c52164694d",le="+Inf"}}', 1),
        ),
        value=0.1536,
        labels=_MEMBER | {"To": "8e9e05c52164694d"},
    ),
}
