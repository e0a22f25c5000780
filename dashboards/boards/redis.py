"""All Redis installations: who is master, who follows, and what sentinels and nodes disagree about."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, Board, Query, Row, Step, Variable, series, stat, states, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import redis as signals

_R = 'namespace=~"$namespace", name=~"$name"'
_ONE = "namespace, name"
_WHOSE = "{{namespace}}/{{name}}"
_BAD_BELOW_1 = (Step(None, "red"), Step(1, "green"))

BOARD = Board(
    "kun-redis",
    Text("Redis", "Redis"),
    Text(
        "所有 Redis Sentinel 和 Redis Cluster：主从、仲裁、槽，按它们自己的说法比较。",
        "All Redis Sentinel and Redis Cluster installations: masters, replicas, quorum and slots, by comparing what they say.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("没有回答的 Redis", "Silent installations"),
                    Text(
                        "节点和哨兵都不回答的 Redis 数。",
                        "Installations of which neither a node nor a sentinel answers.",
                    ),
                    f"sum(1 - max by ({_ONE}) (kunobs_redis_up{{{_R}}}))",
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("脑裂", "Split brains"),
                    Text(
                        "有两个节点接受同样写入的 Redis 数；其中一边的写入会丢。",
                        "Installations in which two nodes take the same writes; those of one side will be lost.",
                    ),
                    f"sum(max by ({_ONE}) (kunobs_redis_split_brain{{{_R}}}))",
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("最少的主节点数", "Fewest masters"),
                    Text(
                        "主节点最少的那个 Redis 有几个；0 表示有 Redis 不能写。",
                        "Of the installation that has the fewest; 0 means that some installation takes no writes.",
                    ),
                    f"min(max by ({_ONE}) (kunobs_redis_masters{{{_R}}}))",
                    steps=_BAD_BELOW_1,
                ),
                stat(
                    Text("没有回答的节点", "Nodes that do not answer"),
                    Text(
                        "配置里的节点和哨兵中，超时、连不上、被拒绝或出错的。",
                        "Configured nodes and sentinels that are late, unreachable, refuse us or answer with an error.",
                    ),
                    f'sum(max by ({_ONE}, kind, state) (kunobs_redis_nodes{{{_R}, source="config", state!="answered"}}))',
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                stat(
                    Text("哨兵的一致程度", "Agreement of sentinels"),
                    Text(
                        "最差的那个 Redis 里，指向同一主节点的哨兵份额。",
                        "Share of the sentinels that name the same master, in the worst installation.",
                    ),
                    f"min(kunobs_redis_sentinel_agreement_ratio{{{_R}}})",
                    unit="ratio",
                    steps=_BAD_BELOW_1,
                ),
                stat(
                    Text("正常的集群节点", "Cluster nodes that are ok"),
                    Text(
                        "最差的那个 Redis Cluster 里，cluster_state 为 ok 的节点份额。",
                        "Share of the nodes whose cluster_state is ok, in the worst Redis Cluster.",
                    ),
                    f"min(kunobs_redis_cluster_ok_ratio{{{_R}}})",
                    unit="ratio",
                    steps=_BAD_BELOW_1,
                ),
            ),
        ),
        Row(
            Text("谁有问题", "Who is in trouble"),
            (
                states(
                    Text("不回答的时段", "When somebody was silent"),
                    Text(
                        "只列出这段时间里不回答过的 Redis；空白就是都在回答。",
                        "Only installations that were silent at some time; an empty panel means that all answered.",
                    ),
                    f"max by ({_ONE}) (kunobs_redis_up{{{_R}}}) == 0",
                    _WHOSE,
                    (("0", Text("不回答", "silent"), "red"),),
                ),
                states(
                    Text("脑裂的时段", "When somebody was split"),
                    Text(
                        "只列出这段时间里脑裂过的 Redis；主节点恢复后的几秒也会显示。",
                        "Only installations that were split at some time; the seconds after an old master came back show too.",
                    ),
                    f"max by ({_ONE}) (kunobs_redis_split_brain{{{_R}}}) == 1",
                    _WHOSE,
                    (("1", Text("脑裂", "split"), "red"),),
                ),
                table(
                    Text("现在不回答的节点", "Who does not answer now"),
                    Text(
                        "每个 Redis 不回答的节点数，按种类和原因；denied 是密码或权限不对。",
                        "Nodes of each installation that do not answer, by kind and reason; denied is a wrong password or a missing right.",
                    ),
                    Query(
                        f"topk(20, sum by ({_ONE}, kind, state)"
                        f' (max by ({_ONE}, kind, source, state) (kunobs_redis_nodes{{{_R}, state!="answered"}})) > 0)'
                    ),
                ),
                table(
                    Text("与声明不符", "Not as declared"),
                    Text(
                        "实际数减去声明文件里的数；小于 0 是缺少，大于 0 是多出。",
                        "What is there less what the declared file says; below 0 some are missing, above 0 there are more.",
                    ),
                    Query(f"max by ({_ONE}, aspect) (kunobs_redis_declared_difference{{{_R}}}) != 0"),
                ),
            ),
        ),
        Row(
            Text("复制", "Replication"),
            (
                series(
                    Text("副本落后", "Replicas are behind by"),
                    Text(
                        "副本还没收到的字节，前 15 名；一直涨说明跟不上。",
                        "Bytes that replicas have not received yet, the top 15; a line that keeps rising does not catch up.",
                    ),
                    Query(
                        f"topk(15, max by ({_ONE}, node) (kunobs_redis_replica_lag_bytes{{{_R}}}))",
                        "{{namespace}}/{{name}} {{node}}",
                    ),
                    unit="bytes",
                ),
                series(
                    Text("断开的副本", "Replicas cut off"),
                    Text(
                        "与主节点的连接断了的副本数，前 15 名。",
                        "Replicas whose link to their master is down, the top 15 installations.",
                    ),
                    Query(f'topk(15, max by ({_ONE}) (kunobs_redis_replicas{{{_R}, link="down"}}))', _WHOSE),
                ),
                series(
                    Text("主从切换", "Failovers"),
                    Text(
                        "纪元在每个区间里增加多少，前 15 名；一次切换是一个尖峰，重选会多加。",
                        "By how much the epoch rose in each interval, the top 15; a failover is a peak, a repeated election adds to it.",
                    ),
                    Query(
                        f"topk(15, max by ({_ONE}) (increase(kunobs_redis_failover_epochs_total{{{_R}}}[$__rate_interval])))",
                        _WHOSE,
                    ),
                ),
            ),
        ),
        Row(
            Text("仲裁和槽", "Quorum and slots"),
            (
                series(
                    Text("能发起切换的哨兵", "Sentinels with a quorum"),
                    Text(
                        "认为人数够做切换的哨兵数，最少的 15 个；0 时主节点坏了也不会切换。",
                        "Sentinels that see enough others for a failover, the lowest 15; at 0 a lost master is not replaced.",
                    ),
                    Query(f"bottomk(15, max by ({_ONE}) (kunobs_redis_sentinel_quorum_ok{{{_R}}}))", _WHOSE),
                ),
                series(
                    Text("集群节点的槽表一致程度", "Cluster nodes with the same map"),
                    Text(
                        "槽表相同的节点份额，最低的 15 个；低于 1 时客户端会被指到错的节点。",
                        "Share of the nodes with the same map of slots, the lowest 15; below 1 clients are sent to wrong nodes.",
                    ),
                    Query(f"bottomk(15, min by ({_ONE}) (kunobs_redis_cluster_agreement_ratio{{{_R}}}))", _WHOSE),
                    unit="ratio",
                ),
                series(
                    Text("有问题的槽", "Slots in trouble"),
                    Text(
                        "pfail 是可疑，fail 和 unassigned 的槽没有人服务；前 15 名。",
                        "pfail are in doubt, nobody serves those of fail and unassigned; the top 15.",
                    ),
                    Query(
                        f'topk(15, max by ({_ONE}, state) (kunobs_redis_cluster_slots{{{_R}, state!="ok"}}))',
                        "{{namespace}}/{{name}} {{state}}",
                    ),
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(
        Variable("namespace", "kunobs_redis_up", Text("命名空间", "Namespace")),
        Variable("name", "kunobs_redis_up", Text("Redis", "Redis")),
    ),
    tags=("redis",),
)
