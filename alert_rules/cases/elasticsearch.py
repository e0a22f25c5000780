"""Cases of kunobs.catalogue.signals.elasticsearch."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Level, Series

_LOGS = {"elasticsearch_cluster": "logs"}
_HOT = _LOGS | {"name": "hot-0"}
_DISK = "elasticsearch_filesystem_data"


def _health(metric: str, *levels: Level, cluster: str = "logs", more: str = "") -> Series:
    return Series(f'elasticsearch_cluster_health_{metric}{{cluster="{cluster}"{more}}}', *levels)


def _status(color: str, *levels: Level, cluster: str = "logs") -> Series:
    return _health("status", *levels, cluster=cluster, more=f',color="{color}"')


def _node(metric: str, *levels: Level, name: str = "hot-0", more: str = "") -> Series:
    selector = f'elasticsearch_{metric}{{cluster="logs",host="10.0.0.1",name="{name}",es_data_node="true"{more}}}'
    return Series(selector, *levels)


def _disk(silent: float, fires: float, *others: Series) -> Case:
    """Space that a disk of 1,000 bytes has left; another one has room."""
    path = ',mount="/data (/dev/sdb)",path="/data/nodes/0"'
    return Case(
        (
            _node("filesystem_data_size_bytes", 1000, more=path),
            _node("filesystem_data_available_bytes", silent, fires, more=path),
            _node("filesystem_data_size_bytes", 1000, name="hot-1", more=path),
            _node("filesystem_data_available_bytes", 400, name="hot-1", more=path),
            *others,
        ),
        value=fires / 1000,
        labels=_HOT | {"path": "/data/nodes/0"},
    )


CASES = {
    "KunElasticsearchDown": Case(
        (
            # An exporter that is away itself says nothing; once it is back it gets no answer.
            Series('up{job="elasticsearch",instance="a"}', 0, 1),
            Series('up{job="elasticsearch",instance="b"}', 0, 1),
            # One of two exporters that gets no answer is no outage.
            Series(
                'elasticsearch_cluster_health_number_of_nodes{job="elasticsearch-audit",instance="a",cluster="audit"}',
                3,
            ),
            Series('up{job="elasticsearch-audit",instance="a"}', 1),
            Series('up{job="elasticsearch-audit",instance="b"}', 1),
            Series('up{job="node",instance="a"}', 1),
        ),
        value=0,
        labels={"job": "elasticsearch"},
    ),
    "KunElasticsearchRed": Case(
        (
            *(_status("green", 1, 0), _status("yellow", 0), _status("red", 0, 1)),
            *(_status("green", 1, cluster="audit"), _status("red", 0, cluster="audit")),
            _health("unassigned_shards", 0, 3),
            _health("number_of_nodes", 5, 4),
            _node("filesystem_data_available_bytes", 400, more=',path="/data"'),
            _node("filesystem_data_size_bytes", 1000, more=',path="/data"'),
        ),
        value=1,
        labels=_LOGS,
    ),
    "KunElasticsearchYellow": Case(
        (
            *(_status("green", 1, 0), _status("yellow", 0, 1), _status("red", 0)),
            _health("unassigned_shards", 0, 12),
            # Red has an alert of its own.
            *(_status("yellow", 0, cluster="audit"), _status("red", 1, cluster="audit")),
            _health("unassigned_shards", 4, cluster="audit"),
            # Replicas that are being made.
            *(_status("yellow", 1, cluster="metrics"), _health("unassigned_shards", 0, cluster="metrics")),
        ),
        value=12,
        labels=_LOGS,
    ),
    "KunElasticsearchNodeMissing": Case(
        (_health("number_of_nodes", 5, 4), _health("number_of_nodes", 3, cluster="audit")),
        value=1,
        labels=_LOGS,
        window=2,
    ),
    "KunElasticsearchDiskLow": _disk(157, 145),
    "KunElasticsearchDiskFlood": _disk(63, 55, _health("unassigned_shards", 0, 2)),
    "KunElasticsearchHeapFull": Case(
        (
            _node("jvm_memory_used_bytes", 890, 930, more=',area="heap"'),
            _node("jvm_memory_max_bytes", 1000, more=',area="heap"'),
            # Nothing is wrong with a full code cache.
            _node("jvm_memory_used_bytes", 99, more=',area="non-heap"'),
            _node("jvm_memory_max_bytes", 100, more=',area="non-heap"'),
            _node("jvm_memory_used_bytes", 500, name="hot-1", more=',area="heap"'),
            _node("jvm_memory_max_bytes", 1000, name="hot-1", more=',area="heap"'),
        ),
        value=0.93,
        labels=_HOT,
    ),
    "KunElasticsearchRejectsWrites": Case(
        (
            _node("thread_pool_rejected_count", 0.096, 0.12, more=',type="write"'),
            _node("thread_pool_rejected_count", 3, more=',type="search"'),
            _node("thread_pool_rejected_count", 0, name="hot-1", more=',type="write"'),
        ),
        value=7.2,
        labels=_HOT,
    ),
    "KunElasticsearchBreakerTripped": Case(
        (
            _node("breakers_tripped", 5 / 900, 7 / 900, more=',breaker="parent"'),
            _node("breakers_tripped", 0, more=',breaker="request"'),
        ),
        value=7,
        labels=_HOT | {"breaker": "parent"},
    ),
    "KunElasticsearchTasksWait": Case(
        (
            _health("task_max_waiting_in_queue_millis", 58_000, 63_000),
            _health("task_max_waiting_in_queue_millis", 0, cluster="audit"),
        ),
        value=63,
        labels=_LOGS,
    ),
    "KunElasticsearchSnapshotOld": Case(
        (
            Series(
                'elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds{repository="nightly"}',
                Ago(127_000),
                Ago(133_000),
            ),
            Series('elasticsearch_snapshot_stats_number_of_snapshots{repository="nightly"}', 14),
            # Made just now, and empty.
            Series('elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds{repository="new"}', Ago(200_000)),
            Series('elasticsearch_snapshot_stats_number_of_snapshots{repository="new"}', 0),
        ),
        value=133_000,
        labels={"repository": "nightly"},
    ),
}
