"""Elasticsearch, where all logs can be searched: its health, whether it takes writes, and how full it is."""

from __future__ import annotations

from dashboards.model import Board, Panel, Query, Row, Step, Variable, bars, series, stat, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import elasticsearch as signals

_LIMIT = {signal.alert: signal.threshold for signal in signals.SIGNALS}
# The exporter's label cluster is Elasticsearch's name.
_C = 'cluster=~"$elasticsearch_cluster"'
_N = 'namespace=~"$namespace"'
_HEALTH = "elasticsearch_cluster_health"
_COLOURS = (
    ("0", Text("绿", "green"), "green"),
    ("1", Text("黄", "yellow"), "yellow"),
    ("2", Text("红", "red"), "red"),
)
_FREE = f"elasticsearch_filesystem_data_available_bytes{{{_C}}}"
_LEFT = f"{_FREE} / elasticsearch_filesystem_data_size_bytes{{{_C}}}"
_AREA = f'area="heap", {_C}'
_HEAP = (
    f"max by (cluster, name) (elasticsearch_jvm_memory_used_bytes{{{_AREA}}})"
    f" / max by (cluster, name) (elasticsearch_jvm_memory_max_bytes{{{_AREA}}})"
)
_SNAPSHOT = "elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds"
_BULK = "kunobs_indexer_bulk_duration_seconds_bucket"

