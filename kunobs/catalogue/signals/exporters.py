"""Alerts on our exporters, and on what every process of kunobs has: its HTTP server, its files, its restarts."""

from __future__ import annotations

from kunobs.catalogue.signal import Signal, Text

SIGNALS = (
    Signal(
        alert="KunExporterDown",
        severity="warning",
        expr='max by (instance) (up{job="kunobs-exporter"})',
        comparison="==",
        threshold=0,
        wait="5m",
        keep="5m",
        title=Text("exporter {instance} 不在了", "The exporter {instance} is gone"),
        description=Text("抓取它失败，up 为 {value}。", "It cannot be scraped, up is {value}."),
        impact=Text(
            "它看的系统没有指标，那里的告警都哑了。", "What it observes has no metrics, and alerts on it are silent."
        ),
        action=Text(
            "看进程和最后几行日志：systemctl status 或 kubectl logs --previous。",
            "Look at its process and its last log: systemctl status, or kubectl logs --previous.",
        ),
    ),
    Signal(
        alert="KunExporterCollectorFails",
        severity="warning",
        # The canary's collector fails with its readers, which have an alert of their own.
        expr='max by (instance, exporter, collector) (kunobs_exporter_collector_success{collector!="canary"})',
        comparison="==",
        threshold=0,
        guard=(
            "unless on (instance, exporter, collector)"
            " max by (instance, exporter, collector) (kunobs_exporter_collector_stuck_seconds) > 0"
        ),
        wait="15m",
        title=Text("exporter {exporter} 收集 {collector} 失败", "The exporter {exporter} fails to collect {collector}"),
        description=Text("{instance} 的成功标志一直是 {value}。", "On {instance} its mark of success stays {value}."),
        impact=Text(
            "这部分指标不全或没有，相关告警不可信。",
            "These metrics are not whole, and alerts on them cannot be trusted.",
        ),
        action=Text(
            "问它为什么：curl -sg 'http://{instance}/metrics?collect[]={collector}&debug=true' | grep -E 'failed:|hint:|out of time'。",
            "Ask it why: curl -sg 'http://{instance}/metrics?collect[]={collector}&debug=true' | grep -E 'failed:|hint:|out of time'.",
        ),
    ),
    Signal(
        alert="KunExporterCollectorStuck",
        severity="warning",
        expr="max by (instance, exporter, collector) (kunobs_exporter_collector_stuck_seconds)",
        comparison=">",
        threshold=300,
        unit="seconds",
        wait="2m",
        title=Text(
            "exporter {exporter} 的 {collector} 卡住", "The collector {collector} of the exporter {exporter} is stuck"
        ),
        description=Text(
            "{instance} 上一次收集超过时限已 {value}。",
            "On {instance} a collection has outlived its deadline by {value}.",
        ),
        impact=Text(
            "它不结束就不会再收集，指标停住。", "None is begun until it ends, and its metrics are gone meanwhile."
        ),
        action=Text(
            "先看被观测的系统是否挂住；没有就重启 exporter，计数器以外不丢什么。",
            "See whether what it observes hangs; if not restart the exporter, it loses nothing but its counters.",
        ),
    ),
    Signal(
        alert="KunExporterSeriesDropped",
        severity="warning",
        expr="max by (instance, exporter, collector) (kunobs_exporter_series_dropped)",
        comparison=">",
        threshold=0,
        wait="15m",
        title=Text("exporter {exporter} 丢弃了序列", "The exporter {exporter} leaves series out"),
        description=Text(
            "{instance} 的 {collector} 超预算，{value} 条序列没有给出。",
            "{collector} on {instance} is over its budget, {value} series were left out.",
        ),
        impact=Text(
            "最细的指标不全，个别对象没有告警。", "The finest metrics are not whole, and some objects have no alerts."
        ),
        action=Text(
            "调大 exporters.{exporter}.max_series，或把 detail 调粗。",
            "Raise exporters.{exporter}.max_series, or choose a coarser detail.",
        ),
    ),
    Signal(
        alert="KunExporterSlow",
        severity="info",
        expr="max by (instance, exporter, collector) (avg_over_time(kunobs_exporter_collector_duration_seconds[15m]))",
        comparison=">",
        threshold=7,
        unit="seconds",
        # One that ran out of time took just as long: that is another alert.
        guard=(
            "and on (instance, exporter, collector)"
            " min by (instance, exporter, collector) (kunobs_exporter_collector_success) == 1"
        ),
        wait="15m",
        title=Text("exporter {exporter} 收集 {collector} 很慢", "The exporter {exporter} collects {collector} slowly"),
        description=Text(
            "{instance} 上平均要 {value}，期限默认 9.5 秒。",
            "On {instance} it takes {value} on average, of 9.5s unless configured.",
        ),
        impact=Text("再慢就会超时，指标不全。", "Slower still it runs out of time, and its metrics are not whole."),
        action=Text(
            "看被观测的系统是否变慢或变大；再调大 scrape_timeout 和 exporters.{exporter}.timeout。",
            "See whether what it observes is slower or larger; then raise scrape_timeout and exporters.{exporter}.timeout.",
        ),
    ),
    Signal(
        alert="KunServerConnectionsFull",
        severity="warning",
        expr='sum by (job, instance) (increase(kunobs_server_connections_dropped_total{reason=~"evicted|full"}[15m]))',
        comparison=">",
        threshold=10,
        keep="15m",
        title=Text("{instance} 的连接数到顶", "{instance} has no room for connections"),
        description=Text(
            "{job} 在 15 分钟内为腾位置断开 {value} 个连接。",
            "{job} ended {value} connections in 15 minutes to make room.",
        ),
        impact=Text("抓取和请求会失败或变慢。", "Scrapes and requests fail, or take longer."),
        action=Text(
            "看谁连得多：在它的机器上 ss -tn state established；合理就调大 max_connections。",
            "See who connects that often: ss -tn state established on its machine; if it is right raise max_connections.",
        ),
    ),
    Signal(
        alert="KunServerClientsRefused",
        severity="warning",
        expr=(
            "sum by (job, instance) (increase(kunobs_server_auth_failures_total[30m]))"
            ' + sum by (job, instance) (increase(kunobs_server_connections_dropped_total{reason=~"tls_handshake|client_san"}[30m]))'
        ),
        comparison=">",
        threshold=20,
        keep="15m",
        title=Text("{instance} 不断拒绝客户端", "{instance} refuses clients again and again"),
        description=Text(
            "{job} 半小时内有 {value} 次认证或 TLS 失败。",
            "{job} had {value} failures of passwords or TLS in half an hour.",
        ),
        impact=Text(
            "有人抓不到指标或发不进告警；也可能有人在试。",
            "Somebody gets no metrics or posts no alerts; or somebody tries doors.",
        ),
        action=Text(
            "看日志里的来源地址；是自己人就核对密码、证书和它们的期限。",
            "Find the address in the log; if it is one of ours compare passwords, certificates and when they end.",
        ),
    ),
    Signal(
        alert="KunServerScrapesRefused",
        severity="warning",
        expr="sum by (job, instance) (increase(kunobs_server_scrapes_refused_total[15m]))",
        comparison=">",
        threshold=3,
        keep="15m",
        title=Text("{instance} 拒绝了抓取", "{instance} refuses scrapes"),
        description=Text(
            "{job} 15 分钟内以 503 拒绝了 {value} 次：同时进行的太多。",
            "{job} answered {value} scrapes with 503 in 15 minutes: too many were still running.",
        ),
        impact=Text("指标有缺口。", "Its metrics have gaps."),
        action=Text(
            "看是否有收集卡住，或有多少 Prometheus 同时抓它。",
            "See whether a collector hangs, or how many Prometheus scrape it at once.",
        ),
    ),
    Signal(
        alert="KunServerWebConfigBroken",
        severity="warning",
        expr="min by (job, instance) (kunobs_server_web_config_reload_successful)",
        comparison="==",
        threshold=0,
        wait="10m",
        title=Text("{instance} 的 web 配置读不进来", "{instance} cannot read its web configuration"),
        description=Text(
            "{job} 的重载标志为 {value}，用的还是上一份好的。",
            "{job}'s mark of success is {value}, the last good one is in force.",
        ),
        impact=Text(
            "新证书或密码不生效；旧证书到期就连不上。",
            "New certificates or passwords have no effect; when the old certificate ends nobody gets in.",
        ),
        action=Text(
            "在它的日志里看哪一行错，改好文件，不用重启。",
            "Read in its log which line is wrong and mend the file; no restart is needed.",
        ),
    ),
    Signal(
        alert="KunProcessFilesRunOut",
        severity="warning",
        expr='max by (job, instance) (process_open_fds{job=~"kunobs-.+"} / process_max_fds)',
        comparison=">",
        threshold=0.8,
        unit="ratio",
        wait="10m",
        title=Text("{instance} 快用完文件描述符", "{instance} runs out of file descriptors"),
        description=Text("{job} 已用 {value}。", "{job} has used {value} of them."),
        impact=Text("用完后不能再连接、不能写文件。", "When all are used it can neither connect nor write files."),
        action=Text(
            "看用在哪里：ls -l /proc/PID/fd；再调大 LimitNOFILE 或 ulimit -n。",
            "See what for: ls -l /proc/PID/fd; then raise LimitNOFILE or ulimit -n.",
        ),
    ),
    Signal(
        alert="KunProcessRestarts",
        severity="warning",
        # What restarts again and again is not there at many scrapes; its last start is remembered meanwhile.
        expr='time() - max by (job, instance) (max_over_time(process_start_time_seconds{job=~"kunobs-.+"}[15m]))',
        comparison="<",
        threshold=900,
        unit="seconds",
        wait="40m",
        title=Text("{instance} 不断重启", "{instance} restarts again and again"),
        description=Text(
            "{job} 40 分钟来从未跑满一刻钟，这次启动在 {value} 前。",
            "For 40 minutes {job} has not run for a quarter of an hour, it last started {value} ago.",
        ),
        impact=Text("它的工作时断时续。", "What it does is done now and then."),
        action=Text(
            "看上一次为何退出：kubectl logs --previous 或 journalctl -u，退出码见手册；再看内存上限。",
            "See why it ended the last time: kubectl logs --previous or journalctl -u, with its exit code; then its memory limit.",
        ),
    ),
)
