"""Objectives of what the platform promises its tenants, and alerts on how fast their error budgets burn."""

from __future__ import annotations

from kunobs.catalogue.signal import Recording, Signal, Text
from kunobs.catalogue.slo import Objective

OBJECTIVES = (
    Objective(
        name=Text("中继收下告警", "The relay takes alerts"),
        alert="KunNocAcceptBurn",
        record="instance:kunobs_noc_posts",
        target=0.999,
        errors='sum by (instance) (rate(kunobs_noc_posts_total{code=~"5.."}[{window}]))',
        total="sum by (instance) (rate(kunobs_noc_posts_total[{window}]))",
        labels=("instance",),
        # The Watchdogs are some hundred posts an hour: two that a restart refuses are no burning budget.
        least=1000,
        title=Text("中继 {instance} 收不下告警", "The relay {instance} does not take alerts"),
        impact=Text(
            "Alertmanager 会重试，但重试用尽后告警就丢了。",
            "Alertmanagers try again; when they give up, the alert is lost.",
        ),
        action=Text(
            "问它为什么：curl -s http://{instance}/-/ready；再看它的磁盘和数据库。",
            "Ask it why: curl -s http://{instance}/-/ready; then look at its disk and database.",
        ),
    ),
    Objective(
        name=Text("镜像仓库应答", "The image registry answers"),
        alert="KunRegistryPullBurn",
        record="job:registry_http_requests",
        target=0.999,
        errors='sum by (job) (rate(registry_http_requests_total{code=~"5.."}[{window}]))',
        total="sum by (job) (rate(registry_http_requests_total[{window}]))",
        labels=("job",),
        least=2000,
        title=Text("镜像仓库 {job} 的请求在失败", "Requests to the image registry {job} fail"),
        impact=Text(
            "拉不到镜像的 Pod 起不来，CI 推不上去。",
            "Pods whose image cannot be pulled do not start, and CI cannot push.",
        ),
        action=Text("看它的存储和日志里的 5xx。", "Look at its storage, and at the 5xx in its log."),
    ),
    Objective(
        name=Text("apiserver 应答", "The apiserver answers"),
        alert="KunApiserverBurn",
        record="job:apiserver_request",
        target=0.999,
        errors='sum by (job) (rate(apiserver_request_total{code=~"5.."}[{window}]))',
        total="sum by (job) (rate(apiserver_request_total[{window}]))",
        labels=("job",),
        least=1000,
        title=Text("apiserver 的请求在失败", "Requests to the apiserver fail"),
        impact=Text("kubectl、控制器和发布都会断断续续。", "kubectl, controllers and rollouts work on and off."),
        action=Text("看 etcd 的延迟和 apiserver 的日志。", "Look at etcd's latency and the apiservers' logs."),
    ),
    Objective(
        name=Text("日志按时到", "Logs arrive in time"),
        alert="KunLogsDeliveryBurn",
        record="hop:kunobs_logs_canary",
        target=0.999,
        errors="sum by (hop) (rate(kunobs_logs_canary_missing_total[{window}]))",
        total="sum by (hop) (rate(kunobs_logs_canary_received_total[{window}]) + rate(kunobs_logs_canary_missing_total[{window}]))",
        labels=("hop",),
        least=200,
        title=Text("日志没有按时到 {hop}", "Logs do not arrive at {hop} in time"),
        impact=Text("租户的日志晚到或丢失。", "Tenants' logs come late, or never."),
        action=Text("看金丝雀的看板：断在哪一跳。", "See on the canary's dashboard at which hop it breaks."),
    ),
)
SIGNALS: tuple[Signal, ...] = tuple(signal for one in OBJECTIVES for signal in one.signals())
RECORDINGS: tuple[Recording, ...] = tuple(recording for one in OBJECTIVES for recording in one.recordings())
