"""etcd, which stores the cluster's every object: its members, how fast they write, and how full they are."""

from __future__ import annotations

from dashboards.model import (
    BAD_ABOVE_0,
    Board,
    Query,
    Row,
    Step,
    Variable,
    bars,
    heatmap,
    series,
    stat,
)
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import etcd as signals

_LIMIT = {signal.alert: signal.threshold for signal in signals.SIGNALS}
_I = 'instance=~"$instance"'
_FSYNC = "etcd_disk_wal_fsync_duration_seconds_bucket"
_COMMIT = "etcd_disk_backend_commit_duration_seconds_bucket"
_PEER = "etcd_network_peer_round_trip_time_seconds_bucket"
_SIZE = f"etcd_mvcc_db_total_size_in_bytes{{{_I}}}"
_USED = f"etcd_mvcc_db_total_size_in_use_in_bytes{{{_I}}}"
_QUOTA = f"etcd_server_quota_backend_bytes{{{_I}}}"


def _shares(bucket: str, labels: str, legend: str) -> tuple[Query, ...]:
    """The median and 99% of a histogram, by labels."""
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by (le, {labels}) (rate({bucket}{{{_I}}}[$__rate_interval])))",
            f"{legend} {name}",
        )
        for share, name in ((0.5, "p50"), (0.99, "p99"))
    )


