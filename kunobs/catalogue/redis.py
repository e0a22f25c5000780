"""Metrics of `kunobs exporter redis`: what all sentinels and nodes of a Redis installation say of its topology."""

from __future__ import annotations

from kunobs.catalogue.types import Label, MetricSpec

KINDS = ("sentinel", "server")
SOURCES = ("config", "announced")
STATES = ("answered", "timeout", "unreachable", "denied", "error")
LINKS = ("up", "down")
SLOT_STATES = ("ok", "pfail", "fail", "unassigned")
NODE_STATES = ("ok", "pfail", "fail")
ASPECTS = ("masters", "replicas", "sentinels", "quorum")
# One installation: `name` is its key in the configuration.
_WHOSE = (Label("namespace"), Label("name"))

UP = MetricSpec(
    "kunobs_redis_up",
    "gauge",
    "1 when a node or a sentinel of it answered; 0 when none did, and then it has no other metric but nodes.",
    labels=_WHOSE,
)
NODES = MetricSpec(
    "kunobs_redis_nodes",
    "gauge",
    "Nodes by how asking them went: denied is a refused password or command, error another refusal or no Redis. "
    "Announced are those that only sentinels and other nodes named.",
    labels=(*_WHOSE, Label("kind", KINDS), Label("source", SOURCES), Label("state", STATES)),
)
MASTERS = MetricSpec(
    "kunobs_redis_masters",
    "gauge",
    "Nodes that claim to be master (role of INFO replication), in a Redis Cluster those of them that hold slots.",
    labels=_WHOSE,
)
SPLIT_BRAIN = MetricSpec(
    "kunobs_redis_split_brain",
    "gauge",
    "1 when two nodes take the same writes: two claim to be master, in a Redis Cluster of the same slot (own line of "
    "CLUSTER NODES).",
    labels=_WHOSE,
)
REPLICAS = MetricSpec(
    "kunobs_redis_replicas",
    "gauge",
    "Nodes that say they are replica, by master_link_status of INFO replication.",
    labels=(*_WHOSE, Label("link", LINKS)),
)
ATTACHED = MetricSpec(
    "kunobs_redis_replicas_attached",
    "gauge",
    "Replicas by the word of those who claim to be master: the sum of connected_slaves of INFO replication.",
    labels=_WHOSE,
)
LAG = MetricSpec(
    "kunobs_redis_replica_lag_bytes",
    "gauge",
    "master_repl_offset of the node whose history it follows (master_replid of INFO replication) less the replica's "
    "slave_repl_offset. The two are asked at the same time, not in the same instant.",
    unit="bytes",
    labels=(*_WHOSE, Label("node")),
)
FAILOVERS = MetricSpec(
    "kunobs_redis_failover_epochs_total",
    "counter",
    "Highest config-epoch of SENTINEL MASTER, or cluster_current_epoch of CLUSTER INFO: it rises with each failover, "
    "by more than one where an election was repeated.",
    labels=_WHOSE,
)
SENTINEL_AGREEMENT = MetricSpec(
    "kunobs_redis_sentinel_agreement_ratio",
    "gauge",
    "Of the sentinels that answer, the share that names the same master (ip and port of SENTINEL MASTER).",
    unit="ratio",
    labels=_WHOSE,
)
QUORUM_OK = MetricSpec(
    "kunobs_redis_sentinel_quorum_ok",
    "gauge",
    "Sentinels whose SENTINEL CKQUORUM says that enough of the others are there for a failover.",
    labels=_WHOSE,
)
MASTER_INFO = MetricSpec(
    "kunobs_redis_master_info",
    "info",
    "Address of the master that most sentinels name (ip and port of SENTINEL MASTER).",
    labels=(*_WHOSE, Label("node")),
)
CLUSTER_AGREEMENT = MetricSpec(
    "kunobs_redis_cluster_agreement_ratio",
    "gauge",
    "Of the nodes that answer, the share that has the same map of slots to masters (CLUSTER NODES).",
    unit="ratio",
    labels=_WHOSE,
)
CLUSTER_OK = MetricSpec(
    "kunobs_redis_cluster_ok_ratio",
    "gauge",
    "Of the nodes that answer, the share whose cluster_state of CLUSTER INFO is ok.",
    unit="ratio",
    labels=_WHOSE,
)
SLOTS = MetricSpec(
    "kunobs_redis_cluster_slots",
    "gauge",
    "Slots as the node sees them that sees most trouble (cluster_slots_ok, _pfail, _fail, _assigned of CLUSTER INFO).",
    labels=(*_WHOSE, Label("state", SLOT_STATES)),
)
CLUSTER_NODES = MetricSpec(
    "kunobs_redis_cluster_nodes",
    "gauge",
    "Nodes by their flags in CLUSTER NODES (fail, fail? is pfail), as the node sees them that sees most trouble.",
    labels=(*_WHOSE, Label("state", NODE_STATES)),
)
DECLARED = MetricSpec(
    "kunobs_redis_declared_difference",
    "gauge",
    "Masters, replicas and sentinels that answer, and the quorum of SENTINEL MASTER, less what the declared file says: "
    "below 0 some are missing, above 0 there are more.",
    labels=(*_WHOSE, Label("aspect", ASPECTS)),
)
UNOBSERVED = MetricSpec(
    "kunobs_redis_declared_unobserved",
    "gauge",
    "Names in the declared file that the configuration does not have, so that nobody compares them.",
)

METRICS: tuple[MetricSpec, ...] = (
    *(UP, NODES, MASTERS, SPLIT_BRAIN, REPLICAS, ATTACHED, LAG, FAILOVERS),
    *(SENTINEL_AGREEMENT, QUORUM_OK, MASTER_INFO),
    *(CLUSTER_AGREEMENT, CLUSTER_OK, SLOTS, CLUSTER_NODES),
    *(DECLARED, UNOBSERVED),
)
