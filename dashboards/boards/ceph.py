"""Ceph: is it well, how fast are its volumes written, what is missing or full, and whose volumes are the cause."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, UP_DOWN, Board, Panel, Query, Row, Step, Variable, bars, series, stat, states
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import SIGNALS

# After a failover two managers may show the same for a moment, so that each series is made one first.
_UP = "max by (job, ceph_daemon) (ceph_osd_up)"
_HOST = "max by (job, ceph_daemon, hostname) (ceph_osd_metadata)"
_POOL = 'max by (job, pool_id, name) (ceph_pool_metadata{name=~"$pool"}) * on (job, pool_id) group_left () '
_P = 'pool=~"$pool"'
_COUNT = f"rate(ceph_rbd_write_latency_count{{{_P}}}[$__rate_interval])"
# Ceph says milliseconds and counts nanoseconds.
_TIME = f"rate(ceph_rbd_write_latency_sum{{{_P}}}[$__rate_interval]) / 1e9"
_N = 'namespace=~"$namespace"'
_ANY = (Step(None, "green"), Step(1, "orange"))
_HEALTH = (("0", "HEALTH_OK", "green"), ("1", "HEALTH_WARN", "orange"), ("2", "HEALTH_ERR", "red"))
_IMAGE = "{{pool}}/{{image}}"

BOARD = Board(
    "kun-ceph",
    Text("Ceph", "Ceph"),
    Text(
        "Ceph 存储：健康、卷的写入、monitor 和 OSD、池和租户的卷还剩多少。",
        "Ceph's storage: health, writes to volumes, monitors and OSDs, room in pools and in tenants' volumes.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                Panel(
                    "stat",
                    Text("健康", "Health"),
                    Text(
                        "Ceph 自己的结论；没有数字时活跃的 mgr 没了，这一页都是瞎的。",
                        "What Ceph says of itself; with no value there is no active manager, and this whole page is blind.",
                    ),
                    (Query("max(ceph_health_status)"),),
                    width=4,
                    height=4,
                    states=_HEALTH,
                ),
                stat(
                    Text("在报的检查", "Active health checks"),
                    Text(
                        "Ceph 现在报着的健康检查数；从没报过时为空。",
                        "Health checks that Ceph reports now; empty where it never has reported any.",
                    ),
                    "sum(max by (job, name) (ceph_health_detail))",
                    steps=_ANY,
                ),
                stat(
                    Text("法定人数里的 monitor", "Monitors in the quorum"),
                    Text(
                        "过半才能服务；三个里可以坏一个，五个里可以坏两个。",
                        "More than half must be there: of three one may be lost, of five two.",
                    ),
                    "sum(max by (job, ceph_daemon) (ceph_mon_quorum_status))",
                ),
                stat(
                    Text("不在线的 OSD", "OSDs that are down"),
                    Text("不服务的磁盘数；它们的数据少一份。", "Disks that do not serve; their data has a copy fewer."),
                    f"sum(1 - {_UP})",
                    steps=_ANY,
                ),
                stat(
                    Text("副本不全的 PG", "Groups that lack a copy"),
                    Text(
                        "等着补齐副本的 PG 数；恢复在进行时应当下降。",
                        "Placement groups that wait for a copy; goes down while the recovery runs.",
                    ),
                    "sum(max by (job, pool_id) (ceph_pg_degraded))",
                    steps=_ANY,
                ),
                stat(
                    Text("卡住的请求", "Stuck requests"),
                    Text(
                        "OSD 和 monitor 处理得太久的请求数。",
                        "Requests that OSDs or monitors take too long to process.",
                    ),
                    "max(ceph_healthcheck_slow_ops)",
                    steps=BAD_ABOVE_0,
                ),
            ),
        ),
        Row(
            Text("卷的写入", "Writes to volumes"),
            (
                series(
                    Text("每秒写入", "Writes per second"),
                    Text(
                        "各池的 RBD 写操作；只有 rbd_stats_pools 里的池有数。",
                        "RBD writes of each pool; only pools that are in rbd_stats_pools are counted.",
                    ),
                    Query(f"topk(15, sum by (pool) ({_COUNT}))", "{{pool}}"),
                    unit="ops/s",
                    width=12,
                    stacked=True,
                ),
                series(
                    Text("每次写入的平均耗时", "Mean time of a write"),
                    Text(
                        "各池一次 RBD 写的平均时间；所有池一起慢是 OSD 或网络。",
                        "How long an RBD write takes on average in each pool; when all are slow it is OSDs or the network.",
                    ),
                    Query(f"topk(15, sum by (pool) ({_TIME}) / (sum by (pool) ({_COUNT}) > 0))", "{{pool}}"),
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("写得最慢的卷", "Slowest volumes"),
                    Text(
                        "每个卷一次写的平均时间，前 15 名；没有写的卷不列。",
                        "Mean time of a write to each volume, the top 15; those that nobody writes to are left out.",
                    ),
                    Query(
                        f"topk(15, sum by (pool, image) ({_TIME}) / (sum by (pool, image) ({_COUNT}) > 0))",
                        _IMAGE,
                    ),
                    unit="seconds",
                    width=12,
                ),
                bars(
                    Text("压得最重的卷", "Volumes that load it most"),
                    Text(
                        "同时在途的写操作的平均数，前 15 名：写得多或写得慢都会高。",
                        "Writes that are under way at a time on average, the top 15: many writes or slow ones.",
                    ),
                    f"topk(15, sum by (pool, image) ({_TIME}))",
                    _IMAGE,
                    width=12,
                ),
            ),
        ),
        Row(
            Text("少了什么", "What is missing"),
            (
                states(
                    Text("健康检查", "Health checks"),
                    Text(
                        "只列出这段时间里报过的检查；空白就是没有报过。",
                        "Only checks that were active at some time; an empty panel means none was.",
                    ),
                    "max by (job, name, severity) (ceph_health_detail) == 1",
                    "{{severity}} {{name}}",
                    (("1", Text("在报", "active"), "orange"),),
                    width=8,
                    height=8,
                ),
                states(
                    Text("下线过的 OSD", "OSDs that were down"),
                    Text(
                        "只列出前一小时里下线过的 OSD 和所在机器；一段一段的是反复上下线。",
                        "Only OSDs that were down within an hour before, with their machines; one in many pieces goes up and down.",
                    ),
                    f"{_HOST} * on (job, ceph_daemon) group_left () max by (job, ceph_daemon)"
                    " (ceph_osd_up and min_over_time(ceph_osd_up[1h]) == 0)",
                    "{{hostname}} {{ceph_daemon}}",
                    UP_DOWN,
                    width=8,
                    height=8,
                ),
                states(
                    Text("monitor", "Monitors"),
                    Text(
                        "每个 monitor 是否在法定人数里；不在的不投票。",
                        "Whether each monitor is in the quorum; one that is out has no vote.",
                    ),
                    "max by (job, ceph_daemon) (ceph_mon_quorum_status)",
                    "{{ceph_daemon}}",
                    (("0", Text("不在", "out"), "red"), ("1", Text("在", "in"), "green")),
                    width=8,
                    height=8,
                ),
            ),
        ),
        Row(
            Text("还剩多少", "Room"),
            (
                series(
                    Text("池的使用率", "Use of pools"),
                    Text(
                        "每个池用掉的份额，前 15 名；以最满的 OSD 计，会比总容量的份额高。",
                        "What part of each pool is used, the top 15; the fullest OSD counts, so it may be above that of all space.",
                    ),
                    Query(f"topk(15, {_POOL}max by (job, pool_id) (ceph_pool_percent_used))", "{{name}}"),
                    unit="ratio",
                ),
                bars(
                    Text("多久写满", "Time until full"),
                    Text(
                        "按过去六小时的增速，最先满的 15 个池；不增长的不列。",
                        "At the speed of the last six hours, the 15 pools that are full first; those that do not grow are left out.",
                    ),
                    f"bottomk(15, {_POOL}min by (job, pool_id)"
                    " ((1 - ceph_pool_percent_used) / (deriv(ceph_pool_percent_used[6h]) > 0)))",
                    "{{name}}",
                    unit="seconds",
                ),
                bars(
                    Text("卷里数据最多的命名空间", "Namespaces with the most in volumes"),
                    Text(
                        "租户已挂载的卷里用掉的空间，前 15 名；别的存储上的卷也算，副本不算。",
                        "What is used in the mounted volumes of tenants, the top 15; those of other storage count, copies do not.",
                    ),
                    "topk(15, sum by (namespace) (max by (namespace, persistentvolumeclaim)"
                    f" (kubelet_volume_stats_capacity_bytes{{{_N}}} - kubelet_volume_stats_available_bytes{{{_N}}})))",
                    "{{namespace}}",
                    unit="bytes",
                ),
            ),
        ),
        alert_row(SIGNALS["ceph"]),
    ),
    variables=(
        Variable("pool", "ceph_pool_metadata", Text("池", "Pool"), label="name"),
        Variable("namespace", "kubelet_volume_stats_capacity_bytes", Text("命名空间", "Namespace")),
    ),
    tags=("storage",),
)
