"""Every process of kunobs: what exporters cost and whether they work, servers, memory, CPU, files, restarts."""

from __future__ import annotations

from dashboards.model import BAD_ABOVE_0, Board, Query, Row, Step, Variable, series, stat, states, table
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import exporters as signals

# Other programs have series process_… too.
_J = 'job=~"kunobs-.+", job=~"$job"'
_E = 'exporter=~"$exporter"'
_COLLECTS = (("0", Text("失败", "fails"), "red"), ("1", Text("正常", "works"), "green"))
_ANY = (Step(None, "green"), Step(1, "orange"))
_AGE = f"time() - max by (job, instance) (process_start_time_seconds{{{_J}}})"
_WHO = "{{job}} {{instance}}"

BOARD = Board(
    "kun-exporters",
    Text("exporter 和进程", "Exporters and processes"),
    Text(
        "kunobs 自己的每个进程：收集是否完整、要多久，连接、内存、CPU、文件、重启。",
        "Every process of kunobs itself: are collections whole and how long do they take; connections, memory, CPU, files, restarts.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                stat(
                    Text("抓不到的进程", "Processes not scraped"),
                    Text("上一次抓取失败的目标数。", "Targets whose last scrape failed."),
                    f"sum(1 - up{{{_J}}})",
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("没就绪的进程", "Processes not ready"),
                    Text(
                        "在启动、等依赖或退出的进程；抓不到的不算在内。",
                        "Processes that start, wait for a dependency or drain; those not scraped are not among them.",
                    ),
                    f"sum(1 - kunobs_process_ready{{{_J}}})",
                    steps=_ANY,
                ),
                stat(
                    Text("失败的收集", "Collections that fail"),
                    Text(
                        "失败、超时或卡住的收集器；它们的指标不全。",
                        "Collectors that failed, ran out of time or hang; their metrics are not whole.",
                    ),
                    f"sum(1 - kunobs_exporter_collector_success{{{_E}}})",
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("丢弃的序列", "Series left out"),
                    Text(
                        "超出预算而没有给出的序列，最细的先丢。",
                        "Series over the collectors' budgets, the finest detail first.",
                    ),
                    f"sum(kunobs_exporter_series_dropped{{{_E}}})",
                    steps=_ANY,
                ),
                stat(
                    Text("最近的重启", "Latest restart"),
                    Text("最年轻的进程启动了多久。", "How long ago the youngest process began."),
                    f"min({_AGE})",
                    unit="seconds",
                ),
                stat(
                    Text("没生效的 web 配置", "Web configurations not in force"),
                    Text(
                        "磁盘上的文件读不进来、还用着旧的进程。",
                        "Processes that cannot read the file on disk and keep the last good one.",
                    ),
                    f"sum(1 - kunobs_server_web_config_reload_successful{{{_J}}})",
                    steps=_ANY,
                ),
            ),
        ),
        Row(
            Text("收集", "Collections"),
            (
                series(
                    Text("最慢的收集器", "Slowest collectors"),
                    Text(
                        "一次收集要多久，前 15 名；超过 exporter 的期限，指标就不全。",
                        "How long a collection takes, the top 15; beyond the exporter's deadline its metrics are not whole.",
                    ),
                    Query(
                        f"topk(15, max by (exporter, collector) (kunobs_exporter_collector_duration_seconds{{{_E}}}))",
                        "{{exporter}} {{collector}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
                states(
                    Text("收集器的状态", "State of each collector"),
                    Text(
                        "任一实例失败就算失败；只在一段时间失败，多半是被观测的系统慢。",
                        "fails where any instance does; failing for a while mostly means that what is observed is slow.",
                    ),
                    f"min by (exporter, collector) (kunobs_exporter_collector_success{{{_E}}})",
                    "{{exporter}} {{collector}}",
                    _COLLECTS,
                    height=8,
                ),
            ),
        ),
        Row(
            Text("HTTP 服务", "HTTP servers"),
            (
                series(
                    Text("打开的连接", "Open connections"),
                    Text(
                        "每个进程的连接，前 15 名；握手中的也算。",
                        "Of each process, the top 15; those in their TLS handshake count.",
                    ),
                    Query(f"topk(15, sum by (job, instance) (kunobs_server_connections{{{_J}}}))", _WHO),
                    width=12,
                ),
                series(
                    Text("断开和拒绝", "Ended and refused"),
                    Text(
                        "每秒服务端断开的连接按原因，以及 401 和 503 的回答；evicted 和 full 是连接太多。",
                        "Per second connections ended by the server, by reason, and answers 401 and 503; evicted and full: too many connect.",
                    ),
                    Query(
                        f"sum by (reason) (rate(kunobs_server_connections_dropped_total{{{_J}}}[$__rate_interval]))",
                        "{{reason}}",
                    ),
                    Query(f"sum(rate(kunobs_server_auth_failures_total{{{_J}}}[$__rate_interval]))", "401"),
                    Query(f"sum(rate(kunobs_server_scrapes_refused_total{{{_J}}}[$__rate_interval]))", "503"),
                    unit="ops/s",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("进程", "Processes"),
            (
                series(
                    Text("内存", "Memory"),
                    Text(
                        "常驻内存，前 15 名；只升不降就查泄漏，突然归位是重启。",
                        "Resident memory, the top 15; a rise without end is a leak, a sudden fall a restart.",
                    ),
                    Query(
                        f"topk(15, sum by (job, instance) (process_resident_memory_bytes{{{_J}}}))",
                        _WHO,
                    ),
                    unit="bytes",
                    width=12,
                ),
                series(
                    Text("CPU", "CPU"),
                    Text(
                        "每个进程用的核数，前 15 名；Python 代码本身最多用 1 个核，到了就是上限。",
                        "Cores that each process uses, the top 15; Python code itself uses 1 at most, and is at its limit there.",
                    ),
                    Query(
                        f"topk(15, sum by (job, instance) (rate(process_cpu_seconds_total{{{_J}}}[$__rate_interval])))",
                        _WHO,
                    ),
                    unit="cores",
                    width=12,
                ),
                series(
                    Text("打开的文件", "Open files"),
                    Text(
                        "文件描述符，连接在内，前 15 名；连接没多而它升，是有东西没关。",
                        "File descriptors, connections included, the top 15; where it rises and connections do not, something is not closed.",
                    ),
                    Query(f"topk(15, sum by (job, instance) (process_open_fds{{{_J}}}))", _WHO),
                    width=12,
                ),
                series(
                    Text("运行了多久", "Time since the start"),
                    Text(
                        "最年轻的 15 个进程；落回 0 是重启，锯齿是反复重启。",
                        "Of the 15 youngest processes; a fall to 0 is a restart, a saw one restart after another.",
                    ),
                    Query(f"bottomk(15, {_AGE})", _WHO),
                    unit="seconds",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("谁", "Who"),
            (
                table(
                    Text("一小时平均最慢的收集", "Slowest over an hour"),
                    Text(
                        "每个实例的每个收集器的平均时间，最长的 20 行。",
                        "Mean time of each collector on each instance, the longest 20.",
                    ),
                    Query(
                        "topk(20, max by (instance, exporter, collector)"
                        f" (avg_over_time(kunobs_exporter_collector_duration_seconds{{{_E}}}[1h])))"
                    ),
                    unit="seconds",
                ),
                table(
                    Text("运行中的版本", "Versions that run"),
                    Text(
                        "每个部分、版本和 Python 的进程数；同一部分有两个版本，是升级没做完。",
                        "Processes of each part, version and Python; two versions of one part are an upgrade under way.",
                    ),
                    Query(f"count by (part, version, python) (kunobs_build_info{{{_J}}})"),
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(
        Variable("job", "kunobs_process_ready", Text("任务", "Job")),
        Variable("exporter", "kunobs_exporter_collector_success", Text("exporter", "Exporter")),
    ),
    tags=("self",),
)
