"""Cases of kunobs.catalogue.signals.redis."""

from __future__ import annotations

from alert_rules.case import Case, Level, Series

_CACHE = {"namespace": "shop", "name": "cache"}
_NODE = {"namespace": "shop", "instance": "redis-0.shop:6379"}
# In the namespace of another tenant, where nothing must fire.
_BANK = "bank", "store"
_LAB = "lab", "try"


def _own(metric: str, *levels: Level, whose: tuple[str, str] = ("shop", "cache"), more: str = "") -> Series:
    """A series of an installation, `more` labels as `,state="fail"`."""
    return Series(f'{metric}{{namespace="{whose[0]}",name="{whose[1]}"{more}}}', *levels)


def _nodes(
    state: str,
    *levels: Level,
    whose: tuple[str, str] = ("shop", "cache"),
    kind: str = "server",
    source: str = "config",
) -> Series:
    more = f',kind="{kind}",source="{source}",state="{state}"'
    return _own("kunobs_redis_nodes", *levels, whose=whose, more=more)


def _slots(state: str, *levels: Level, whose: tuple[str, str] = ("shop", "cache")) -> Series:
    return _own("kunobs_redis_cluster_slots", *levels, whose=whose, more=f',state="{state}"')


def _exporter(metric: str, *levels: Level, node: str = "redis-0.shop:6379", more: str = "") -> Series:
    """A series of redis_exporter; the namespace follows from the node."""
    namespace = node.partition(".")[2].partition(":")[0]
    return Series(f'{metric}{{namespace="{namespace}",instance="{node}"{more}}}', *levels)


def _info(node: str, policy: str) -> Series:
    return _exporter("redis_instance_info", 1, node=node, more=f',role="master",maxmemory_policy="{policy}"')


