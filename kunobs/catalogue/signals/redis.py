"""Alerts on Redis: what sentinels and nodes together say of an installation, and each node as redis_exporter sees it."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

# A Redis Cluster that was made just now, or a node that has not met the others. One that has lost its memory looks the
# same; then the others see its slots fail.
_UNMADE = (
    'unless on (namespace, name) (min by (namespace, name) (kunobs_redis_cluster_slots{state="unassigned"}) == 16384'
    ' unless on (namespace, name) max by (namespace, name) (kunobs_redis_cluster_slots{state="fail"}) > 0)'
)

SIGNALS = (
    Signal(
        alert="KunRedisSplitBrain",
        severity="critical",
        expr="max by (namespace, name) (kunobs_redis_split_brain)",
        comparison=">",
        threshold=0,
        wait="1m",
        keep="2m",
        title=Text("Redis {namespace}/{name} 脑裂", "The Redis {namespace}/{name} has a split brain"),
        description=Text("两个节点都在接受同样的写入。", "Two nodes take the same writes."),
        impact=Text(
            "合并时其中一边写入的数据会全部丢掉。", "All that is written to one of them is lost when they join again."
        ),
        action=Text(
            "先用 `redis-cli -h NODE info replication` 找出旧 master，用 `--rdb FILE` 存下它的数据，再让它 `replicaof` 新 master。",
            "Find the old master by `redis-cli -h NODE info replication`, save its data by `--rdb FILE`, then make it `replicaof` the new"
            " one.",
        ),
    ),
    Signal(
        alert="KunRedisNoMaster",
        severity="critical",
        expr="max by (namespace, name) (kunobs_redis_masters)",
        comparison="==",
        threshold=0,
        guard=_UNMADE,
        wait="2m",
        title=Text("Redis {namespace}/{name} 没有 master", "The Redis {namespace}/{name} has no master"),
        description=Text(
            "有节点应答，但没有一个说自己是 master。", "Nodes answer, and none of them says that it is master."
        ),
        impact=Text("所有写入失败，只能读到旧数据。", "All writes fail, and reads get old data at best."),
        action=Text(
            "`redis-cli -h SENTINEL -p 26379 sentinel ckquorum MASTER` 看哨兵为何不切换。",
            "`redis-cli -h SENTINEL -p 26379 sentinel ckquorum MASTER` tells why the sentinels do not fail over.",
        ),
    ),
    Signal(
        alert="KunRedisDown",
        severity="critical",
        expr="max by (namespace, name) (kunobs_redis_up)",
        comparison="==",
        threshold=0,
        guard='unless on (namespace, name) sum by (namespace, name) (kunobs_redis_nodes{state="denied"}) > 0',
        wait="2m",
        title=Text("Redis {namespace}/{name} 全部不应答", "Nothing of the Redis {namespace}/{name} answers"),
        description=Text("它的节点和哨兵都没有应答。", "None of its nodes and sentinels answers."),
        impact=Text("用它的服务全部读写失败。", "All that uses it can neither read nor write."),
        action=Text(
            "`kubectl -n {namespace} get pods -o wide` 看它的 Pod 在不在。",
            "`kubectl -n {namespace} get pods -o wide` shows whether its pods are there.",
        ),
    ),
    Signal(
        alert="KunRedisSentinelsDisagree",
        severity="warning",
        expr="min by (namespace, name) (kunobs_redis_sentinel_agreement_ratio)",
        comparison="<",
        threshold=1,
        unit="ratio",
        wait="5m",
        title=Text("Redis {namespace}/{name} 的哨兵意见不一", "The sentinels of the Redis {namespace}/{name} disagree"),
        description=Text(
            "只有 {value} 的哨兵说的是同一个 master。", "Only {value} of the sentinels name the same master."
        ),
        impact=Text(
            "客户端问到不同的哨兵，会连到不同的 master。",
            "Clients are sent to different masters, depending on the sentinel they ask.",
        ),
        action=Text(
            "对每个哨兵执行 `redis-cli -h SENTINEL -p 26379 sentinel get-master-addr-by-name MASTER`，查说法不同的那个的网络。",
            "Run `redis-cli -h SENTINEL -p 26379 sentinel get-master-addr-by-name MASTER` for each, and see what cuts off the odd one.",
        ),
    ),
    Signal(
        alert="KunRedisNoQuorum",
        severity="warning",
        expr="max by (namespace, name) (kunobs_redis_sentinel_quorum_ok)",
        comparison="==",
        threshold=0,
        wait="2m",
        title=Text("Redis {namespace}/{name} 的哨兵不够多", "The Redis {namespace}/{name} has too few sentinels"),
        description=Text("没有一个哨兵能凑够切换所需的票数。", "No sentinel sees enough of the others for a failover."),
        impact=Text("master 现在若出故障，不会有人接替。", "If the master fails now, nobody takes over."),
        action=Text(
            "恢复不在的哨兵 Pod，再看 `sentinel ckquorum MASTER`。",
            "Bring the missing sentinels back, then look at `sentinel ckquorum MASTER`.",
        ),
    ),
    Signal(
        alert="KunRedisReplicasDown",
        severity="warning",
        expr='max by (namespace, name) (kunobs_redis_replicas{link="down"})',
        comparison=">",
        threshold=0,
        wait="10m",
        title=Text("Redis {namespace}/{name} 的副本断开", "Replicas of the Redis {namespace}/{name} are cut off"),
        description=Text("{value} 个副本和 master 没有连接。", "{value} replicas have no link to their master."),
        impact=Text(
            "读到的是旧数据，此时切换会丢写入。", "Reads from them are old, and a failover to them would lose writes."
        ),
        action=Text(
            "看副本日志里的 MASTER <-> REPLICA sync，常见是全量同步反复失败。",
            "Read MASTER <-> REPLICA sync in its log; often a full sync fails over and over.",
        ),
    ),
    Signal(
        alert="KunRedisReplicaLag",
        severity="warning",
        expr="max by (namespace, name, node) (kunobs_redis_replica_lag_bytes)",
        comparison=">",
        threshold=104857600,
        unit="bytes",
        wait="5m",
        title=Text(
            "Redis {namespace}/{name} 的副本 {node} 落后",
            "The replica {node} of the Redis {namespace}/{name} is behind",
        ),
        description=Text("它比 master 少 {value} 的写入。", "It lacks {value} of its master's writes."),
        impact=Text("切换到它会丢掉这些写入。", "A failover to it would lose them."),
        action=Text(
            "看它的 CPU 和网络，以及 master 的 client-output-buffer-limit。",
            "Look at its CPU and network, and at client-output-buffer-limit of the master.",
        ),
    ),
    Signal(
        alert="KunRedisSlotsUnserved",
        severity="critical",
        expr='max by (namespace, name) (kunobs_redis_cluster_slots{state=~"fail|unassigned"})',
        comparison=">",
        threshold=0,
        guard=_UNMADE,
        wait="2m",
        keep="2m",
        title=Text(
            "Redis Cluster {namespace}/{name} 有槽没人服务",
            "Slots of the Redis Cluster {namespace}/{name} have no master",
        ),
        description=Text(
            "按看到麻烦最多的节点，{value} 个槽所在的 master 不在，或没有分配。",
            "As the node sees it that sees most trouble, {value} slots belong to a master that is gone, or to nobody.",
        ),
        impact=Text(
            "这些槽里的键不能读写；默认配置下整个集群都拒绝请求。",
            "Their keys can be neither read nor written; by default the whole cluster refuses then.",
        ),
        action=Text(
            "`redis-cli --cluster check NODE:6379` 看是哪些槽，先把那个 master 或它的副本拉起来。",
            "`redis-cli --cluster check NODE:6379` names them; bring that master or its replica back first.",
        ),
    ),
    Signal(
        alert="KunRedisClusterNotOk",
        severity="warning",
        expr="min by (namespace, name) (kunobs_redis_cluster_ok_ratio)",
        comparison="<",
        threshold=1,
        guard='unless on (namespace, name) max by (namespace, name) (kunobs_redis_cluster_slots{state="fail"}) > 0',
        unit="ratio",
        wait="10m",
        title=Text(
            "Redis Cluster {namespace}/{name} 有节点拒绝请求",
            "Nodes of the Redis Cluster {namespace}/{name} refuse requests",
        ),
        description=Text("只有 {value} 的节点认为集群正常。", "Only {value} of the nodes take the cluster for ok."),
        impact=Text("连到其余节点的客户端收到 CLUSTERDOWN。", "Clients of the others get CLUSTERDOWN."),
        action=Text(
            "在那些节点上看 `cluster nodes`，多半是和其他 master 断了网。",
            "Look at `cluster nodes` there; mostly they are cut off from the other masters.",
        ),
    ),
    Signal(
        alert="KunRedisClusterMapsDiffer",
        severity="warning",
        expr="min by (namespace, name) (kunobs_redis_cluster_agreement_ratio)",
        comparison="<",
        threshold=1,
        unit="ratio",
        wait="15m",
        title=Text(
            "Redis Cluster {namespace}/{name} 的节点对槽的归属说法不一",
            "Nodes of the Redis Cluster {namespace}/{name} have different maps of slots",
        ),
        description=Text("只有 {value} 的节点的槽表相同。", "Only {value} of the nodes have the same map."),
        impact=Text("客户端被来回重定向，部分请求失败。", "Clients are redirected to and fro, and some requests fail."),
        action=Text(
            "`redis-cli --cluster check NODE:6379`，再用 `--cluster fix` 修。",
            "Run `redis-cli --cluster check NODE:6379`, then `--cluster fix`.",
        ),
    ),
    Signal(
        alert="KunRedisNodesUnanswering",
        severity="warning",
        expr='max by (namespace, name, kind, state) (kunobs_redis_nodes{source="config",state!="answered"})',
        comparison=">",
        threshold=0,
        guard=(
            "unless on (namespace, name) (max by (namespace, name) (kunobs_redis_up) == 0 "
            'unless on (namespace, name) sum by (namespace, name) (kunobs_redis_nodes{state="denied"}) > 0)'
        ),
        wait="10m",
        title=Text(
            "Redis {namespace}/{name} 的 {kind} 不应答", "A {kind} of the Redis {namespace}/{name} does not answer"
        ),
        description=Text("{value} 个 {kind} 是 {state}。", "Asking {value} of kind {kind} ended as {state}."),
        impact=Text(
            "少了冗余；denied 时只是 kunobs 看不到它。",
            "There is less redundancy; with denied only kunobs does not see it.",
        ),
        action=Text(
            "`curl -s 'http://EXPORTER/probe?target={name}&debug=true'` 列出节点和原因。",
            "`curl -s 'http://EXPORTER/probe?target={name}&debug=true'` lists the nodes and why.",
        ),
    ),
    Signal(
        alert="KunRedisFailoversOften",
        severity="warning",
        expr="max by (namespace, name) (round(increase(kunobs_redis_failover_epochs_total[1h])))",
        comparison=">",
        threshold=3,
        title=Text("Redis {namespace}/{name} 频繁切换", "The Redis {namespace}/{name} fails over often"),
        description=Text("一小时内 epoch 增加了 {value}。", "Its epoch rose by {value} within an hour."),
        impact=Text(
            "每次切换断开所有客户端，可能丢最后的写入。",
            "Each failover cuts all clients off and may lose the last writes.",
        ),
        action=Text(
            "看 master 是否慢或被 OOM，down-after-milliseconds 是否太短。",
            "See whether the master is slow or OOM killed, or down-after-milliseconds too short.",
        ),
    ),
    Signal(
        alert="KunRedisDeclaredDifference",
        severity="warning",
        expr="max by (namespace, name, aspect) (kunobs_redis_declared_difference)",
        comparison="!=",
        threshold=0,
        guard='unless on (namespace, name) sum by (namespace, name) (kunobs_redis_nodes{source="config",state!="answered"}) > 0',
        wait="15m",
        title=Text(
            "Redis {namespace}/{name} 的 {aspect} 和声明不符",
            "The {aspect} of the Redis {namespace}/{name} are not as declared",
        ),
        description=Text("实际的减去声明的是 {value}。", "What is there less what is declared is {value}."),
        impact=Text("冗余不是大家以为的那样。", "Its redundancy is not what everybody thinks."),
        action=Text("改实际的部署，或改 declared_file 里的声明。", "Change what runs, or what declared_file says."),
    ),
    Signal(
        alert="KunRedisNodeDown",
        severity="warning",
        expr="min by (namespace, instance) (redis_up)",
        comparison="==",
        threshold=0,
        # Addresses that only sentinels remember are told by nobody else.
        guard='unless on (namespace) sum by (namespace) (kunobs_redis_nodes{source="config",state!="answered"}) > 0',
        wait="5m",
        title=Text("Redis 节点 {instance} 不应答", "The Redis node {instance} does not answer"),
        description=Text(
            "命名空间 {namespace} 的 redis_exporter 连不上它。",
            "redis_exporter does not reach it in the namespace {namespace}.",
        ),
        impact=Text("连到它的客户端失败，或少了一个副本。", "Its clients fail, or a replica is missing."),
        action=Text(
            "看它的 Pod；若 Pod 正常，看 redis_exporter 的密码。",
            "Look at its pod; if that is well, at the password of redis_exporter.",
        ),
    ),
    Signal(
        alert="KunRedisMemoryNearMax",
        severity="warning",
        expr="max by (namespace, instance) (redis_memory_used_bytes / (redis_memory_max_bytes > 0))",
        comparison=">",
        threshold=0.9,
        guard='and on (namespace, instance) redis_instance_info{maxmemory_policy="noeviction"}',
        unit="ratio",
        wait="15m",
        title=Text("Redis 节点 {instance} 内存将满", "The memory of the Redis node {instance} fills up"),
        description=Text(
            "已用 maxmemory 的 {value}，而且不淘汰键。", "It uses {value} of maxmemory and evicts nothing."
        ),
        impact=Text(
            "满了以后命名空间 {namespace} 的写入都会失败。",
            "Once it is full, all writes of the namespace {namespace} fail.",
        ),
        action=Text(
            "`redis-cli -h NODE --bigkeys` 找大键，再设过期时间或调大 maxmemory。",
            "Find large keys by `redis-cli -h NODE --bigkeys`, then let them expire or raise maxmemory.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunRedisRejectsConnections",
        severity="warning",
        expr="sum by (namespace, instance) (rate(redis_rejected_connections_total[5m])) * 60",
        comparison=">",
        threshold=0,
        wait="5m",
        keep="5m",
        title=Text("Redis 节点 {instance} 拒绝连接", "The Redis node {instance} refuses connections"),
        description=Text(
            "每分钟拒绝 {value} 个连接，因为到了 maxclients。",
            "It refuses {value} connections each minute because maxclients are there.",
        ),
        impact=Text(
            "命名空间 {namespace} 的一部分客户端连不上。", "Some clients of the namespace {namespace} cannot connect."
        ),
        action=Text(
            "`redis-cli -h NODE client list` 看谁的连接最多，多半是没有连接池。",
            "`redis-cli -h NODE client list` shows who has most; often somebody has no pool.",
        ),
        owner="tenant",
    ),
    Signal(
        alert="KunRedisEvicting",
        severity="info",
        expr="sum by (namespace, instance) (rate(redis_evicted_keys_total[15m]))",
        comparison=">",
        threshold=10,
        guard=(
            "and on (namespace, instance) sum by (namespace, instance) (rate(redis_keyspace_hits_total[15m])) / ("
            "sum by (namespace, instance) (rate(redis_keyspace_hits_total[15m])) + "
            "sum by (namespace, instance) (rate(redis_keyspace_misses_total[15m]))) < 0.8"
        ),
        wait="15m",
        title=Text("Redis 缓存 {instance} 太小", "The Redis cache {instance} is too small"),
        description=Text(
            "每秒淘汰 {value} 个键，命中率低于 80%。", "It evicts {value} keys each second and finds fewer than 80%."
        ),
        impact=Text(
            "命名空间 {namespace} 的请求更多地落到数据库上。",
            "More requests of the namespace {namespace} go to its database.",
        ),
        action=Text("调大 maxmemory，或缩短过期时间。", "Raise maxmemory, or let keys expire sooner."),
        owner="tenant",
    ),
    Signal(
        alert="KunRedisSaveFailed",
        severity="warning",
        expr="min by (namespace, instance) (redis_rdb_last_bgsave_status)",
        comparison="==",
        threshold=0,
        wait="5m",
        title=Text("Redis 节点 {instance} 存盘失败", "The Redis node {instance} could not save"),
        description=Text(
            "命名空间 {namespace} 的这个节点上一次 bgsave 失败了。",
            "The last bgsave of this node of the namespace {namespace} failed.",
        ),
        impact=Text(
            "默认配置下它从此拒绝写入；重启会丢掉上次存盘后的数据。",
            "By default it refuses writes now; a restart loses what came after the last save.",
        ),
        action=Text(
            "看日志里的 Background saving error：磁盘满，或 fork 时内存不够。",
            "Read Background saving error in its log: a full disk, or too little memory to fork.",
        ),
    ),
    Signal(
        alert="KunRedisMasterLinkDown",
        severity="warning",
        expr="min by (namespace, instance) (redis_master_link_up)",
        comparison="==",
        threshold=0,
        guard='unless on (namespace) sum by (namespace) (kunobs_redis_replicas{link="down"}) > 0',
        wait="10m",
        title=Text("Redis 副本 {instance} 和 master 断开", "The Redis replica {instance} is cut off from its master"),
        description=Text(
            "命名空间 {namespace} 的这个副本没有到 master 的连接。",
            "This replica of the namespace {namespace} has no link to its master.",
        ),
        impact=Text("从它读到的是旧数据。", "What is read from it is old."),
        action=Text(
            "`redis-cli -h NODE info replication` 看它在等谁。",
            "`redis-cli -h NODE info replication` tells whom it waits for.",
        ),
    ),
)
