"""Alerts on Ceph: what it can no longer do, what it has left in reserve, and how slow it is."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

# After a failover two managers may show the same for a moment, so that each side is made one first.
_UP = "max by (job, ceph_daemon) (ceph_osd_up)"
_HOST = "on (job, ceph_daemon) group_left (hostname) max by (job, ceph_daemon, hostname) (ceph_osd_metadata)"
_USED = "max by (job, pool_id) (ceph_pool_percent_used)"
_POOL = "on (job, pool_id) group_left (name) max by (job, pool_id, name) (ceph_pool_metadata)"
_MODULE = 'max by (job) (ceph_health_detail{name="MGR_MODULE_ERROR"}) == 1'
_ERROR = 'max by (job) (ceph_health_detail{severity="HEALTH_ERR",name!="MGR_MODULE_ERROR"}) == 1'
_WRITES = "sum by (job, pool, image) (rate(ceph_rbd_write_latency_count[5m]))"

SIGNALS = (
    Signal(
        alert="KunCephHealthError",
        severity="critical",
        expr="max by (job) (ceph_health_status)",
        comparison=">=",
        threshold=2,
        # A module of the manager that has failed is an error for Ceph and touches no data.
        guard=f"unless on (job) ({_MODULE} unless on (job) {_ERROR})",
        wait="5m",
        keep="2m",
        title=Text("Ceph 处于 HEALTH_ERR", "Ceph is in HEALTH_ERR"),
        description=Text("{job} 报错超过五分钟。", "{job} has reported an error for more than five minutes."),
        impact=Text(
            "盘满、数据找不到或 PG 损坏：用卷的 Pod 会卡住或丢数据。",
            "Full disks, lost objects or damaged groups: pods with volumes hang or lose data.",
        ),
        action=Text("ceph health detail", "ceph health detail"),
    ),
    Signal(
        alert="KunCephPGUnavailable",
        severity="critical",
        expr='max by (job) (ceph_health_detail{name="PG_AVAILABILITY"})',
        comparison=">",
        threshold=0,
        wait="5m",
        keep="2m",
        title=Text("Ceph 有 PG 不可用", "Placement groups of Ceph are unavailable"),
        description=Text(
            "{job} 的一部分数据读写不了。", "A part of the data of {job} can be neither read nor written."
        ),
        impact=Text(
            "卷落在这些 PG 上的 Pod 全部卡在 IO。", "Every pod whose volume touches these groups hangs in I/O."
        ),
        action=Text(
            "ceph health detail && ceph pg dump_stuck inactive", "ceph health detail && ceph pg dump_stuck inactive"
        ),
    ),
    Signal(
        alert="KunCephQuorumAtRisk",
        severity="warning",
        expr=(
            "sum by (job) (max by (job, ceph_daemon) (ceph_mon_quorum_status))"
            " - floor(count by (job) (max by (job, ceph_daemon) (ceph_mon_quorum_status)) / 2) - 1"
        ),
        comparison="<=",
        threshold=0,
        wait="5m",
        keep="5m",
        title=Text("Ceph 的 monitor 只剩刚好过半", "Only a bare majority of Ceph's monitors is left"),
        description=Text("{job} 还能再坏 {value} 个。", "{job} can lose {value} more."),
        impact=Text("再坏一个，整个 Ceph 停止服务。", "With one more gone all of Ceph stops."),
        action=Text(
            "ceph quorum_status -f json-pretty，启动不在的 monitor。",
            "See who is missing by ceph quorum_status -f json-pretty and start it.",
        ),
    ),
    Signal(
        alert="KunCephOSDDown",
        severity="warning",
        expr=f"sum by (job, hostname) (({_UP} == bool 0) * {_HOST})",
        comparison=">",
        threshold=0,
        wait="10m",
        keep="5m",
        title=Text("{hostname} 上有 OSD 不在线", "OSDs on {hostname} are down"),
        description=Text(
            "{job} 在这台机器上有 {value} 个 OSD 不在线。", "{value} OSDs of {job} on this machine are down."
        ),
        impact=Text(
            "数据少一份副本，恢复流量会拖慢读写。", "Data has a copy fewer, and the recovery slows reads and writes."
        ),
        action=Text(
            "ceph osd tree down，再看那台机器的 dmesg。", "Run ceph osd tree down, then read dmesg on that machine."
        ),
    ),
    Signal(
        alert="KunCephOSDFlapping",
        severity="warning",
        expr="sum by (job) (max by (job, ceph_daemon) (changes(ceph_osd_up[15m])) > bool 3)",
        comparison=">",
        threshold=0,
        keep="15m",
        title=Text("Ceph 的 OSD 反复上下线", "OSDs of Ceph go down and up again and again"),
        description=Text(
            "{job} 有 {value} 个 OSD 在十五分钟里变了三次以上。",
            "{value} OSDs of {job} have changed more than three times in 15 minutes.",
        ),
        impact=Text(
            "每次都要重新对齐 PG，期间读写停顿。", "Groups peer anew each time, and reads and writes stop meanwhile."
        ),
        action=Text(
            "ceph log last 100 看谁报的 down；多半是网卡或 MTU。",
            "See who reported them by ceph log last 100; mostly a network card or the MTU.",
        ),
    ),
    Signal(
        alert="KunCephPGDegradedLong",
        severity="warning",
        expr="sum by (job) (max by (job, pool_id) (ceph_pg_degraded))",
        comparison=">",
        threshold=0,
        wait="2h",
        title=Text("Ceph 的副本长时间不全", "Copies of Ceph's data have been missing for long"),
        description=Text(
            "{job} 有 {value} 个 PG 两小时没有补齐副本。", "{value} groups of {job} have lacked a copy for two hours."
        ),
        impact=Text("再坏一块盘可能丢数据。", "One more disk may lose data."),
        action=Text(
            "ceph -s 看恢复是否在进行，是否设了 norecover。",
            "See by ceph -s whether recovery runs, or norecover is set.",
        ),
    ),
    Signal(
        alert="KunCephPoolFilling",
        severity="warning",
        expr=f"max by (job, name) ({_USED} * {_POOL})",
        comparison=">",
        threshold=0.8,
        unit="ratio",
        wait="15m",
        title=Text("Ceph 池 {name} 将满", "Ceph's pool {name} fills up"),
        description=Text("{job} 的这个池用了 {value}。", "{value} of this pool of {job} is used."),
        impact=Text("写满时所有用这个池的卷变成只读或卡住。", "When it is full every volume in it hangs on writes."),
        action=Text(
            "ceph df detail，清理旧镜像和快照，或加 OSD。",
            "Read ceph df detail; delete old images and snapshots, or add OSDs.",
        ),
    ),
    Signal(
        alert="KunCephOSDNearFull",
        severity="warning",
        expr='max by (job) (ceph_health_detail{name="OSD_NEARFULL"})',
        comparison=">",
        threshold=0,
        wait="10m",
        keep="10m",
        title=Text("Ceph 有 OSD 将满", "An OSD of Ceph is nearly full"),
        description=Text(
            "{job} 至少有一个 OSD 过了 nearfull 线。", "At least one OSD of {job} is past its nearfull ratio."
        ),
        impact=Text("一个 OSD 满了，它所在的池就停写。", "One full OSD stops all writes to the pools it serves."),
        action=Text(
            "ceph osd df tree 找最满的，再看 balancer 是否开着。",
            "Find the fullest by ceph osd df tree and see whether the balancer is on.",
        ),
    ),
    Signal(
        alert="KunCephSlowOps",
        severity="warning",
        expr="max by (job) (ceph_healthcheck_slow_ops)",
        comparison=">",
        threshold=0,
        wait="10m",
        keep="5m",
        title=Text("Ceph 有请求卡住", "Requests to Ceph are stuck"),
        description=Text(
            "{job} 有 {value} 个请求超过 30 秒没完成。", "{value} requests to {job} have taken more than 30 seconds."
        ),
        impact=Text("数据库一类的 Pod 写入停顿。", "Pods that write much, as databases do, stand still."),
        action=Text(
            "ceph health detail 看是哪些 OSD，再查它们的盘。",
            "See which OSDs by ceph health detail, then look at their disks.",
        ),
    ),
    Signal(
        alert="KunCephRBDWriteSlow",
        severity="warning",
        # Ceph says milliseconds and counts nanoseconds.
        expr=f"sum by (job, pool, image) (rate(ceph_rbd_write_latency_sum[5m])) / {_WRITES} / 1e9",
        comparison=">",
        threshold=0.2,
        guard=f"and on (job, pool, image) {_WRITES} > 1",
        unit="seconds",
        wait="15m",
        title=Text("卷 {pool}/{image} 写得慢", "Volume {pool}/{image} is slow to write"),
        description=Text("{job} 上每次写平均 {value}。", "A write takes {value} on average on {job}."),
        impact=Text("用这个卷的 Pod 变慢。", "The pod with this volume is slow."),
        action=Text(
            "rbd perf image iotop 看是它写得多还是整个池都慢。",
            "See by rbd perf image iotop whether it writes much or the whole pool is slow.",
        ),
    ),
    Signal(
        alert="KunCephMgrGone",
        severity="warning",
        # Of a manager that stands by only `up` is there, and of one that is gone not even that.
        expr='(count by (job) (ceph_health_status) or 0 * count by (job) (max_over_time(up{job="ceph"}[1d])))',
        comparison="==",
        threshold=0,
        wait="10m",
        title=Text("Ceph 没有活跃的 mgr", "Ceph has no active manager"),
        description=Text("{job} 的采集目标都没有 Ceph 的指标。", "None of the targets of {job} has Ceph's metrics."),
        impact=Text(
            "读写照常，但看不见 Ceph 的任何状态，别的 Ceph 告警都不会响。",
            "Reads and writes go on, but nothing of Ceph is seen and no other alert on it can fire.",
        ),
        action=Text("ceph mgr stat，再启动一个 ceph-mgr。", "Run ceph mgr stat, then start a ceph-mgr."),
    ),
)