BOARD = Board(
    "kun-elasticsearch",
    Text("Elasticsearch", "Elasticsearch"),
    Text(
        "搜日志的 Elasticsearch：健康、写入快慢和拒绝、磁盘和堆，谁占得最多。",
        "Elasticsearch, where logs are searched: health, speed and refusal of writes, disk and heap, and who takes most.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                Panel(
                    "stat",
                    Text("颜色", "Colour"),
                    Text(
                        "绿：都在；黄：缺副本；红：有索引写不进、查不全。",
                        "green: all is there; yellow: replicas are missing; red: some indices take no writes and searches miss documents.",
                    ),
                    (
                        Query(
                            f'max by (cluster) ({_HEALTH}_status{{color="yellow", {_C}}}'
                            f' or 2 * {_HEALTH}_status{{color="red", {_C}}})',
                            "{{cluster}}",
                        ),
                    ),
                    width=4,
                    height=4,
                    states=_COLOURS,
                ),
                stat(
                    Text("节点", "Nodes"),
                    Text(
                        "集群里的节点；变少时分片在搬，磁盘更满。",
                        "Nodes in the cluster; with fewer, shards move and disks fill.",
                    ),
                    f"max by (cluster) ({_HEALTH}_number_of_nodes{{{_C}}})",
                    legend="{{cluster}}",
                ),
                stat(
                    Text("没有分配的分片", "Shards on no node"),
                    Text(
                        "应有而不在任何节点上的分片；重启节点时有一阵。",
                        "Shards that should exist and are on no node; there are some while a node restarts.",
                    ),
                    f"max by (cluster) ({_HEALTH}_unassigned_shards{{{_C}}})",
                    legend="{{cluster}}",
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                stat(
                    Text("最满的磁盘还剩", "Left of the fullest disk"),
                    Text(
                        "剩得最少的节点；到 5% 上面的索引变只读。",
                        "Of the node with least left; at 5% its indices turn read-only.",
                    ),
                    f"min by (cluster) ({_LEFT})",
                    unit="ratio",
                    legend="{{cluster}}",
                    steps=(
                        Step(None, "red"),
                        Step(_LIMIT["KunElasticsearchDiskFlood"], "orange"),
                        Step(_LIMIT["KunElasticsearchDiskLow"], "green"),
                    ),
                ),
                stat(
                    Text("最满的堆", "Fullest heap"),
                    Text(
                        "用得最多的节点；高一阵再降是正常的回收。",
                        "Of the node that uses most; high for a while and down again is garbage collection as it should be.",
                    ),
                    f"max by (cluster) ({_HEAP})",
                    unit="ratio",
                    legend="{{cluster}}",
                    steps=(Step(None, "green"), Step(_LIMIT["KunElasticsearchHeapFull"], "orange")),
                ),
                stat(
                    Text("上次快照", "Last snapshot"),
                    Text(
                        "每个仓库最近一次成功的快照开始至今；丢了索引只能恢复到那时。",
                        "Time since the last snapshot of each repository that worked; lost indices come back as they were then.",
                    ),
                    f"time() - max by (repository) ({_SNAPSHOT} > 0)",
                    unit="seconds",
                    legend="{{repository}}",
                    steps=(Step(None, "green"), Step(_LIMIT["KunElasticsearchSnapshotOld"], "orange")),
                ),
            ),
        ),
        Row(
            Text("写入", "Writes"),
            (
                series(
                    Text("bulk 请求的时间", "Time of bulk requests"),
                    Text(
                        "indexer 从发出到得到回答；p99 高而 p50 不高，是个别节点慢。",
                        "From sending to the answer, as indexer sees it; where p99 is high and p50 is not, a few nodes are slow.",
                    ),
                    *(
                        Query(
                            f"histogram_quantile({share}, sum by (le) (rate({_BULK}[$__rate_interval])))",
                            word,
                        )
                        for share, word in ((0.5, "p50"), (0.99, "p99"))
                    ),
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("被拒绝的任务", "Tasks refused"),
                    Text(
                        "每秒因线程池队列满而拒绝的，按节点和池，前 15 名；一个节点多是热点。",
                        "Per second, because the queue of a thread pool was full, by node and pool, the top 15; a single node is a hot spot.",
                    ),
                    Query(
                        # Another exporter may tell the same.
                        "topk(15, max by (cluster, name, type)"
                        f" (rate(elasticsearch_thread_pool_rejected_count{{{_C}}}[$__rate_interval])))",
                        "{{cluster}} {{name}} {{type}}",
                    ),
                    unit="events/s",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("空间", "Space"),
            (
                series(
                    Text("剩余磁盘", "Disk left"),
                    Text(
                        "每个节点，剩得最少的 15 个；离得远的几条是分片没有摊匀。",
                        "Of each node, the 15 with least left; lines far apart mean that shards are not spread well.",
                    ),
                    Query(f"bottomk(15, min by (cluster, name) ({_LEFT}))", "{{cluster}} {{name}}"),
                    unit="ratio",
                ),
                series(
                    Text("照此速度多久写满", "Full at this pace in"),
                    Text(
                        "按一小时来的速度，最急的 15 个节点；不在变满的没有线。",
                        "At the pace of the last hour, the 15 most urgent nodes; those that do not fill have no line.",
                    ),
                    Query(
                        f"bottomk(15, min by (cluster, name) ({_FREE} / (-deriv({_FREE}[1h]) > 0)))",
                        "{{cluster}} {{name}}",
                    ),
                    unit="seconds",
                ),
                series(
                    Text("堆", "Heap"),
                    Text(
                        "每个节点用掉的份额，前 15 名；锯齿的底一直抬高，就是回收不下来。",
                        "What part each node uses, the top 15; where the foot of the teeth keeps rising, collections free no more.",
                    ),
                    Query(f"topk(15, {_HEAP})", "{{cluster}} {{name}}"),
                    unit="ratio",
                ),
            ),
        ),
        Row(
            Text("谁造成的", "Who causes it"),
            (
                bars(
                    Text("占磁盘最多的命名空间", "Namespaces with most on disk"),
                    Text("数据流的大小，含副本，前 15 名。", "Size of the data stream, replicas included, the top 15."),
                    f"topk(15, max by (namespace) (kunobs_logs_store_bytes{{{_N}}}))",
                    "{{namespace}}",
                    unit="bytes",
                ),
                table(
                    Text("清理不下去的索引", "Indices whose lifecycle is stuck"),
                    Text(
                        "每个命名空间里 ILM 卡住的索引数，前 20 名；它们不会被删，一直占磁盘。空表就是没有。",
                        "Indices that ILM cannot go on with, the top 20 namespaces; they are not deleted and keep their disk. Empty: none.",
                    ),
                    Query(f"topk(20, max by (namespace) (kunobs_logs_lifecycle_errors{{{_N}}}))"),
                    width=8,
                ),
                series(
                    Text("被拒绝的文档", "Refused documents"),
                    Text(
                        "现有分片启动以来拒绝的，重复的不算，前 15 名；涨就看那些分片所在的节点。字段类型不符的在死信里，不在这里。",
                        "Since the present shards started, those already there left out, the top 15; where it rises look at the shards' nodes."
                        " What does not fit the mapping is a dead letter and not among them.",
                    ),
                    Query(
                        f'topk(15, max by (namespace) (kunobs_logs_refused_documents{{reason="other", {_N}}}))',
                        "{{namespace}}",
                    ),
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(
        Variable(
            "elasticsearch_cluster",
            "elasticsearch_cluster_health_status",
            Text("Elasticsearch", "Elasticsearch"),
            label="cluster",
        ),
        Variable("namespace", "kunobs_logs_store_bytes", Text("命名空间", "Namespace")),
    ),
    tags=("logs",),
)