CASES = {
    "KunRedisSplitBrain": Case(
        (
            _own("kunobs_redis_split_brain", 0, 1),
            _own("kunobs_redis_masters", 1, 2),
            _own("kunobs_redis_sentinel_agreement_ratio", 1, 0.6667),
            _own("kunobs_redis_master_info", 1, more=',node="redis-1.shop:6379"'),
            _own("kunobs_redis_split_brain", 0, whose=_BANK),
        ),
        value=1,
        labels=_CACHE,
    ),
    "KunRedisNoMaster": Case(
        (
            _own("kunobs_redis_masters", 1, 0),
            _own("kunobs_redis_sentinel_quorum_ok", 3, 0),
            _nodes("answered", 3, 2),
            _nodes("unreachable", 0, 1),
            _own("kunobs_redis_replicas", 0, 2, more=',link="down"'),
            _own("kunobs_redis_masters", 1, whose=_BANK),
            # A Redis Cluster without slots yet.
            *(_own("kunobs_redis_masters", 0, whose=_LAB), _slots("ok", 0, whose=_LAB)),
            _slots("unassigned", 16384, whose=_LAB),
        ),
        value=0,
        labels=_CACHE,
    ),
    "KunRedisDown": Case(
        (
            _own("kunobs_redis_up", 1, 0),
            _nodes("timeout", 0, 3),
            _nodes("timeout", 0, 3, kind="sentinel"),
            _own("kunobs_redis_up", 1, whose=_BANK),
            # It lives, and does not let us in.
            *(_own("kunobs_redis_up", 0, whose=_LAB), _nodes("denied", 3, whose=_LAB)),
        ),
        value=0,
        labels=_CACHE,
    ),
    "KunRedisSentinelsDisagree": Case(
        (
            _own("kunobs_redis_sentinel_agreement_ratio", 1, 0.6667),
            _own("kunobs_redis_sentinel_agreement_ratio", 1, whose=_BANK),
        ),
        value=0.6667,
        labels=_CACHE,
    ),
    "KunRedisNoQuorum": Case(
        (
            _own("kunobs_redis_sentinel_quorum_ok", 1, 0),
            _own("kunobs_redis_sentinel_quorum_ok", 3, whose=_BANK),
        ),
        value=0,
        labels=_CACHE,
    ),
    "KunRedisReplicasDown": Case(
        (
            _own("kunobs_redis_replicas", 0, 1, more=',link="down"'),
            _own("kunobs_redis_replicas", 2, 1, more=',link="up"'),
            _own("kunobs_redis_replicas", 0, whose=_BANK, more=',link="down"'),
        ),
        value=1,
        labels=_CACHE,
    ),
    "KunRedisReplicaLag": Case(
        (
            _own("kunobs_redis_replica_lag_bytes", 104_000_000, 106_000_000, more=',node="redis-1.shop:6379"'),
            _own("kunobs_redis_replica_lag_bytes", 512, more=',node="redis-2.shop:6379"'),
        ),
        value=106_000_000,
        labels=_CACHE | {"node": "redis-1.shop:6379"},
    ),
    "KunRedisSlotsUnserved": Case(
        (
            # A master has lost its disk: it knows no slots, and the others see its own fail.
            _slots("ok", 16384, 0),
            _slots("fail", 0, 5461),
            _slots("unassigned", 0, 16384),
            _own("kunobs_redis_cluster_ok_ratio", 1, 0),
            _own("kunobs_redis_cluster_nodes", 0, 1, more=',state="fail"'),
            _own("kunobs_redis_masters", 3, 2),
            _own("kunobs_redis_replicas", 3, 2, more=',link="up"'),
            _nodes("unreachable", 0, 2),
            # Made just now, or a node of it that nobody has met yet.
            *(_slots("ok", 0, whose=_BANK), _slots("fail", 0, whose=_BANK), _slots("unassigned", 16384, whose=_BANK)),
        ),
        value=16384,
        labels=_CACHE,
    ),
    "KunRedisClusterNotOk": Case(
        (
            _own("kunobs_redis_cluster_ok_ratio", 1, 0.8333),
            *(_slots("ok", 16384), _slots("fail", 0)),
            _own("kunobs_redis_cluster_ok_ratio", 0, whose=_BANK),
            _slots("fail", 5461, whose=_BANK),
        ),
        value=0.8333,
        labels=_CACHE,
    ),
    "KunRedisClusterMapsDiffer": Case(
        (
            _own("kunobs_redis_cluster_agreement_ratio", 1, 0.8333),
            _own("kunobs_redis_cluster_agreement_ratio", 1, whose=_BANK),
        ),
        value=0.8333,
        labels=_CACHE,
    ),
    "KunRedisNodesUnanswering": Case(
        (
            _own("kunobs_redis_up", 1),
            *(_nodes("answered", 3, 2), _nodes("timeout", 0, 1), _nodes("denied", 0)),
            # An address of before, that only a sentinel remembers.
            _nodes("unreachable", 1, source="announced"),
            *(_own("kunobs_redis_up", 0, whose=_BANK), _nodes("timeout", 6, whose=_BANK)),
        ),
        value=1,
        labels=_CACHE | {"kind": "server", "state": "timeout"},
    ),
    "KunRedisFailoversOften": Case(
        (
            _own("kunobs_redis_failover_epochs_total", 3 / 3600, 5 / 3600),
            _own("kunobs_redis_failover_epochs_total", 0, whose=_BANK),
        ),
        value=5,
        labels=_CACHE,
    ),
    "KunRedisDeclaredDifference": Case(
        (
            _own("kunobs_redis_declared_difference", 0, -1, more=',aspect="replicas"'),
            _own("kunobs_redis_declared_difference", 0, more=',aspect="masters"'),
            *(_nodes("answered", 3), _nodes("timeout", 0), _nodes("unreachable", 1, source="announced")),
            _own("kunobs_redis_declared_difference", -1, whose=_BANK, more=',aspect="replicas"'),
            *(_nodes("answered", 2, whose=_BANK), _nodes("timeout", 1, whose=_BANK)),
        ),
        value=-1,
        labels=_CACHE | {"aspect": "replicas"},
    ),
    "KunRedisNodeDown": Case(
        (
            _exporter("redis_up", 1, 0),
            _exporter("redis_up", 1, node="redis-1.shop:6379"),
            *(_nodes("answered", 3), _nodes("timeout", 0), _nodes("unreachable", 1, source="announced")),
            # kunobs tells of this one.
            _exporter("redis_up", 0, node="redis-0.bank:6379"),
            *(_nodes("answered", 2, whose=_BANK), _nodes("timeout", 1, whose=_BANK)),
        ),
        value=0,
        labels=_NODE,
    ),
    "KunRedisMemoryNearMax": Case(
        (
            _exporter("redis_memory_used_bytes", 890, 930),
            _exporter("redis_memory_max_bytes", 1000),
            _info("redis-0.shop:6379", "noeviction"),
            # A cache is full by nature.
            _exporter("redis_memory_used_bytes", 999, node="cache-0.shop:6379"),
            _exporter("redis_memory_max_bytes", 1000, node="cache-0.shop:6379"),
            _info("cache-0.shop:6379", "allkeys-lru"),
            _exporter("redis_memory_used_bytes", 999, node="free-0.shop:6379"),
            _exporter("redis_memory_max_bytes", 0, node="free-0.shop:6379"),
            _info("free-0.shop:6379", "noeviction"),
        ),
        value=0.93,
        labels=_NODE,
    ),
    "KunRedisRejectsConnections": Case(
        (
            _exporter("redis_rejected_connections_total", 0, 0.25),
            _exporter("redis_rejected_connections_total", 0, node="redis-1.shop:6379"),
        ),
        value=15,
        labels=_NODE,
    ),
    "KunRedisEvicting": Case(
        (
            _exporter("redis_evicted_keys_total", 9.5, 11),
            _exporter("redis_keyspace_hits_total", 70),
            _exporter("redis_keyspace_misses_total", 30),
            # One that finds what is asked for.
            _exporter("redis_evicted_keys_total", 50, node="cache-0.shop:6379"),
            _exporter("redis_keyspace_hits_total", 90, node="cache-0.shop:6379"),
            _exporter("redis_keyspace_misses_total", 10, node="cache-0.shop:6379"),
        ),
        value=11,
        labels=_NODE,
    ),
    "KunRedisSaveFailed": Case(
        (
            _exporter("redis_rdb_last_bgsave_status", 1, 0),
            _exporter("redis_rdb_last_bgsave_status", 1, node="redis-1.shop:6379"),
        ),
        value=0,
        labels=_NODE,
    ),
    "KunRedisMasterLinkDown": Case(
        (
            _exporter("redis_master_link_up", 1, 0, more=',master_host="redis-1.shop",master_port="6379"'),
            *(
                _own("kunobs_redis_replicas", 2, more=',link="up"'),
                _own("kunobs_redis_replicas", 0, more=',link="down"'),
            ),
            # kunobs tells of this one.
            _exporter("redis_master_link_up", 0, node="redis-0.bank:6379"),
            _own("kunobs_redis_replicas", 1, whose=_BANK, more=',link="down"'),
        ),
        value=0,
        labels=_NODE,
    ),
}
