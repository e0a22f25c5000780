"""oliver006's redis_exporter, with /scrape?target= or one for each node: the label instance is the Redis node."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_made = declared("redis_exporter-1.45.0.prom", "namespace")

METRICS = (
    _made("redis_up", "gauge", "1 when the node answered."),
    _made(
        "redis_instance_info",
        "gauge",
        "1, with what the node is.",
        *("role", "redis_version", "redis_build_id", "redis_mode", "os"),
        *("maxmemory_policy", "tcp_port", "run_id", "process_id"),
    ),
    _made("redis_memory_used_bytes", "gauge", "Memory that Redis has allocated.", unit="bytes"),
    _made("redis_memory_max_bytes", "gauge", "maxmemory; 0 is no limit.", unit="bytes"),
    _made("redis_rejected_connections_total", "counter", "Connections refused because there were maxclients."),
    _made("redis_evicted_keys_total", "counter", "Keys removed because of maxmemory."),
    _made("redis_keyspace_hits_total", "counter", "Lookups that found their key."),
    _made("redis_keyspace_misses_total", "counter", "Lookups that did not."),
    _made("redis_rdb_last_bgsave_status", "gauge", "1 when the last background save worked."),
    _made(
        "redis_master_link_up",
        "gauge",
        "1 while the replica is connected to its master; only of replicas.",
        "master_host",
        "master_port",
    ),
)
