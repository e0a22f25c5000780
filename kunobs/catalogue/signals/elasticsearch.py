"""Alerts on Elasticsearch, as elasticsearch_exporter sees it; its label cluster is renamed, for ours is Kubernetes'."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text


def _renamed(query: str) -> str:
    return f'label_replace({query}, "elasticsearch_cluster", "$1", "cluster", "(.*)")'


_HEALTH = "elasticsearch_cluster_health"
_RED = _renamed(f'{_HEALTH}_status{{color="red"}}')
_YELLOW = _renamed(f'{_HEALTH}_status{{color="yellow"}}')
_DISK = (
    "min by (elasticsearch_cluster, name, path) ("
    + _renamed("elasticsearch_filesystem_data_available_bytes / elasticsearch_filesystem_data_size_bytes")
    + ")"
)

SIGNALS = (
    Signal(
        alert="KunElasticsearchDown",
        severity="critical",
        # Exporters from 1.7 on have no elasticsearch_cluster_health_up: without an answer there is nothing of the health.
        expr=(
            f'(count by (job) ({_HEALTH}_number_of_nodes) or 0 * count by (job) (up{{job=~"elasticsearch.*"}} == 1))'
        ),
        comparison="==",
        threshold=0,
        wait="3m",
        keep="2m",
        title=Text("Elasticsearch 不应答（{job}）", "Elasticsearch does not answer ({job})"),
        description=Text(
            "{job} 的 exporter 在跑，却都问不到集群健康状态。",
            "Exporters of {job} run, and none gets the health of its cluster.",
        ),
        impact=Text(
            "所有租户查不了日志，写入停在 Kafka，超过保留期就会丢。",
            "No tenant can search logs; writes wait in Kafka and are lost after its retention.",
        ),
        action=Text(
            "`curl -s http://NODE:9200/_cluster/health?pretty`，再看 master 节点的日志。",
            "`curl -s http://NODE:9200/_cluster/health?pretty`, then read the logs of the master nodes.",
        ),
    ),
    Signal(
        alert="KunElasticsearchRed",
        severity="critical",
        expr=f"max by (elasticsearch_cluster) ({_RED})",
        comparison=">",
        threshold=0,
        wait="3m",
        keep="3m",
        title=Text("Elasticsearch {elasticsearch_cluster} 是 red", "The Elasticsearch {elasticsearch_cluster} is red"),
        description=Text("至少一个主分片不在任何节点上。", "At least one primary shard is on no node."),
        impact=Text(
            "这些索引写不进去，查询结果不完整。", "Their indices take no writes, and searches miss their documents."
        ),
        action=Text(
            "`curl -s http://NODE:9200/_cluster/allocation/explain?pretty` 说明分片为何没有分配。",
            "`curl -s http://NODE:9200/_cluster/allocation/explain?pretty` says why a shard is not assigned.",
        ),
    ),
    Signal(
        alert="KunElasticsearchYellow",
        severity="warning",
        expr=f"max by (elasticsearch_cluster) ({_renamed(f'{_HEALTH}_unassigned_shards')})",
        comparison=">",
        threshold=0,
        guard=f"and on (elasticsearch_cluster) max by (elasticsearch_cluster) ({_YELLOW}) > 0",
        wait="30m",
        title=Text(
            "Elasticsearch {elasticsearch_cluster} 缺副本", "The Elasticsearch {elasticsearch_cluster} lacks replicas"
        ),
        description=Text("{value} 个副本分片没有分配。", "{value} replica shards are on no node."),
        impact=Text("再坏一个节点就会有索引不可用。", "One more node gone makes indices unusable."),
        action=Text(
            "`curl -s http://NODE:9200/_cluster/allocation/explain?pretty` 说明原因，常见是节点或磁盘不够。",
            "`curl -s http://NODE:9200/_cluster/allocation/explain?pretty` says why; often nodes or disk are too few.",
        ),
    ),
    Signal(
        alert="KunElasticsearchNodeMissing",
        severity="warning",
        expr=(
            f"max by (elasticsearch_cluster) ({_renamed(f'max_over_time({_HEALTH}_number_of_nodes[1d])')}) - "
            f"max by (elasticsearch_cluster) ({_renamed(f'{_HEALTH}_number_of_nodes')})"
        ),
        comparison=">",
        threshold=0,
        wait="15m",
        title=Text(
            "Elasticsearch {elasticsearch_cluster} 少了节点",
            "A node of the Elasticsearch {elasticsearch_cluster} is missing",
        ),
        description=Text("比过去一天最多时少 {value} 个节点。", "{value} nodes fewer than at most in the last day."),
        impact=Text(
            "容量和冗余减少；若有意缩容，一天后自行恢复。",
            "Less room and less redundancy; after a wanted reduction it ends by itself within a day.",
        ),
        action=Text(
            "`curl -s http://NODE:9200/_cat/nodes?v` 看少了谁，再看它的日志。",
            "`curl -s http://NODE:9200/_cat/nodes?v` shows who is left; read the log of the other.",
        ),
    ),
    Signal(
        alert="KunElasticsearchDiskLow",
        severity="warning",
        expr=_DISK,
        comparison="<",
        threshold=0.15,
        unit="ratio",
        wait="30m",
        title=Text(
            "Elasticsearch 节点 {name} 磁盘到了低水位",
            "The disk of the Elasticsearch node {name} is at the low watermark",
        ),
        description=Text(
            "{elasticsearch_cluster} 的 {path} 只剩 {value}。", "{path} of {elasticsearch_cluster} has {value} left."
        ),
        impact=Text("这个节点不再分到新的分片，负载偏到其他节点。", "It gets no new shards, so others carry more."),
        action=Text(
            "`curl -s 'http://NODE:9200/_cat/indices?v&s=store.size:desc'` 找最大的索引，缩短它的保留时间。",
            "Find the largest by `curl -s 'http://NODE:9200/_cat/indices?v&s=store.size:desc'` and keep it for less long.",
        ),
    ),
    Signal(
        alert="KunElasticsearchDiskFlood",
        severity="critical",
        expr=_DISK,
        comparison="<",
        threshold=0.06,
        unit="ratio",
        wait="5m",
        title=Text("Elasticsearch 节点 {name} 磁盘快满了", "The disk of the Elasticsearch node {name} is nearly full"),
        description=Text(
            "{elasticsearch_cluster} 的 {path} 只剩 {value}。", "{path} of {elasticsearch_cluster} has {value} left."
        ),
        impact=Text(
            "到 5% 时，有分片在上面的索引全部变只读，日志写不进去。",
            "At 5% every index with a shard on it turns read-only, and its logs are refused.",
        ),
        action=Text(
            "能扩盘就扩盘；不能就删最旧的索引，没有快照的就没有了。",
            "Add disk; where that cannot be, delete the oldest indices: what has no snapshot is gone.",
        ),
    ),
    Signal(
        alert="KunElasticsearchHeapFull",
        severity="warning",
        expr=(
            "max by (elasticsearch_cluster, name) ("
            + _renamed('elasticsearch_jvm_memory_used_bytes{area="heap"} / elasticsearch_jvm_memory_max_bytes')
            + ")"
        ),
        comparison=">",
        threshold=0.9,
        unit="ratio",
        wait="15m",
        title=Text("Elasticsearch 节点 {name} 的堆将满", "The heap of the Elasticsearch node {name} is nearly full"),
        description=Text(
            "{elasticsearch_cluster} 的这个节点堆用了 {value}，回收不下来。",
            "This node of {elasticsearch_cluster} uses {value}, and collections free no more.",
        ),
        impact=Text(
            "查询变慢、被熔断，最后节点掉出集群。",
            "Searches get slow or are refused, and at last the node leaves the cluster.",
        ),
        action=Text(
            "`curl -s http://NODE:9200/_nodes/{name}/hot_threads` 看在忙什么，再看分片数和大聚合。",
            "`curl -s http://NODE:9200/_nodes/{name}/hot_threads` shows its work; look at the number of shards and large aggregations.",
        ),
    ),
    Signal(
        alert="KunElasticsearchRejectsWrites",
        severity="warning",
        expr=(
            "max by (elasticsearch_cluster, name) ("
            + _renamed('rate(elasticsearch_thread_pool_rejected_count{type="write"}[5m]) * 60')
            + ")"
        ),
        comparison=">",
        threshold=6,
        wait="10m",
        title=Text("Elasticsearch 节点 {name} 拒绝写入", "The Elasticsearch node {name} refuses writes"),
        description=Text(
            "{elasticsearch_cluster} 的这个节点每分钟拒绝 {value} 个写请求。",
            "This node of {elasticsearch_cluster} refuses {value} writes each minute.",
        ),
        impact=Text("写入方重试，日志晚到。", "Writers try again, and logs come late."),
        action=Text(
            "看它的 CPU 和磁盘，热点索引是否分片太少。",
            "Look at its CPU and disk, and whether a busy index has too few shards.",
        ),
    ),
    Signal(
        alert="KunElasticsearchBreakerTripped",
        severity="warning",
        expr=(
            "round(max by (elasticsearch_cluster, name, breaker) ("
            + _renamed("increase(elasticsearch_breakers_tripped[15m])")
            + "))"
        ),
        comparison=">",
        threshold=5,
        title=Text("Elasticsearch 节点 {name} 熔断", "A circuit breaker of the Elasticsearch node {name} trips"),
        description=Text(
            "{elasticsearch_cluster} 的 {breaker} 熔断器 15 分钟内断开 {value} 次。",
            "The breaker {breaker} of {elasticsearch_cluster} tripped {value} times in 15 minutes.",
        ),
        impact=Text("这些请求得到 429。", "Those requests were answered 429."),
        action=Text(
            "找占内存多的查询：`curl -s 'http://NODE:9200/_tasks?actions=*search&detailed'`。",
            "Find what needs the memory: `curl -s 'http://NODE:9200/_tasks?actions=*search&detailed'`.",
        ),
    ),
    Signal(
        alert="KunElasticsearchTasksWait",
        severity="warning",
        expr=(
            "max by (elasticsearch_cluster) (" + _renamed(f"{_HEALTH}_task_max_waiting_in_queue_millis / 1000") + ")"
        ),
        comparison=">",
        threshold=60,
        unit="seconds",
        wait="5m",
        title=Text(
            "Elasticsearch {elasticsearch_cluster} 的 master 跟不上",
            "The master of the Elasticsearch {elasticsearch_cluster} falls behind",
        ),
        description=Text(
            "最旧的集群状态变更已等了 {value}。", "The oldest change of the cluster's state has waited for {value}."
        ),
        impact=Text(
            "建索引和改映射超时，新日志写不进新索引。",
            "New indices and mappings time out, and with them the logs that need them.",
        ),
        action=Text(
            "`curl -s http://NODE:9200/_cat/pending_tasks?v` 看是什么，多半是映射在膨胀。",
            "`curl -s http://NODE:9200/_cat/pending_tasks?v` shows what; often mappings that grow all the time.",
        ),
    ),
    Signal(
        alert="KunElasticsearchSnapshotOld",
        severity="warning",
        expr="time() - min by (repository) (elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds)",
        comparison=">",
        threshold=129600,
        guard="and on (repository) max by (repository) (elasticsearch_snapshot_stats_number_of_snapshots) > 0",
        unit="seconds",
        wait="1h",
        title=Text(
            "Elasticsearch 快照仓库 {repository} 没有新快照",
            "The snapshot repository {repository} of Elasticsearch gets no snapshots",
        ),
        description=Text("最近一次成功的快照是 {value} 前。", "The last snapshot that worked began {value} ago."),
        impact=Text("现在丢了索引，只能恢复到那时。", "Indices that are lost now come back only as they were then."),
        action=Text(
            "`curl -s http://NODE:9200/_snapshot/{repository}/_all?pretty` 看最近几次失败的原因。",
            "`curl -s http://NODE:9200/_snapshot/{repository}/_all?pretty` says why the last ones failed.",
        ),
    ),
)