BOARD = Board(
    "kun-etcd",
    Text("etcd", "etcd"),
    Text(
        "etcd 存着集群的所有对象：成员和 leader、写盘的快慢、离配额还有多远。",
        "etcd stores every object of the cluster: members and leader, how fast it writes, how far it is from its quota.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("应答的成员", "Members that answer"),
                    Text(
                        "采集得到的成员；不到多数时什么都写不了。",
                        "Members that can be scraped; without a majority of all nothing can be written.",
                    ),
                    f'sum(up{{job="etcd", {_I}}})',
                ),
                stat(
                    Text("没有 leader 的成员", "Members without a leader"),
                    Text(
                        "不知道 leader 的成员；一个是它自己的网络，多数是整个集群。",
                        "Members that know of no leader; one of them has lost its network, a majority means the whole cluster.",
                    ),
                    f"sum(1 - etcd_server_has_leader{{{_I}}})",
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("一小时内换 leader", "Leader changes in an hour"),
                    Text(
                        "看到最多的那个成员的次数；平时是 0，重启成员时有几次。",
                        "As the member counts that has seen most; 0 as a rule, a few while members restart.",
                    ),
                    f"max(increase(etcd_server_leader_changes_seen_total{{{_I}}}[1h]))",
                    steps=(Step(None, "green"), Step(1, "yellow")),
                ),
                stat(
                    Text("写日志的时间", "Time to write the log"),
                    Text(
                        "最慢的成员上 99% 的 fsync 在这个时间内完成。",
                        "99% of the fsyncs of the slowest member are done within it.",
                    ),
                    f"max(histogram_quantile(0.99, sum by (instance, le) (rate({_FSYNC}{{{_I}}}[$__rate_interval]))))",
                    unit="seconds",
                    steps=(Step(None, "green"), Step(_LIMIT["KunEtcdFsyncSlow"], "orange")),
                ),
                stat(
                    Text("已用配额", "Quota used"),
                    Text(
                        "最满的成员的数据库文件占配额的份额；到 100% 就只读。",
                        "Share of the quota that the file of the fullest member takes; at 100% etcd is read-only.",
                    ),
                    f"max({_SIZE} / {_QUOTA})",
                    unit="ratio",
                    steps=(
                        Step(None, "green"),
                        Step(_LIMIT["KunEtcdQuotaFilling"], "orange"),
                        Step(_LIMIT["KunEtcdQuotaFull"], "red"),
                    ),
                ),
                stat(
                    Text("整理能还多少", "Defragmenting gives back"),
                    Text(
                        "文件里空着的部分，最多的那个成员；etcdctl defrag 会还给磁盘和配额。",
                        "What is empty in the file, of the member with most; etcdctl defrag returns it to disk and quota.",
                    ),
                    f"max({_SIZE} - {_USED})",
                    unit="bytes",
                ),
            ),
        ),
        Row(
            Text("写入", "Writes"),
            (
                series(
                    Text("预写日志的 fsync", "Fsync of the write-ahead log"),
                    Text(
                        "每次写入都要等它；超过心跳间隔（默认 100 毫秒）leader 就可能更换。",
                        "Every write waits for it; above the interval of heartbeats, 100 ms by default, the leader may change.",
                    ),
                    *_shares(_FSYNC, "instance", "{{instance}}"),
                    unit="seconds",
                ),
                series(
                    Text("数据库提交", "Commits to the database"),
                    Text(
                        "把攒下的写入存进数据库文件的时间；数据库越大越慢。",
                        "Time to store gathered writes in the database's file; the larger it is, the slower.",
                    ),
                    *_shares(_COMMIT, "instance", "{{instance}}"),
                    unit="seconds",
                ),
                series(
                    Text("成员之间的往返", "Round trips between members"),
                    Text(
                        "每个成员到另一个成员（To 是它的编号）；只有一对慢是那条网络，都慢是 CPU 或磁盘。",
                        "From each member to another, whose id is To; one slow pair is their network, all slow is CPU or disk.",
                    ),
                    *_shares(_PEER, "instance, To", "{{instance}} → {{To}}"),
                    unit="seconds",
                ),
                heatmap(
                    Text("fsync 时间的分布", "Spread of the fsyncs"),
                    Text(
                        "所选成员的 fsync 按时间分布；两条带是有别的程序在抢同一块盘。",
                        "Fsyncs of the chosen members by how long they took; two bands: something else uses the disk too.",
                    ),
                    f"sum by (le) (increase({_FSYNC}{{{_I}}}[$__rate_interval]))",
                ),
                series(
                    Text("等待的提案", "Proposals that wait"),
                    Text(
                        "每个成员上还没有提交的写入；涨上去不下来就是跟不上。",
                        "Writes of each member that are not committed yet; where they rise and stay, it does not keep up.",
                    ),
                    Query(
                        f"max by (instance) (etcd_server_proposals_pending{{{_I}}})",
                        "{{instance}}",
                    ),
                    width=12,
                ),
            ),
        ),
        Row(
            Text("空间", "Space"),
            (
                series(
                    Text("数据库文件、其中在用的、配额", "File, what is used of it, and quota"),
                    Text(
                        "文件离配额近而在用的不多，整理就够；都近就要减少对象或加配额。",
                        "A file near its quota of which little is used needs defragmenting; else fewer objects or a larger quota.",
                    ),
                    Query(f"max by (instance) ({_SIZE})", Text("{{instance}} 文件", "{{instance}} file")),
                    Query(f"max by (instance) ({_USED})", Text("{{instance}} 在用", "{{instance}} used")),
                    Query(f"min({_QUOTA})", Text("配额", "quota")),
                    unit="bytes",
                ),
                series(
                    Text("照此速度多久用满", "Full at this pace in"),
                    Text(
                        "按一小时来文件的增长算；不增长的成员没有线。",
                        "By the growth of the file within an hour; a member whose file does not grow has no line.",
                    ),
                    Query(f"min by (instance) (({_QUOTA} - {_SIZE}) / (deriv({_SIZE}[1h]) > 0))", "{{instance}}"),
                    unit="seconds",
                ),
                bars(
                    Text("最多的对象", "Most objects"),
                    Text(
                        "数据库里按资源的对象数，前 15 名；占得最多的多半在其中。",
                        "Objects in the database by resource, the top 15; what takes most of it is mostly among them.",
                    ),
                    "topk(15, max by (resource) (apiserver_resource_objects or on (job) apiserver_storage_objects))",
                    "{{resource}}",
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(Variable("instance", "etcd_server_has_leader", Text("成员", "Member")),),
    tags=("kubernetes",),
)
