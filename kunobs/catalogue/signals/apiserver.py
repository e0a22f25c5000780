"""Alerts on the Kubernetes API as the apiservers count it, and on the webhooks and aggregated APIs behind it."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

SIGNALS = (
    Signal(
        alert="KunApiserverDown",
        severity="critical",
        expr='max by (job) (up{job="apiserver"})',
        comparison="==",
        threshold=0,
        wait="2m",
        title=Text("没有一个 apiserver 回答", "No apiserver answers"),
        description=Text("{job} 的所有实例都采集不到。", "No instance of {job} can be scraped."),
        impact=Text(
            "集群不能改变：没有发布，没有重新调度，坏掉的 pod 仍会收到流量。",
            "The cluster cannot change: no rollouts, no rescheduling, and broken pods still get traffic.",
        ),
        action=Text(
            "在控制面机器上运行 crictl ps -a --name kube-apiserver，看它的日志，再看 etcd。",
            "On a control plane machine run crictl ps -a --name kube-apiserver, read its log, then look at etcd.",
        ),
    ),
    Signal(
        alert="KunApiserverReplicaMissing",
        severity="warning",
        # One that has stopped is soon no endpoint of the Service any more, and has no `up` then.
        expr='max_over_time(sum(up{job="apiserver"})[1d:5m]) - sum(up{job="apiserver"})',
        comparison=">",
        threshold=0,
        wait="10m",
        title=Text("少了 {value} 个 apiserver", "{value} apiservers are missing"),
        description=Text(
            "比过去一天最多时少 {value} 个能采集到的。", "{value} fewer can be scraped than at most in the last day."
        ),
        impact=Text(
            "其余的承担全部请求；若有意缩减，一天后自行结束。",
            "The others bear all requests; after a wanted reduction it ends by itself within a day.",
        ),
        action=Text(
            "kubectl -n kube-system get pod -l component=kube-apiserver -o wide，到少了的机器上 crictl ps -a --name kube-apiserver。",
            "kubectl -n kube-system get pod -l component=kube-apiserver -o wide, then crictl ps -a --name kube-apiserver on the machine that lacks it.",
        ),
    ),
    Signal(
        alert="KunApiserverErrors",
        severity="critical",
        # Below ten requests a second one client that tries again and again would make up the 5 %.
        expr=(
            'sum(rate(apiserver_request_total{job="apiserver",code=~"5.."}[5m])) / '
            'clamp_min(sum(rate(apiserver_request_total{job="apiserver"}[5m])), 10)'
        ),
        comparison=">",
        threshold=0.05,
        unit="ratio",
        wait="5m",
        keep="5m",
        title=Text("apiserver 的 {value} 请求失败", "{value} of the apiserver's requests fail"),
        description=Text(
            "五分钟内 {value} 的请求以 5xx 结束。", "{value} of the requests of five minutes ended in a 5xx."
        ),
        impact=Text(
            "发布、控制器和租户的工具都会失败或重试。",
            "Rollouts, controllers and the tenants' tools fail or try again.",
        ),
        action=Text(
            "按 resource 和 verb 看是哪些请求，再看 etcd 和 webhook。",
            "See by resource and verb which requests they are, then look at etcd and the webhooks.",
        ),
    ),
    Signal(
        alert="KunApiserverSlow",
        severity="warning",
        expr=(
            "histogram_quantile(0.99, sum by (verb, le) (rate(apiserver_request_sli_duration_seconds_bucket"
            '{job="apiserver",verb=~"POST|PUT|PATCH|DELETE"}[10m])))'
        ),
        comparison=">",
        threshold=1,
        unit="seconds",
        guard=(
            "and on (verb) sum by (verb) "
            '(rate(apiserver_request_sli_duration_seconds_count{job="apiserver"}[10m])) > 0.2'
        ),
        wait="10m",
        title=Text("apiserver 的 {verb} 慢", "{verb} is slow on the apiserver"),
        description=Text(
            "百分之一超过 {value}，不算 webhook 和排队的时间。",
            "One in a hundred takes longer than {value}, webhooks and queues not counted.",
        ),
        impact=Text("发布、调度和控制器都变慢。", "Rollouts, scheduling and controllers become slow."),
        action=Text(
            "看 KunEtcdFsyncSlow 和 KunEtcdCommitSlow，再看 apiserver 的 CPU。",
            "Look at KunEtcdFsyncSlow and KunEtcdCommitSlow, then at the apiserver's CPU.",
        ),
    ),
    Signal(
        alert="KunApiserverRejecting",
        severity="warning",
        expr="sum by (flow_schema, priority_level) (rate(apiserver_flowcontrol_rejected_requests_total[5m]))",
        comparison=">",
        threshold=1,
        wait="10m",
        title=Text("apiserver 拒绝 {flow_schema} 的请求", "The apiserver turns away requests of {flow_schema}"),
        description=Text(
            "优先级 {priority_level} 每秒拒绝 {value} 个请求（429）。",
            "Priority level {priority_level} turns away {value} requests a second (429).",
        ),
        impact=Text(
            "这一类客户端要等、要重试；多半是其中一个发得太多。",
            "Clients of this kind wait and try again; mostly one of them asks too much.",
        ),
        action=Text(
            "kubectl get --raw /debug/api_priority_and_fairness/dump_requests 列出排队的用户。",
            "kubectl get --raw /debug/api_priority_and_fairness/dump_requests lists whose requests wait.",
        ),
    ),
    Signal(
        alert="KunApiserverObjectsMany",
        severity="warning",
        expr="max by (resource) (apiserver_resource_objects or on (job) apiserver_storage_objects)",
        comparison=">",
        threshold=150000,
        wait="30m",
        title=Text("{resource} 太多", "There are too many {resource}"),
        description=Text("etcd 里有 {value} 个 {resource}。", "etcd stores {value} {resource}."),
        impact=Text(
            "列出它们要占 apiserver 很多内存，etcd 的配额也在用掉。",
            "Listing them takes much of the apiserver's memory, and they use up etcd's quota.",
        ),
        action=Text(
            "按命名空间数：kubectl get {resource} -A --no-headers | cut -d' ' -f1 | sort | uniq -c | sort -n。",
            "Count them by namespace: kubectl get {resource} -A --no-headers | cut -d' ' -f1 | sort | uniq -c | sort -n.",
        ),
    ),
    Signal(
        alert="KunAdmissionWebhookFailing",
        severity="warning",
        expr=(
            'sum by (name) (rate(apiserver_admission_webhook_rejection_count{error_type="calling_webhook_error"}[10m]))'
        ),
        comparison=">",
        threshold=0.05,
        wait="5m",
        keep="5m",
        title=Text("准入 webhook {name} 叫不通", "Admission webhook {name} cannot be called"),
        description=Text("每秒有 {value} 个请求因此被拒绝。", "{value} requests a second are refused for it."),
        impact=Text(
            "它管的对象不能创建也不能修改，重启的 pod 也可能回不来。",
            "The objects that it looks at can be neither created nor changed, and a pod that restarts may not come back.",
        ),
        action=Text(
            "看它的 pod 和证书；要很久就先把 failurePolicy 改为 Ignore，但此后没有人检查，修好要改回。",
            "Look at its pods and its certificate; where that takes long, set its failurePolicy to Ignore, which checks nothing until it is set back.",
        ),
    ),
    Signal(
        alert="KunClientCertificateExpiring",
        severity="warning",
        expr=(
            "histogram_quantile(0.01, sum by (job, le) "
            '(rate(apiserver_client_certificate_expiration_seconds_bucket{job="apiserver"}[1h])))'
        ),
        comparison="<",
        threshold=604800,
        unit="seconds",
        wait="15m",
        title=Text("有客户端证书快到期", "A client certificate expires soon"),
        description=Text(
            "对 {job} 的请求中有百分之一用的证书不到 {value} 就到期。",
            "One request in a hundred to {job} uses a certificate with less than {value} left.",
        ),
        impact=Text(
            "到期的客户端（kubelet、控制器或某人的 kubeconfig）会被拒绝。",
            "A client whose certificate expired is refused: a kubelet, a controller, or somebody's kubeconfig.",
        ),
        action=Text(
            "在控制面机器上运行 kubeadm certs check-expiration；kubelet 看 KunKubeletClientCertExpiring。",
            "Run kubeadm certs check-expiration on a control plane machine; for kubelets see KunKubeletClientCertExpiring.",
        ),
    ),
    Signal(
        alert="KunAuditFailing",
        severity="warning",
        expr="sum by (plugin) (rate(apiserver_audit_error_total[10m]))",
        comparison=">",
        threshold=0.1,
        wait="10m",
        title=Text("审计插件 {plugin} 丢事件", "Audit plugin {plugin} loses events"),
        description=Text("每秒有 {value} 个审计事件没有写成。", "{value} audit events a second are not written."),
        impact=Text("审计记录有缺口。", "The record of who did what has gaps."),
        action=Text(
            "看审计日志所在的盘是否满，或 audit webhook 是否在。",
            "See whether the disk of the audit log is full, or whether the audit webhook answers.",
        ),
    ),
    Signal(
        alert="KunApiserviceUnavailable",
        severity="warning",
        expr="max by (name) (aggregator_unavailable_apiservice)",
        comparison=">",
        threshold=0,
        wait="10m",
        keep="5m",
        title=Text("聚合 API {name} 不可用", "Aggregated API {name} is unavailable"),
        description=Text("apiserver 叫不通它背后的服务。", "The apiserver cannot reach the service behind it."),
        impact=Text(
            "用它的都停住：HPA 没有指标，命名空间删不掉。",
            "What needs it stands still: HPAs have no metrics, namespaces cannot be deleted.",
        ),
        action=Text("kubectl describe apiservice {name} 说明原因。", "kubectl describe apiservice {name} tells why."),
    ),
)
