"""The image registry in all regions: pulls, pushes, and whether the replicas have what the primary has."""

from __future__ import annotations

from dashboards.model import (
    BAD_ABOVE_0,
    UP_DOWN,
    Board,
    Panel,
    Query,
    Row,
    Step,
    Variable,
    bars,
    heatmap,
    series,
    stat,
    states,
)
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import registry as signals

_S = 'site=~"$site"'
_LAG = "kunobs_registry_push_to_replica_seconds_bucket"
_MODES = (
    ("0", Text("正常", "normal"), "green"),
    ("1", Text("降级", "degraded"), "orange"),
    ("2", Text("中断", "down"), "red"),
)

BOARD = Board(
    "kun-registry",
    Text("镜像仓库", "Image registry"),
    Text(
        "各地域的镜像仓库：能否拉取和推送，副本与主库是否一致，推送多久到达。",
        "The registry in all regions: can images be pulled and pushed, do replicas have what the primary has, how long a push takes.",
    ),
    (
        Row(
            Text("现在", "Now"),
            (
                Panel(
                    "stat",
                    Text("状态", "Mode"),
                    Text(
                        "正常：能拉能推；降级：只能拉；中断：哪里都拉不了。",
                        "normal: pulled and pushed; degraded: pulled only; down: pulled from nowhere.",
                    ),
                    (Query('max(kunobs_registry_mode{state="degraded"} or 2 * kunobs_registry_mode{state="down"})'),),
                    width=4,
                    height=4,
                    states=_MODES,
                ),
                stat(
                    Text("可拉取的地域", "Regions that serve images"),
                    Text(
                        "登录、清单和层的探测都成功的地域所占份额。",
                        "Share of the regions in which logging in and reading a manifest and a blob all work.",
                    ),
                    f'avg(min by (site) (kunobs_registry_probe_success{{{_S}, operation!="push"}}))',
                    unit="ratio",
                    steps=(Step(None, "red"), Step(0.5, "orange"), Step(1, "green")),
                ),
                stat(
                    Text("与主库不同的标签", "Tags that differ"),
                    Text(
                        "复查后仍不同的标签数：missing 缺少，extra 多出，digest 指向别的镜像。",
                        "Tags of replicas that differ from the primary's after a second look: missing, extra, or with another digest.",
                    ),
                    f"sum by (kind) (max by (site, kind) (kunobs_registry_differences{{{_S}}}))",
                    legend="{{kind}}",
                    width=12,
                    steps=BAD_ABOVE_0,
                ),
                stat(
                    Text("距上次成功推送", "Since the last good push"),
                    Text(
                        "上一个推送成功的金丝雀至今的时间。",
                        "Time since a canary image was last pushed to the primary.",
                    ),
                    "max(kunobs_registry_canary_age_seconds)",
                    unit="seconds",
                ),
            ),
        ),
        Row(
            Text("拉取和推送", "Pulls and pushes"),
            (
                states(
                    Text("探测结果", "Probes"),
                    Text(
                        "每个地域每种操作是否成功；没有试的操作没有线。",
                        "Whether each operation works in each region; one that is not tried has no line.",
                    ),
                    f"min by (site, operation) (kunobs_registry_probe_success{{{_S}}})",
                    "{{site}} {{operation}}",
                    UP_DOWN,
                    height=8,
                ),
                series(
                    Text("探测耗时", "Time of the probes"),
                    Text(
                        "每次抓取时各操作的耗时；push 是上一个金丝雀的。",
                        "How long each operation took in this scrape; push is that of the last canary.",
                    ),
                    Query(
                        f"topk(15, max by (site, operation) (kunobs_registry_probe_duration_seconds{{{_S}}}))",
                        "{{site}} {{operation}}",
                    ),
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("推送多久到副本", "From push to replica"),
                    Text(
                        "金丝雀从主库接受到副本可读的时间，按地域。",
                        "Time from the primary's answer to a canary until the region's replica has it.",
                    ),
                    *(
                        Query(
                            f"histogram_quantile({share}, sum by (le, site) (rate({_LAG}{{{_S}}}[$__rate_interval])))",
                            f"{{{{site}}}} {name}",
                        )
                        for share, name in ((0.5, "p50"), (0.99, "p99"))
                    ),
                    unit="seconds",
                ),
                heatmap(
                    Text("到达时间的分布", "Spread of the arrivals"),
                    Text(
                        "所选地域的金丝雀按到达时间分布；丢失的不在其中。",
                        "Canaries of the chosen regions by how long they took; those that were lost are not in it.",
                    ),
                    f"sum by (le) (increase({_LAG}{{{_S}}}[$__rate_interval]))",
                    width=8,
                ),
                series(
                    Text("金丝雀", "Canaries"),
                    Text(
                        "每秒推送成功和失败的金丝雀，以及没有到达各副本的。",
                        "Canaries per second that were pushed well or failed, and those that did not reach a region's replica.",
                    ),
                    Query(
                        "sum by (result) (rate(kunobs_registry_canary_pushes_total[$__rate_interval]))",
                        Text("推送 {{result}}", "push {{result}}"),
                    ),
                    Query(
                        f"sum by (site) (rate(kunobs_registry_canary_lost_total{{{_S}}}[$__rate_interval]))",
                        Text("丢失 {{site}}", "lost {{site}}"),
                    ),
                    unit="events/s",
                ),
            ),
        ),
        Row(
            Text("副本与主库", "Replicas and primary"),
            (
                series(
                    Text("各地域不同的标签", "Differences by region"),
                    Text(
                        "一直不降就是同步停了；具体标签见导出器的 /registry/differences。",
                        "What does not go down again means that replication stands still; the exporter's /registry/differences lists the tags.",
                    ),
                    Query(
                        f"topk(15, max by (site, kind) (kunobs_registry_differences{{{_S}}}))",
                        "{{site}} {{kind}}",
                    ),
                    width=12,
                ),
                series(
                    Text("待复查和无法比较的标签", "Tags to be read again or not comparable"),
                    Text(
                        "待复查的多半是正在推送；无法比较的，回答里没有可用的摘要。",
                        "unconfirmed are mostly pushes under way; unknown were answered without a digest that can be compared.",
                    ),
                    Query(
                        f"max by (site) (kunobs_registry_unconfirmed_differences{{{_S}}})",
                        Text("待复查 {{site}}", "unconfirmed {{site}}"),
                    ),
                    Query(
                        f"max by (site) (kunobs_registry_unknown_digests{{{_S}}})",
                        Text("无法比较 {{site}}", "unknown {{site}}"),
                    ),
                    width=12,
                ),
                series(
                    Text("比较所依据的数据有多旧", "Age of what is compared"),
                    Text(
                        "最旧的标签列表和最旧的摘要；越旧，上面的数字越不可信。",
                        "The oldest list of tags and the oldest digest; the older, the less the numbers above are worth.",
                    ),
                    Query(
                        f"max by (site) (kunobs_registry_list_age_seconds{{{_S}}})",
                        Text("列表 {{site}}", "list {{site}}"),
                    ),
                    Query(
                        f"max by (site) (kunobs_registry_digest_age_seconds{{{_S}}})",
                        Text("摘要 {{site}}", "digest {{site}}"),
                    ),
                    unit="seconds",
                    width=12,
                ),
                series(
                    Text("比较用的请求", "Requests of the comparison"),
                    Text(
                        "每秒的列表和 HEAD 请求，按结果；throttled 是仓库要我们慢一点。",
                        "Lists and HEADs per second by how they ended; throttled means that the registry asks for fewer.",
                    ),
                    Query(
                        f"sum by (site, result) (rate(kunobs_registry_requests_total{{{_S}}}[$__rate_interval]))",
                        "{{site}} {{result}}",
                    ),
                    unit="requests/s",
                    width=12,
                ),
            ),
        ),
        Row(
            Text("规模", "Size"),
            (
                bars(
                    Text("标签数", "Tags"),
                    Text(
                        "各地域最近一次列表里的标签；应当相近。",
                        "Tags in the last lists of each region; they should be alike.",
                    ),
                    f"topk(15, max by (site) (kunobs_registry_tags{{{_S}}}))",
                    "{{site}}",
                ),
                bars(
                    Text("不比较的仓库", "Repositories not compared"),
                    Text(
                        "超过 max_repositories 或 max_tags 而跳过的仓库数。",
                        "Skipped because they are above max_repositories or max_tags.",
                    ),
                    f"topk(15, max by (site) (kunobs_registry_skipped_repositories{{{_S}}}))",
                    "{{site}}",
                    steps=(Step(None, "green"), Step(1, "orange")),
                ),
                series(
                    Text("一轮要多久", "Time of a round"),
                    Text(
                        "读完所有标签列表、所有摘要一遍的时间；没读完第一轮就没有线。",
                        "How long it took to read all lists of tags and all digests once; no line before the first round is done.",
                    ),
                    Query(
                        f"max by (site) (kunobs_registry_list_round_seconds{{{_S}}})",
                        Text("列表 {{site}}", "list {{site}}"),
                    ),
                    Query(
                        f"max by (site) (kunobs_registry_digest_round_seconds{{{_S}}})",
                        Text("摘要 {{site}}", "digest {{site}}"),
                    ),
                    unit="seconds",
                ),
            ),
        ),
        alert_row(signals.SIGNALS),
    ),
    variables=(Variable("site", "kunobs_registry_probe_success", Text("地域", "Region")),),
    tags=("images",),
)
