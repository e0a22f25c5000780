"""S3: a canary object that is put, got and deleted, and the mounts of buckets on nodes."""

from __future__ import annotations

from functools import partial

from kunobs.catalogue.signal import Signal, Text
from kunobs.catalogue.types import Label, MetricSpec

_planned = partial(MetricSpec, origin="planned")
_CANARY = (Label("endpoint"), Label("bucket"), Label("operation", ("put", "get", "delete")))
_MOUNT = (Label("node"), Label("namespace"), Label("mountpoint"))

METRICS = (
    _planned("kunobs_s3_canary_success", "gauge", "1 when the last canary of the operation succeeded.", labels=_CANARY),
    _planned(
        "kunobs_s3_canary_duration_seconds",
        "gauge",
        "How long the last one took that succeeded.",
        "seconds",
        _CANARY,
    ),
    _planned(
        "kunobs_s3_mount_up",
        "gauge",
        "1 when the mount of a bucket said its size before the deadline; a child process asks, so that a mount that hangs costs no more.",
        labels=_MOUNT,
    ),
    _planned("kunobs_s3_mount_duration_seconds", "gauge", "How long its last answer took.", "seconds", _MOUNT),
)

SIGNALS = (
    Signal(
        alert="KunS3Down",
        severity="critical",
        expr="max by (endpoint, bucket) (kunobs_s3_canary_success)",
        comparison="==",
        threshold=0,
        wait="5m",
        keep="5m",
        title=Text("S3 {endpoint} 不可用", "S3 at {endpoint} is down"),
        description=Text(
            "桶 {bucket} 写、读、删都失败。",
            "Bucket {bucket} can be neither written nor read nor deleted from.",
        ),
        impact=Text(
            "用对象存储的应用、备份和挂载都停住。", "Applications, backups and mounts that use it stand still."
        ),
        action=Text(
            "curl -sv https://{endpoint}/ 看是网络、证书、认证还是存储。",
            "curl -sv https://{endpoint}/ tells network, certificate, authentication and storage apart.",
        ),
    ),
    Signal(
        alert="KunS3CanaryFailing",
        severity="warning",
        expr="min by (endpoint, bucket, operation) (kunobs_s3_canary_success)",
        comparison="==",
        threshold=0,
        guard="and on (endpoint, bucket) max by (endpoint, bucket) (kunobs_s3_canary_success) == 1",
        wait="5m",
        title=Text("S3 {endpoint} 的 {operation} 失败", "{operation} fails at S3 {endpoint}"),
        description=Text(
            "桶 {bucket} 的这种操作一直失败，别的可用。",
            "Of bucket {bucket} this fails all the time and something else works.",
        ),
        impact=Text(
            "应用写不进去、读不出来，或桶慢慢变满。", "Applications cannot write, cannot read, or the bucket fills up."
        ),
        action=Text(
            "看桶的配额和权限策略最近是否改过。", "See whether quota or policy of the bucket was changed lately."
        ),
    ),
    Signal(
        alert="KunS3Slow",
        severity="warning",
        expr="max by (endpoint, bucket, operation) (avg_over_time(kunobs_s3_canary_duration_seconds[10m]))",
        comparison=">",
        threshold=2,
        unit="seconds",
        wait="10m",
        title=Text("S3 {endpoint} 的 {operation} 很慢", "{operation} is slow at S3 {endpoint}"),
        description=Text("桶 {bucket} 上平均 {value}。", "In bucket {bucket} it takes {value} on average."),
        impact=Text(
            "挂载卡顿，应用超时重试，负载更重。", "Mounts stutter, applications time out, try again and add load."
        ),
        action=Text(
            "和别的 endpoint 比：只有它慢是存储，都慢是出口网络。",
            "Compare it with other endpoints: if it alone is slow it is the storage, else the network on the way out.",
        ),
    ),
    Signal(
        alert="KunS3MountHung",
        severity="warning",
        expr="sum by (node, namespace) (1 - kunobs_s3_mount_up)",
        comparison=">",
        threshold=0,
        wait="5m",
        title=Text("{node} 上 {namespace} 的 S3 挂载卡住了", "S3 mounts of {namespace} on {node} hang"),
        description=Text("{value} 个挂载没有应答。", "{value} mounts do not answer."),
        impact=Text("读写它的 Pod 停住，也删不掉。", "Pods that use it stand still and cannot be deleted."),
        action=Text(
            "在节点上 pgrep -af s3fs 看进程还在不在；不在就 umount -l 挂载点，再重建 Pod。",
            "See whether the process lives: pgrep -af s3fs on the node; if not, umount -l the mount point and recreate the pods.",
        ),
    ),
)
