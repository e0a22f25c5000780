"""prometheus-community's elasticsearch_exporter with --es.all and --es.snapshots (from 1.7 on --collector.snapshots).

One job for each Elasticsearch, whose name begins with elasticsearch.

Its label cluster is Elasticsearch's name; rules rename it, because cluster is Kubernetes' among external labels.
"""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_SOURCE = "github.com/prometheus-community/elasticsearch_exporter@v1.5.0:collector"
_health = declared(f"{_SOURCE}/cluster_health.go")
_nodes = declared(f"{_SOURCE}/nodes.go")
_snapshots = declared(f"{_SOURCE}/snapshots.go")
_NODE = ("cluster", "host", "name", "es_master_node", "es_data_node", "es_ingest_node", "es_client_node")

METRICS = (
    _health(
        "elasticsearch_cluster_health_status",
        "gauge",
        "1 for the colour that the cluster has: green, yellow, red.",
        "cluster",
        "color",
    ),
    _health("elasticsearch_cluster_health_number_of_nodes", "gauge", "Nodes in the cluster.", "cluster"),
    _health(
        "elasticsearch_cluster_health_unassigned_shards",
        "gauge",
        "Shards that the cluster should have and that no node holds.",
        "cluster",
    ),
    _health(
        "elasticsearch_cluster_health_task_max_waiting_in_queue_millis",
        "gauge",
        "How long the oldest change of the cluster's state has waited for the master, in milliseconds.",
        "cluster",
    ),
    _nodes("elasticsearch_jvm_memory_used_bytes", "gauge", "Memory used, by area.", *_NODE, "area", unit="bytes"),
    _nodes(
        "elasticsearch_jvm_memory_max_bytes",
        "gauge",
        "Most memory that the area can have; only of heap.",
        *_NODE,
        "area",
        unit="bytes",
    ),
    _nodes(
        "elasticsearch_breakers_tripped",
        "counter",
        "Times that a circuit breaker refused a request.",
        *_NODE,
        "breaker",
    ),
    _nodes(
        "elasticsearch_thread_pool_rejected_count",
        "counter",
        "Tasks refused because the queue of their pool was full.",
        *_NODE,
        "type",
    ),
    _nodes(
        "elasticsearch_filesystem_data_available_bytes",
        "gauge",
        "Space that Elasticsearch can still use where its data lies.",
        *_NODE,
        "mount",
        "path",
        unit="bytes",
    ),
    _nodes(
        "elasticsearch_filesystem_data_size_bytes",
        "gauge",
        "Size of the file system where its data lies.",
        *_NODE,
        "mount",
        "path",
        unit="bytes",
    ),
    _snapshots(
        "elasticsearch_snapshot_stats_number_of_snapshots", "gauge", "Snapshots in the repository.", "repository"
    ),
    _snapshots(
        "elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds",
        "gauge",
        "When the latest snapshot that succeeded wholly or partly began; 0 when there is none.",
        "repository",
        unit="seconds",
    ),
)
