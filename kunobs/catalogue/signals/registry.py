"""Alerts on the image registry: its regions, what its replicas lack, and the registry's own answers and storage."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

# Of a region that cannot be reached, that alone is told.
_REACHED = 'unless on (site) min by (site) (kunobs_registry_probe_success{operation!="push"}) == 0'

SIGNALS = (
    Signal(
        alert="KunRegistryDown",
        severity="critical",
        expr='max by (job) (kunobs_registry_mode{state="down"})',
        comparison=">",
        threshold=0,
        wait="2m",
        keep="2m",
        title=Text("没有任何地域能拉取镜像", "Images can be pulled from no region"),
        description=Text(
            "{job} 的探测在所有地域都拉不到样本镜像。", "The probes of {job} pull their sample from no region."
        ),
        impact=Text(
            "新 Pod 起不来，节点故障后的重建也失败；已在运行的不受影响。",
            "No new pod starts, also none that replaces a lost one; what runs goes on.",
        ),
        action=Text(
            "`curl -sv https://REGISTRY/v2/` 看是网络、证书、认证还是存储。",
            "`curl -sv https://REGISTRY/v2/` tells network, certificate, authentication and storage apart.",
        ),
    ),
    Signal(
        alert="KunRegistryDegraded",
        severity="warning",
        expr='max by (job) (kunobs_registry_mode{state="degraded"})',
        comparison=">",
        threshold=0,
        wait="5m",
        title=Text("镜像推不上去", "Images cannot be pushed"),
        description=Text(
            "按 {job} 的探测，主仓库不接受推送，拉取仍可用。",
            "By the probes of {job} the primary takes no pushes; pulls work.",
        ),
        impact=Text(
            "构建流水线在推送一步失败，新版本发不出去。", "Builds fail at their push, so nothing new can be released."
        ),
        action=Text(
            "看主仓库是否只读、磁盘是否满、认证是否正常。",
            "See whether the primary is read-only, its disk full or its authentication broken.",
        ),
    ),
    Signal(
        alert="KunRegistryProbeFailing",
        severity="warning",
        expr='min by (site, operation) (kunobs_registry_probe_success{operation!="push"})',
        comparison="==",
        threshold=0,
        wait="5m",
        title=Text("{site} 的镜像仓库 {operation} 失败", "{operation} fails at the registry in {site}"),
        description=Text("{site} 的 {operation} 探测一直失败。", "The probe {operation} fails all the time in {site}."),
        impact=Text(
            "该地域的节点要到别处拉镜像，或拉不到。", "Nodes of that region pull from elsewhere, or not at all."
        ),
        action=Text(
            "看 {site} 的仓库进程和它前面的负载均衡。",
            "Look at the registry in {site} and at the load balancer before it.",
        ),
    ),
    Signal(
        alert="KunRegistryWrongDigests",
        severity="warning",
        expr='max by (site) (kunobs_registry_differences{kind="digest"})',
        comparison=">",
        threshold=0,
        wait="10m",
        title=Text("{site} 的标签指向别的镜像", "Tags in {site} point at other images"),
        description=Text("{value} 个标签的摘要和主仓库不同。", "{value} tags have another digest than at the primary."),
        impact=Text("同一个标签在 {site} 跑出来的是另一个版本。", "The same tag runs another version in {site}."),
        action=Text(
            "`curl -s http://EXPORTER/registry/differences` 列出标签，再重新同步它们。",
            "`curl -s http://EXPORTER/registry/differences` lists the tags; replicate them again.",
        ),
    ),
    Signal(
        alert="KunRegistryTagsMissing",
        severity="warning",
        expr='max by (site) (kunobs_registry_differences{kind="missing"})',
        comparison=">",
        threshold=0,
        wait="30m",
        title=Text("{site} 缺少标签", "Tags are missing in {site}"),
        description=Text(
            "主仓库有而 {site} 没有的标签有 {value} 个。", "{value} tags of the primary are not in {site}."
        ),
        impact=Text(
            "用这些标签的 Pod 在该地域拉不到镜像。", "Pods with these tags cannot pull their images in that region."
        ),
        action=Text(
            "`curl -s http://EXPORTER/registry/differences` 列出标签，看复制任务的日志。",
            "`curl -s http://EXPORTER/registry/differences` lists them; then read the log of the replication.",
        ),
    ),
    Signal(
        alert="KunRegistryReplicationSlow",
        severity="warning",
        expr="histogram_quantile(0.95, sum by (site, le) (rate(kunobs_registry_push_to_replica_seconds_bucket[1h])))",
        comparison=">",
        threshold=10,
        unit="seconds",
        wait="15m",
        title=Text("镜像复制到 {site} 变慢", "Images reach {site} slowly"),
        description=Text(
            "过去一小时，95% 的推送在 {value} 内到达。",
            "In the last hour 95% of the pushes took up to {value} to arrive.",
        ),
        impact=Text(
            "推送后马上在 {site} 部署会拉不到新标签。",
            "A deployment in {site} right after a push does not find its tag.",
        ),
        action=Text(
            "看复制队列和两地之间的带宽。",
            "Look at the queue of the replication and the bandwidth between the regions.",
        ),
    ),
    Signal(
        alert="KunRegistryCanaryLost",
        severity="warning",
        expr="round(sum by (site) (increase(kunobs_registry_canary_lost_total[15m])))",
        comparison=">",
        threshold=3,
        guard=_REACHED,
        wait="2m",
        title=Text("推送到不了 {site}", "Pushes do not reach {site}"),
        description=Text(
            "15 分钟内有 {value} 次金丝雀推送没有到达。", "{value} canaries of the last 15 minutes did not arrive."
        ),
        impact=Text("新镜像在 {site} 拉不到，旧的不受影响。", "New images cannot be pulled in {site}; old ones can."),
        action=Text(
            "看复制任务是否在跑，{site} 的仓库是否可写。",
            "See whether the replication runs and the registry in {site} takes writes.",
        ),
    ),
    Signal(
        alert="KunRegistryCanaryOld",
        severity="warning",
        expr="max by (job) (kunobs_registry_canary_age_seconds)",
        comparison=">",
        threshold=1800,
        guard='and on (job) max by (job) (kunobs_registry_mode{state="normal"}) > 0',
        unit="seconds",
        wait="5m",
        title=Text("镜像仓库的金丝雀停了", "The registry's canary stands still"),
        description=Text(
            "{job} 上次成功推送金丝雀是 {value} 前，而仓库状态正常。",
            "{job} pushed its last canary {value} ago though the registry is normal.",
        ),
        impact=Text(
            "复制的快慢和丢失这段时间没人知道。",
            "Nobody knows meanwhile how fast pushes are replicated, or whether they are.",
        ),
        action=Text(
            "看 kunobs exporter registry 的日志，必要时重启它。",
            "Read the log of `kunobs exporter registry`, and restart it if need be.",
        ),
    ),
    Signal(
        alert="KunRegistryTagsNotRead",
        severity="warning",
        expr="max by (site) (kunobs_registry_list_age_seconds)",
        comparison=">",
        threshold=900,
        guard=_REACHED,
        unit="seconds",
        wait="10m",
        title=Text("{site} 的标签很久没读全", "The tags of {site} have not been read for long"),
        description=Text("最旧的标签列表已有 {value}。", "The oldest list of tags is {value} old."),
        impact=Text("缺少的标签发现得晚。", "Missing tags are found late."),
        action=Text(
            "看 {site} 是否限流或报错，再看 max_heads_per_second。",
            "See whether {site} throttles or fails, then look at max_heads_per_second.",
        ),
    ),
    Signal(
        alert="KunRegistryDigestsNotRead",
        severity="warning",
        expr="max by (site) (kunobs_registry_digest_age_seconds)",
        comparison=">",
        threshold=5400,
        guard=_REACHED,
        unit="seconds",
        wait="10m",
        title=Text("{site} 的摘要很久没读全", "The digests of {site} have not been read for long"),
        description=Text("最旧的摘要已有 {value}。", "The oldest digest is {value} old."),
        impact=Text("指向别的镜像的标签发现得晚。", "Tags that point at other images are found late."),
        action=Text(
            "标签多时调高 max_heads_per_second 或 digest_interval。",
            "With many tags raise max_heads_per_second, or digest_interval.",
        ),
    ),
    Signal(
        alert="KunRegistryDigestsUnknown",
        severity="info",
        expr="max by (site) (kunobs_registry_unknown_digests)",
        comparison=">",
        threshold=0,
        wait="1h",
        title=Text("{site} 的一些标签没法比对", "Some tags of {site} cannot be compared"),
        description=Text(
            "{value} 个标签的 HEAD 回答里没有可比的 Docker-Content-Digest。",
            "The answers to HEAD of {value} tags have no Docker-Content-Digest that can be compared.",
        ),
        impact=Text("它们指向别的镜像也不会被发现。", "That they point at other images would not be found."),
        action=Text(
            "`curl -sI https://REGISTRY/v2/NAME/manifests/TAG` 看回答头，多半是代理去掉了它。",
            "`curl -sI https://REGISTRY/v2/NAME/manifests/TAG` shows the headers; mostly a proxy takes it away.",
        ),
    ),
    Signal(
        alert="KunRegistryReadsFailing",
        severity="warning",
        expr=(
            'sum by (site, result) (rate(kunobs_registry_requests_total{result!="ok"}[15m])) '
            "/ on (site) group_left () sum by (site) (rate(kunobs_registry_requests_total[15m]))"
        ),
        comparison=">",
        threshold=0.1,
        guard=f"and on (site) sum by (site) (rate(kunobs_registry_requests_total[15m])) > 0.01 {_REACHED}",
        unit="ratio",
        wait="10m",
        title=Text("{site} 的比对请求被拒绝", "Requests for the comparison are refused in {site}"),
        description=Text("{value} 的请求结果是 {result}。", "{value} of the requests end as {result}."),
        impact=Text(
            "比对变慢，差异发现得晚；拉取不受影响。",
            "Comparing takes longer and differences are found late; pulls are not concerned.",
        ),
        action=Text(
            "throttled 时调低 max_heads_per_second，failed 时看权限。",
            "Lower max_heads_per_second for throttled, look at the user's rights for failed.",
        ),
    ),
    Signal(
        alert="KunRegistryServerErrors",
        severity="warning",
        expr=(
            'sum by (job) (rate(registry_http_requests_total{code=~"5.."}[5m])) '
            "/ sum by (job) (rate(registry_http_requests_total[5m]))"
        ),
        comparison=">",
        threshold=0.05,
        guard="and on (job) sum by (job) (rate(registry_http_requests_total[5m])) > 0.2",
        unit="ratio",
        wait="10m",
        title=Text("镜像仓库 {job} 返回 5xx", "The registry {job} answers 5xx"),
        description=Text("{value} 的请求得到 5xx。", "{value} of its requests are answered 5xx."),
        impact=Text("一部分拉取和推送失败后要重试。", "Some pulls and pushes fail and are tried again."),
        action=Text(
            "看仓库日志里的 err.code，多半是存储。",
            "Look for err.code in the registry's log; mostly it is the storage.",
        ),
    ),
    Signal(
        alert="KunRegistryStorageSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.95, sum by (job, driver, action, le) ("
            'rate(registry_storage_action_seconds_bucket{action=~"GetContent|PutContent|Stat"}[10m])))'
        ),
        comparison=">",
        threshold=1,
        guard="and on (job, driver, action) sum by (job, driver, action) (rate(registry_storage_action_seconds_count[10m])) > 0.1",
        unit="seconds",
        wait="10m",
        title=Text("镜像仓库 {job} 的存储慢", "The storage of the registry {job} is slow"),
        description=Text(
            "{driver} 的 {action} 有 5% 超过 {value}。", "5% of the {action} of {driver} take longer than {value}."
        ),
        impact=Text(
            "每次拉取和推送要读写十几次，都会变慢。", "Each pull and push makes a dozen of these, so all get slow."
        ),
        action=Text("看对象存储或磁盘的延迟。", "Look at the latency of the object storage or the disk."),
    ),
)
