"""Alerts on etcd, the store of the cluster's every object: leader, disk, quota, and the way between its members."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

SIGNALS = (
    Signal(
        alert="KunEtcdNoLeader",
        severity="critical",
        # With a majority some member knows a leader; one that is cut off alone stops nothing.
        expr="max by (job) (etcd_server_has_leader)",
        comparison="==",
        threshold=0,
        wait="1m",
        keep="2m",
        title=Text("{job} 没有 leader", "{job} has no leader"),
        description=Text(
            "一分钟以来应答的成员都不知道 leader。", "For a minute no member that answers has known of a leader."
        ),
        impact=Text(
            "集群的对象都不能写，整个控制面停住。",
            "No object of the cluster can be written; the whole control plane stands still.",
        ),
        action=Text(
            "运行 etcdctl endpoint status --cluster -w table，恢复多数成员。",
            "Run etcdctl endpoint status --cluster -w table and bring back a majority of the members.",
        ),
    ),
    Signal(
        alert="KunEtcdMemberIsolated",
        severity="warning",
        expr="min by (job, instance) (etcd_server_has_leader)",
        comparison="==",
        threshold=0,
        wait="2m",
        keep="2m",
        title=Text("{job} 成员 {instance} 没有 leader", "Member {instance} of {job} has no leader"),
        description=Text("该成员已有两分钟不知道 leader。", "This member has known of no leader for two minutes."),
        impact=Text(
            "冗余减少；只连着它的 apiserver 读写都失败。",
            "Less redundancy; an apiserver that has only this member can neither read nor write.",
        ),
        action=Text(
            "从该机器 nc -vz 其他成员 2380，再看它日志的最后几行。",
            "From that machine nc -vz OTHER-MEMBER 2380, then read the last lines of its log.",
        ),
    ),
    Signal(
        alert="KunEtcdMemberDown",
        severity="warning",
        expr='min by (job, instance) (up{job="etcd"})',
        comparison="==",
        threshold=0,
        wait="5m",
        title=Text("{job} 成员 {instance} 采集不到", "Member {instance} of {job} cannot be scraped"),
        description=Text("它的 /metrics 已有五分钟没有回答。", "Its /metrics has not answered for five minutes."),
        impact=Text(
            "冗余减少；三个成员中再少一个就没有 leader。",
            "Less redundancy; of three members, one more gone leaves no leader.",
        ),
        action=Text(
            "在该机器上运行 crictl ps -a --name etcd，看日志的最后几行。",
            "On that machine run crictl ps -a --name etcd and read the last lines of its log.",
        ),
    ),
    Signal(
        alert="KunEtcdLeaderChanges",
        severity="warning",
        expr="max by (job) (increase(etcd_server_leader_changes_seen_total[15m]))",
        comparison=">",
        threshold=3,
        wait="5m",
        title=Text("{job} 的 leader 反复更换", "The leader of {job} changes again and again"),
        description=Text("15 分钟内换了 {value} 次。", "It changed {value} times within 15 minutes."),
        impact=Text(
            "每次更换时写入停几秒，请求超时。", "Writes stop for seconds at each change, and requests time out."
        ),
        action=Text(
            "看成员之间的网络和 KunEtcdFsyncSlow；CPU 被抢也会这样。",
            "Look at the network between the members and at KunEtcdFsyncSlow; a starved CPU does it too.",
        ),
    ),
    Signal(
        alert="KunEtcdProposalsFailing",
        severity="warning",
        expr="max by (job, instance) (increase(etcd_server_proposals_failed_total[15m]))",
        comparison=">",
        threshold=5,
        wait="5m",
        title=Text("{job} 成员 {instance} 的提案失败", "Proposals of member {instance} of {job} fail"),
        description=Text("15 分钟内有 {value} 个提案失败。", "{value} proposals failed within 15 minutes."),
        impact=Text(
            "这些写入没有成功，apiserver 返回错误。",
            "These writes did not happen, and the apiserver answered with errors.",
        ),
        action=Text(
            "看是否在换 leader，或已没有多数：etcdctl endpoint health --cluster。",
            "See whether the leader changes or the majority is gone: etcdctl endpoint health --cluster.",
        ),
    ),
    Signal(
        alert="KunEtcdProposalsPending",
        severity="warning",
        expr="max by (job, instance) (etcd_server_proposals_pending)",
        comparison=">",
        threshold=100,
        wait="5m",
        title=Text("{job} 成员 {instance} 的提案积压", "Proposals pile up on member {instance} of {job}"),
        description=Text("{value} 个提案在等待。", "{value} proposals wait."),
        impact=Text("写入变慢，然后被拒绝。", "Writes become slow, then are refused."),
        action=Text(
            "看 KunEtcdFsyncSlow，再看哪个客户端写得多：apiserver_request_total。",
            "Look at KunEtcdFsyncSlow, then at who writes so much: apiserver_request_total.",
        ),
    ),
    Signal(
        alert="KunEtcdFsyncSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.99, "
            "sum by (job, instance, le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket[10m])))"
        ),
        comparison=">",
        threshold=0.1,
        unit="seconds",
        wait="10m",
        title=Text("{job} 成员 {instance} 写盘慢", "Member {instance} of {job} has a slow disk"),
        description=Text(
            "预写日志的 fsync 有百分之一超过 {value}。", "One fsync in a hundred of its log takes longer than {value}."
        ),
        impact=Text(
            "心跳会晚，leader 可能更换；集群的每次写入都慢。",
            "Heartbeats come late and the leader may change; every write to the cluster is slow.",
        ),
        action=Text(
            "在该机器上运行 iostat -x 5，看谁与 etcd 共用这块盘。",
            "Run iostat -x 5 on that machine and see what shares the disk with etcd.",
        ),
    ),
    Signal(
        alert="KunEtcdCommitSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.99, "
            "sum by (job, instance, le) (rate(etcd_disk_backend_commit_duration_seconds_bucket[10m])))"
        ),
        comparison=">",
        threshold=0.2,
        unit="seconds",
        wait="10m",
        title=Text("{job} 成员 {instance} 提交慢", "Member {instance} of {job} commits slowly"),
        description=Text(
            "数据库提交有百分之一超过 {value}。", "One commit in a hundred to its database takes longer than {value}."
        ),
        impact=Text("读写都会等；apiserver 变慢。", "Reads and writes wait for it; the apiserver becomes slow."),
        action=Text(
            "看磁盘，再看数据库是否太大：etcdctl endpoint status --cluster -w table。",
            "Look at the disk, then whether the database is too large: etcdctl endpoint status --cluster -w table.",
        ),
    ),
    Signal(
        alert="KunEtcdQuotaFilling",
        severity="warning",
        expr="max by (job, instance) (etcd_mvcc_db_total_size_in_bytes / etcd_server_quota_backend_bytes)",
        comparison=">",
        threshold=0.8,
        unit="ratio",
        wait="10m",
        title=Text("{job} 成员 {instance} 的数据库将满", "The database of member {instance} of {job} fills up"),
        description=Text("已用配额的 {value}。", "It has used {value} of its quota."),
        impact=Text(
            "用满时 etcd 只读，集群的对象不能写。", "When it is full etcd is read-only and no object can be written."
        ),
        action=Text(
            "找出最多的对象（KunApiserverObjectsMany 的查询），再逐个成员 etcdctl defrag。",
            "Find what there is most of (the query of KunApiserverObjectsMany), then run etcdctl defrag on one member after another.",
        ),
    ),
    Signal(
        alert="KunEtcdQuotaFull",
        severity="critical",
        expr="max by (job, instance) (etcd_mvcc_db_total_size_in_bytes / etcd_server_quota_backend_bytes)",
        comparison=">",
        threshold=0.95,
        unit="ratio",
        wait="5m",
        title=Text("{job} 成员 {instance} 的数据库快满了", "The database of member {instance} of {job} is nearly full"),
        description=Text("已用配额的 {value}。", "It has used {value} of its quota."),
        impact=Text(
            "用满时 etcd 拒绝一切写入：没有新 pod，没有新租约，控制面停住。",
            "When it is full etcd refuses every write: no new pods, no new leases, the control plane stands still.",
        ),
        action=Text(
            "按手册压缩、整理，必要时加大 --quota-backend-bytes。",
            "Compact and defragment by the runbook, and raise --quota-backend-bytes where that is not enough.",
        ),
    ),
    Signal(
        alert="KunEtcdPeerSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.99, "
            "sum by (job, instance, To, le) (rate(etcd_network_peer_round_trip_time_seconds_bucket[10m])))"
        ),
        comparison=">",
        threshold=0.15,
        unit="seconds",
        wait="10m",
        title=Text("{job} 成员 {instance} 到另一成员慢", "Member {instance} of {job} is far from another member"),
        description=Text("往返有百分之一超过 {value}。", "One round trip in a hundred takes longer than {value}."),
        impact=Text(
            "心跳会晚，leader 可能更换，写入变慢。",
            "Heartbeats come late, the leader may change, and writes become slow.",
        ),
        action=Text(
            "标签 To 是对方的成员号（etcdctl member list）；从该机器 ping 它。",
            "The label To is the other member's id (etcdctl member list); ping it from that machine.",
        ),
    ),
)
